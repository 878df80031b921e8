"""What a network is worth on data: scores in pieces, mean losses, and the fraction that the scores have right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import arguments, targets
from .._core.types import Array
from ..layers import SoftmaxWithLoss, TimeSoftmaxWithLoss
from ..layers._shapes import MOST_SAMPLES, in_pieces
from ..layers._state import at_rest, first_stateful


def loss_of(loss_layer: Any, scores: Any, t: ArrayLike, sample_weight: ArrayLike | None) -> float:
    """What the loss layer has for these; one that knows of no weights is given none."""
    loss: float  # of some an array
    if sample_weight is None:
        loss = loss_layer.forward(scores, t)
    else:
        loss = loss_layer.forward(scores, t, sample_weight=sample_weight)
    return loss


def counts_of_labels(
    loss_layer: SoftmaxWithLoss | TimeSoftmaxWithLoss,
    t: Array,
    sample_weight: ArrayLike | None,
    dtype: Any = np.float64,
) -> Array:
    """How much each label counts in the mean loss: the weight of its sample times that of its class; ignored, nothing.

    Weights are read in `dtype`. What is no class has another's weight: the loss itself refuses it.
    """
    counts = np.ones(t.shape) if sample_weight is None else np.asarray(sample_weight, dtype).astype(np.float64)
    ignored = np.zeros(t.shape, bool) if loss_layer.ignore_index is None else np.asarray(t == loss_layer.ignore_index)
    if isinstance(loss_layer, SoftmaxWithLoss) and loss_layer.weight is not None:
        weight = np.asarray(arguments.real("weight", loss_layer.weight), dtype)
        counts[~ignored] *= np.take(weight, t[~ignored], mode="clip")
    counts[ignored] = 0
    return counts


def counts(loss_layer: Any, t: Array, weights: Array | None) -> Array | None:
    """How much each sample counts in a mean: by its weight, and by that of its label, if it is not ignored."""
    if isinstance(loss_layer, TimeSoftmaxWithLoss):
        return counts_of_labels(loss_layer, t.argmax(axis=2) if t.ndim == 3 and t.size else t, weights)
    if not isinstance(loss_layer, SoftmaxWithLoss) or t.ndim != 1:
        return weights
    if loss_layer.weight is None and loss_layer.ignore_index is None:
        return weights
    return counts_of_labels(loss_layer, t, weights)


def counted(weights: Array | None, order: Array | None, batch_size: int, samples: int) -> Iterable[bool]:
    """Whether anything of each batch has a weight."""
    if weights is None:
        return repeat(True)
    of_samples = np.asarray(weights.reshape(samples, -1).any(axis=1))
    of_batches: list[bool] = np.logical_or.reduceat(
        of_samples if order is None else of_samples[order], range(0, samples, batch_size)
    ).tolist()
    return of_batches


def batch_weights(counts: Array | None, order: Array | None, batch_size: int, samples: int) -> list[float]:
    """How much each batch counts in the epoch's mean: as many as its samples, or as their weights sum to."""
    starts = range(0, samples, batch_size)
    if counts is None:
        return [min(batch_size, samples - start) for start in starts]
    of_samples = np.asarray(counts.reshape(samples, -1).sum(axis=1, dtype=float))
    sums: list[float] = np.add.reduceat(of_samples if order is None else of_samples[order], starts).tolist()
    return sums


def mean_loss(loss_layer: Any, losses: Sequence[Any], weights: Sequence[float]) -> float:
    """The mean loss of samples, from what the loss layer gave for each batch."""
    if getattr(loss_layer, "reduction", "mean") == "mean":
        total = sum(map(mul, map(float, losses), weights))
    else:
        total = sum(float(np.sum(loss)) for loss in losses)
    count = sum(weights[: len(losses)])
    return total / count if count else float("nan")


def scores_of(network: Any, x: Array) -> Array:
    """What a network predicts for samples, in pieces; or at once, where a state has a row for each."""
    return in_pieces(network.predict, x, MOST_SAMPLES if first_stateful(network.layers) is None else None)


def validated(
    network: Any, x: Array, t: Array, weights: Array | None, batch_size: int | None = None
) -> dict[str, float]:
    """What the history has of validation data; with a `batch_size`, of batches of text that go on from each other.

    Layers with a state begin from zero, and have the state afterwards that they had before.
    """
    loss_layer = network.loss_layer
    weighed = batch_weights(counts(loss_layer, t, weights), None, batch_size or len(x), len(x))
    with at_rest(network.layers):
        if batch_size is not None:
            cut = [slice(i, i + batch_size) for i in range(0, len(x), batch_size)]
            losses = [loss_of(loss_layer, network.predict(x[batch]), t[batch], None) for batch in cut]
            return {"validation_loss": mean_loss(loss_layer, losses, weighed)}
        scores = scores_of(network, x)
    numbers = {"validation_loss": mean_loss(loss_layer, [loss_of(loss_layer, scores, t, weights)], weighed)}
    if classifies(loss_layer, scores):
        numbers["validation_accuracy"] = accuracy_of(loss_layer, scores, t)
    return numbers


def classes_of(scores: Array) -> NDArray[np.intp]:
    """The class of each row ``(N, C)``, that of its largest score; -1, which is no class, where one of them is nan."""
    classes = scores.argmax(axis=1)
    largest = np.take_along_axis(scores, classes[:, np.newaxis], axis=1)[:, 0]
    return np.where(np.isnan(largest), -1, classes)  # argmax gives the first nan of a row that has one


def classifies(loss_layer: Any, scores: Array) -> bool:
    """Whether `accuracy_of` has a meaning for these."""
    if isinstance(loss_layer, TimeSoftmaxWithLoss) or hasattr(loss_layer, "accuracy"):
        return True
    return isinstance(loss_layer, SoftmaxWithLoss) and scores.ndim == 2


def accuracy_of(loss_layer: Any, scores: Array, t: ArrayLike) -> float:
    """The fraction of samples that are classified right, of those whose label the loss does not ignore.

    Where a score is nan the sample is not.
    """
    if hasattr(loss_layer, "accuracy"):
        return float(loss_layer.accuracy(scores, t))
    ignored = getattr(loss_layer, "ignore_index", None)
    if isinstance(loss_layer, TimeSoftmaxWithLoss):
        scores = arguments.floating("scores", scores)
        t = targets.labels_of_steps("scores", scores, arguments.real("t", t), loss_layer.ignore_label)
        scores, ignored = scores.reshape(len(t), scores.shape[-1]), -1
    if ignored is not None and np.shape(t) == scores.shape[:1]:
        counted = np.asarray(t) != ignored
        scores, t = scores[counted], np.asarray(t)[counted]
    scores, labels = targets.scores_and_labels(scores, t)
    return float(np.mean(classes_of(scores) == labels)) if len(labels) else float("nan")
