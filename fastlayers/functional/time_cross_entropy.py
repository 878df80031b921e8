"""Cross-entropy of softmax for each step of a sequence: that of rows, of scores whose classes are on the last axis."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import floating, integer, real, rows_of_steps
from .._core.memory import Recycler
from .._core.results import Out
from .._core.targets import labels_of_steps, weights
from .._core.types import MEAN, NO_SMOOTHING, Array, OneOut, Outs, Reduction, Run
from .cross_entropy import _softmax_gradient, _softmax_with_loss


def time_softmax_with_loss(
    x: ArrayLike,
    t: ArrayLike,
    out: Outs = None,
    sample_weight: ArrayLike | None = None,
    ignore_label: int = -1,
    reduction: Reduction = MEAN,
) -> tuple[float | Array, Array, Array]:
    """What the layer `TimeSoftmaxWithLoss` keeps: ``(loss, y, dx)`` of scores ``(N, T, V)``."""
    result = _of_plain(backend.kernels.softmax_with_loss, x, t, out, sample_weight, ignore_label, reduction)
    if result is NotImplemented:
        return _time_softmax_with_loss(backend.run, x, t, out, sample_weight, ignore_label, reduction)
    return _restored(x, *result)


def _time_softmax_with_loss(
    run: Run, x: ArrayLike, t: ArrayLike, out: Out = None, *given: Any
) -> tuple[float | Array, Array, Array]:
    return _restored(x, *_of_any(partial(_softmax_with_loss, run), x, t, out, *given))


def time_softmax_gradient(
    y: ArrayLike,
    t: ArrayLike,
    out: OneOut | Recycler = None,
    sample_weight: ArrayLike | None = None,
    ignore_label: int = -1,
    reduction: Reduction = MEAN,
) -> Array:
    """The ``dx`` that `time_softmax_with_loss` gives with probabilities y, to the bit."""
    dx = _of_plain(backend.kernels.softmax_gradient, y, t, out, sample_weight, ignore_label, reduction)
    if dx is NotImplemented:
        return _time_softmax_gradient(backend.run, y, t, out, sample_weight, ignore_label, reduction)
    return dx.reshape(np.shape(y))  # type: ignore[no-any-return]


def _time_softmax_gradient(run: Run, y: ArrayLike, t: ArrayLike, out: Out = None, *given: Any) -> Array:
    dx: Array = _of_any(partial(_softmax_gradient, run), y, t, out, *given)
    return dx.reshape(np.shape(y))


def _of_plain(
    kernel: Any, x: Any, t: Any, out: Any, sample_weight: Any, ignore_label: int, reduction: Reduction
) -> Any:
    """What a kernel of rows gives for plain scores and labels of each; NotImplemented for any others."""
    if type(x) is not np.ndarray or type(t) is not np.ndarray or x.ndim == 0 or t.shape != x.shape[:-1]:
        return NotImplemented
    if type(ignore_label) is not int:
        return NotImplemented
    if sample_weight is not None:
        if type(sample_weight) is not np.ndarray or sample_weight.shape != t.shape:
            return NotImplemented
        sample_weight = sample_weight.reshape(-1)
    return kernel(rows_of_steps(x), t.reshape(-1), out, None, sample_weight, ignore_label, NO_SMOOTHING, reduction)


def _of_any(
    rule: Any,
    x: ArrayLike,
    t: ArrayLike,
    out: Any,
    sample_weight: ArrayLike | None = None,
    ignore_label: int = -1,
    reduction: Reduction = MEAN,
) -> Any:
    """What a rule of rows gives, once labels and weights are seen to fit the steps: so errors have their places."""
    x = floating("x", x)
    if x.ndim == 0:
        raise ValueError("x is 0-dimensional: it must be the scores (N, T, V) of steps")
    labels = labels_of_steps("x", x, real("t", t), integer("ignore_label", ignore_label))
    if sample_weight is not None:
        sample_weight = weights("sample_weight", sample_weight, x.shape[:-1], "one for each label", x.dtype)
    return rule(rows_of_steps(x), labels, out, None, sample_weight, -1, NO_SMOOTHING, reduction)


def _restored(x: ArrayLike, loss: Any, y: Array, dx: Array) -> tuple[float | Array, Array, Array]:
    """The results of rows in the shapes of scores and labels."""
    shape = np.shape(x)
    return loss.reshape(shape[:-1]) if isinstance(loss, np.ndarray) else loss, y.reshape(shape), dx.reshape(shape)
