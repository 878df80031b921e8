"""The exponential linear unit and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import number
from .._core.results import Out
from .._core.types import Array, OneOut, Run
from ..formulas import elu as formulas
from ._elementwise import backward, forward

__all__ = ["elu_backward", "elu_forward"]


def elu_forward(x: ArrayLike, alpha: float = 1.0, *, out: OneOut = None) -> Array:
    r"""Exponential linear unit, :math:`y = x` where :math:`x > 0`, else :math:`\alpha (e^x - 1)`.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    alpha : float, default 1.0
        What y comes to far below 0, with the sign turned.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype. -alpha at -inf; NaN stays NaN, and 0 its sign.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, alpha is not one of them, or out does not fit.

    Notes
    -----
    Within 4 ulp. Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear
    units (ELUs)", ICLR 2016.

    Examples
    --------
    >>> elu_forward([2.0, 0.0, -1.0, -1000.0]).round(6)
    array([ 2.      ,  0.      , -0.632121, -1.      ])
    """
    result = backend.kernels.elu_forward(x, alpha, out)
    return _elu_forward(backend.run, x, alpha, out=out) if result is NotImplemented else result


def _elu_forward(run: Run, x: ArrayLike, alpha: float = 1.0, *, out: Out = None) -> Array:
    return forward(run, formulas.elu_forward, x, number("alpha", alpha), out=out)


def elu_backward(dout: ArrayLike, x: ArrayLike, alpha: float = 1.0, *, out: OneOut = None) -> Array:
    r"""Gradient of the exponential linear unit.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    x : array_like
        What `elu_forward` was given; dout's shape.
    alpha : float, default 1.0
        As for `elu_forward`.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout or x itself.

    Returns
    -------
    dx : ndarray
        dout where ``x > 0``, else ``dout * alpha * exp(x)``; of dout's shape.

    Raises
    ------
    TypeError, ValueError
        If dout or x does not hold real numbers, alpha is not one of them, the shapes differ, or out does not fit.

    Notes
    -----
    At 0 the slope is alpha. Within 4 ulp where the slope is a normal number. Clevert et al., 2016.

    Examples
    --------
    >>> elu_backward([1.0, 1.0, 10.0], [2.0, 0.0, -1.0]).round(6)
    array([1.      , 1.      , 3.678794])
    """
    result = backend.kernels.elu_backward(dout, x, alpha, out)
    return _elu_backward(backend.run, dout, x, alpha, out=out) if result is NotImplemented else result


def _elu_backward(run: Run, dout: ArrayLike, x: ArrayLike, alpha: float = 1.0, *, out: Out = None) -> Array:
    return backward(run, formulas.elu_backward, dout, "x", x, number("alpha", alpha), out=out)
