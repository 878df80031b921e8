"""The leaky rectified linear unit in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def leaky_relu_forward(x: Array, negative_slope: float) -> tuple[Array, Array]:
    """``y = x`` where ``x > 0``, else ``negative_slope * x``; and the mask ``x <= 0``; a floating dtype.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.
    """
    mask = x <= 0
    with np.errstate(all="ignore"):
        y: Array = np.where(mask, negative_slope * x, x)
    return y, mask


def leaky_relu_backward(dout: Array, mask: Array, negative_slope: float) -> Array:
    """``dx = dout`` where ``x > 0``, else ``negative_slope * dout``; both of one shape."""
    with np.errstate(all="ignore"):
        dx: Array = np.where(mask, negative_slope * dout, dout)
    return dx
