"""Labels and targets, and the weights that go with them: made to fit, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import choice, first_outside, floating, place_of, real
from .types import Array

REDUCTIONS = ("mean", "sum", "none")


def are_labels(name: str, x: Array, t: Array) -> bool:
    """Whether t holds labels for the scores x ``(N, C, ...)`` or ``(C,)``, or else targets of x's shape."""
    if t.shape == x.shape:
        return False
    if t.shape == labels_shape(x) or (x.ndim == 1 and t.shape == (1,)) or is_one_label_in_a_row(x, t):
        return True
    labels = "() or (1,)" if x.ndim == 1 else labels_shape(x)
    raise ValueError(
        f"t of shape {t.shape} does not fit {name} of shape {x.shape}: "
        f"t must be labels of shape {labels} or targets of shape {x.shape}"
    )


def is_one_label_in_a_row(x: Array, t: Array) -> bool:
    """Whether t is one label as ``(1, 1)`` for one row of scores, as chapter 7 of the book has it."""
    return x.ndim == 2 and len(x) == 1 and t.shape == (1, 1) and t.dtype.kind in "iu"


def labels_shape(x: Array) -> tuple[int, ...]:
    """The shape of scores without their axis of classes."""
    return (*x.shape[:1], *x.shape[2:]) if x.ndim > 1 else ()


def labels_of_steps(name: str, x: Array, t: Array, ignored: int, of: str = "") -> Array:
    """Labels of all but the last axis of scores x, or one-hot rows of x's shape, as `checked_labels`."""
    if t.shape == x.shape:
        ones = t == 1
        wrong = np.argwhere((ones.sum(axis=-1) != 1) | (np.count_nonzero(t, axis=-1) != 1))
        if len(wrong):
            raise ValueError(f"{of}t of shape {t.shape} is not one-hot at {place_of(tuple(wrong[0].tolist()))}")
        t = np.nonzero(ones)[-1].reshape(t.shape[:-1])
    elif t.shape != x.shape[:-1]:
        raise ValueError(
            f"t of shape {t.shape} does not fit {name} of shape {x.shape}: "
            f"t must be labels of shape {x.shape[:-1]}, or one-hot of shape {x.shape}"
        )
    return checked_labels(t, x.shape[-1], ignored, of)


def scores_and_targets(name: str, x: Array, t: ArrayLike) -> tuple[Array, Array]:
    """Floating `x` as ``(N, C)`` and `t` as ``(N,)`` labels of dtype intp or ``(N, C)`` targets of x's dtype."""
    t = real("t", t)
    if x.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (N, C) or (C,), not {x.shape}")
    has_labels = are_labels(name, x, t)
    scores = np.asarray(np.atleast_2d(x), order="C")
    if has_labels:
        return scores, checked_labels(t, scores.shape[1])
    return scores, np.asarray(np.atleast_2d(t), dtype=x.dtype, order="C")


def scores_and_labels(x: Array, t: ArrayLike) -> tuple[Array, Array]:
    """`x` as ``(N, C)`` and `t` as ``(N,)`` labels: of targets, each row's largest."""
    scores, t = scores_and_targets("scores", floating("scores", x), t)
    return scores, t.argmax(axis=1) if t.ndim == 2 and t.size else t.reshape(-1)[: len(scores)]


def checked_labels(t: Array, classes: int, ignored: int | None = None, of: str = "") -> Array:
    """Labels of any shape as ``(N,)`` of dtype intp, -1 where they are ignored."""
    if t.dtype.kind not in "iu" and t.size:  # NumPy makes float64 of an empty list
        raise TypeError(f"{of}labels t must be integers, not {t.dtype.name}")
    t = t.copy()  # what is checked stays so, whatever another thread writes to the caller's
    is_ignored = np.zeros(t.shape, bool) if ignored is None else np.asarray(t == ignored)
    place = first_outside(t, classes, is_ignored)
    if place is not None:
        raise ValueError(f"{of}label {t[place]} at {place_of(place)} is outside [0, {classes})")
    labels: Array = np.where(is_ignored, np.intp(-1), t.astype(np.intp)).reshape(-1)
    return labels


def checked_reduction(reduction: Any) -> str:
    return choice("reduction", reduction, REDUCTIONS)


def weights(name: str, value: ArrayLike, shape: tuple[int, ...], what: str, dtype: np.dtype[Any]) -> Array:
    """Weights as a vector of this dtype."""
    array = real(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} of shape {array.shape} does not fit: it must have shape {shape}, {what}")
    return np.asarray(array.reshape(-1), dtype=dtype, order="C")


def check_sum(name: str, weights: ArrayLike, over: str, dtype: np.dtype[Any] | type = np.float64) -> None:
    """A mean is divided by the sum of its weights: what overflows, or is infinite itself, would make nan of it."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.sum(weights, dtype=dtype)
    if np.isinf(total):
        raise ValueError(f"{name} must have a finite sum over {over}, not {total}")
