"""Max pooling and its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import check_unmasked, floating, place_of, real, same_shape
from .._core.results import Out, deliver, deliver_one
from .._core.types import Array, OneOut, Run
from .._core.windows import Pair, Pool, index_dtype, input_shape_of, pool
from ..formulas import max_pooling as formulas

__all__ = ["max_pooling_backward", "max_pooling_forward"]


def max_pooling_forward(
    x: ArrayLike,
    pool_h: int,
    pool_w: int,
    *,
    stride: Pair = 2,
    pad: Pair = 0,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array, Array]:
    r"""Max pooling: the largest number of each window over images.

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
        The margin at each side, which counts as minus infinity; less than the window, so that none lies in it alone.
    out : tuple of two (ndarray or None), optional
        Where y and arg_max go.

    Returns
    -------
    y : ndarray
        ``(N, C, OH, OW)`` with ``OH = (H + 2 pad - pool_h) // stride + 1`` and OW likewise, of x's dtype.
    arg_max : ndarray
        Of y's shape: the index ``i * pool_w + j`` of the largest number in its window, of equal ones of the first. A
        nan is larger than all else. Of uint8, or of intp where the window has more than 256 numbers.

    Raises
    ------
    TypeError
        If x does not hold real numbers, or a size is no integer; if out is a bare array or of a wrong dtype.
    ValueError
        If x is not 4-d, a size is outside its range, no window fits (the message has both shapes), or out is read-only
        or of a wrong shape.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 7.3.

    Examples
    --------
    >>> y, arg_max = max_pooling_forward([[[[1.0, 2.0, 0.0, 1.0], [3.0, 0.0, 4.0, 2.0]]]], 2, 2)
    >>> y
    array([[[[3., 4.]]]])
    >>> arg_max
    array([[[[2, 2]]]], dtype=uint8)
    """
    result = backend.kernels.max_pooling_forward(x, pool_h, pool_w, stride, pad, out)
    if result is NotImplemented:
        return _max_pooling_forward(backend.run, x, pool_h, pool_w, stride=stride, pad=pad, out=out)
    return result  # type: ignore[no-any-return]


def _max_pooling_forward(
    run: Run, x: ArrayLike, pool_h: int, pool_w: int, *, stride: Pair = 2, pad: Pair = 0, out: Out = None
) -> tuple[Array, Array]:
    x, windows = real("x", x), pool(pool_h, pool_w, stride, pad)
    windows.places("x", x.shape)
    results = run(
        formulas.max_pooling_forward,
        np.asarray(x, order="C"),
        *windows.window,
        stride=windows.stride,
        pad=windows.pad,
    )
    y, arg_max = deliver(results, out, ("y", "arg_max"))
    return y, arg_max


def max_pooling_backward(
    dout: ArrayLike,
    arg_max: ArrayLike,
    input_shape: Sequence[int],
    pool_h: int,
    pool_w: int,
    *,
    stride: Pair = 2,
    pad: Pair = 0,
    out: OneOut = None,
) -> Array:
    r"""Gradient of max pooling.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y, of y's shape.
    arg_max : array_like of int
        As forward gave it.
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
    out : ndarray or 1-tuple, optional
        Where dx goes.

    Returns
    -------
    dx : ndarray
        Of `input_shape` and dout's floating dtype: each number of dout where its window had its largest, added up in
        the order of the windows where several had the same one; 0 elsewhere.

    Raises
    ------
    TypeError
        If dout does not hold real numbers, arg_max no integers, or a size is no integer; if out has a wrong dtype.
    ValueError
        If the shapes do not fit (the message has both), a size is outside its range, an index leads out of its window
        or the image (the message has it and its place), or out is read-only or of a wrong shape.

    Notes
    -----
    :math:`\partial L/\partial x = \partial L/\partial y` at the largest number of a window, and 0 at all others.
    Saitoh, *Deep Learning from Scratch*, section 7.4.4.

    Examples
    --------
    >>> max_pooling_backward([[[[5.0, 7.0]]]], [[[[2, 2]]]], (1, 1, 2, 4), 2, 2)
    array([[[[0., 0., 0., 0.],
             [5., 0., 7., 0.]]]])
    """
    result = backend.kernels.max_pooling_backward(dout, arg_max, input_shape, pool_h, pool_w, stride, pad, out)
    if result is NotImplemented:
        return _max_pooling_backward(
            backend.run, dout, arg_max, input_shape, pool_h, pool_w, stride=stride, pad=pad, out=out
        )
    return result  # type: ignore[no-any-return]


def _max_pooling_backward(
    run: Run,
    dout: ArrayLike,
    arg_max: ArrayLike,
    input_shape: Sequence[int],
    pool_h: int,
    pool_w: int,
    *,
    stride: Pair = 2,
    pad: Pair = 0,
    out: Out = None,
) -> Array:
    dout, index = floating("dout", dout), _indices(arg_max)
    windows = pool(pool_h, pool_w, stride, pad)
    shape = input_shape_of(dout, input_shape, windows)
    same_shape("arg_max", index, "dout", dout)
    _check_indices(index, shape, windows)
    dx = run(
        formulas.max_pooling_backward,
        np.asarray(dout, order="C"),
        np.asarray(index, index_dtype(windows.window), order="C"),
        shape,
        *windows.window,
        stride=windows.stride,
        pad=windows.pad,
    )
    return deliver_one(dx, out, "dx")


def _indices(arg_max: ArrayLike) -> Array:
    index = np.asarray(arg_max)
    if index.dtype.kind not in "iu":
        raise TypeError(f"arg_max must hold integers, not {index.dtype.name}")
    check_unmasked("arg_max", arg_max)
    return index


def _check_indices(index: Array, shape: tuple[int, ...], windows: Pool) -> None:
    """ValueError where an index leads out of its window, or into the margin."""
    high, wide = windows.window
    signed = index.astype(np.intp)  # of what is too large for it something negative
    beyond = (signed < 0) | (signed >= high * wide)
    for axis, along in ((2, signed // wide), (3, signed % wide)):
        starts = np.arange(index.shape[axis]) * windows.stride[axis - 2] - windows.pad[axis - 2]
        place = along + (starts[:, np.newaxis] if axis == 2 else starts)
        beyond |= (place < 0) | (place >= shape[axis])
    if beyond.any():
        at = tuple(int(i) for i in np.argwhere(beyond)[0])
        raise ValueError(
            f"arg_max has {index[at]} at {place_of(at)}, where a window of {windows.window} has no number of the image"
        )
