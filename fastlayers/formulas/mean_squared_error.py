"""Mean squared error and its gradient in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import at_least_double, reduced, sample_weights


def mean_squared_error(
    y: Array, t: Array, sample_weight: Array | None = None, reduction: str = "mean"
) -> tuple[float | Array, Array]:
    """``sum (y - t)**2``, over the number of numbers in the mean, and its gradient ``2 (y - t)``, over the same.

    Both ``(N, K)`` of one floating dtype; a sample weight ``(N,)`` counts for each number of its sample, in what the
    mean divides by too. Source: Bishop, "Pattern recognition and machine learning", section 3.1.1 (there halved).
    """
    with np.errstate(all="ignore"):
        weights, divisor = sample_weights(y, sample_weight, reduction)
        losses = weights * np.subtract(y, t, dtype=at_least_double(y)) ** 2
        dx = (y - t) * ((2 / divisor).astype(y.dtype) * weights)
        return reduced(losses, divisor, reduction, y.dtype), dx
