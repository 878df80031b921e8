"""The layer that makes a row of numbers of each sample."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.types import Array, Shape
from ._base import LayerBase, no_forward, size_of


class Flatten(LayerBase):
    r"""Each sample as one row: ``(N, ...)`` to ``(N, D)``.

    An `Affine` layer does the same to what it is given; to say it makes a network plainer, and other layers, such as
    `SoftmaxWithLoss`, do not.

    Notes
    -----
    Forward: :math:`y_{n,i} = x_n` with the places of a sample counted in their order. Backward:
    :math:`\partial L / \partial x = dout`, back in x's shape. Both are copies: what becomes of one changes no other
    array. Saitoh, *Deep Learning from Scratch*, section 7.4, does it within the affine layer.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Flatten()
    >>> layer.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[1., 2., 3., 4.]])
    >>> layer.backward(np.array([[5.0, 6.0, 7.0, 8.0]]))
    array([[[5., 6.],
            [7., 8.]]])
    """

    _keeps: ClassVar[str | None] = "shape"

    def __init__(self) -> None:
        self._x_shape: tuple[int, ...] = ()  # of the last forward

    def forward(self, x: ArrayLike) -> Array:
        """y ``(N, D)`` of x ``(N, ...)``; its numbers are those of x, and of its dtype."""
        y = self.predict(x)
        self._x_shape = np.shape(x)
        return y

    def predict(self, x: ArrayLike) -> Array:
        """y, and nothing is kept."""
        array = arguments.real("x", x)
        if array.ndim < 2:
            raise ValueError(f"x must be a batch (N, ...) of two or more axes, not of shape {array.shape}")
        return np.array(array, order="C").reshape(len(array), math.prod(array.shape[1:]))

    def backward(self, dout: ArrayLike) -> Array:
        """dx, of x's shape, of dout ``(N, D)``. RuntimeError before forward."""
        if not self._x_shape:
            raise no_forward(self)
        shape = self._x_shape
        array, expected = arguments.floating("dout", dout), (shape[0], math.prod(shape[1:]))
        if array.shape != expected:
            raise ValueError(f"dout of shape {array.shape} does not fit y of shape {expected}")
        return np.array(array, order="C").reshape(shape)

    def _output_shape(self, shape: Shape) -> Shape:
        """``(D,)``."""
        return (size_of(shape),)

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """None: it moves numbers."""
        return 0
