"""The ReLU layer."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

from numpy.typing import ArrayLike

from .. import functional
from .._core.memory import Recycler, recycler
from .._core.types import Array
from ._base import LayerBase
from ._state import no_forward


class Relu(LayerBase):
    r"""Rectified linear unit, ``y = max(x, 0)``.

    Attributes
    ----------
    mask : ndarray of bool or None
        ``x <= 0`` of the last forward.

    See Also
    --------
    fastlayers.relu_forward, fastlayers.relu_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = \max(x, 0)`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout` where :math:`x > 0`, else 0.
    Saitoh, *Deep Learning from Scratch*, section 5.5.1.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Relu()
    >>> layer.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    array([[1., 0.],
           [0., 3.]])
    >>> layer.backward(np.array([[10.0, 20.0], [30.0, 40.0]]))
    array([[10.,  0.],
           [ 0., 40.]])
    >>> layer
    Relu()
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] = (None, None, None)  # of y, mask, dx

    def __init__(self) -> None:
        self.mask: Array | None = None
        self._memory = recycler(), recycler(), recycler()

    def forward(self, x: ArrayLike) -> Array:
        """y, of x's shape and dtype."""
        y: Array
        y, self.mask = self._functions.relu_forward(x, out=self._memory[:2])
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y alone: no mask is made, and nothing is kept."""
        y: Array = self._functions.relu(x)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of dout's shape and dtype; dout is left as it is. RuntimeError before forward."""
        if self.mask is None:
            raise no_forward(self)
        dx: Array = self._functions.relu_backward(dout, self.mask, out=self._memory[2])
        return dx
