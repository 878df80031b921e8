"""The hyperbolic tangent and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core import backend
from .._core.results import Out
from .._core.types import Array, OneOut, Run
from ..formulas import tanh as formulas
from ._elementwise import backward, forward

__all__ = ["tanh", "tanh_backward", "tanh_forward"]


def tanh(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Hyperbolic tangent, :math:`y = (e^x - e^{-x}) / (e^x + e^{-x})`: `tanh_forward` under a shorter name.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    out : ndarray or 1-tuple, optional
        The array for y; it may be x itself.

    Returns
    -------
    y : ndarray
        As `tanh_forward` returns it.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or out does not fit.

    Notes
    -----
    LeCun et al., "Efficient backprop", 1998, section 4.4.

    Examples
    --------
    >>> tanh([-1000.0, 0.0, 0.5]).round(6)
    array([-1.      ,  0.      ,  0.462117])
    """
    result = backend.kernels.tanh(x, out)
    return _tanh(backend.run, x, out=out) if result is NotImplemented else result


def _tanh(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    return forward(run, formulas.tanh, x, out=out)


def tanh_forward(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Hyperbolic tangent, :math:`y = (e^x - e^{-x}) / (e^x + e^{-x})`.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype; 0 keeps its sign.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype. Exactly -1 at -inf and 1 at +inf; NaN stays NaN.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or out does not fit.

    Notes
    -----
    Within 4 ulp. As :math:`m / (m + 2)` with :math:`m = e^{2|x|} - 1`, which keeps its digits at 0.
    LeCun et al., "Efficient backprop", 1998, section 4.4.

    Examples
    --------
    >>> tanh_forward([-1000.0, 0.0, 0.5]).round(6)
    array([-1.      ,  0.      ,  0.462117])
    """
    result = backend.kernels.tanh_forward(x, out)
    return _tanh_forward(backend.run, x, out=out) if result is NotImplemented else result


def _tanh_forward(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    return forward(run, formulas.tanh_forward, x, out=out)


def tanh_backward(dout: ArrayLike, y: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Gradient of the hyperbolic tangent, from its output.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    y : array_like
        What `tanh_forward` returned, in [-1, 1]; dout's shape.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout or y itself.

    Returns
    -------
    dx : ndarray
        ``dout * (1 - y**2)``, of dout's shape.

    Raises
    ------
    TypeError, ValueError
        If dout or y does not hold real numbers, the shapes differ, or out does not fit.

    Notes
    -----
    :math:`dy/dx = 1 - \tanh^2 x = (1 - y)(1 + y)`, and in that form no digit is lost where y is near 1.
    LeCun et al., "Efficient backprop", 1998, section 4.4.

    Examples
    --------
    >>> tanh_backward([1.0, 2.0, 3.0], [0.5, 0.0, -1.0])
    array([0.75, 2.  , 0.  ])
    """
    result = backend.kernels.tanh_backward(dout, y, out)
    return _tanh_backward(backend.run, dout, y, out=out) if result is NotImplemented else result


def _tanh_backward(run: Run, dout: ArrayLike, y: ArrayLike, *, out: Out = None) -> Array:
    return backward(run, formulas.tanh_backward, dout, "y", y, out=out)
