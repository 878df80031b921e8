"""The benchmark cases, in one registry, for ``fastlayers bench`` and for ``bench/`` with pytest-benchmark.

What a case is stands in `measured`: a function of `functional` with arguments for any of its sizes, an optimizer's
update, or a network's training step.

Both paths are timed as a user calls them, without ``out``, and the compiled one also with it. The reference
gains nothing from ``out``: it computes into fresh memory and copies.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import functional, optimizers, reference
from .._core.types import Array
from .agreement import several
from .measured import Call as Call  # with what the cases are made of, for who measures them
from .measured import Case, Draw, Network, Shape, Update, labels

DTYPES = ("float32", "float64")
LARGEST = 64 * 2**20  # bytes of the main array


def _uniform(draw: Draw, size: Shape) -> Array:
    """Draws for dropout."""
    return (1 / (1 + np.exp(-draw(*size)))).astype(np.float32)


def _targets(draw: Draw, size: Shape) -> Array:
    t: Array = np.abs(draw(*size))
    t /= t.sum(axis=1, keepdims=True)
    return t


def _loss_terms(
    x: Array, t: Array, weight: Array | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0
) -> tuple[Any, ...]:
    """The gradient is a difference of y and these; the benchmarks' labels are never ignored."""
    n, classes = x.shape
    if t.ndim == 1:
        t = (np.arange(classes) == t[:, np.newaxis]).astype(x.dtype)
    weights: Array = np.ones(classes, x.dtype) if weight is None else weight
    return 0, weights * ((1 - label_smoothing) * t + label_smoothing / classes) / (n * weights.min())


def _weighted_and_smoothed(draw: Draw, size: Shape) -> dict[str, Any]:
    return {"weight": 1 + np.abs(draw(size[1])), "ignore_index": -1, "label_smoothing": 0.1}


def _affine_forward_terms(x: Array, W: Array, b: Array) -> tuple[Array]:
    return (np.abs(x) @ np.abs(W) + np.abs(b),)


def _affine_backward_terms(dout: Array, x: Array, W: Array) -> tuple[Array, Array, Array]:
    dout, x, W = np.abs(dout), np.abs(x), np.abs(W)
    return dout @ W.T, x.T @ dout, dout.sum(axis=0)


def _normalised(draw: Draw, size: Shape) -> tuple[Array, ...]:
    """x, gamma, beta, and a mean and a variance in x's dtype, of the size N, D."""
    mean, var = draw(size[1]), 1 + np.abs(draw(size[1]))
    return draw(*size), draw(size[1]), draw(size[1]), mean, var


def _normalised_forward_terms(x: Array, gamma: Array, beta: Array, mean: Array, var: Array) -> tuple[Any, ...]:
    return 4 * np.abs(gamma) + np.abs(beta), 1, 1, 1, 1


def _normalised_backward(draw: Draw, size: Shape) -> tuple[Array, ...]:
    x, gamma, _, mean, var = _normalised(draw, size)
    return draw(*size), x, gamma, mean.astype(np.float64), var.astype(np.float64)


def _normalised_backward_terms(dout: Array, x: Array, gamma: Array, mean: Array, var: Array) -> tuple[Any, ...]:
    dout, x = np.abs(dout), np.abs(x - mean)
    return np.abs(gamma) * (dout + 1 + x), (dout * x).sum(axis=0), dout.sum(axis=0)


def _convolved(draw: Draw, size: Shape) -> tuple[Array, ...]:
    """x, W and b of the size N, C, H, FN, FH: images and filters are square."""
    n, channels, side, filters, over = size
    return draw(n, channels, side, side), draw(filters, channels, over, over), draw(filters)


def _convolved_backward(draw: Draw, size: Shape) -> tuple[Array, ...]:
    x, W, b = _convolved(draw, size)
    return draw(*reference.convolution_forward(x, W, b, **_padded(draw, size)).shape), x, W


def _padded(draw: Draw, size: Shape) -> dict[str, Any]:
    return {"pad": 1 if size[-1] == 3 else 0}


def _convolved_terms(function: str) -> Callable[..., tuple[Any, ...]]:
    """The same of absolute values."""
    return lambda *args, **options: several(getattr(reference, function)(*map(np.abs, args), **options))


def _patches(draw: Draw, size: Shape) -> tuple[Any, ...]:
    """col and the images' shape, for filters of 3 by 3 and a margin of 1."""
    n, channels, high, wide = size
    return draw(n * high * wide, channels * 9), size, 3, 3, 1, 1


