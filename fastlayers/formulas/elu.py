"""The exponential linear unit in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def elu_forward(x: Array, alpha: float) -> Array:
    """``y = x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``; any shape, a floating dtype.

    ``expm1`` is that difference with all its digits where x is small. Source: Clevert, Unterthiner and Hochreiter,
    "Fast and accurate deep network learning by exponential linear units (ELUs)", ICLR 2016.
    """
    with np.errstate(all="ignore"):
        y: Array = np.where(x >= 0, x, alpha * np.expm1(np.where(x > 0, 0, x)))
    return y


def elu_backward(dout: Array, x: Array, alpha: float) -> Array:
    """``dx = dout`` where ``x > 0``, else ``dout * alpha * exp(x)``; both of one shape and dtype.

    ``exp(x / 2)`` is multiplied by twice, dout and alpha: ``exp(x)`` leaves the range before its product with a large
    dout, and a product of both that is large.
    """
    with np.errstate(all="ignore"):
        wide = np.where(x > 0, 0, x).astype(np.result_type(x, np.float64))  # what float32 rounds would count twice
        half = np.exp(np.maximum(wide / 2, np.log(np.finfo(wide.dtype).tiny)))  # an infinite dout makes nan of 0
        dx: Array = np.where(x > 0, dout, (dout * half) * (x.dtype.type(alpha) * half)).astype(x.dtype)
    return dx
