"""The benchmark cases, in one registry, for ``fastlayers bench`` and for ``bench/`` with pytest-benchmark.

A case is a function of `functional` with arguments for
any of its sizes, or a network's training step. `prepare` gives the calls to time, and gives them only after
the two paths were seen to agree on those very arguments: a wrong result is not worth timing.

Both paths are timed as a user calls them, without ``out``, and the compiled one also with it. The reference
gains nothing from ``out``: it computes into fresh memory and copies.
"""

from __future__ import annotations

import inspect
import timeit
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import fastlayers

from .. import functional, optimizers, reference
from .._core import backend
from .._core.types import Array
from .agreement import check, several

Shape: TypeAlias = tuple[int, ...]

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
LARGEST = 64 * 2**20  # bytes of the main array
LEARNING_RATE = 0.01


class Call(NamedTuple):
    """One call to time."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def timer(self) -> timeit.Timer:
        """Write the call out as source: the loop adds no wrapper of ours to what a user's own call costs."""
        names = {f"a{i}": value for i, value in enumerate(self.args)}
        source = ", ".join([*names, *(f"{name}={name}" for name in self.kwargs)])
        return timeit.Timer(f"f({source})", globals={"f": self.function, **names, **self.kwargs})


@dataclass(frozen=True)
class Case:
    """A function, its sizes, and its arguments for each."""

    name: str
    function: str
    sizes: Callable[[str], Sequence[Shape]]  # of a dtype
    arguments: Callable[[Draw, Shape], tuple[Any, ...]]
    # Of each result, what rounding errors are measured against beside the result itself: the size of the
    # terms that it sums up. None: the results must be equal.
    terms: Callable[..., tuple[Any, ...]] | None = lambda *args, **options: ()
    options: Callable[[Draw, Shape], dict[str, Any]] = lambda draw, size: {}

    def label(self, size: Shape) -> str:
        """Name a size as a table does."""
        return "x".join(map(str, size))

    def nbytes(self, size: Shape, dtype: str) -> int:
        """Count the bytes of the largest argument; an affine size is N, D, M."""
        elements = max(size[0] * size[1], size[1] * size[2]) if len(size) == 3 else int(np.prod(size))
        return elements * np.dtype(dtype).itemsize

    def prepare(self, size: Shape, dtype: str) -> dict[str, Call]:
        """Make the calls to time, by path; AssertionError where the two paths disagree."""
        args, options = self.arguments(Draw(dtype), size), self.options(Draw(dtype), size)
        pure, fast = getattr(reference, self.function), getattr(functional, self.function)
        expected = pure(*args, **options)
        arrays = [np.empty_like(r) for r in several(expected) if isinstance(r, np.ndarray)]
        out = tuple(arrays) if len(arrays) > 1 else arrays[0]
        tolerance, terms = (0.0, ()) if self.terms is None else (TOLERANCE[dtype], self.terms(*args, **options))
        what = f"{self.name} {self.label(size)} {dtype}"
        with backend.use_backend("auto"):
            check(what, fast(*args, **options), expected, tolerance, terms)
            got = fast(*args, **options, out=out)
        check(f"{what} with out", got, expected, tolerance, terms)
        if not all(any(result is array for result in several(got)) for array in arrays):
            raise AssertionError(f"{what} with out: the result is not out")
        return {
            "reference": Call(pure, args, options),
            "cython": Call(fast, args, options),
            "cython out=": Call(fast, args, {**options, "out": out}),
        }


