"""Rows of a table by their indices, and what comes back to them, in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import wider


def embedding_forward(idx: Array, W: Array) -> Array:
    """The rows of W ``(V, ...)`` that idx names: of idx's shape, with a row for each index.

    It is the product of rows that are 1 at the index and 0 elsewhere with W, without the V multiplications for each
    number. Source: Saitoh, volume 2, section 4.1.
    """
    y: Array = W.take(idx, axis=0)
    return y


def embedding_backward(dout: Array, idx: Array, rows: int) -> Array:
    """dW of so many rows: to each is added what dout has for its index, as often as that occurs; else it is 0.

    From ``y_n = W_idx[n]`` follows ``dL/dW_v = sum of dout_n over all n with idx[n] = v``. Assigned instead of added,
    of a word that occurs twice one gradient would be lost. What is added to a row is summed up in a wider dtype, since
    a frequent word may occur so often that in float32 one gradient more would change nothing.
    Source: Saitoh, volume 2, section 4.1.
    """
    of_a_row = dout.shape[idx.ndim :]
    named, places = np.unique(idx.reshape(-1), return_inverse=True)
    sums = np.zeros((len(named), *of_a_row), wider(dout))
    dW = np.zeros((rows, *of_a_row), dout.dtype)
    with np.errstate(all="ignore"):
        np.add.at(sums, places, dout.reshape(idx.size, *of_a_row))
        dW[named] = sums
    return dW
