"""What elementwise layers share, by what each keeps of forward for backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.types import Array
from ._base import LayerBase, no_forward


class Elementwise(LayerBase):
    """A function of each number, or of each row, and its derivative.

    Its functions are class attributes, so that `fastlayers.reference` can have its own in their place.
    """

    _forward: ClassVar[Callable[..., Any]]
    _backward: ClassVar[Callable[..., Array]]
    _memory: Any = (None, None)  # of what forward and backward give; for a subclass that does not call __init__

    def __init__(self) -> None:
        self._memory = recycler(), recycler()

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        y: Array = self._forward(x)
        return y

    @classmethod
    def _family(cls) -> str:
        """The name of its files, by which estimators and the command know it."""
        return cls.__module__.rpartition(".")[2]


class KeepsMask(Elementwise):
    """Whose derivative at each number depends on which of two it is."""

    _keeps: ClassVar[str | None] = "mask"
    _forward: ClassVar[Callable[..., tuple[Array, Array]]]
    _memory: Any = ((None, None), None)
    mask: Array | None = None

    def __init__(self) -> None:
        self._memory = (recycler(), recycler()), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape."""
        y, self.mask = self._forward(x, out=self._memory[0])
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape; dout is left as it is. RuntimeError before forward."""
        mask = self.mask  # read once, since reading may make it
        if mask is None:
            raise no_forward(self)
        return self._backward(dout, mask, out=self._memory[1])


class KeepsOutput(Elementwise):
    """Whose derivative follows from its result."""

    _keeps = "out"
    _forward: ClassVar[Callable[..., Array]]
    out: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape."""
        self.out = y = self._forward(x, out=self._memory[0])
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape. RuntimeError before forward."""
        if self.out is None:
            raise no_forward(self)
        return self._backward(dout, self.out, out=self._memory[1])


class KeepsInput(Elementwise):
    """Whose derivative is computed from its input."""

    _keeps = "x"
    _forward: ClassVar[Callable[..., Array]]
    x: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape; x is kept by reference."""
        y = self._forward(x, out=self._memory[0])
        self.x = x if type(x) is np.ndarray else np.asarray(x)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape. RuntimeError before forward."""
        if self.x is None:
            raise no_forward(self)
        return self._backward(dout, self.x, out=self._memory[1])


class TakesOption(Elementwise):
    """Whose functions take its option after the arrays."""

    _option: ClassVar[str]  # its name: to ask for it by that is faster than any call

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.options and not hasattr(cls, "_option"):
            (cls._option,) = cls.options


class KeepsMaskAndOption(TakesOption, KeepsMask):
    """The same with an option."""

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape."""
        y, self.mask = self._forward(x, getattr(self, self._option), out=self._memory[0])
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._forward(x, getattr(self, self._option))[0]

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape; dout is left as it is. RuntimeError before forward."""
        if self.mask is None:
            raise no_forward(self)
        return self._backward(dout, self.mask, getattr(self, self._option), out=self._memory[1])


class KeepsInputAndOption(TakesOption, KeepsInput):
    """The same with an option."""

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape; x is kept by reference."""
        y = self._forward(x, getattr(self, self._option), out=self._memory[0])
        self.x = x if type(x) is np.ndarray else np.asarray(x)
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        return self._forward(x, getattr(self, self._option))

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape. RuntimeError before forward."""
        if self.x is None:
            raise no_forward(self)
        return self._backward(dout, self.x, getattr(self, self._option), out=self._memory[1])