@dataclass(frozen=True)
class Network:
    """A training step: affine layers with ReLU between, softmax with loss, plain SGD."""

    widths: Shape
    batch: int
    name: str = "training step"

    def sizes(self, dtype: str) -> Sequence[Shape]:
        """List the one size there is."""
        return [self.widths]

    def label(self, size: Shape) -> str:
        """Name a size as a table does."""
        return f"{'-'.join(map(str, size))} @{self.batch}"

    def nbytes(self, size: Shape, dtype: str) -> int:
        """Count the bytes of the largest argument."""
        return max(*(d * m for d, m in pairwise(size)), self.batch * size[0]) * np.dtype(dtype).itemsize

    def data(self, dtype: str) -> tuple[list[tuple[Array, Array]], Array, Array]:
        """W and b of each layer, fresh at every call and always the same; a batch x and its labels t."""
        draw = Draw(dtype)
        scaled = [(d, m, np.sqrt(2 / d).astype(dtype)) for d, m in pairwise(self.widths)]
        parameters = [(scale * draw(d, m), np.zeros(m, dtype)) for d, m, scale in scaled]
        return parameters, draw(self.batch, self.widths[0]), _labels(self.batch, self.widths[-1])

    def step(self, path: ModuleType, dtype: str) -> Call:
        """One training step of a new network of the classes of `path`: `fastlayers` or `fastlayers.reference`."""
        parameters, x, t = self.data(dtype)
        stack = [layer for W, b in parameters for layer in (path.Affine(W, b), path.Relu())][:-1]
        return Call(path.Sequential(stack, path.SoftmaxWithLoss()).train_step, (x, t, path.SGD(lr=LEARNING_RATE)), {})

    def prepare(self, size: Shape, dtype: str) -> dict[str, Call]:
        """Make the calls to time, by path; AssertionError where losses or parameters differ after three steps."""
        calls = {"reference": self.step(reference, dtype), "cython": self.step(fastlayers, dtype)}
        trained = {}
        with backend.use_backend("auto"):
            for path, (step, args, _) in calls.items():
                losses = [step(*args) for _ in range(3)]
                trained[path] = (*losses, *step.__self__.params)  # type: ignore[attr-defined]  # a bound method
        terms = [np.max(np.abs(result)) for result in trained["reference"]]
        what = f"{self.name} {self.label(size)} {dtype}"
        check(what, trained["cython"], trained["reference"], TOLERANCE[dtype], terms)
        return calls


@dataclass(frozen=True)
class Update:
    """An optimizer's update of one parameter, plain or with weight decay and clipping."""

    name: str
    optimizer: str
    options: Callable[[], dict[str, Any]] = dict

    def sizes(self, dtype: str) -> Sequence[Shape]:
        """List the sizes of the parameter."""
        return (10,), (64, 32), (784, 256), (1024, 1024)

    def label(self, size: Shape) -> str:
        """Name a size as a table does."""
        return "x".join(map(str, size))

    def nbytes(self, size: Shape, dtype: str) -> int:
        """Count the bytes of the parameter."""
        return int(np.prod(size)) * np.dtype(dtype).itemsize

    def prepare(self, size: Shape, dtype: str) -> dict[str, Call]:
        """Make the calls to time, by path; AssertionError where the parameter differs after three updates."""
        draw = Draw(dtype)
        start, grad = draw(*size), draw(*size)
        calls = {}
        with backend.use_backend("auto"):
            for path, package in {"reference": reference, "cython": fastlayers}.items():
                calls[path] = Call(self._make(package).update, ([start.copy()], [grad.copy()]), {})
                for _ in range(3):
                    calls[path].function(*calls[path].args)
        updated, expected = (calls[path].args[0][0] for path in ("cython", "reference"))
        check(f"{self.name} {self.label(size)} {dtype}", updated, expected, TOLERANCE[dtype], (np.abs(start),))
        return calls

    def _make(self, package: ModuleType) -> Any:
        return getattr(package, self.optimizer)(**self.options())


class Draw:
    """Standard normal arrays of one dtype from a seed: ``draw(2, 3)``."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._rng = np.random.default_rng(20160924)

    def __call__(self, *shape: int) -> Array:
        """Draw an array of this shape."""
        size = int(np.prod(shape))
        block = self._rng.standard_normal(min(size, 2**20), dtype=self.dtype)  # type: ignore[call-overload]
        return np.resize(block, shape)  # beyond a million it repeats, which is quick


def _labels(n: int, classes: int) -> Array:
    return np.arange(n) * 7 % classes


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
    Case("loss, labels", "softmax_cross_entropy", _rows, lambda draw, s: (draw(*s), _labels(*s)), _loss_terms),
    Case("loss, targets", "softmax_cross_entropy", _rows, lambda draw, s: (draw(*s), _targets(draw, s)), _loss_terms),
    Case(
        "loss, weighted",
        "softmax_cross_entropy",
        _rows,
        lambda draw, s: (draw(*s), _labels(*s)),
        _loss_terms,
        lambda draw, s: {"weight": 1 + np.abs(draw(s[1]))},
    ),
    Case(
        "loss, smoothed",
        "softmax_cross_entropy",
        _rows,
        lambda draw, s: (draw(*s), _labels(*s)),
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
        Update(f"{name}, clipped", name, lambda: {"weight_decay": 1e-4, "clip_norm": 1.0})
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
