"""The sigmoid linear unit and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core import backend
from .._core.results import Out
from .._core.types import Array, OneOut, Run
from ..formulas import silu as formulas
from ._elementwise import backward, forward

__all__ = ["silu_backward", "silu_forward"]


def silu_forward(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Sigmoid linear unit, or swish, :math:`y = x / (1 + e^{-x})`.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype. At least -0.279; -0 at -inf; NaN stays NaN, and 0 its sign.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or out is of another shape or dtype than y.

    Notes
    -----
    Within 4 ulp. Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning", Neural Networks 107, 2018.

    Examples
    --------
    >>> silu_forward([2.0, 0.0, -1.0]).round(6)
    array([ 1.761594,  0.      , -0.268941])
    """
    result = backend.kernels.silu_forward(x, out)
    return _silu_forward(backend.run, x, out=out) if result is NotImplemented else result


def _silu_forward(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    return forward(run, formulas.silu_forward, x, out=out)


def silu_backward(dout: ArrayLike, x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Gradient of SiLU.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    x : array_like
        The input of `silu_forward`, of dout's shape.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout or x itself.

    Returns
    -------
    dx : ndarray
        ``dout * (s + x * s * (1 - s))`` with the sigmoid s of x, of dout's shape.

    Raises
    ------
    TypeError, ValueError
        If dout or x does not hold real numbers, the shapes differ, or out does not fit.

    Notes
    -----
    Within 4 ulp of the slope or of the larger of its terms :math:`s` and :math:`x s (1 - s)`, where the slope is a
    normal number: it is 0 near x = -1.278, where they cancel. Elfwing et al., 2018.

    Examples
    --------
    >>> silu_backward([1.0, 1.0, 10.0], [2.0, 0.0, -1.0]).round(6)
    array([1.090784, 0.5     , 0.723295])
    """
    result = backend.kernels.silu_backward(dout, x, out)
    return _silu_backward(backend.run, dout, x, out=out) if result is NotImplemented else result


def _silu_backward(run: Run, dout: ArrayLike, x: ArrayLike, *, out: Out = None) -> Array:
    return backward(run, formulas.silu_backward, dout, "x", x, out=out)
