"""The ReLU layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from .._core.types import Array
from ..functional.relu import relu, relu_backward, relu_forward
from ._activation import KeepsMask
from ._passes import MadeWhenRead


class Relu(KeepsMask):
    r"""Rectified linear unit, ``y = max(x, 0)``.

    Attributes
    ----------
    mask : ndarray of bool or None
        ``x <= 0`` of the last forward. Behind a convolution, in a network that runs as one call, it is made when it is
        read, of the images that the convolution was given.

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

    _forward, _backward = staticmethod(relu_forward), staticmethod(relu_backward)
    _predict = staticmethod(relu)

    if TYPE_CHECKING:
        mask: Array | None
    else:
        mask = MadeWhenRead(lambda y: y <= 0)

    def predict(self, x: ArrayLike) -> Array:
        """y alone: no mask is made, and nothing is kept."""
        return self._predict(x)
