"""The SiLU layer."""

from __future__ import annotations

from ..functional.silu import silu_backward, silu_forward
from ._activation import KeepsInput


class Silu(KeepsInput):
    r"""Sigmoid linear unit, or swish, ``y = x / (1 + exp(-x))``.

    Attributes
    ----------
    x : ndarray or None
        The last forward's input.

    See Also
    --------
    fastlayers.silu_forward, fastlayers.silu_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = x s` with the sigmoid :math:`s = 1 / (1 + e^{-x})`. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x = dout \, (s + x s (1 - s))`. Elfwing et al.,
    2018.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Silu()
    >>> layer.forward(np.array([[2.0], [-1.0]])).round(6)
    array([[ 1.761594],
           [-0.268941]])
    >>> layer.backward(np.array([[1.0], [10.0]])).round(6)
    array([[1.090784],
           [0.723295]])
    >>> layer
    Silu()
    """

    _forward, _backward = staticmethod(silu_forward), staticmethod(silu_backward)
