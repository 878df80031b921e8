"""Max pooling in NumPy: of each window the largest number, to which alone its gradient goes back."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from .._core.windows import index_dtype
from ._windows import folded, inside, windows


def max_pooling_forward(
    x: Array, pool_h: int, pool_w: int, stride: tuple[int, int], pad: tuple[int, int]
) -> tuple[Array, Array]:
    """``y = max`` over each window of x ``(N, C, H, W)``, and the index in the window of the first number that has it.

    ``np.argmax`` takes the first of equal numbers, and the first nan before all else. A margin holds what no number is
    below; where it comes before numbers that are as low, the first of those is taken. Source: Saitoh, section 7.4.4.
    """
    window, size = (pool_h, pool_w), pool_h * pool_w
    lowest = -np.inf if x.dtype.kind == "f" else False if x.dtype.kind == "b" else np.iinfo(x.dtype).min
    seen = windows(x, window, stride, pad, lowest)
    seen = seen.reshape(*seen.shape[:4], size)
    index = seen.argmax(axis=-1)
    if any(pad):
        true = inside(x.shape, window, stride, pad).reshape(1, 1, *seen.shape[2:])
        taken = np.take_along_axis(np.broadcast_to(true, seen.shape), index[..., np.newaxis], axis=-1)[..., 0]
        index = np.where(taken, index, true.argmax(axis=-1))
    y: Array = np.take_along_axis(seen, index[..., np.newaxis], axis=-1)[..., 0]
    return y, index.astype(index_dtype(window))


def max_pooling_backward(
    dout: Array,
    arg_max: Array,
    input_shape: tuple[int, ...],
    pool_h: int,
    pool_w: int,
    stride: tuple[int, int],
    pad: tuple[int, int],
) -> Array:
    """dx: each number of dout at the number that was its window's largest, added up where windows share one; else 0."""
    dx, add = folded(input_shape, dout, stride, pad)
    if not dout.size:  # and windows may be of any size
        return np.ascontiguousarray(dx)
    for i in reversed(range(pool_h)):  # so that each number gets its terms in the order of the windows
        for j in reversed(range(pool_w)):
            add(i, j, np.where(arg_max == i * pool_w + j, dout, 0))
    return np.ascontiguousarray(dx)
