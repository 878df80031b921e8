"""Average pooling in NumPy: the mean of each window, of whose gradient each number has an equal share."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import wider
from ._windows import folded, inside, windows


def average_pooling_forward(
    x: Array, pool_h: int, pool_w: int, stride: tuple[int, int], pad: tuple[int, int], count_include_pad: bool
) -> Array:
    """``y = sum / count`` over each window of x ``(N, C, H, W)``: a margin's zeros count if `count_include_pad`."""
    window = pool_h, pool_w
    with np.errstate(all="ignore"):
        sums = windows(x, window, stride, pad).sum(axis=(4, 5), dtype=wider(x))
        y: Array = (sums / _counts(x.shape, window, stride, pad, count_include_pad)).astype(x.dtype)
    return y


def average_pooling_backward(
    dout: Array,
    input_shape: tuple[int, ...],
    pool_h: int,
    pool_w: int,
    stride: tuple[int, int],
    pad: tuple[int, int],
    count_include_pad: bool,
) -> Array:
    """dx: of each number of dout ``dout / count`` at every number of its window, added up where windows overlap."""
    dx, add = folded(input_shape, dout, stride, pad)
    if not dout.size:  # of no image the windows may be larger than there is memory for
        return np.ascontiguousarray(dx)
    with np.errstate(all="ignore"):
        shares = dout / _counts(input_shape, (pool_h, pool_w), stride, pad, count_include_pad).astype(dout.dtype)
        for i in reversed(range(pool_h)):  # so that each number gets its terms in the order of the windows
            for j in reversed(range(pool_w)):
                add(i, j, shares)
    return np.ascontiguousarray(dx)


def _counts(
    shape: tuple[int, ...],
    window: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    count_include_pad: bool,
) -> Array:
    """By how many numbers the sum of each window is divided, to be spread over ``(N, C, OH, OW)``."""
    high, wide = window
    return np.array(high * wide) if count_include_pad else inside(shape, window, stride, pad).sum(axis=(4, 5))
