"""Softmax."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import (
    floating,
    fortran,
)
from .._core.results import Out, deliver_one
from .._core.types import Array, OneOut, Run
from ..formulas import softmax as formulas

__all__ = ["softmax"]


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
    result = backend.kernels.softmax(x, axis, out)
    return _softmax(backend.run, x, axis=axis, out=out) if result is NotImplemented else result


def _softmax(run: Run, x: ArrayLike, *, axis: int = -1, out: Out = None) -> Array:
    x = floating("x", x)
    if x.ndim == 0:
        raise ValueError("x is 0-dimensional: softmax needs an axis of classes")
    axis = operator.index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise np.exceptions.AxisError(axis, x.ndim)
    axis %= x.ndim
    if fortran(x):  # its transpose is contiguous, and gives back the layout
        y = _softmax_rows(run, x.T, x.ndim - 1 - axis).T
    else:
        y = _softmax_rows(run, x, axis)
    return deliver_one(y, out, "y")


def _softmax_rows(run: Run, x: Array, axis: int) -> Array:
    """Softmax along `axis` of an array of any strides, C-contiguous."""
    rows: Array = np.asarray(np.moveaxis(x, axis, -1), order="C")
    y: Array = np.moveaxis(run(formulas.softmax, rows), -1, axis)
    return np.asarray(y, order="C")
