"""Activations and their gradients."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .. import _backend, _contract
from ._types import Array, OneOut

__all__ = ["relu", "relu_backward", "relu_forward", "sigmoid_backward", "sigmoid_forward"]


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


def sigmoid_forward(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Logistic sigmoid, :math:`y = 1 / (1 + e^{-x})`.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype. Exactly 0 at -inf and 1 at +inf; NaN stays NaN.

    Raises
    ------
    TypeError
        If x does not hold real numbers, or out has a wrong dtype.
    ValueError
        If out is read-only or of a wrong shape.

    Notes
    -----
    No argument overflows or warns. Within 4 ulp where the result is a normal number; a subnormal
    result may be 0. Saitoh, *Deep Learning from Scratch*, sections 3.2.4 and 5.5.2.

    Examples
    --------
    >>> sigmoid_forward([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    result = _backend.kernels.sigmoid_forward(x, out)
    return _contract.sigmoid_forward(_backend.run, x, out=out) if result is NotImplemented else result


def sigmoid_backward(dout: ArrayLike, y: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Gradient of the sigmoid from its output: ``dout * y * (1 - y)``.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    y : array_like
        What `sigmoid_forward` returned; dout's shape.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout or y itself.

    Returns
    -------
    dx : ndarray
        Gradient with respect to x, of dout's shape.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or out has a wrong dtype.
    ValueError
        If the shapes differ, or out is read-only or of a wrong shape.

    Notes
    -----
    :math:`dy/dx = e^{-x} / (1 + e^{-x})^2 = y (1 - y)`.
    Saitoh, *Deep Learning from Scratch*, section 5.5.2.

    Examples
    --------
    >>> sigmoid_backward([1.0, 2.0], [0.5, 0.5])
    array([0.25, 0.5 ])
    """
    result = _backend.kernels.sigmoid_backward(dout, y, out)
    return _contract.sigmoid_backward(_backend.run, dout, y, out=out) if result is NotImplemented else result
