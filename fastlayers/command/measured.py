"""What is measured: a function on arguments of some size, a network's training step, an optimizer's update.

`prepare` gives the calls to time, and gives them only after the two paths were seen to agree on those very arguments: a
wrong result is not worth timing.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import fastlayers

from .. import functional, reference
from .._core import backend
from .._core.types import Array
from .agreement import check, several

Shape: TypeAlias = tuple[int, ...]

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
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
        return parameters, draw(self.batch, self.widths[0]), labels(self.batch, self.widths[-1])

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
    # How many times a gradient near 0 is magnified at most, by lr / eps, and with it what rounding has left where decay
    # and gradient cancel each other; RMSprop's first means are of a hundredth of its square.
    magnified: float = 0.0

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
        terms = np.abs(start) * (1 + self.options().get("weight_decay", 0.0) * self.magnified)
        check(f"{self.name} {self.label(size)} {dtype}", updated, expected, TOLERANCE[dtype], (terms,))
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


def labels(n: int, classes: int) -> Array:
    """Make labels that take each class in turn."""
    return np.arange(n) * 7 % classes
