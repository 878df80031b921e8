"""Cross-entropy of probabilities, and of softmax with its gradient, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.types import Array
from ._sums import exp_below, reduced, sum_of_row, wider, without_y

# The notebook's guard against log(0).
LOG_GUARD = 1e-7


def cross_entropy_error(y: Array, t: Array) -> float:
    """``-(1/N) sum_n sum_c t_nc log(y_nc + 1e-7)``: y ``(N, C)`` probabilities, t labels or targets.

    t is ``(N,)`` integer labels or ``(N, C)`` targets. Source: Saitoh, section 4.2.4.
    """
    if t.ndim == 1:
        terms = np.log(y[np.arange(len(y)), t] + LOG_GUARD)
    else:
        terms = t * np.log(y + LOG_GUARD)
    return _mean_over_batch(-terms.sum(dtype=np.float64), len(y))


def softmax_with_loss(
    x: Array,
    t: Array,
    weight: Array | None = None,
    sample_weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[float | Array, Array, Array]:
    """The cross-entropy of ``y = softmax(x)``, with y and the gradient ``dx``.

    x ``(N, C)`` of a floating dtype; t ``(N,)`` labels, or ``(N, C)`` targets of x's dtype; `weight` ``(C,)`` and
    `sample_weight` ``(N,)`` of x's dtype. Every option is a matter of the weight q that a row gives to each class,
    see `_class_weights`: with ``log y_c = x_c - log sum_j exp(x_j)`` a row's loss is ``sum_c q_c (lse(x) - x_c)``, and
    its gradient ``y_c sum(q) - q_c``; both are divided by what the mean divides by, N where no row has a weight.
    Source: Saitoh, section 5.6.3 and appendix A.

    The largest entry is kept apart from the sum of the others. When the right class dominates, its
    probability is 1 within rounding: ``log(1)`` would lose the loss, ``log1p(others)`` keeps every digit.
    """
    n, classes = x.shape
    with np.errstate(all="ignore"):
        q, counts = _class_weights(x, t, weight, sample_weight, ignore_index, label_smoothing)
        divisor = counts.sum(dtype=np.float64) if reduction == "mean" else 1
        if classes == 0:
            return reduced(np.zeros(n), divisor, reduction, x.dtype), x.copy(), x.copy()
        rows = np.arange(n)
        top = x.argmax(axis=1)
        shifted, e = exp_below(x[rows, top][:, np.newaxis], x)
        one = e[rows, top]  # exp(0), or nan where the row holds +inf or nan, or -inf alone
        e[rows, top] = 0
        others = one * sum_of_row(e)[:, 0]
        e[rows, top] = one
        total = one + others
        y = (e / total[:, np.newaxis]).astype(x.dtype)

        log_sum = np.log1p(others)[:, np.newaxis]  # log sum_j exp(x_j - max)
        losses = np.where(q == 0, 0, q * (log_sum - shifted)).sum(axis=1, dtype=np.float64)
        losses += 0 * others  # a row that has no probabilities has no loss, whatever its targets
        if ignore_index is not None:
            losses[t == ignore_index] = 0
        dx = _gradient(y, q, divisor, t, ignore_index, label_smoothing)
        return reduced(losses, divisor, reduction, x.dtype), y, dx


softmax_cross_entropy = without_y(softmax_with_loss, "softmax_cross_entropy")


def softmax_gradient(
    y: Array,
    t: Array,
    weight: Array | None = None,
    sample_weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Array:
    """The gradient ``dx`` that `softmax_with_loss` gives with the probabilities y, of these."""
    with np.errstate(all="ignore"):
        q, counts = _class_weights(y, t, weight, sample_weight, ignore_index, label_smoothing)
        divisor = counts.sum(dtype=np.float64) if reduction == "mean" else 1
        return _gradient(y, q, divisor, t, ignore_index, label_smoothing) if y.shape[1] else y.copy()


def _gradient(y: Array, q: Array, divisor: Any, t: Array, ignore_index: int | None, label_smoothing: float) -> Array:
    """``(y_c sum(q) - q_c) / divisor``.

    Where one class dominates, ``1 - y`` would lose digits that the sum of all other probabilities has. Of a label that
    is all there is, that matters for its own class.
    """
    if t.ndim == 1 and not label_smoothing:
        top = np.where((t >= 0) & (t < y.shape[1]), t, 0)  # what is ignored may lie anywhere
    else:
        top = y.argmax(axis=1)
    rows = np.flatnonzero(y[np.arange(len(y)), top] > 0.5)
    top = top[rows]
    others = _sum_of_others(y[rows], top).astype(q.dtype)
    dx = y * q.sum(axis=1, keepdims=True) - q
    dx[rows, top] = _sum_of_others(q[rows], top).astype(q.dtype) * y[rows, top] - q[rows, top] * others
    dx /= divisor
    if ignore_index is not None:
        dx[t == ignore_index] = 0
    gradient: Array = dx.astype(y.dtype)
    return gradient


def _sum_of_others(a: Array, columns: Array) -> Array:
    """The sum of each row but for what it has in its column."""
    a[np.arange(len(a)), columns] = 0
    total: Array = a.sum(axis=1, dtype=wider(a))
    return total


def _class_weights(
    x: Array,
    t: Array,
    weight: Array | None,
    sample_weight: Array | None,
    ignore_index: int | None,
    label_smoothing: float,
) -> tuple[Array, Array]:
    """How much each row wants each class, ``(N, C)``, and how much it counts in the mean, ``(N,)``.

    With class weights w, sample weights s and label smoothing e, ``q_nc = s_n w_c ((1 - e) t_nc + e / C)``, where
    a label stands for targets of one 1. A row with a label counts ``s_n w_label``, with targets ``s_n``, and
    an ignored one nothing. Source: PyTorch's ``cross_entropy``; sample weights are ours.
    """
    n, classes = x.shape
    if t.ndim == 2:
        q, counts = t.astype(np.result_type(x, np.float64), copy=False), np.ones(n)
    else:
        q = np.zeros(x.shape, np.result_type(x, np.float64))
        counted = np.arange(n) if ignore_index is None else np.flatnonzero(t != ignore_index)
        q[counted, t[counted]] = 1
        counts = q.sum(axis=1) if weight is None else q @ weight.astype(q.dtype)
    if label_smoothing:
        q = (1 - label_smoothing) * q + label_smoothing / max(classes, 1)
    if weight is not None:
        q = q * weight
    if sample_weight is not None:
        # An infinite weight, of a sum that is not divided by it, leaves the classes that no one wants at 0.
        q, counts = np.where(q == 0, 0, q * sample_weight[:, np.newaxis]), counts * sample_weight
    if ignore_index is not None:
        counts[t == ignore_index] = 0  # also where its sample's weight is infinite
    return q, counts


def _mean_over_batch(total: float, n: int) -> float:
    """The mean loss; of no sample it is nan, without a warning."""
    return float(total) / n if n else float("nan")
