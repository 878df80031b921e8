"""The patches that a filter sees, as the rows of a matrix, and back to images, in NumPy.

Each of `stride`, `pad` and `dilation` is a pair, down and across: how far a filter moves, how many zeros stand before
and after the image, and how far the numbers are apart that neighbours in a filter see.
"""

from __future__ import annotations

import numpy as np

from .._core.types import Array

Pair = tuple[int, int]


def places(shape: tuple[int, ...], filter_h: int, filter_w: int, stride: Pair, pad: Pair, dilation: Pair) -> Pair:
    """OH and OW: in how many places a filter fits, along each side."""
    sides = zip(shape[2:], (filter_h, filter_w), stride, pad, dilation, strict=True)
    down, across = ((side + 2 * p - d * (f - 1) - 1) // s + 1 for side, f, s, p, d in sides)
    return down, across


def im2col(input_data: Array, filter_h: int, filter_w: int, stride: Pair, pad: Pair, dilation: Pair) -> Array:
    """The patches that a filter sees, each a row: ``(N * OH * OW, C * FH * FW)``.

    All numbers that one number of a filter sees, at every place, are a slice of the padded images, so that there are as
    many copies as a filter has numbers, whatever the images. A number of x is in as many rows as patches hold it, up to
    ``FH * FW``: that much more memory it takes to have the convolution as one product. Source: Saitoh, section 7.4.
    """
    n, channels, height, width = input_data.shape
    out_h, out_w = places(input_data.shape, filter_h, filter_w, stride, pad, dilation)
    padded = np.zeros((n, channels, height + 2 * pad[0], width + 2 * pad[1]), input_data.dtype)
    padded[:, :, pad[0] : pad[0] + height, pad[1] : pad[1] + width] = input_data
    col = np.empty((n, out_h, out_w, channels, filter_h, filter_w), input_data.dtype)
    for i in range(filter_h):
        for j in range(filter_w):
            seen = padded[:, :, *_seen_by(i, j, out_h, out_w, stride, dilation)]
            col[..., i, j] = seen.transpose(0, 2, 3, 1)
    return col.reshape(n * out_h * out_w, channels * filter_h * filter_w)


def col2im(
    col: Array, input_shape: tuple[int, ...], filter_h: int, filter_w: int, stride: Pair, pad: Pair, dilation: Pair
) -> Array:
    """Images of this shape, each number the sum of those that stand where `im2col` has it.

    It is what `im2col`, a linear map, is transposed: ``sum(im2col(x) * col) == sum(x * col2im(col))``. So it turns
    gradients of patches into those of the images, and is no inverse. Source: Saitoh, section 7.4.
    """
    n, channels, height, width = input_shape
    out_h, out_w = places(input_shape, filter_h, filter_w, stride, pad, dilation)
    col = col.reshape(n, out_h, out_w, channels, filter_h, filter_w)
    padded = np.zeros((n, channels, height + 2 * pad[0], width + 2 * pad[1]), col.dtype)
    for i in range(filter_h):
        for j in range(filter_w):
            seen = padded[:, :, *_seen_by(i, j, out_h, out_w, stride, dilation)]
            seen += col[..., i, j].transpose(0, 3, 1, 2)
    return padded[:, :, pad[0] : pad[0] + height, pad[1] : pad[1] + width].copy()


def _seen_by(i: int, j: int, out_h: int, out_w: int, stride: Pair, dilation: Pair) -> tuple[slice, slice]:
    """Where the number ``[i, j]`` of a filter stands in all of its places."""
    starts = i * dilation[0], j * dilation[1]
    down, across = (
        slice(start, start + (places - 1) * step + 1, step)
        for start, places, step in zip(starts, (out_h, out_w), stride, strict=True)
    )
    return down, across
