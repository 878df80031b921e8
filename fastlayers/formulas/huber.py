"""The Huber loss and its gradient in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import at_least_double, reduced, sample_weights


def huber_loss(
    y: Array, t: Array, delta: float = 1.0, sample_weight: Array | None = None, reduction: str = "mean"
) -> tuple[float | Array, Array]:
    """``d**2 / 2`` of ``d = |y - t|`` up to delta, beyond it the tangent ``delta (d - delta / 2)``; and the gradient.

    Where the square ends, at delta, it has the value ``delta**2 / 2`` and the slope ``delta``: the straight line from
    there on is ``delta**2 / 2 + delta (d - delta)``. With c the smaller of d and delta, both are ``c (d - c / 2)``,
    and the gradient is ``y - t`` clipped to ``[-delta, delta]``. Both ``(N, K)`` of one floating dtype; weights and
    mean as in `mean_squared_error`. Source: Huber, "Robust estimation of a location parameter", 1964.
    """
    with np.errstate(all="ignore"):
        weights, divisor = sample_weights(y, sample_weight, reduction)
        distance = np.abs(np.subtract(y, t, dtype=at_least_double(y)))
        clipped = np.minimum(distance, delta)
        losses = weights * (clipped * (distance - 0.5 * clipped))
        bound = np.asarray(delta, y.dtype)
        dx = np.clip(y - t, -bound, bound) * ((1 / divisor).astype(y.dtype) * weights)
        return reduced(losses, divisor, reduction, y.dtype), dx
