"""The ELU layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .._core import arguments
from .._core.options import FINITE, Option
from ..functional.elu import elu_backward, elu_forward
from ._activation import KeepsInputAndOption


class Elu(KeepsInputAndOption):
    r"""Exponential linear unit, ``y = x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    alpha : float, default 1.0
        What y comes to far below 0, with the sign turned; finite; it may be set anew before a forward.

    Attributes
    ----------
    alpha : float
    x : ndarray or None
        The input of the last forward.

    See Also
    --------
    fastlayers.elu_forward, fastlayers.elu_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = x` where :math:`x > 0`, else :math:`\alpha (e^x - 1)`. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x = dout` where :math:`x > 0`, else
    :math:`dout \, \alpha e^x`. Clevert et al., 2016.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Elu()
    >>> layer.forward(np.array([2.0, 0.0, -1.0])).round(6)
    array([ 2.      ,  0.      , -0.632121])
    >>> layer.backward(np.array([1.0, 1.0, 10.0])).round(6)
    array([1.      , 1.      , 3.678794])
    >>> layer
    Elu()
    """

    options: ClassVar[Mapping[str, Option]] = {"alpha": FINITE}

    _forward, _backward = staticmethod(elu_forward), staticmethod(elu_backward)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = arguments.finite("alpha", alpha)
