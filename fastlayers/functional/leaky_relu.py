"""Leaky ReLU and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import (
    floating,
    number,
)
from .._core.results import Out
from .._core.types import Array, OneOut, Run
from ..formulas import leaky_relu as formulas
from ._elementwise import backward_of_mask, forward_with_mask

__all__ = ["leaky_relu_backward", "leaky_relu_forward"]


def leaky_relu_forward(
    x: ArrayLike, negative_slope: float = 0.01, *, out: tuple[Array | None, Array | None] | None = None
) -> tuple[Array, Array]:
    r"""Leaky ReLU, :math:`y = x` where :math:`x > 0`, else :math:`a x`, and its mask.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    negative_slope : float, default 0.01
        The slope a of what is not positive.
    out : tuple of (ndarray or None, ndarray or None), optional
        Where y and mask go; y may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype. NaN passes through.
    mask : ndarray of bool
        ``x <= 0``, as `leaky_relu_backward` needs it.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, negative_slope is not one number, or out is a bare array or does not fit.

    Notes
    -----
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Examples
    --------
    >>> y, mask = leaky_relu_forward([1.0, -0.5, -2.0, 3.0], 0.1)
    >>> y
    array([ 1.  , -0.05, -0.2 ,  3.  ])
    >>> mask
    array([False,  True,  True, False])
    """
    result = backend.kernels.leaky_relu_forward(x, negative_slope, out)
    return _leaky_relu_forward(backend.run, x, negative_slope, out=out) if result is NotImplemented else result


def _leaky_relu_forward(
    run: Run, x: ArrayLike, negative_slope: float = 0.01, *, out: Out = None
) -> tuple[Array, Array]:
    x, slope = floating("x", x), number("negative_slope", negative_slope)
    return forward_with_mask(run, formulas.leaky_relu_forward, x, factor=slope, out=out)


def leaky_relu_backward(dout: ArrayLike, mask: ArrayLike, negative_slope: float = 0.01, *, out: OneOut = None) -> Array:
    r"""Gradient of leaky ReLU.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    mask : array_like of bool
        ``x <= 0``, from `leaky_relu_forward`.
    negative_slope : float, default 0.01
        What forward was given.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout itself.

    Returns
    -------
    dx : ndarray
        dout where ``mask`` is False, else ``negative_slope * dout``; of dout's shape.

    Raises
    ------
    TypeError, ValueError
        If dout does not hold real numbers, mask is not bool or of another shape, negative_slope is not one number, or
        out does not fit.

    Notes
    -----
    :math:`\partial y/\partial x` is 1 where :math:`x > 0`, else a; at 0, where there is none, a. Maas et al., 2013.

    Examples
    --------
    >>> leaky_relu_backward([10.0, 20.0], [False, True], 0.1)
    array([10.,  2.])
    """
    result = backend.kernels.leaky_relu_backward(dout, mask, negative_slope, out)
    return (
        _leaky_relu_backward(backend.run, dout, mask, negative_slope, out=out) if result is NotImplemented else result
    )


def _leaky_relu_backward(
    run: Run, dout: ArrayLike, mask: ArrayLike, negative_slope: float = 0.01, *, out: Out = None
) -> Array:
    slope = number("negative_slope", negative_slope)
    return backward_of_mask(run, formulas.leaky_relu_backward, dout, mask, slope, out)
