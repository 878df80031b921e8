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


def _elementwise(dtype: str) -> Sequence[Shape]:
    return (10,), (1000,), (128, 1024), (1024, 1024), (LARGEST // 4096 // np.dtype(dtype).itemsize, 4096)


def _affine(dtype: str) -> Sequence[Shape]:
    return (1, 8, 64), (1, 64, 64), (16, 64, 32), (100, 50, 10), (100, 784, 50), (128, 1024, 1024)


def _rows(dtype: str) -> Sequence[Shape]:
    return (1, 10), (100, 10), (128, 1000), (2048 // np.dtype(dtype).itemsize, 32000)


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
    Case("softmax", "softmax", _rows, lambda draw, s: (draw(*s),)),
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
