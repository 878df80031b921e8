"""What an entry of `families` is made of: the arrays of a common call, a function, a layer, an optimizer's update."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import arbitrary
import numpy as np
import strategies
from kit import numbers

import fastlayers as fl

Arguments = tuple[Any, ...]
ROWS = 7  # of a table
PERIOD = 100_003  # a prime: large arrays repeat after it, which is quick, and no chunk of a loop is like another


def repeating(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    """`numbers`; of a large array the first ones again and again."""
    return (
        numbers(shape, dtype, seed) if np.prod(shape) <= PERIOD else np.resize(numbers((PERIOD,), dtype, seed), shape)
    )


class Arrays:
    """The arrays of a common call, which fit each other: exact, aligned, contiguous; each made when it is asked for."""

    def __init__(self, dtype: Any = np.float64, shape: tuple[int, ...] = (6, 5), seed: int = 0, x: Any = None) -> None:
        self.dtype, self.seed, self.given = dtype, seed, x
        self.shape = shape if x is None else x.shape
        self.columns = self.shape[-1] if self.shape else 1

    def _numbers(self, shape: tuple[int, ...], seed: int) -> np.ndarray:
        return repeating(shape, self.dtype, self.seed + seed)

    @property
    def x(self) -> np.ndarray:
        """The input."""
        return self._numbers(self.shape, 0) if self.given is None else self.given

    @property
    def dout(self) -> np.ndarray:
        """The gradient of an output of x's shape, or a second input."""
        return self._numbers(self.shape, 1) if self.given is None else self.given

    @property
    def mask(self) -> np.ndarray:
        """Where x is not positive."""
        return np.asarray(self.x <= 0)

    @property
    def draws(self) -> np.ndarray:
        """Numbers between 0 and 1, of float32, as dropout takes them."""
        drawn = np.random.default_rng(self.seed).random(min(int(np.prod(self.shape)), PERIOD), np.float32)
        return np.resize(drawn, self.shape)

    @property
    def labels(self) -> np.ndarray:
        """A class for each row."""
        return np.random.default_rng(self.seed).integers(0, self.columns, self.shape[:-1])

    @property
    def bits(self) -> np.ndarray:
        """0 or 1 for each number."""
        return np.asarray(self.dout > 0).astype(np.int64)

    @property
    def W(self) -> np.ndarray:
        """Weights for x, of three outputs."""
        return self._numbers((self.columns, 3), 2)

    @property
    def b(self) -> np.ndarray:
        """Biases of as many."""
        return self._numbers((3,), 3)

    @property
    def gamma(self) -> np.ndarray:
        """A scale for each column, and a running variance."""
        return np.abs(self._numbers((self.columns,), 4)) + self.dtype(0.5)

    @property
    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """A mean and a variance for each column, as forward gives them."""
        return self.bias.astype(np.result_type(self.dtype, np.float64)), self.gamma.astype(np.float64)

    @property
    def images(self) -> np.ndarray:
        """The input as images of one channel, several where there are rows enough."""
        rows, columns = (*self.shape, 1, 1)[:2]
        n = 3 if rows >= 6 else 1
        return self._numbers((n, 1, rows // n, columns), 0)

    @property
    def filters(self) -> np.ndarray:
        """Three filters for them, of two numbers along each side, where these fit."""
        return self._numbers((3, 1, *(min(size, 2) for size in self.images.shape[2:])), 2)

    @property
    def of_filters(self) -> np.ndarray:
        """The gradient of what they give."""
        (n, _, *sizes), (_, _, *filters) = self.images.shape, self.filters.shape
        return self._numbers((n, 3, *(s - f + 1 for s, f in zip(sizes, filters, strict=True))), 1)

    @property
    def of_four(self) -> np.ndarray:
        """For each number of images the index of one of four."""
        return np.random.default_rng(self.seed).integers(0, 4, self.images.shape, np.uint8)

    @property
    def indices(self) -> np.ndarray:
        """For each row of x the index of a row of `table`."""
        return np.random.default_rng(self.seed).integers(0, ROWS, self.shape[:-1])

    @property
    def table(self) -> np.ndarray:
        """Rows of as many columns as x has."""
        return self._numbers((ROWS, self.columns), 6)

    @property
    def three(self) -> np.ndarray:
        """The gradient of three outputs."""
        return self._numbers((*self.shape[:-1], 3), 1)

    @property
    def column(self) -> np.ndarray:
        """Ones, of which a product is quick: with `row` as weights and `bias` it has x's shape."""
        return np.ones((self.shape[0], 1), self.dtype)

    @property
    def row(self) -> np.ndarray:
        """Weights for a column."""
        return self._numbers((1, self.columns), 0)

    @property
    def bias(self) -> np.ndarray:
        """Biases of as many outputs as x has columns."""
        return self._numbers((self.columns,), 1)


@dataclass(frozen=True)
class Function:
    """A function of `functional`, and the kernel of its name."""

    name: str
    results: tuple[str, ...]  # the arrays that it returns, in order, by the names that its errors give them
    arguments: Callable[[Arrays], Arguments]  # of the common call, which every kernel takes
    arbitrary: Callable[..., list[Any]]  # of (r, comparable=): arguments for the fuzzer, which go together
    options: Callable[..., dict[str, Any]] = lambda *call, comparable: {}  # of (r, arena, args, comparable=): keywords
    large: Callable[[Arrays], Arguments] | None = None  # instead of `arguments`, of x's shape, where products cost
    in_place: tuple[int, ...] = (0,)  # the arguments that `out` (the first of it) may be
    elementwise: bool = False
    quiet: bool = False  # no floating-point warning whatever the numbers are
    promotes: bool = False  # the kernel takes operands of several dtypes
    sums: str | Callable[..., Any] | None = (
        None  # of "products", of terms as large as the "targets" or "gradients"; or,
    )
    # of the arguments, how large those of each result are
    any_shapes: bool = False  # there are no two arguments of which the shape of one decides that of the other
    by_place: bool = False  # the kernel takes nothing by name
    of_layer: bool = False  # called by a layer alone: not public, no `out`
    kernel: bool = True  # False: in NumPy on both paths, or not to be called with arrays alone
    needed: dict[str, Any] | Callable[..., dict[str, Any]] = field(default_factory=dict)  # keywords, or of the arrays
    before_out: Arguments = ()  # what the kernel takes, by place, before `out`
    accuracy: tuple[float, Callable[..., Any]] | None = None  # promised ulp, and a measure of `points`


@dataclass(frozen=True)
class Layer:
    """A class of `layers`."""

    name: str
    inputs: Callable[[Arrays], Arguments] = lambda a: (a.x,)  # what forward takes
    arguments: Callable[[Arrays], Arguments] = lambda a: ()  # what it is made with
    arbitrary: Callable[..., list[Any]] = functools.partial(arbitrary.elementwise, count=1)  # noqa: RUF009
    made: Callable[..., list[Any]] = lambda r: []  # what the fuzzer makes it with, beside `arguments`
    # Or "affine", "normalization", "convolution", "images", "indices", "rows", "sequence", "loss"; of several inputs,
    # and so in no network, "node", or "table" with parameters.
    kind: str = "activation"
    options: dict[str, Any] | None = None  # keywords other than the defaults, which files must keep
    random: bool = False  # draws from its `rng`

    def make(self, owner: Any = fl, arrays: Arrays | None = None) -> Any:
        """One, of `fastlayers` or of its reference."""
        layer = getattr(owner, self.name)(*self.arguments(arrays or Arrays()))
        if self.random:
            layer.rng = np.random.default_rng(0)
        return layer

    @property
    def is_loss(self) -> bool:
        return self.kind == "loss"

    @property
    def in_network(self) -> bool:
        return self.kind not in ("node", "table")


@dataclass(frozen=True)
class Update:
    """A kernel of the optimizers: its factors, plain and with all else that it takes, and how many states it has."""

    name: str
    factors: Arguments
    full: Arguments
    states: int


# How entries are written


def forward(name: str, *results: str, **more: Any) -> Function:
    """An elementwise function of x."""
    one = functools.partial(arbitrary.elementwise, count=1)
    return Function(name, results or ("y",), lambda a: (a.x,), one, elementwise=True, **more)


def backward(name: str, second: Callable[[Arrays], Any], dtype: Any = None, **more: Any) -> Function:
    """The gradient of an elementwise function, from dout and a second array, of dout's dtype or one of its own."""
    two = functools.partial(arbitrary.elementwise, count=2, second=dtype)
    return Function(name, ("dx",), lambda a: (a.dout, second(a)), two, elementwise=True, **more)


def choosing(percent: int = 60, **values: tuple[Any, ...]) -> Callable[..., dict[str, Any]]:
    """Options for the fuzzer: now and then each, mostly one of its values, else anything."""

    def chosen(r: Any, arena: Any, args: Any, *, comparable: bool) -> dict[str, Any]:
        return {
            name: strategies.anything(r, comparable=comparable) if strategies.chance(r, 10) else r.choice(some)
            for name, some in values.items()
            if strategies.chance(r, percent)
        }

    return chosen


def one_of(*values: Any) -> Callable[..., list[Any]]:
    """A layer's first argument for the fuzzer, where it has a default."""
    return lambda r: (
        [strategies.anything(r) if strategies.chance(r, 10) else r.choice(values)] if strategies.chance(r, 70) else []
    )


def loss(name: str, arguments: Callable[[Arrays], Arguments], generate: Any, options: Any, **more: Any) -> Function:
    """A loss of x and targets; that of the layer gives y too, and takes no `out`."""
    return Function(
        name, ("y", "dx") if more.get("of_layer") else ("dx",), arguments, generate, options, sums="targets", **more
    )
