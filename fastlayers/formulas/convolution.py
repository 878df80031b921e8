"""Convolution in NumPy: every patch of the images as a row of one matrix, and one product with the filters.

x is ``(N, C, H, W)``; W ``(FN, C / groups, FH, FW)``; y ``(N, FN, OH, OW)``.
"""

from __future__ import annotations

import math

import numpy as np

from .._core.types import Array
from ._sums import wider
from .im2col import Pair, col2im, im2col, places


def convolution_forward(
    x: Array, W: Array, b: Array | None, stride: Pair, pad: Pair, dilation: Pair, groups: int
) -> Array:
    """``y[n, f, i, j] = sum_chw x[n, c, i stride + h dilation - pad, j ...] W[f, c, h, w] + b[f]``.

    A row of the patches' matrix is what filters see at one place, so ``y = col W^T`` with each filter as a row of W.
    With `groups` each has its own share of channels and filters, and they are convolutions beside each other.
    Source: Saitoh, section 7.4.
    """
    filters, _, filter_h, filter_w = W.shape
    out_h, out_w = places(x.shape, filter_h, filter_w, stride, pad, dilation)
    y = np.empty((len(x), filters, out_h, out_w), x.dtype)
    with np.errstate(all="ignore"):
        for of_x, of_W, of_y in _groups(x, W, y, groups):
            col = im2col(of_x, filter_h, filter_w, stride, pad, dilation)
            rows = np.dot(col, of_W.reshape(len(of_W), math.prod(of_W.shape[1:])).T)
            of_y[...] = rows.reshape(len(x), out_h, out_w, len(of_W)).transpose(0, 3, 1, 2)
        if b is not None:
            y += b.reshape(-1, 1, 1)
    return y


def convolution_backward(
    dout: Array, x: Array, W: Array, stride: Pair, pad: Pair, dilation: Pair, groups: int, need_dx: bool
) -> tuple[Array | None, Array, Array]:
    """dx, dW and db of dout, which is of y's shape.

    With dout's numbers as the rows of a matrix as y's are, ``y = col W^T + b`` is an affine transformation: hence
    ``dW = dout^T col``, ``dcol = dout W``, and db the sum of dout over images and places. And since each number of col
    is one of x, dx sums what comes back to it from wherever it was copied to, which is `col2im`.
    Source: Saitoh, section 7.4.
    """
    filters, _, filter_h, filter_w = W.shape
    dx, dW = np.empty(x.shape, x.dtype) if need_dx else None, np.empty(W.shape, W.dtype)
    with np.errstate(all="ignore"):
        for i, (of_x, of_W, of_dout) in enumerate(_groups(x, W, dout, groups)):
            rows = of_dout.transpose(0, 2, 3, 1).reshape(-1, len(of_W))
            matrix = of_W.reshape(len(of_W), math.prod(of_W.shape[1:]))
            col = im2col(of_x, filter_h, filter_w, stride, pad, dilation)
            part = slice(i * len(of_W), (i + 1) * len(of_W))
            dW[part] = np.dot(rows.T, col).reshape(of_W.shape)
            if dx is not None:
                dcol = np.dot(rows, matrix)
                share = slice(i * of_x.shape[1], (i + 1) * of_x.shape[1])
                dx[:, share] = col2im(dcol, of_x.shape, filter_h, filter_w, stride, pad, dilation)
        of_filters = np.ascontiguousarray(dout.transpose(1, 0, 2, 3)).reshape(filters, -1)
        db = of_filters.sum(axis=1, dtype=wider(dout) if dout.dtype.kind == "f" else None).astype(dout.dtype)
    return dx, dW, db


def _groups(x: Array, W: Array, y: Array, groups: int) -> list[tuple[Array, Array, Array]]:
    """What each group has of the channels of x and of the filters of W and y; views."""
    return list(zip(np.split(x, groups, axis=1), np.split(W, groups), np.split(y, groups, axis=1), strict=True))
