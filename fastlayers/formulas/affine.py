"""The affine transformation in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import wider


def affine_forward(x: Array, W: Array, b: Array | None) -> Array:
    """``y = x W + b``: x ``(N, D)`` or ``(D,)``, W ``(D, M)``, b ``(M,)`` or None, y ``(N, M)`` or ``(M,)``.

    The bias is the one thing that broadcasts: each row of the batch gets the same.
    Source: Saitoh, section 5.6.2.
    """
    y: Array = np.dot(x, W)
    if b is None:
        return y
    with np.errstate(all="ignore"):
        return y + b


def affine_backward(
    dout: Array, x: Array, W: Array, need_dx: bool, need_dW: bool = True
) -> tuple[Array | None, Array | None, Array | None]:
    """``dx = dout W^T``, ``dW = x^T dout``, ``db = sum of dout over the batch``.

    dout ``(N, M)``, x ``(N, D)``, W ``(D, M)``. From ``y_nm = sum_d x_nd W_dm + b_m`` follow
    ``dL/dx_nd = sum_m dout_nm W_dm``, ``dL/dW_dm = sum_n x_nd dout_nm`` and ``dL/db_m = sum_n dout_nm``.
    Source: Saitoh, section 5.6.2.
    """
    dx = np.dot(dout, W.T) if need_dx else None
    if not need_dW:
        return dx, None, None
    dW = np.dot(x.T, dout)
    # Summed along contiguous memory NumPy adds pairwise, and with digits to spare: adding row after
    # row in float32 would lose a batch of 2**24 ones.
    columns = np.ascontiguousarray(dout.T)
    with np.errstate(all="ignore"):
        if dout.dtype.kind == "f":
            db = columns.sum(axis=1, dtype=wider(dout)).astype(dout.dtype)
        else:
            db = columns.sum(axis=1)
    return dx, dW, db
