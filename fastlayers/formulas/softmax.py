"""Softmax in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import exp_below, sum_of_row, wider


def softmax(x: Array) -> Array:
    """``y_i = exp(x_i) / sum_j exp(x_j)`` along the last axis; ``(..., C)``, a floating dtype.

    Taking the row's maximum from each ``x_i`` changes nothing (numerator and denominator are divided
    by the same ``exp(max)``) and keeps ``exp`` from overflowing. Source: Saitoh, section 3.5.2; the
    notebook divides by the sum over the whole batch, this by each row's own.
    """
    if x.size == 0:  # of no class: a row has no largest
        return x.copy()
    with np.errstate(all="ignore"):
        _, e = exp_below(x.max(axis=-1, keepdims=True, initial=-np.inf), x)
        y: Array = (e / sum_of_row(e)).astype(x.dtype)
    return y


def softmax_backward(dout: Array, y: Array) -> Array:
    """``dx_i = y_i (dout_i - sum_j dout_j y_j)`` along the last axis; both ``(..., C)`` of one floating dtype.

    Every ``x_i`` is in the sum that divides, so that ``dy_j/dx_i`` is ``y_i - y_i y_i`` where j is i, else
    ``-y_j y_i``: over all j, each times ``dout_j``, ``y_i dout_i - y_i sum_j dout_j y_j``. A dout that is the same for
    every class is of no effect, since the probabilities sum to 1. Source: Saitoh, volume 2, ``common/layers.py``.
    """
    with np.errstate(all="ignore"):
        y_wide = y.astype(wider(y))
        terms = dout * y_wide
        dx: Array = (terms - y_wide * terms.sum(axis=-1, keepdims=True)).astype(y.dtype)
    return dx
