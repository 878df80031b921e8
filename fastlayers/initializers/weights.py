"""Weights of one array, scaled so that a signal keeps its size from layer to layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._core import arguments
from .._core.types import Array

__all__ = ["floating", "he_normal", "he_uniform", "normal", "sizes", "xavier_normal", "xavier_uniform"]


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
    return normal(shape, math.sqrt(2 / max(inputs, 1)), rng, dtype)


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
    return normal(shape, math.sqrt(2 / max(sum(_fans(shape)), 1)), rng, dtype)


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


def normal(shape: tuple[int, ...], deviation: float, rng: Any, dtype: DTypeLike) -> Array:
    """Draw normal numbers of this standard deviation."""
    dtype, weights = floating(dtype), np.random.default_rng(rng).standard_normal(sizes(shape))
    weights *= deviation
    return weights.astype(dtype, copy=False)


def _uniform(shape: tuple[int, ...], bound: float, rng: Any, dtype: DTypeLike) -> Array:
    dtype, weights = floating(dtype), np.random.default_rng(rng).random(sizes(shape))
    weights *= 2 * bound  # Generator.uniform would do, but leaks references to a dtype
    weights -= bound
    return weights.astype(dtype, copy=False)


_NAMES = {2: ("inputs", "outputs"), 4: ("filters", "channels", "height", "width")}


def sizes(shape: Any) -> tuple[int, ...]:
    """Return the shape of a matrix or of filters as integers; TypeError or ValueError if it is neither."""
    if not isinstance(shape, tuple | list) or len(shape) not in _NAMES:
        expected = " or ".join(f"({', '.join(names)})" for names in _NAMES.values())
        raise ValueError(f"shape must be {expected}, not {shape!r}")
    return tuple(arguments.count(name, size, least=0) for name, size in zip(_NAMES[len(shape)], shape, strict=True))


def _fans(shape: Any) -> tuple[int, int]:
    """How many inputs a unit has, and how many outputs an input has a part in."""
    found = sizes(shape)
    if len(found) == 2:
        return found[0], found[1]
    filters, channels, height, width = found
    return channels * height * width, filters * height * width


def floating(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the dtype; TypeError if it is not a floating one."""
    found = np.dtype(dtype)
    if found.kind != "f":
        raise TypeError(f"dtype must be a floating one, not {found.name}")
    return found
