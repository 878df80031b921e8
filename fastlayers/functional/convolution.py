"""Convolution and its gradients."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import cast, count, real
from .._core.results import Out, deliver, deliver_one
from .._core.types import Array, OneOut, Run
from .._core.windows import Pair, placed
from ..formulas import convolution as formulas

__all__ = ["convolution_backward", "convolution_forward"]


def convolution_forward(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    pad: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: OneOut = None,
) -> Array:
    r"""Convolution of images with filters: what each filter gives at each place, with its bias.

    Parameters
    ----------
    x : array_like
        Images ``(N, C, H, W)``.
    W : array_like
        Filters ``(FN, C / groups, FH, FW)``.
    b : array_like, optional
        Bias ``(FN,)``, or a number for all filters.
    stride : int or pair of int, default 1
        How far a filter moves, 1 or more; one for both axes, or one for the height and one for the width.
    pad : int or pair of int, default 0
        How many zeros stand at each side of an image.
    dilation : int or pair of int, default 1
        How far the numbers of an image are apart that neighbours in a filter see, 1 or more.
    groups : int, default 1
        Into how many parts channels and filters are divided, each filter seeing the channels of its own part; with as
        many as there are channels each is convolved by itself.
    out : ndarray or 1-tuple, optional
        Where y goes.

    Returns
    -------
    y : ndarray
        ``(N, FN, OH, OW)`` with ``OH = (H + 2 pad - dilation (FH - 1) - 1) // stride + 1`` and OW likewise.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or an option no integers; if out has a wrong dtype.
    ValueError
        If the shapes do not fit (the message has both), an option is outside its range, the images with their margins
        had more numbers than memory can hold, or out is read-only or of a wrong shape.

    Notes
    -----
    :math:`y_{nfij} = b_f + \sum_{chw} x_{n,\,c,\,i s + h d - p,\,j s + w d - p} W_{fchw}`, with zeros outside the
    images, which are multiplied as well: an infinite weight at an edge gives nan. Compiled, no array of patches is
    made. Saitoh, *Deep Learning from Scratch*, section 7.4.

    Examples
    --------
    >>> x = [[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]
    >>> convolution_forward(x, [[[[1.0, 0.0], [0.0, 1.0]]]], [100.0])
    array([[[[106., 108.],
             [112., 114.]]]])
    """
    result = backend.kernels.convolution_forward(x, W, b, stride, pad, dilation, groups, out)
    if result is NotImplemented:
        return _convolution_forward(
            backend.run, x, W, b, stride=stride, pad=pad, dilation=dilation, groups=groups, out=out
        )
    return result  # type: ignore[no-any-return]


def _convolution_forward(
    run: Run,
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    pad: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: Out = None,
) -> Array:
    x, W = real("x", x), real("W", W)
    options, _ = _fitting(x, W, stride, pad, dilation, groups)
    arrays = [x, W]
    if b is not None:
        bias = real("b", b)
        if bias.shape not in ((), W.shape[:1]):
            raise ValueError(
                f"b of shape {bias.shape} does not fit W of shape {W.shape}: b must have shape {W.shape[:1]}"
            )
        dtype = np.result_type(x, W)
        if type(b) in (int, float) and dtype.kind == "f":  # which NumPy takes in the dtype of arrays
            bias = bias.astype(dtype)
        arrays.append(np.broadcast_to(bias, W.shape[:1]))
    arrays = [np.asarray(a, order="C") for a in cast(np.result_type(*arrays), *arrays)]
    return deliver_one(run(formulas.convolution_forward, *arrays, *([None] if b is None else []), **options), out, "y")


@overload
def convolution_backward(
    dout: ArrayLike,
    x: ArrayLike,
    W: ArrayLike,
    *,
    stride: Pair = 1,
    pad: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    need_dx: Literal[True] = True,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array, Array, Array]: ...
@overload
def convolution_backward(
    dout: ArrayLike,
    x: ArrayLike,
    W: ArrayLike,
    *,
    stride: Pair = 1,
    pad: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    need_dx: bool,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array, Array]: ...
def convolution_backward(
    dout: ArrayLike,
    x: ArrayLike,
    W: ArrayLike,
    *,
    stride: Pair = 1,
    pad: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    need_dx: bool = True,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array, Array]:
    r"""Gradients of a convolution with respect to its images, filters and bias.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y, ``(N, FN, OH, OW)``.
    x : array_like
        The images of `convolution_forward`.
    W : array_like
        The filters.
    stride : int or pair of int, default 1
        As forward was given it.
    pad : int or pair of int, default 0
        Likewise.
    dilation : int or pair of int, default 1
        Likewise.
    groups : int, default 1
        Likewise.
    need_dx : bool, default True
        Whether to compute dx; the first layer of a network has no use for it.
    out : tuple of three (ndarray or None), optional
        Where dx, dW and db go.

    Returns
    -------
    dx : ndarray or None
        Of x's shape, in the dtype that dout, x and W promote to; None without `need_dx`.
    dW : ndarray
        Of W's shape and dx's dtype.
    db : ndarray
        ``(FN,)``, likewise.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or an option no integers; if out is a bare array or of a wrong dtype.
    ValueError
        If the shapes do not fit (the message has them), an option is outside its range, or out is read-only or of a
        wrong shape.

    Notes
    -----
    With the patches of the images as the rows of a matrix, as `im2col` has them, a convolution is an affine
    transformation: :math:`dW = dout^T col`, :math:`dcol = dout\,W`, db sums dout over images and places, accurately,
    and dx is `col2im` of dcol. Saitoh, *Deep Learning from Scratch*, section 7.4.

    Examples
    --------
    >>> x = [[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]
    >>> dx, dW, db = convolution_backward([[[[1.0, 10.0]]]], x, [[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> dx
    array([[[[ 1., 12., 20.],
             [ 3., 34., 40.]]]])
    >>> dW, db
    (array([[[[21., 32.],
             [54., 65.]]]]), array([11.]))
    """
    result = backend.kernels.convolution_backward(dout, x, W, stride, pad, dilation, groups, need_dx, out)
    if result is NotImplemented:
        return _convolution_backward(
            backend.run,
            dout,
            x,
            W,
            stride=stride,
            pad=pad,
            dilation=dilation,
            groups=groups,
            need_dx=need_dx,
            out=out,
        )
    return result  # type: ignore[no-any-return]


def _convolution_backward(
    run: Run,
    dout: ArrayLike,
    x: ArrayLike,
    W: ArrayLike,
    *,
    stride: Pair = 1,
    pad: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    need_dx: bool = True,
    out: Out = None,
) -> tuple[Array | None, Array, Array]:
    need_dx = bool(need_dx)  # first, as the kernel has it
    dout, x, W = real("dout", dout), real("x", x), real("W", W)
    options, expected = _fitting(x, W, stride, pad, dilation, groups)
    if dout.shape != expected:
        raise ValueError(
            f"dout of shape {dout.shape} does not fit x of shape {x.shape} and W of shape {W.shape}: "
            f"dout must have shape {expected}"
        )
    if not need_dx and isinstance(out, tuple) and len(out) == 3 and isinstance(out[0], np.ndarray):
        raise ValueError("out[0] must be None when need_dx is False: there is no dx to write into it")
    arrays = [np.asarray(a, order="C") for a in cast(np.result_type(dout, x, W), dout, x, W)]
    results = run(formulas.convolution_backward, *arrays, **options, need_dx=need_dx)
    dx, dW, db = deliver(results, out, ("dx", "dW", "db"))
    return dx, dW, db


def _fitting(
    x: Array, W: Array, stride: Pair, pad: Pair, dilation: Pair, groups: int
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The options, once x and W are seen to fit by them, and the shape of y."""
    if x.ndim != 4 or W.ndim != 4:
        name, array, other = ("x", x, W) if x.ndim != 4 else ("W", W, x)
        wanted, other_name = {"x": ("(N, C, H, W)", "W"), "W": ("(FN, C / groups, FH, FW)", "x")}[name]
        raise ValueError(
            f"{name} of shape {array.shape} does not fit {other_name} of shape {other.shape}: "
            f"{name} must have shape {wanted}"
        )
    groups = count("groups", groups)
    filters, channels, height, width = W.shape
    if channels * groups != x.shape[1]:
        raise ValueError(
            f"x of shape {x.shape} does not fit W of shape {W.shape}: x must have {channels * groups} channels"
        )
    if filters % groups or not height or not width:
        wanted = f"filters in {groups} groups of a size" if filters % groups else "filters of a number or more"
        raise ValueError(f"W of shape {W.shape} does not fit x of shape {x.shape}: W must have {wanted}")
    options, found = placed("x", x.shape, (height, width), stride, pad, dilation)
    return {**options, "groups": groups}, (len(x), filters, *found)
