"""The GELU layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from .._core import arguments
from .._core.options import Option, choice
from ..functional.gelu import APPROXIMATIONS, gelu_backward, gelu_forward
from ._activation import KeepsInputAndOption


class Gelu(KeepsInputAndOption):
    r"""Gaussian error linear unit, ``y = x * Phi(x)`` with the normal distribution Phi, or its form by tanh.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        Whether y is by tanh; it may be set anew before a forward.

    Attributes
    ----------
    approximate : str
    x : ndarray or None
        The last input of forward: backward computes from it.

    See Also
    --------
    fastlayers.gelu_forward, fastlayers.gelu_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y = x \Phi(x)`, or :math:`\frac{x}{2} (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3)))`. Backward,
    with :math:`dout = \partial L / \partial y` and the normal density :math:`\varphi`:
    :math:`\partial L / \partial x = dout \, (\Phi(x) + x \varphi(x))`, or with the slope of that form. Hendrycks and
    Gimpel, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Gelu(approximate="tanh")
    >>> layer.forward(np.array([2.0, 0.0, -1.0])).round(6)
    array([ 1.954598,  0.      , -0.158808])
    >>> layer.backward(np.array([1.0, 1.0, 10.0])).round(6)
    array([ 1.086099,  0.5     , -0.829641])
    >>> layer
    Gelu(approximate='tanh')
    """

    options: ClassVar[Mapping[str, Option]] = {"approximate": choice(*APPROXIMATIONS)}

    _forward, _backward = staticmethod(gelu_forward), staticmethod(gelu_backward)

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = arguments.choice("approximate", approximate, APPROXIMATIONS)
