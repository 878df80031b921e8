"""The patches of images as a matrix, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import count, real
from .._core.results import Out, deliver_one
from .._core.types import Array, OneOut, Run
from .._core.windows import Pair, placed, shape_of_images
from ..formulas import im2col as formulas

__all__ = ["col2im", "im2col"]


def im2col(
    input_data: ArrayLike,
    filter_h: int,
    filter_w: int,
    stride: Pair = 1,
    pad: Pair = 0,
    *,
    dilation: Pair = 1,
    out: OneOut = None,
) -> Array:
    r"""The patches of images that a filter sees, as the rows of a matrix.

    Parameters
    ----------
    input_data : array_like
        Images ``(N, C, H, W)``.
    filter_h : int
        The filter's height.
    filter_w : int
        The filter's width.
    stride : int or pair of int, default 1
        As `convolution_forward` has it.
    pad : int or pair of int, default 0
        Likewise.
    dilation : int or pair of int, default 1
        Likewise.
    out : ndarray or 1-tuple, optional
        Where the matrix goes.

    Returns
    -------
    col : ndarray
        ``(N * OH * OW, C * filter_h * filter_w)``, of the images' dtype: a row for each place, image by image.

    Raises
    ------
    TypeError
        If `input_data` does not hold real numbers, or a size no integers; if out has a wrong dtype.
    ValueError
        If `input_data` is not 4-d, a size is outside its range, the filter does not fit, or out is read-only or of a
        wrong shape.

    Notes
    -----
    A convolution is ``col @ W.reshape(FN, -1).T``. The book's function, but that it keeps the dtype. Saitoh, *Deep
    Learning from Scratch*, section 7.4.3.

    Examples
    --------
    >>> im2col([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]], 2, 2)
    array([[1., 2., 4., 5.],
           [2., 3., 5., 6.]])
    """
    result = backend.kernels.im2col(input_data, filter_h, filter_w, stride, pad, dilation, out)
    if result is NotImplemented:
        return _im2col(backend.run, input_data, filter_h, filter_w, stride, pad, dilation=dilation, out=out)
    return result  # type: ignore[no-any-return]


def _im2col(
    run: Run,
    input_data: ArrayLike,
    filter_h: int,
    filter_w: int,
    stride: Pair = 1,
    pad: Pair = 0,
    *,
    dilation: Pair = 1,
    out: Out = None,
) -> Array:
    x = real("input_data", input_data)
    window = _filter(filter_h, filter_w)
    options, _ = placed("input_data", x.shape, window, stride, pad, dilation)
    return deliver_one(run(formulas.im2col, np.asarray(x, order="C"), *window, **options), out, "col")


def col2im(
    col: ArrayLike,
    input_shape: Sequence[int],
    filter_h: int,
    filter_w: int,
    stride: Pair = 1,
    pad: Pair = 0,
    *,
    dilation: Pair = 1,
    out: OneOut = None,
) -> Array:
    r"""Images from patches: each number the sum of those that stand where `im2col` puts it.

    Parameters
    ----------
    col : array_like
        ``(N * OH * OW, C * filter_h * filter_w)``.
    input_shape : tuple of int
        The images' shape ``(N, C, H, W)``.
    filter_h : int
        The filter's height.
    filter_w : int
        The filter's width.
    stride : int or pair of int, default 1
        As `im2col` was given it.
    pad : int or pair of int, default 0
        Likewise.
    dilation : int or pair of int, default 1
        Likewise.
    out : ndarray or 1-tuple, optional
        Where the images go.

    Returns
    -------
    image : ndarray
        Of shape `input_shape` and col's dtype.

    Raises
    ------
    TypeError
        If col does not hold real numbers, or a size no integers; if out has a wrong dtype.
    ValueError
        If the shapes do not fit (the message has both), a size is outside its range, or out is read-only or of a wrong
        shape.

    Notes
    -----
    The transpose of the linear map `im2col`, and not its inverse: it turns gradients of patches into those of images.
    Saitoh, *Deep Learning from Scratch*, section 7.4.3.

    Examples
    --------
    >>> col2im([[1.0, 2.0, 4.0, 5.0], [2.0, 3.0, 5.0, 6.0]], (1, 1, 2, 3), 2, 2)
    array([[[[ 1.,  4.,  3.],
             [ 4., 10.,  6.]]]])
    """
    result = backend.kernels.col2im(col, input_shape, filter_h, filter_w, stride, pad, dilation, out)
    if result is NotImplemented:
        return _col2im(backend.run, col, input_shape, filter_h, filter_w, stride, pad, dilation=dilation, out=out)
    return result  # type: ignore[no-any-return]


def _col2im(
    run: Run,
    col: ArrayLike,
    input_shape: Sequence[int],
    filter_h: int,
    filter_w: int,
    stride: Pair = 1,
    pad: Pair = 0,
    *,
    dilation: Pair = 1,
    out: Out = None,
) -> Array:
    col = real("col", col)
    shape = shape_of_images(input_shape)
    window = _filter(filter_h, filter_w)
    options, (high, wide) = placed("input_shape", shape, window, stride, pad, dilation)
    expected = (shape[0] * high * wide, shape[1] * window[0] * window[1])
    if col.shape != expected:
        raise ValueError(f"col of shape {col.shape} does not fit input_shape {shape}: it must have shape {expected}")
    return deliver_one(run(formulas.col2im, np.asarray(col, order="C"), shape, *window, **options), out, "image")


def _filter(height: Any, width: Any) -> tuple[int, int]:
    return count("filter_h", height), count("filter_w", width)
