"""Windows that move over images: an array of them, and sums of what they give back to the images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.types import Array


def windows(x: Array, window: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], fill: Any = 0) -> Array:
    """Each window over images ``(N, C, H, W)`` with a margin of `fill`: ``(N, C, OH, OW, height, width)``, a view."""
    if any(pad):
        x = np.pad(x, ((0, 0), (0, 0), *((width, width) for width in pad)), constant_values=fill)
    down, right = stride
    return np.lib.stride_tricks.sliding_window_view(x, window, axis=(2, 3))[:, :, ::down, ::right]


def inside(shape: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]) -> Array:
    """Which numbers of each window are the image's and not the margin's: ``(1, 1, OH, OW, height, width)``."""
    return windows(np.ones((1, 1, *shape[2:]), bool), window, stride, pad, False)


def folded(
    shape: tuple[int, ...], dout: Array, stride: tuple[int, int], pad: tuple[int, int]
) -> tuple[Array, Callable[[int, int, Array], None]]:
    """The other way: images of zeros in dout's dtype, and what adds to them what their windows give back.

    It is told a place ``(i, j)`` in a window, and for each window, as ``(N, C, OH, OW)``, what the number there gets.
    """
    n, c, high, wide = shape
    (top, left), (down, right), (rows, columns) = pad, stride, dout.shape[2:]
    padded = np.zeros((n, c, high + 2 * top, wide + 2 * left), dout.dtype)

    def add(i: int, j: int, values: Array) -> None:
        padded[:, :, i : i + down * rows : down, j : j + right * columns : right] += values

    return padded[:, :, top : top + high, left : left + wide], add
