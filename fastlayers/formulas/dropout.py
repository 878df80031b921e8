"""Dropout in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def dropout_forward(x: Array, draws: Array, p: float) -> tuple[Array, Array]:
    """``y = x / (1 - p)`` where ``draws >= p``, else 0, and that mask; of one shape, x of a floating dtype.

    A value is dropped with probability p. Scaling those that are kept leaves the expected value of each
    as it was, so that for prediction nothing is to be done.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).
    """
    mask = draws >= p
    return dropout_backward(x, mask, p), mask


def dropout_backward(dout: Array, mask: Array, p: float) -> Array:
    """``dx = dout / (1 - p)`` where mask, else 0: the slope is that of forward."""
    scale = 1 / (1 - p) if p < 1 else 0.0
    with np.errstate(all="ignore"):
        dx: Array = np.where(mask, dout * scale, dout.dtype.type(0))
    return dx
