"""The tanh layer."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

from numpy.typing import ArrayLike

from .. import functional
from .._core.memory import Recycler, recycler
from .._core.types import Array
from ._base import LayerBase
from ._state import no_forward


class Tanh(LayerBase):
    r"""Hyperbolic tangent, ``y = tanh(x)``.

    Attributes
    ----------
    out : ndarray or None
        y of the last forward.

    See Also
    --------
    fastlayers.tanh_forward, fastlayers.tanh_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = \tanh x`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout \cdot (1 - y)(1 + y)`. LeCun et al., "Efficient backprop", 1998, section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Tanh()
    >>> layer.forward(np.array([-1000.0, 0.0, 0.5])).round(6)
    array([-1.      ,  0.      ,  0.462117])
    >>> layer.backward(np.array([1.0, 1.0, 1.0])).round(6)
    array([0.      , 1.      , 0.786448])
    >>> layer
    Tanh()
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] = (None, None)  # of y, dx

    def __init__(self) -> None:
        self.out: Array | None = None
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape."""
        y: Array = self._functions.tanh_forward(x, out=self._memory[0])
        self.out = y
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        y: Array = self._functions.tanh_forward(x)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape. RuntimeError before forward."""
        if self.out is None:
            raise no_forward(self)
        dx: Array = self._functions.tanh_backward(dout, self.out, out=self._memory[1])
        return dx
