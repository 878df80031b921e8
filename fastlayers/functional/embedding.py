"""Rows of a table by their indices, and the gradient of the table."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import check_within, count, floating, integers, real
from .._core.results import Out, deliver_one
from .._core.types import Array, OneOut, Run
from ..formulas import embedding as formulas

__all__ = ["embedding_backward", "embedding_forward"]


def embedding_forward(idx: ArrayLike, W: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Rows of a table, by their indices.

    Parameters
    ----------
    idx : array_like of int
        Indices of rows, from 0, of any shape and integer dtype.
    W : array_like
        The table ``(V, ...)``, mostly ``(V, D)``, with a row for each word.
    out : ndarray or 1-tuple, optional
        Where y goes.

    Returns
    -------
    y : ndarray
        ``(*idx.shape, ...)``, of W's dtype: a row for each index.

    Raises
    ------
    TypeError
        If idx does not hold integers, as bools and floats are none, or W no real numbers; if out has a wrong dtype.
    ValueError
        If W is 0-dimensional, an index is outside ``[0, V)`` (the message has it and its place), or out is read-only or
        of a wrong shape.

    Notes
    -----
    :math:`y_n = W_{idx_n}`: what a product of one-hot rows and W gives, without the product. An index below 0 is
    outside the table, and does not count from its end. Saitoh, *Deep Learning from Scratch*, volume 2, section 4.1.

    Examples
    --------
    >>> embedding_forward([2, 0, 2], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    array([[5., 6.],
           [1., 2.],
           [5., 6.]])
    """
    result = backend.kernels.embedding_forward(idx, W, out)
    return _embedding_forward(backend.run, idx, W, out=out) if result is NotImplemented else result


def _embedding_forward(run: Run, idx: ArrayLike, W: ArrayLike, *, out: Out = None) -> Array:
    index, table = integers("idx", idx), real("W", W)
    if table.ndim == 0:
        raise ValueError("W is 0-dimensional: it must be a table (V, ...)")
    index = check_within("idx", index, len(table))
    return deliver_one(run(formulas.embedding_forward, index, np.asarray(table, order="C")), out, "y")


def embedding_backward(dout: ArrayLike, idx: ArrayLike, rows: int, *, out: OneOut = None) -> Array:
    r"""Gradient of the table whose rows were taken.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y, ``(*idx.shape, ...)``.
    idx : array_like of int
        As forward was given it.
    rows : int
        How many rows the table has.
    out : ndarray or 1-tuple, optional
        Where dW goes.

    Returns
    -------
    dW : ndarray
        ``(rows, ...)``, of dout's floating dtype: each row the sum of what dout has for its index, 0 where there is
        none.

    Raises
    ------
    TypeError
        If dout does not hold real numbers, idx no integers, or rows is none; if out has a wrong dtype.
    ValueError
        If the shapes do not fit (the message has both), rows is negative, an index is outside ``[0, rows)`` (the
        message has it and its place), or out is read-only or of a wrong shape.

    Notes
    -----
    :math:`\partial L/\partial W_v = \sum_{n: idx_n = v} \partial L/\partial y_n`, added in the order of the indices and
    in more digits than dout has, so that it is accurate however often an index occurs.
    Saitoh, *Deep Learning from Scratch*, volume 2, section 4.1.

    Examples
    --------
    >>> embedding_backward([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]], [2, 0, 2], 3)
    array([[ 3.,  4.],
           [ 0.,  0.],
           [11., 22.]])
    """
    result = backend.kernels.embedding_backward(dout, idx, rows, out)
    return _embedding_backward(backend.run, dout, idx, rows, out=out) if result is NotImplemented else result


def _embedding_backward(run: Run, dout: ArrayLike, idx: ArrayLike, rows: int, *, out: Out = None) -> Array:
    gradient, index = floating("dout", dout), integers("idx", idx)
    rows = count("rows", rows, 0)
    if gradient.shape[: index.ndim] != index.shape:
        expected = f"({''.join(f'{size}, ' for size in index.shape)}...)"
        raise ValueError(
            f"dout of shape {gradient.shape} does not fit idx of shape {index.shape}: it must have shape {expected}"
        )
    index = check_within("idx", index, rows)
    return deliver_one(run(formulas.embedding_backward, np.asarray(gradient, order="C"), index, rows), out, "dW")
