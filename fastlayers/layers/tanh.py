"""The tanh layer."""

from __future__ import annotations

from ..functional.tanh import tanh_backward, tanh_forward
from ._activation import KeepsOutput


class Tanh(KeepsOutput):
    r"""Hyperbolic tangent, ``y = tanh(x)``.

    Attributes
    ----------
    out : ndarray or None
        The last forward's y, in [-1, 1].

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

    _forward, _backward = staticmethod(tanh_forward), staticmethod(tanh_backward)
