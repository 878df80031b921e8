"""Average pooling and its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import floating, switch
from .._core.results import Out, deliver_one
from .._core.types import Array, OneOut, Run
from .._core.windows import Pair, input_shape_of, pool
from ..formulas import average_pooling as formulas

__all__ = ["average_pooling_backward", "average_pooling_forward"]


def average_pooling_forward(
    x: ArrayLike,
    pool_h: int,
    pool_w: int,
    *,
    stride: Pair = 2,
    pad: Pair = 0,
    count_include_pad: bool = True,
    out: OneOut = None,
) -> Array:
    r"""Average pooling: the mean of each window over images.

    Parameters
    ----------
    x : array_like
        Images ``(N, C, H, W)``.
    pool_h : int
        The window's height, 1 or more.
    pool_w : int
        Its width.
    stride : int or pair of int, default 2
        From one window to the next, 1 or more; one for both axes, or one for the height and one for the width.
    pad : int or pair of int, default 0
        The margin of zeros at each side; less than the window.
    count_include_pad : bool, default True
        Whether a sum is divided by all numbers of its window, those of the margin too, as PyTorch does by default; or
        by those of the image alone, as ONNX does.
    out : ndarray or 1-tuple, optional
        Where y goes.

    Returns
    -------
    y : ndarray
        ``(N, C, OH, OW)`` with ``OH = (H + 2 pad - pool_h) // stride + 1`` and OW likewise, of x's floating dtype.

    Raises
    ------
    TypeError
        If x does not hold real numbers, a size is no integer or count_include_pad no bool; if out has a wrong dtype.
    ValueError
        If x is not 4-d, a size is outside its range, no window fits (the message has both shapes), or out is read-only
        or of a wrong shape.

    Notes
    -----
    float32 is summed in float64, and float64 with what rounding loses kept: a mean is within an ulp, whatever the
    window. One window over the whole image is global average pooling. LeCun, Bottou, Bengio and Haffner,
    "Gradient-Based Learning Applied to Document Recognition", 1998.

    Examples
    --------
    >>> average_pooling_forward([[[[1.0, 2.0, 0.0, 1.0], [3.0, 0.0, 4.0, 2.0]]]], 2, 2)
    array([[[[1.5 , 1.75]]]])
    """
    result = backend.kernels.average_pooling_forward(x, pool_h, pool_w, stride, pad, count_include_pad, out)
    if result is NotImplemented:
        return _average_pooling_forward(
            backend.run, x, pool_h, pool_w, stride=stride, pad=pad, count_include_pad=count_include_pad, out=out
        )
    return result  # type: ignore[no-any-return]


def _average_pooling_forward(
    run: Run,
    x: ArrayLike,
    pool_h: int,
    pool_w: int,
    *,
    stride: Pair = 2,
    pad: Pair = 0,
    count_include_pad: bool = True,
    out: Out = None,
) -> Array:
    x, windows = floating("x", x), pool(pool_h, pool_w, stride, pad)
    counts = switch("count_include_pad", count_include_pad)
    windows.places("x", x.shape)
    y = run(
        formulas.average_pooling_forward,
        np.asarray(x, order="C"),
        *windows.window,
        stride=windows.stride,
        pad=windows.pad,
        count_include_pad=counts,
    )
    return deliver_one(y, out, "y")


def average_pooling_backward(
    dout: ArrayLike,
    input_shape: Sequence[int],
    pool_h: int,
    pool_w: int,
    *,
    stride: Pair = 2,
    pad: Pair = 0,
    count_include_pad: bool = True,
    out: OneOut = None,
) -> Array:
    r"""Gradient of average pooling.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y, of y's shape.
    input_shape : tuple of int
        The shape of forward's x, ``(N, C, H, W)``.
    pool_h : int
        As forward was given it.
    pool_w : int
        Likewise.
    stride : int or pair of int, default 2
        Likewise.
    pad : int or pair of int, default 0
        Likewise.
    count_include_pad : bool, default True
        Likewise.
    out : ndarray or 1-tuple, optional
        Where dx goes.

    Returns
    -------
    dx : ndarray
        Of `input_shape` and dout's floating dtype: at each number the sum of ``dout / count`` over the windows that
        have it, in their order.

    Raises
    ------
    TypeError
        If dout does not hold real numbers, a size is no integer or count_include_pad no bool; if out has a wrong dtype.
    ValueError
        If the shapes do not fit (the message has both), a size is outside its range, or out is read-only or of a wrong
        shape.

    Notes
    -----
    :math:`\partial L/\partial x = \sum \partial L/\partial y / count` over the windows that have x. LeCun, Bottou,
    Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.

    Examples
    --------
    >>> average_pooling_backward([[[[4.0, 8.0]]]], (1, 1, 2, 4), 2, 2)
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """
    result = backend.kernels.average_pooling_backward(
        dout, input_shape, pool_h, pool_w, stride, pad, count_include_pad, out
    )
    if result is NotImplemented:
        return _average_pooling_backward(
            backend.run,
            dout,
            input_shape,
            pool_h,
            pool_w,
            stride=stride,
            pad=pad,
            count_include_pad=count_include_pad,
            out=out,
        )
    return result  # type: ignore[no-any-return]


def _average_pooling_backward(
    run: Run,
    dout: ArrayLike,
    input_shape: Sequence[int],
    pool_h: int,
    pool_w: int,
    *,
    stride: Pair = 2,
    pad: Pair = 0,
    count_include_pad: bool = True,
    out: Out = None,
) -> Array:
    dout, windows = floating("dout", dout), pool(pool_h, pool_w, stride, pad)
    counts = switch("count_include_pad", count_include_pad)
    dx = run(
        formulas.average_pooling_backward,
        np.asarray(dout, order="C"),
        input_shape_of(dout, input_shape, windows),
        *windows.window,
        stride=windows.stride,
        pad=windows.pad,
        count_include_pad=counts,
    )
    return deliver_one(dx, out, "dx")
