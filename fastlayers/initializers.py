"""Initial weights, scaled so that a signal keeps its size from layer to layer, forward and backward.

A unit sums up as many numbers as it has inputs, so its output is as large as they are if the weights' variance is
one over their number (Glorot and Bengio; here of inputs and outputs, for the way back), or two over it behind ReLU,
which lets half of the signal through (He et al.). Weights are ``(inputs, outputs)``, as `Affine` has them, or
``(filters, channels, height, width)``, as `Convolution` has them: there a unit's inputs are those under one filter.

Numbers are drawn in float64 and then cast: a seed gives the same ones, rounded, in every dtype.

>>> import fastlayers as fl
>>> rng = np.random.default_rng(0)
>>> net = fl.Sequential(
...     [fl.Affine(*affine(784, 50, rng=rng)), fl.Relu(), fl.Affine(*affine(50, 10, rng=rng))], fl.SoftmaxWithLoss()
... )
>>> [param.shape for param in net.params]
[(784, 50), (50,), (50, 10), (10,)]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ._core import arguments
from ._core.types import Array

__all__ = ["affine", "convolution", "he_normal", "he_uniform", "xavier_normal", "xavier_uniform"]


def he_normal(shape: tuple[int, ...], *, rng: Any = None, dtype: DTypeLike = np.float32) -> Array:
    r"""Normal weights for a layer before ReLU: :math:`\sigma = \sqrt{2 / D}`.

    Parameters
    ----------
    shape : tuple of int
        ``(D, M)``: inputs and outputs. Or ``(FN, C, FH, FW)``, of a convolution's filters: D is ``C * FH * FW``, and M,
        where it counts, ``FN * FH * FW``.
    rng : optional
        A `numpy.random.Generator`, or a seed of one: anything that `numpy.random.default_rng` takes.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    ndarray
        Of that shape and `dtype`.

    Raises
    ------
    TypeError, ValueError
        If `shape` is not two or four sizes of 0 or more, or `dtype` is no floating one; as `numpy.random.default_rng`.

    Notes
    -----
    He et al., "Delving deep into rectifiers", ICCV 2015, equation 10; Saitoh, section 6.2.3.

    Examples
    --------
    >>> he_normal((2, 3), rng=0).round(2)
    array([[ 0.13, -0.13,  0.64],
           [ 0.1 , -0.54,  0.36]], dtype=float32)
    """
    inputs, _ = _fans(shape)
    return _normal(shape, math.sqrt(2 / max(inputs, 1)), rng, dtype)


def he_uniform(shape: tuple[int, ...], *, rng: Any = None, dtype: DTypeLike = np.float32) -> Array:
    r"""Weights of the same variance from :math:`[-a, a)`, :math:`a = \sqrt{6 / D}`; otherwise as `he_normal`.

    Examples
    --------
    >>> he_uniform((6, 1), rng=0).round(2).ravel()
    array([ 0.27, -0.46, -0.92, -0.97,  0.63,  0.83], dtype=float32)
    """
    inputs, _ = _fans(shape)
    return _uniform(shape, math.sqrt(6 / max(inputs, 1)), rng, dtype)


def xavier_normal(shape: tuple[int, ...], *, rng: Any = None, dtype: DTypeLike = np.float32) -> Array:
    r"""Normal weights for a layer before sigmoid or tanh: :math:`\sigma = \sqrt{2 / (D + M)}`; else as `he_normal`.

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    equation 12; Saitoh, section 6.2.2, has its first form, :math:`\sqrt{1 / D}`.

    Examples
    --------
    >>> xavier_normal((1, 3), rng=0).round(2)
    array([[ 0.09, -0.09,  0.45]], dtype=float32)
    """
    return _normal(shape, math.sqrt(2 / max(sum(_fans(shape)), 1)), rng, dtype)


def xavier_uniform(shape: tuple[int, ...], *, rng: Any = None, dtype: DTypeLike = np.float32) -> Array:
    r"""Weights of the same variance from :math:`[-a, a)`, :math:`a = \sqrt{6 / (D + M)}`; else as `xavier_normal`.

    Notes
    -----
    Glorot and Bengio, AISTATS 2010, equation 16.

    Examples
    --------
    >>> xavier_uniform((2, 4), rng=0).round(2)
    array([[ 0.27, -0.46, -0.92, -0.97],
           [ 0.63,  0.83,  0.21,  0.46]], dtype=float32)
    """
    return _uniform(shape, math.sqrt(6 / max(sum(_fans(shape)), 1)), rng, dtype)


def affine(
    inputs: int,
    outputs: int,
    *,
    init: Callable[..., Array] = he_normal,
    bias: bool = True,
    rng: Any = None,
    dtype: DTypeLike = np.float32,
) -> tuple[Array, Array | None]:
    """The weights and the bias of a new `Affine`: ``fl.Affine(*affine(784, 50))``.

    Parameters
    ----------
    inputs, outputs : int
        D and M.
    init : callable, default `he_normal`
        Makes the weights: called as ``init((inputs, outputs), rng=rng, dtype=dtype)``.
    bias : bool, default True
        False for a layer without one.
    rng : optional
        As for `he_normal`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    W : ndarray
        ``(D, M)``.
    b : ndarray or None
        ``(M,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        As `he_normal`; and if `bias` is neither True nor False.

    Examples
    --------
    >>> W, b = affine(3, 2, init=xavier_uniform, rng=0)
    >>> W.shape, b
    ((3, 2), array([0., 0.], dtype=float32))
    """
    bias = arguments.switch("bias", bias)
    shape = _sizes((inputs, outputs))
    W = init(shape, rng=rng, dtype=dtype)
    return W, np.zeros(shape[1], _floating(dtype)) if bias else None


def convolution(
    channels: int,
    filters: int,
    size: int | tuple[int, int],
    *,
    groups: int = 1,
    init: Callable[..., Array] = he_normal,
    bias: bool = True,
    rng: Any = None,
    dtype: DTypeLike = np.float32,
) -> tuple[Array, Array | None]:
    """The weights and the bias of a new `Convolution`: ``fl.Convolution(*convolution(1, 30, 5))``.

    Parameters
    ----------
    channels, filters : int
        C of what comes in, and FN of what goes out.
    size : int or tuple of int
        The height and width of a filter, or both.
    groups : int, default 1
        The convolution's: a filter then sees so small a part of the channels.
    init : callable, default `he_normal`
        Makes the weights: called as ``init((FN, C / groups, FH, FW), rng=rng, dtype=dtype)``.
    bias : bool, default True
        False for a layer without one.
    rng : optional
        As for `affine`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    W : ndarray
        ``(FN, C / groups, FH, FW)``.
    b : ndarray or None
        ``(FN,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        As `affine`; and if `groups` does not divide both channels and filters.

    Examples
    --------
    >>> W, b = convolution(3, 8, 5, rng=0)
    >>> W.shape, b.shape
    ((8, 3, 5, 5), (8,))
    """
    bias = arguments.switch("bias", bias)
    groups = arguments.count("groups", groups)
    height, width = size if isinstance(size, tuple | list) and len(size) == 2 else (size, size)
    filters, channels, *window = _sizes((filters, channels, height, width))
    if channels % groups or filters % groups:
        raise ValueError(f"groups must divide channels and filters, not be {groups} for {channels} and {filters}")
    W = init((filters, channels // groups, *window), rng=rng, dtype=dtype)
    return W, np.zeros(filters, _floating(dtype)) if bias else None


def _normal(shape: tuple[int, ...], deviation: float, rng: Any, dtype: DTypeLike) -> Array:
    dtype, weights = _floating(dtype), np.random.default_rng(rng).standard_normal(_sizes(shape))
    weights *= deviation
    return weights.astype(dtype, copy=False)


def _uniform(shape: tuple[int, ...], bound: float, rng: Any, dtype: DTypeLike) -> Array:
    dtype, weights = _floating(dtype), np.random.default_rng(rng).random(_sizes(shape))
    weights *= 2 * bound  # Generator.uniform would do, but leaks references to a dtype
    weights -= bound
    return weights.astype(dtype, copy=False)


_NAMES = {2: ("inputs", "outputs"), 4: ("filters", "channels", "height", "width")}


def _sizes(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple | list) or len(shape) not in _NAMES:
        expected = " or ".join(f"({', '.join(names)})" for names in _NAMES.values())
        raise ValueError(f"shape must be {expected}, not {shape!r}")
    return tuple(arguments.count(name, size, least=0) for name, size in zip(_NAMES[len(shape)], shape, strict=True))


def _fans(shape: Any) -> tuple[int, int]:
    """How many inputs a unit has, and how many outputs an input has a part in."""
    sizes = _sizes(shape)
    if len(sizes) == 2:
        return sizes[0], sizes[1]
    filters, channels, height, width = sizes
    return channels * height * width, filters * height * width


def _floating(dtype: DTypeLike) -> np.dtype[Any]:
    found = np.dtype(dtype)
    if found.kind != "f":
        raise TypeError(f"dtype must be a floating one, not {found.name}")
    return found
