"""Softmax and its gradient."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import cast, floating, fortran, same_shape
from .._core.results import Out, deliver_one
from .._core.types import Array, OneOut, Run
from ..formulas import softmax as formulas

__all__ = ["softmax", "softmax_backward"]


def softmax(x: ArrayLike, *, axis: int = -1, out: OneOut = None) -> Array:
    r"""Softmax, :math:`y_i = e^{x_i} / \sum_j e^{x_j}`, of each row by itself.

    Parameters
    ----------
    x : array_like
        One dimension or more, any real dtype.
    axis : int, default -1
        The axis of the classes.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype. Each is in [0, 1], and exactly 1 where no other class has a part, as of
        one class; equal scores have equal ones; each row sums to 1, within 5 ulp of it. A row with +inf or nan, or of
        -inf alone, is nan, without a warning. Over no class it is empty.

    Raises
    ------
    TypeError
        If x does not hold real numbers, axis is not an integer, or out has a wrong dtype.
    ValueError
        If x is 0-dimensional, axis is out of range (`numpy.exceptions.AxisError`), or out is
        read-only or of a wrong shape.

    Notes
    -----
    Computed as :math:`e^{x_i - m} / \sum_j e^{x_j - m}` with the row's maximum m, which cannot overflow.
    Within 5 ulp of the exact result, where that is a normal number; a smaller one may be 0.
    Saitoh, *Deep Learning from Scratch*, section 3.5; the notebook divides by the sum over the whole batch.

    Examples
    --------
    >>> softmax([[0.0, 0.0], [1000.0, 1000.0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    result = backend.kernels.softmax(x, out, axis)
    return _softmax(backend.run, x, axis=axis, out=out) if result is NotImplemented else result


def _softmax(run: Run, x: ArrayLike, *, axis: int = -1, out: Out = None) -> Array:
    x = floating("x", x)
    return deliver_one(_over_rows(run, formulas.softmax, _axis_of_classes("x", x, axis), x), out, "y")


def softmax_backward(dout: ArrayLike, y: ArrayLike, *, axis: int = -1, out: OneOut = None) -> Array:
    r"""Gradient of softmax, from its output.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; one dimension or more, any real dtype.
    y : array_like
        Probabilities of dout's shape, as `softmax` returned them.
    axis : int, default -1
        The axis of the classes.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout or y itself.

    Returns
    -------
    dx : ndarray
        ``y * (dout - sum(dout * y))``, with the sum over the classes, of dout's shape. Where dout is not finite, or y
        nan, its row is not either, without a warning.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, axis is not an integer, or out has a wrong dtype.
    ValueError
        If the shapes differ, dout is 0-dimensional, axis is out of range (`numpy.exceptions.AxisError`), or out is
        read-only or of a wrong shape.

    Notes
    -----
    :math:`\partial y_j / \partial x_i = y_j (\delta_{ij} - y_i)`, with :math:`\delta_{ij}` 1 where i is j and 0
    elsewhere, so that :math:`\partial L / \partial x_i = y_i (dout_i - \sum_j dout_j\,y_j)`. Each dx is
    within 4 ulp of the larger of ``y * abs(dout)`` and ``y * sum(abs(dout * y))``, also in a long row. For
    cross-entropy there is `softmax_cross_entropy`, which needs no difference where a class dominates. Saitoh, *Deep
    Learning from Scratch 2*, section 8.1, where it is a part of attention.

    Examples
    --------
    >>> softmax_backward([[1.0, 0.0, 0.0]], [[0.5, 0.25, 0.25]])
    array([[ 0.25 , -0.125, -0.125]])
    """
    result = backend.kernels.softmax_backward(dout, y, out, axis)
    return _softmax_backward(backend.run, dout, y, axis=axis, out=out) if result is NotImplemented else result


def _softmax_backward(run: Run, dout: ArrayLike, y: ArrayLike, *, axis: int = -1, out: Out = None) -> Array:
    dout, y = floating("dout", dout), floating("y", y)
    same_shape("dout", dout, "y", y)
    axis = _axis_of_classes("dout", dout, axis)
    operands = cast(np.result_type(dout, y), dout, y)
    return deliver_one(_over_rows(run, formulas.softmax_backward, axis, *operands), out, "dx")


def _axis_of_classes(name: str, array: Array, axis: int) -> int:
    if array.ndim == 0:
        raise ValueError(f"{name} is 0-dimensional: softmax needs an axis of classes")
    axis = operator.index(axis)
    if not -array.ndim <= axis < array.ndim:
        raise np.exceptions.AxisError(axis, array.ndim)
    return axis % array.ndim


def _over_rows(run: Run, formula: Any, axis: int, *arrays: Array) -> Array:
    """What a formula of rows makes of arrays of any strides along `axis`: C-contiguous, or Fortran's where they are."""
    if all(map(fortran, arrays)):  # their transposes are contiguous, and give back the layout
        return _over_rows(run, formula, arrays[0].ndim - 1 - axis, *(a.T for a in arrays)).T
    rows = [np.asarray(np.moveaxis(a, axis, -1), order="C") for a in arrays]
    y: Array = np.moveaxis(run(formula, *rows), -1, axis)
    return np.asarray(y, order="C")
