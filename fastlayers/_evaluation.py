"""What a network is worth on data: scores in pieces, and the fraction that they have right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _arguments
from .layers import SoftmaxWithLoss

Array = NDArray[Any]

# So many samples at a time: the activations of all of a large data set may not fit in memory, and those of few stay in
# the cache. Of 128 to 10,000 this was the fastest, or within a percent of it, for all networks from 64-32-10 to
# 784-512-512-10.
PIECE = 1024


def in_pieces(predict: Callable[[Array], Array], x: Array) -> Array:
    """``predict(x)`` of whatever number of samples."""
    if len(x) <= PIECE:
        return predict(x)
    return np.concatenate([predict(x[i : i + PIECE]) for i in range(0, len(x), PIECE)])


def loss_of(loss_layer: Any, scores: Any, t: ArrayLike, sample_weight: ArrayLike | None) -> float:
    """What the loss layer has for these; one that knows of no weights is given none."""
    loss: float  # of some an array
    if sample_weight is None:
        loss = loss_layer.forward(scores, t)
    else:
        loss = loss_layer.forward(scores, t, sample_weight=sample_weight)
    return loss


def counts_of_labels(
    loss_layer: SoftmaxWithLoss, t: Array, sample_weight: ArrayLike | None, dtype: Any = np.float64
) -> Array:
    """How much each label counts in the mean loss: the weight of its sample times that of its class; ignored, nothing.

    Weights are read in `dtype`. What is no class has another's weight: the loss itself refuses it.
    """
    counts = np.ones(t.shape) if sample_weight is None else np.asarray(sample_weight, dtype).astype(np.float64)
    ignored = np.zeros(t.shape, bool) if loss_layer.ignore_index is None else np.asarray(t == loss_layer.ignore_index)
    if loss_layer.weight is not None:
        weight = np.asarray(_arguments.real("weight", loss_layer.weight), dtype)
        counts[~ignored] *= np.take(weight, t[~ignored], mode="clip")
    counts[ignored] = 0
    return counts


def classifies(loss_layer: Any, scores: Array) -> bool:
    """Whether `accuracy_of` has a meaning for these."""
    return hasattr(loss_layer, "accuracy") or (isinstance(loss_layer, SoftmaxWithLoss) and scores.ndim == 2)


def accuracy_of(loss_layer: Any, scores: Array, t: ArrayLike) -> float:
    """The fraction of samples that are classified right, of those whose label the loss does not ignore."""
    if hasattr(loss_layer, "accuracy"):
        return float(loss_layer.accuracy(scores, t))
    ignored = getattr(loss_layer, "ignore_index", None)
    if ignored is not None and np.shape(t) == scores.shape[:1]:
        counted = np.asarray(t) != ignored
        scores, t = scores[counted], np.asarray(t)[counted]
    scores, labels = _arguments.scores_and_labels(scores, t)
    return float(np.mean(scores.argmax(axis=1) == labels)) if len(labels) else float("nan")
