"""The sigmoid layer."""

from __future__ import annotations

from ..functional.sigmoid import sigmoid_backward, sigmoid_forward
from ._activation import KeepsOutput


class Sigmoid(KeepsOutput):
    r"""Logistic sigmoid, ``y = 1 / (1 + exp(-x))``.

    Attributes
    ----------
    out : ndarray or None
        y of the last forward.

    See Also
    --------
    fastlayers.sigmoid_forward, fastlayers.sigmoid_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = 1 / (1 + e^{-x})`. Backward, with :math:`dout = \partial L / \partial y`:
    :math:`\partial L / \partial x = dout \cdot y (1 - y)`. Saitoh, *Deep Learning from Scratch*, section 5.5.2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Sigmoid()
    >>> layer.forward(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    >>> layer.backward(np.array([1.0, 1.0, 1.0]))
    array([0.  , 0.25, 0.  ])
    >>> layer
    Sigmoid()
    """

    _forward, _backward = staticmethod(sigmoid_forward), staticmethod(sigmoid_backward)
