"""The Gaussian error linear unit and its gradient."""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import choice
from .._core.results import Out
from .._core.types import Array, OneOut, Run
from ..formulas import gelu as formulas
from ._elementwise import backward, forward

__all__ = ["gelu_backward", "gelu_forward"]

APPROXIMATIONS = ("none", "tanh")


def gelu_forward(x: ArrayLike, approximate: Literal["none", "tanh"] = "none", *, out: OneOut = None) -> Array:
    r"""Gaussian error linear unit, :math:`y = x \Phi(x)`, with the normal distribution :math:`\Phi`.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    approximate : {"none", "tanh"}, default "none"
        "tanh" for :math:`y = \frac{x}{2} (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3)))`.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype; longdouble with the digits of float64. -0 at -inf; NaN stays NaN, and 0 its
        sign.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, approximate is anything else, or out does not fit.

    Notes
    -----
    Within 4 ulp of the formula that is chosen. Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.

    Examples
    --------
    >>> gelu_forward([2.0, 0.0, -1.0]).round(6)
    array([ 1.9545  ,  0.      , -0.158655])
    >>> gelu_forward([2.0, 0.0, -1.0], "tanh").round(6)
    array([ 1.954598,  0.      , -0.158808])
    """
    result = backend.kernels.gelu_forward(x, approximate, out)
    return _gelu_forward(backend.run, x, approximate, out=out) if result is NotImplemented else result


def _gelu_forward(run: Run, x: ArrayLike, approximate: str = "none", *, out: Out = None) -> Array:
    return forward(run, formulas.gelu_forward, x, choice("approximate", approximate, APPROXIMATIONS), out=out)


def gelu_backward(
    dout: ArrayLike, x: ArrayLike, approximate: Literal["none", "tanh"] = "none", *, out: OneOut = None
) -> Array:
    r"""Gradient of the Gaussian error linear unit.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    x : array_like
        What `gelu_forward` was given, not what it returned; dout's shape.
    approximate : {"none", "tanh"}, default "none"
        What forward was given.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout or x itself.

    Returns
    -------
    dx : ndarray
        :math:`dout \, (\Phi(x) + x \varphi(x))` with the normal density :math:`\varphi`, of dout's shape.

    Raises
    ------
    TypeError, ValueError
        If dout or x does not hold real numbers, approximate is anything else, the shapes differ, or out does not fit.

    Notes
    -----
    Within 6 ulp of the slope or of the larger of its two terms, where the slope is a normal number: it is 0 near
    x = -0.75, where they cancel. Hendrycks and Gimpel, 2016.

    Examples
    --------
    >>> gelu_backward([1.0, 1.0, 10.0], [2.0, 0.0, -1.0]).round(6)
    array([ 1.085232,  0.5     , -0.833155])
    """
    result = backend.kernels.gelu_backward(dout, x, approximate, out)
    return _gelu_backward(backend.run, dout, x, approximate, out=out) if result is NotImplemented else result


def _gelu_backward(run: Run, dout: ArrayLike, x: ArrayLike, approximate: str = "none", *, out: Out = None) -> Array:
    word = choice("approximate", approximate, APPROXIMATIONS)
    return backward(run, formulas.gelu_backward, dout, "x", x, word, out=out)
