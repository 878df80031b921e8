"""Average the gradients of several batches, so that one update learns from all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.types import Array
from . import evaluation

__all__ = ["Accumulation"]


class Accumulation:
    """The gradients of up to `batches` successive batches, and their average.

    The average equals the gradient of one batch of all their samples, to rounding: each batch counts by its samples or
    their weights where the loss is a mean. Where the loss is a sum, the gradients are added.

    Parameters
    ----------
    batches : int
        How many batches are averaged; at the end of an epoch there may be fewer.
    weights : list of float
        How much each batch of the epoch counts.
    loss_layer : object
    """

    def __init__(self, batches: int, weights: list[float], loss_layer: Any) -> None:
        self._batches, self._weights, self._loss_layer = batches, weights, loss_layer
        self._is_mean = getattr(loss_layer, "reduction", "mean") == "mean"
        self._sums: list[Array] = []
        self._weight = 0.0

    def add(self, batch: int, grads: list[Array]) -> None:
        """Add the gradients of a batch of this number in the epoch."""
        weight = self._weights[batch] if self._is_mean else 1.0
        scaled = [grad * grad.dtype.type(weight) for grad in grads]
        self._sums = [total + grad for total, grad in zip(self._sums, scaled, strict=True)] if self._sums else scaled
        self._weight += weight

    def is_complete(self, batch: int) -> bool:
        """Return whether an update is due after this batch."""
        return (batch + 1) % self._batches == 0 or batch + 1 == len(self._weights)

    def take(self) -> list[Array]:
        """Return the average, or nothing if no batch had a gradient; the next batches begin anew."""
        sums, weight = self._sums, self._weight if self._is_mean else 1.0
        self._sums, self._weight = [], 0.0
        return [total / total.dtype.type(weight) for total in sums]

    def loss(self, losses: list[Any]) -> float:
        """Return the loss of all samples since the last update, from the losses of the epoch's batches so far."""
        begin = (len(losses) - 1) // self._batches * self._batches
        if not self._is_mean:
            return sum(float(np.sum(loss)) for loss in losses[begin:])
        return evaluation.mean_loss(self._loss_layer, losses[begin:], self._weights[begin : len(losses)])
