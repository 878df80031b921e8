"""Binary cross-entropy of the sigmoid and its gradient in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import at_least_double, reduced, sample_weights, without_y


def sigmoid_with_loss(
    x: Array, t: Array, sample_weight: Array | None = None, reduction: str = "mean"
) -> tuple[float | Array, Array, Array]:
    """``-sum (t log y + (1 - t) log(1 - y))`` of ``y = sigmoid(x)``, with y and the gradient ``y - t``.

    Both ``(N, K)`` of one floating dtype, t in [0, 1]; the mean as in `mean_squared_error`.

    With ``e = exp(-|x|)``, which cannot overflow, ``-log y = log1p(e)`` and ``-log(1 - y) = x + log1p(e)`` for
    positive x, and the other way round for negative: so each loss is ``|x| q + log1p(e)``, where q is ``1 - t`` or
    ``t``, and nothing cancels. Likewise ``y - t`` is ``q - e / (1 + e)`` or ``e / (1 + e) - q``.
    Source: Bishop, "Pattern recognition and machine learning", section 4.3.2.
    """
    with np.errstate(all="ignore"):
        weights, divisor = sample_weights(x, sample_weight, reduction)
        e = np.exp(-np.abs(x))
        q = np.where(x > 0, 1 - t, t)
        wide = at_least_double(x)
        losses = np.where(q == 0, 0, np.abs(x).astype(wide) * q) + np.log1p(e.astype(wide))
        tail = e / (1 + e)
        y = np.where(x > 0, 1 / (1 + e), tail)
        dx = np.where(x > 0, q - tail, tail - q) * ((1 / divisor).astype(x.dtype) * weights)
        return reduced(weights * losses, divisor, reduction, x.dtype), y, dx


sigmoid_cross_entropy = without_y(sigmoid_with_loss, "sigmoid_cross_entropy")
