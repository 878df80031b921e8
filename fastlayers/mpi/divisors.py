"""What the mean of a loss divides by: where a batch is shared out, the divisor of the whole is the sum over its parts.

So parts exchange the sum of their losses and their divisor, and none of them has to be free of nan: the mean of a
part without any sample that counts is nan, its sum and its divisor are 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import layers
from .._core import arguments, targets
from .._core.types import Array
from ..layers._loss import LossOfNumbers
from ..training.evaluation import counts_of_labels

OURS = layers.SoftmaxWithLoss, layers.TimeSoftmaxWithLoss, layers.SigmoidWithLoss, LossOfNumbers


def is_ours(loss: Any) -> bool:
    """Whether a loss is what one of the package's layers computes: so its ``reduction`` can be set as it goes."""
    return any(getattr(type(loss), "forward", None) is kind.forward for kind in OURS)


@np.errstate(over="ignore", invalid="ignore")  # weights that overflow are an error once the ranks have summed them
def divisor(loss: Any, samples: int, t: ArrayLike, sample_weight: ArrayLike | None) -> float:
    r"""What a loss layer's mean over the batch of its last forward divides by.

    Parameters
    ----------
    loss : object
        One of `fastlayers.layers`, or one whose mean is over the samples, each as often as its weight says.
    samples : int
        How many the batch has.
    t : array_like
        Labels or targets, as they went forward.
    sample_weight : array_like or None
        The same.

    Notes
    -----
    Of labels t with class weights w and sample weights s it is :math:`\sum_n s_n w_{t_n}` over the samples that are
    not ignored, of targets :math:`\sum_n s_n`, and of the losses over elements each counts as often as its sample.
    """
    if isinstance(loss, layers.SoftmaxWithLoss) and is_ours(loss):
        return _of_softmax(loss, np.asarray(t), sample_weight)
    if isinstance(loss, layers.TimeSoftmaxWithLoss) and is_ours(loss):
        return _of_steps(loss, np.asarray(t), sample_weight)
    counted = samples if sample_weight is None else float(np.sum(sample_weight, dtype=np.float64))
    y: Any = loss.y if is_ours(loss) else None
    elements = samples if y is None else y.size
    return counted * elements / samples


def check_sums(loss: Any, sample_weight: ArrayLike | None) -> None:
    """Refuse weights whose sum no mean can be divided by, before they spoil a gradient."""
    if sample_weight is not None:
        targets.check_sum("sample_weight", arguments.real("sample_weight", sample_weight), "the samples")
    if isinstance(loss, layers.SoftmaxWithLoss) and loss.weight is not None:
        targets.check_sum("weight", arguments.real("weight", loss.weight), "the classes")


def _of_softmax(loss: layers.SoftmaxWithLoss, t: Array, sample_weight: ArrayLike | None) -> float:
    y = loss.y
    assert y is not None  # it has gone forward
    is_weighted = not (sample_weight is None and loss.weight is None and loss.ignore_index is None)
    # The loss reads all weights in the scores' dtype.
    if is_weighted and targets.are_labels("x", y, t):
        return float(counts_of_labels(loss, t, sample_weight, y.dtype).sum())
    if sample_weight is None:
        return float(math.prod(targets.labels_shape(y)))
    return float(np.asarray(sample_weight, y.dtype).sum(dtype=np.float64))


def _of_steps(loss: layers.TimeSoftmaxWithLoss, t: Array, sample_weight: ArrayLike | None) -> float:
    y = loss.y
    assert y is not None  # it has gone forward
    counted = targets.labels_of_steps("x", y, t, loss.ignore_label) >= 0
    weights = np.ones(len(counted)) if sample_weight is None else np.asarray(sample_weight, y.dtype)
    return float(weights.reshape(-1)[counted].sum(dtype=np.float64))
