"""ReLU and leaky ReLU, and their gradients."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .. import _backend, _contract
from ._types import Array, OneOut

__all__ = ["leaky_relu_backward", "leaky_relu_forward", "relu", "relu_backward", "relu_forward"]


def relu(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Rectified linear unit, :math:`y = \max(x, 0)`, for prediction: no mask is made.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape and dtype: +0.0 where ``x <= 0``, x elsewhere. NaN passes through.

    Raises
    ------
    TypeError
        If x does not hold real numbers, or out has a wrong dtype.
    ValueError
        If out is read-only or of a wrong shape.

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
    result = _backend.kernels.relu(x, out)
    return _contract.relu(_backend.run, x, out=out) if result is NotImplemented else result


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
    TypeError
        If x does not hold real numbers; if out is a bare array or of a wrong dtype.
    ValueError
        If out is read-only or of a wrong shape.

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
    result = _backend.kernels.relu_forward(x, out)
    return _contract.relu_forward(_backend.run, x, out=out) if result is NotImplemented else result


def relu_backward(dout: ArrayLike, mask: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Gradient of ReLU: dout where ``mask`` is False, else 0.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype. It is not written to, unless it is `out`.
    mask : array_like of bool
        dout's shape, from `relu_forward`.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout itself.

    Returns
    -------
    dx : ndarray
        Gradient with respect to x, of dout's shape and dtype.

    Raises
    ------
    TypeError
        If mask is not bool, or dout does not hold real numbers, or out has a wrong dtype.
    ValueError
        If the shapes differ, or out is read-only or of a wrong shape.

    Notes
    -----
    :math:`\partial L/\partial x = \partial L/\partial y` where :math:`x > 0`, else 0.
    Saitoh, *Deep Learning from Scratch*, section 5.5.1.

    Examples
    --------
    >>> relu_backward([10.0, 20.0], [False, True])
    array([10.,  0.])
    """
    result = _backend.kernels.relu_backward(dout, mask, out)
    return _contract.relu_backward(_backend.run, dout, mask, out=out) if result is NotImplemented else result


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
    TypeError
        If x or negative_slope does not hold real numbers; if out is a bare array or of a wrong dtype.
    ValueError
        If negative_slope is not one number, or out is read-only or of a wrong shape.

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
    result = _backend.kernels.leaky_relu_forward(x, negative_slope, out)
    return (
        _contract.leaky_relu_forward(_backend.run, x, negative_slope, out=out) if result is NotImplemented else result
    )


def leaky_relu_backward(dout: ArrayLike, mask: ArrayLike, negative_slope: float = 0.01, *, out: OneOut = None) -> Array:
    r"""Gradient of leaky ReLU: dout where ``mask`` is False, else ``negative_slope * dout``.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    mask : array_like of bool
        dout's shape, from `leaky_relu_forward`.
    negative_slope : float, default 0.01
        What forward was given.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout itself.

    Returns
    -------
    dx : ndarray
        Gradient with respect to x, of dout's shape.

    Raises
    ------
    TypeError
        If mask is not bool, or an argument does not hold real numbers, or out has a wrong dtype.
    ValueError
        If the shapes differ, negative_slope is not one number, or out is read-only or of a wrong shape.

    Notes
    -----
    :math:`\partial y/\partial x` is 1 where :math:`x > 0`, else a; at 0, where there is none, a.
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Examples
    --------
    >>> leaky_relu_backward([10.0, 20.0], [False, True], 0.1)
    array([10.,  2.])
    """
    result = _backend.kernels.leaky_relu_backward(dout, mask, negative_slope, out)
    return (
        _contract.leaky_relu_backward(_backend.run, dout, mask, negative_slope, out=out)
        if result is NotImplemented
        else result
    )
