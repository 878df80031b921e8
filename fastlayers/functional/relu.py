"""ReLU and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import (
    alike,
    boolean,
    real,
    same_shape,
)
from .._core.results import Out, deliver, deliver_one
from .._core.types import Array, OneOut, Run
from ..formulas import relu as formulas

__all__ = ["relu", "relu_backward", "relu_forward"]


def relu(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Rectified linear unit, :math:`y = \max(x, 0)`, for prediction: no mask is made.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    out : ndarray or 1-tuple, optional
        Where y goes, of x's shape and dtype; it may be x itself.

    Returns
    -------
    y : ndarray
        +0.0 where ``x <= 0``, x elsewhere. NaN passes through.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or out is not of its shape and dtype.

    See Also
    --------
    relu_forward : with the mask that training needs.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 3.2.7.

    Examples
    --------
    >>> relu([1.0, -0.5, -2.0, 3.0])
    array([1., 0., 0., 3.])
    """
    result = backend.kernels.relu(x, out)
    return _relu(backend.run, x, out=out) if result is NotImplemented else result


def _relu(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    (x,) = alike(real("x", x))
    return deliver_one(run(formulas.relu, x), out, "y")


def relu_forward(x: ArrayLike, *, out: tuple[Array | None, Array | None] | None = None) -> tuple[Array, Array]:
    r"""Rectified linear unit, :math:`y = \max(x, 0)`, and its mask.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    out : tuple of (ndarray or None, ndarray or None), optional
        Where y and mask go; y may be x itself.

    Returns
    -------
    y : ndarray
        x's shape and dtype: +0.0 where masked, x elsewhere. NaN passes through.
    mask : ndarray of bool
        ``x <= 0``, as `relu_backward` needs it.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or out is a bare array or does not fit.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 5.5.1.

    Examples
    --------
    >>> y, mask = relu_forward([1.0, -0.5, -2.0, 3.0])
    >>> y
    array([1., 0., 0., 3.])
    >>> mask
    array([False,  True,  True, False])
    """
    result = backend.kernels.relu_forward(x, out)
    return _relu_forward(backend.run, x, out=out) if result is NotImplemented else result


def _relu_forward(run: Run, x: ArrayLike, *, out: Out = None) -> tuple[Array, Array]:
    (x,) = alike(real("x", x))
    y, mask = deliver(run(formulas.relu_forward, x), out, ("y", "mask"))
    return y, mask


def relu_backward(dout: ArrayLike, mask: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Gradient of ReLU.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype. It is not written to, unless it is `out`.
    mask : array_like of bool
        Where x was not positive, as `relu_forward` says; dout's shape.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout itself.

    Returns
    -------
    dx : ndarray
        dout where ``mask`` is False, else 0; of dout's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If dout does not hold real numbers, mask is not bool or of another shape, or out does not fit.

    Notes
    -----
    :math:`\partial L/\partial x = \partial L/\partial y` where :math:`x > 0`, else 0.
    Saitoh, *Deep Learning from Scratch*, section 5.5.1.

    Examples
    --------
    >>> relu_backward([10.0, 20.0], [False, True])
    array([10.,  0.])
    """
    result = backend.kernels.relu_backward(dout, mask, out)
    return _relu_backward(backend.run, dout, mask, out=out) if result is NotImplemented else result


def _relu_backward(run: Run, dout: ArrayLike, mask: ArrayLike, *, out: Out = None) -> Array:
    dout, mask = real("dout", dout), boolean("mask", mask)
    same_shape("dout", dout, "mask", mask)
    return deliver_one(run(formulas.relu_backward, *alike(dout, mask)), out, "dx")
