"""The leaky ReLU layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .._core import arguments
from .._core.options import FINITE, Option
from ..functional.leaky_relu import leaky_relu_backward, leaky_relu_forward
from ._activation import KeepsMaskAndOption


class LeakyRelu(KeepsMaskAndOption):
    r"""Leaky rectified linear unit, ``y = x`` where ``x > 0``, else ``negative_slope * x``.

    Parameters
    ----------
    negative_slope : float, default 0.01
        The slope of what is not positive, finite; it may be set anew before a forward.

    Attributes
    ----------
    negative_slope : float
    mask : ndarray of bool or None
        ``x <= 0`` of the last forward: where the slope is `negative_slope`.

    See Also
    --------
    fastlayers.leaky_relu_forward, fastlayers.leaky_relu_backward : the functions behind it.

    Notes
    -----
    Forward, with the negative slope a: :math:`y = x` where :math:`x > 0`, else :math:`a x`. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x = dout` where :math:`x > 0`, else
    :math:`a \, dout`. Maas et al., 2013.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LeakyRelu(0.1)
    >>> layer.forward(np.array([1.0, -0.5, -2.0, 3.0]))
    array([ 1.  , -0.05, -0.2 ,  3.  ])
    >>> layer.backward(np.array([10.0, 20.0, 30.0, 40.0]))
    array([10.,  2.,  3., 40.])
    >>> layer
    LeakyRelu(negative_slope=0.1)
    """

    options: ClassVar[Mapping[str, Option]] = {"negative_slope": FINITE}

    _forward, _backward = staticmethod(leaky_relu_forward), staticmethod(leaky_relu_backward)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = arguments.finite("negative_slope", negative_slope)