def _elementwise(dtype: str) -> Sequence[Shape]:
    return (10,), (1000,), (128, 1024), (1024, 1024), (LARGEST // 4096 // np.dtype(dtype).itemsize, 4096)


def _affine(dtype: str) -> Sequence[Shape]:
    return (1, 8, 64), (1, 64, 64), (16, 64, 32), (100, 50, 10), (100, 784, 50), (128, 1024, 1024)


def _rows(dtype: str) -> Sequence[Shape]:
    return (1, 10), (100, 10), (128, 1000), (2048 // np.dtype(dtype).itemsize, 32000)


def _columns(dtype: str) -> Sequence[Shape]:
    return (10, 10), (100, 100), (32, 3136), (1024, 1024)


def _filters(dtype: str) -> Sequence[Shape]:
    return (1, 1, 8, 2, 3), (32, 16, 14, 32, 3), (100, 1, 28, 30, 5)


def _images(dtype: str) -> Sequence[Shape]:
    return (1, 1, 8, 8), (32, 16, 14, 14)


def _tables(dtype: str) -> Sequence[Shape]:
    return (1, 100, 64), (100, 1000, 100), (700, 10_000, 100)


def _pooled(dtype: str) -> Sequence[Shape]:
    return (1, 1, 8, 8), (32, 6, 24, 24), (100, 30, 24, 24)


def _unpooled(draw: Draw, size: Shape) -> tuple[Any, ...]:
    """dout and the indices of windows of 2 by 2, the images' shape, and the window."""
    y, arg_max = reference.max_pooling_forward(draw(*size), 2, 2)
    return y, arg_max, size, 2, 2


def _by_name(function: str) -> Callable[[Draw, Shape], tuple[Any, ...]]:
    """Arguments of a function of each number, or of its gradient, by the names of those that it must be given."""
    forward = getattr(reference, function.replace("_backward", "_forward"))
    made: dict[str, Callable[[Draw, Shape], Any]] = {
        "x": lambda draw, s: draw(*s),
        "dout": lambda draw, s: draw(*s),
        "mask": lambda draw, s: draw(*s) <= 0,
        "y": lambda draw, s: several(forward(draw(*s)))[0],
    }
    parameters = inspect.signature(getattr(functional, function)).parameters.values()
    needed = [made[p.name] for p in parameters if p.default is p.empty]
    return lambda draw, s: tuple(argument(draw, s) for argument in needed)


def _terms_by_name(function: str) -> Callable[..., tuple[Any, ...]]:
    """A slope computed from x may be a difference of terms of dout's size."""
    of_x = [*inspect.signature(getattr(functional, function)).parameters][:2] == ["dout", "x"]
    return lambda *args, **options: (np.abs(args[0]),) if of_x else ()


_OWN = (
    Case("relu", "relu", _elementwise, lambda draw, s: (draw(*s),), terms=None),
    Case("relu_forward", "relu_forward", _elementwise, lambda draw, s: (draw(*s),), terms=None),
    Case("relu_backward", "relu_backward", _elementwise, lambda draw, s: (draw(*s), draw(*s) <= 0), terms=None),
    Case("dropout_forward", "dropout_forward", _elementwise, lambda draw, s: (draw(*s), _uniform(draw, s))),
    Case("dropout_backward", "dropout_backward", _elementwise, lambda draw, s: (draw(*s), draw(*s) > 0)),
    Case(
        "affine_forward",
        "affine_forward",
        _affine,
        lambda draw, s: (draw(s[0], s[1]), draw(s[1], s[2]), draw(s[2])),
        _affine_forward_terms,
    ),
    Case(
        "affine_backward",
        "affine_backward",
        _affine,
        lambda draw, s: (draw(s[0], s[2]), draw(s[0], s[1]), draw(s[1], s[2])),
        _affine_backward_terms,
    ),
    Case(
        "batch norm",
        "batch_normalization",
        _columns,
        _normalised,
        lambda x, gamma, beta, mean, var: (np.abs(gamma * (x - mean)) + np.abs(beta),),
    ),
    Case(
        "batch norm, forward",
        "batch_normalization_forward",
        _columns,
        _normalised,
        _normalised_forward_terms,
    ),
    Case(
        "batch norm, backward",
        "batch_normalization_backward",
        _columns,
        _normalised_backward,
        _normalised_backward_terms,
    ),
    Case(
        "conv, forward",
        "convolution_forward",
        _filters,
        _convolved,
        _convolved_terms("convolution_forward"),
        _padded,
    ),
    Case(
        "conv, backward",
        "convolution_backward",
        _filters,
        _convolved_backward,
        _convolved_terms("convolution_backward"),
        _padded,
    ),
    Case("im2col", "im2col", _images, lambda draw, s: (draw(*s), 3, 3, 1, 1), terms=None),
    Case("col2im", "col2im", _images, _patches, lambda col, *sizes: several(reference.col2im(np.abs(col), *sizes))),
    Case("max pool, forward", "max_pooling_forward", _pooled, lambda draw, s: (draw(*s), 2, 2), terms=None),
    Case("max pool, backward", "max_pooling_backward", _pooled, _unpooled, terms=None),
    Case(
        "mean pool, forward",
        "average_pooling_forward",
        _pooled,
        lambda draw, s: (draw(*s), 2, 2),
        lambda x, *sizes: (reference.average_pooling_forward(np.abs(x), *sizes),),
    ),
    Case(
        "mean pool, backward",
        "average_pooling_backward",
        _pooled,
        lambda draw, s: (reference.average_pooling_forward(draw(*s), 2, 2), s, 2, 2),
    ),
    Case(
        "embedding, forward",
        "embedding_forward",
        _tables,
        lambda draw, s: (labels(s[0], s[1]), draw(s[1], s[2])),
        terms=None,
    ),
    Case(
        "embedding, backward",
        "embedding_backward",
        _tables,
        lambda draw, s: (draw(s[0], s[2]), labels(s[0], s[1]), s[1]),
        lambda dout, *others: (reference.embedding_backward(np.abs(dout), *others),),
    ),
    Case("softmax", "softmax", _rows, lambda draw, s: (draw(*s),)),
    Case(
        "softmax, backward",
        "softmax_backward",
        _rows,
        lambda draw, s: (draw(*s), reference.softmax(draw(*s))),
        lambda dout, y: (y * (np.abs(dout) + np.abs(dout * y).sum(axis=1, keepdims=True)),),
    ),
    Case("loss, labels", "softmax_cross_entropy", _rows, lambda draw, s: (draw(*s), labels(*s)), _loss_terms),
    Case("loss, targets", "softmax_cross_entropy", _rows, lambda draw, s: (draw(*s), _targets(draw, s)), _loss_terms),
    Case(
        "loss, weighted",
        "softmax_cross_entropy",
        _rows,
        lambda draw, s: (draw(*s), labels(*s)),
        _loss_terms,
        lambda draw, s: {"weight": 1 + np.abs(draw(s[1]))},
    ),
    Case(
        "loss, smoothed",
        "softmax_cross_entropy",
        _rows,
        lambda draw, s: (draw(*s), labels(*s)),
        _loss_terms,
        _weighted_and_smoothed,
    ),
    Case("squared error", "mean_squared_error", _elementwise, lambda draw, s: (draw(*s), draw(*s)[::-1].copy())),
    Case("Huber loss", "huber_loss", _elementwise, lambda draw, s: (draw(*s), draw(*s)[::-1].copy())),
    Case("binary loss", "sigmoid_cross_entropy", _elementwise, lambda draw, s: (draw(*s), (draw(*s) > 0).astype(int))),
)
# All others are functions of each number, and their gradients; cross_entropy_error runs in NumPy on both paths.
_OTHERS = [name for name in functional.__all__ if name not in {"cross_entropy_error", *(c.function for c in _OWN)}]
CASES = (*_OWN, *(Case(name, name, _elementwise, _by_name(name), _terms_by_name(name)) for name in _OTHERS))
NETWORKS = (
    Network((64, 32, 10), 16),
    Network((784, 50, 10), 100),
    Network((784, 256, 128, 10), 32),
    Network((784, 512, 512, 10), 128),
)
UPDATES = (
    *(Update(name, name) for name in optimizers.__all__),
    *(
        Update(
            f"{name}, clipped",
            name,
            lambda: {"weight_decay": 1e-4, "clip_norm": 1.0},
            {"AdaGrad": 1e5, "RMSprop": 1e6}.get(name, 0.0),
        )
        for name in optimizers.__all__
    ),
    Update("Momentum, Nesterov", "Momentum", lambda: {"nesterov": True}),
)


def rows(largest: float = LARGEST) -> Iterator[tuple[Case | Update | Network, Shape, str]]:
    """Every case, size and dtype whose largest array has at most `largest` bytes."""
    cases: tuple[Case | Update | Network, ...] = (*CASES, *UPDATES, *NETWORKS)
    for case in cases:
        for dtype in DTYPES:
            yield from ((case, size, dtype) for size in case.sizes(dtype) if case.nbytes(size, dtype) <= largest)
