"""The logistic sigmoid in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def sigmoid_forward(x: Array) -> Array:
    """``y = 1 / (1 + exp(-x))``; any shape, a floating dtype.

    For negative x the same value is ``exp(x) / (1 + exp(x))``. Choosing by sign keeps the argument
    of ``exp`` at or below 0, where it cannot overflow. Source: Saitoh, section 5.5.2.
    """
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(x))
        y: Array = np.where(x >= 0, e.dtype.type(1), e) / (1 + e)
    return y


def sigmoid(x: Array) -> Array:
    """Return what `sigmoid_forward` returns."""
    return sigmoid_forward(x)


def sigmoid_backward(dout: Array, y: Array) -> Array:
    """``dx = dout * y * (1 - y)``, since the slope ``exp(-x) / (1 + exp(-x))**2`` is ``y (1 - y)``.

    Both of one shape and dtype. Source: Saitoh, section 5.5.2.
    """
    with np.errstate(all="ignore"):
        dx: Array = dout * y * (1 - y)
    return dx
