"""Rows of classes, as a loss over them takes scores, labels or targets, and weights: all seen to fit as one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import floating, integer, probability, real
from .targets import (
    are_labels,
    check_sum,
    checked_labels,
    checked_reduction,
    is_one_label_in_a_row,
    labels_shape,
    weights,
)
from .types import NO_SMOOTHING, Array


class Rows:
    """Scores ``(N, C, ...)`` or ``(C,)`` as rows of classes, and what goes with them in the same order.

    Where the classes are innermost in memory nothing is copied, on the way in or out.
    """

    def __init__(self, x: ArrayLike) -> None:
        x = floating("x", x)
        if x.ndim == 0:
            raise ValueError("x is 0-dimensional: it must be the scores of one sample (C,) or of a batch (N, C, ...)")
        self._x = x
        self._axis = min(x.ndim - 1, 1)
        self._innermost = np.moveaxis(x, self._axis, -1)
        self._classes = self._innermost.shape[-1]
        self._labels_shape = labels_shape(x)

    def arguments(
        self,
        t: ArrayLike,
        weight: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = NO_SMOOTHING,
        reduction: str = "mean",
    ) -> dict[str, Any]:
        """What the implementations take, by name; nothing large is copied before all is seen to fit."""
        t = real("t", t)
        if ignore_index is not None:
            ignore_index = integer("ignore_index", ignore_index)
        label_smoothing = probability("label_smoothing", label_smoothing)
        reduction = checked_reduction(reduction)
        has_labels = are_labels("x", self._x, t)
        if has_labels:
            self._labels_shape = t.shape[:1] if is_one_label_in_a_row(self._x, t) else t.shape
        elif ignore_index is not None:
            raise ValueError(f"ignore_index={ignore_index} is for labels: targets of shape {t.shape} have none")
        if weight is not None:
            weight = weights("weight", weight, (self._classes,), "one for each class", self._x.dtype)
        if sample_weight is not None:
            sample_weight = weights(
                "sample_weight", sample_weight, self._labels_shape, "one for each sample", self._x.dtype
            )
        if has_labels:
            t = checked_labels(t, self._classes, ignore_index)
            ignore_index = None if ignore_index is None else -1
        else:
            t = self._as_rows(np.moveaxis(t, self._axis, -1))
        if reduction == "mean" and not (weight is sample_weight is None):
            _check_sums(t, weight, sample_weight)
        return {
            "x": self._as_rows(self._innermost),
            "t": t,
            "weight": weight,
            "sample_weight": sample_weight,
            "ignore_index": ignore_index,
            "label_smoothing": label_smoothing,
            "reduction": reduction,
        }

    def _as_rows(self, a: Array) -> Array:
        rows = a.reshape(math.prod(self._labels_shape), self._classes)
        return np.asarray(rows, dtype=self._x.dtype, order="C")

    def loss(self, loss: Any) -> float | Array:
        """A loss for each label, where those are asked for."""
        return loss.reshape(self._labels_shape) if isinstance(loss, np.ndarray) else loss

    def restored(self, rows: Array) -> Array:
        """Rows of classes in the shape of x; where the classes were innermost in memory, they stay so."""
        y = np.moveaxis(rows.reshape(self._innermost.shape), -1, self._axis)
        return y if self._innermost.flags.c_contiguous else np.asarray(y, order="C")


def _check_sums(t: Array, weight: Array | None, sample_weight: Array | None) -> None:
    """Whether a mean can be taken with these weights: over rows of targets, or of labels, -1 where they are ignored."""
    counted = t >= 0 if t.ndim == 1 else slice(None)
    if weight is not None:
        check_sum("weight", weight, "the classes")
    if sample_weight is not None:
        check_sum("sample_weight", sample_weight[counted], "the samples")
    if weight is not None and t.ndim == 1:
        of_labels, name = weight[t[counted]].astype(np.float64), "weight"
        if sample_weight is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                of_labels, name = of_labels * sample_weight[counted], "weight times sample_weight"
        check_sum(name, of_labels, "the samples")
