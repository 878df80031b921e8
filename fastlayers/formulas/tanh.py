"""The hyperbolic tangent in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def tanh_forward(x: Array) -> Array:
    """``y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))``; any shape, a floating dtype."""
    with np.errstate(all="ignore"):
        y: Array = np.tanh(x)
    return y


def tanh(x: Array) -> Array:
    """Return what `tanh_forward` returns."""
    return tanh_forward(x)


def tanh_backward(dout: Array, y: Array) -> Array:
    """``dx = dout * (1 - y**2)``, both of one shape and dtype.

    In two factors, ``(1 - y) (1 + y)``: ``y**2`` rounds, and near 1 that rounding would be all that is left.
    """
    with np.errstate(all="ignore"):
        dx: Array = dout * ((1 - y) * (1 + y))
    return dx
