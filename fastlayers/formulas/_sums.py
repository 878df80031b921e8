"""What several formulas share: sums of many numbers, exponentials below a row's largest, losses reduced, without y."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from .._core.types import Array

P = ParamSpec("P")
Losses = TypeVar("Losses")


def sample_weights(x: Array, sample_weight: Array | None, reduction: str) -> tuple[Array, Array]:
    """The weight of each of the ``(N, K)`` numbers, and what the loss is divided by."""
    weights = np.ones(len(x), x.dtype) if sample_weight is None else sample_weight
    divisor = weights.sum(dtype=wider(x)) * x.shape[1] if reduction == "mean" else 1
    return weights[:, np.newaxis], np.asarray(divisor, at_least_double(x))


def at_least_double(x: Array) -> np.dtype[Any]:
    return np.result_type(x, np.float64)


def reduced(losses: Array, divisor: Any, reduction: str, dtype: np.dtype[Any]) -> float | Array:
    """The losses of all rows, or their sum or mean; the mean of no row is nan."""
    return losses.astype(dtype) if reduction == "none" else float(np.float64(losses.sum()) / divisor)


def exp_below(top: Array, x: Array) -> tuple[Array, Array]:
    """``x - top`` and its ``exp``, where top is each row's largest; in float64 at least.

    The subtraction rounds, and ``exp`` makes a relative error of it: 41 below the top, one of 20 ulp. In float64
    a float32 has digits to spare. A float64 has none: so what is lost, d (by Knuth's two-sum; nan beside
    infinity), is made good: ``exp(s + d) = exp(s) (1 + d)``.
    """
    if x.itemsize < np.dtype(np.float64).itemsize:
        shifted = np.subtract(x, top, dtype=np.float64)
        return shifted, np.exp(shifted)
    shifted = x - top
    part = shifted - x
    lost = (x - (shifted - part)) - (top + part)
    e = np.exp(shifted)
    return shifted, e + e * np.where(np.isfinite(lost), lost, 0)


def sum_of_row(e: Array) -> Array:
    """``sum_j e_j``, rounded once."""
    total: Array = e.sum(axis=-1, keepdims=True, dtype=wider(e))
    return total.astype(e.dtype)


def wider(x: Array) -> np.dtype[Any]:
    """The dtype for a long sum: NumPy's pairwise sum in x's own is off by some ulp after a thousand terms."""
    return np.result_type(x, np.float64 if x.itemsize < np.dtype(np.float64).itemsize else np.longdouble)


def without_y(formula: Callable[P, tuple[Losses, Array, Array]], name: str) -> Callable[P, tuple[Losses, Array]]:
    """The formula of that name: it takes what another takes, and leaves y out of what that gives."""

    @functools.wraps(formula)
    def shorter(*args: P.args, **kwargs: P.kwargs) -> tuple[Losses, Array]:
        loss, _, dx = formula(*args, **kwargs)
        return loss, dx

    shorter.__name__ = shorter.__qualname__ = name
    shorter.__doc__ = f"`{formula.__name__}` without y."
    return shorter
