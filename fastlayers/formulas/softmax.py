"""Softmax in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import exp_below, sum_of_row


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
