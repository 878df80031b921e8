"""Classes and labels: what a network is to give for them, and what its outputs say of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse
from scipy.special import log_expit, log_softmax
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .._core.types import Array
from ..functional import sigmoid_forward, softmax

__all__ = ["Labels"]


class Labels:
    """What a classifier chooses from: one of several classes, or each of several labels, yes or no.

    Parameters
    ----------
    y : array_like
        ``(N,)`` classes; or ``(N, C)`` labels, 0 or 1 each, which may be sparse.
    classes : array_like, optional
        All classes, where y need not have them all.

    Attributes
    ----------
    classes : ndarray
        In order; of labels their numbers.
    outputs : int
        Of the network: one for each class or label, and one alone for two classes.
    activation : str
        What is after them, "softmax" or "logistic".

    Raises
    ------
    ValueError
        If y holds neither.
    """

    def __init__(self, y: Any, classes: Any = None) -> None:
        y = y if issparse(y) else np.asarray(y)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError("y has several columns of classes; several columns must be labels, 0 or 1 each")
        self._encoder = (
            None if kind == "multilabel-indicator" else LabelEncoder().fit(y if classes is None else classes)
        )
        self.classes: Array = np.arange(y.shape[1]) if self._encoder is None else self._encoder.classes_
        several = self._encoder is None or len(self.classes) > 2
        self.outputs = len(self.classes) if several else 1
        self.activation = "softmax" if several and self._encoder is not None else "logistic"

    def check(self, y: Array, *, all_classes: bool) -> None:
        """ValueError if there are others in y, or not all of them where those are asked for."""
        if self._encoder is None:
            if y.ndim != 2 or y.shape[1] != self.outputs:
                raise ValueError(f"y must be (N, {self.outputs}) labels, as before, not of shape {y.shape}")
            return
        unknown = np.setdiff1d(y, self.classes) if self._places(y) is None else self.classes[:0]
        if all_classes and (unknown.size or np.setdiff1d(self.classes, y).size):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {self.classes}, `y` has {np.unique(y)}"
            )
        if unknown.size:
            raise ValueError(f"`y` has classes not in `self.classes_`, which are {self.classes}: {unknown}")

    def targets(self, y: Any, dtype: DTypeLike) -> Array:
        """What the loss layer takes: ``(N,)`` numbers of classes, or ``(N,)`` or ``(N, C)`` yes and no as 1 and 0."""
        if self._encoder is None:
            return np.ascontiguousarray(y.toarray() if issparse(y) else y, dtype)
        places = self._places(y)
        numbers: Array = self._encoder.transform(y) if places is None else places
        return numbers if self.activation == "softmax" else numbers.astype(dtype)

    def _places(self, y: Array) -> Array | None:
        """The number of each class in y; None where one is unknown, or where it takes the encoder to tell."""
        if y.dtype.kind != self.classes.dtype.kind or y.dtype.kind not in "biuU":
            return None
        places = np.searchsorted(self.classes, y)
        return places if np.array_equal(self.classes.take(places, mode="clip"), y) else None

    def chosen(self, outputs: Array) -> Array:
        """The targets that outputs amount to, as integers."""
        if self.activation == "softmax":
            numbers: Array = outputs.argmax(axis=1)
            return numbers
        yes: Array = (sigmoid_forward(outputs) > 0.5).astype(int)
        if self._encoder is None:
            return yes
        return yes.ravel() if len(self.classes) == 2 else np.zeros(len(outputs), int)

    def named(self, chosen: Array) -> Array:
        """y, of its targets."""
        if self._encoder is None:
            return chosen
        named: Array = self.classes[chosen]
        return named

    def strata(self, targets: Array) -> Array:
        """The classes of the targets `(N,)` of two, for a split that is to keep their proportions; named as y does.

        But 0 and 1 are False and True there, as they are to scikit-learn's own.
        """
        classes = self.classes
        if classes.dtype.kind in "biuf" and classes.tolist() == [0, 1]:
            classes = np.array(["False", "True"])
        strata: Array = classes[targets.astype(int)]
        return strata

    def proba(self, outputs: Array) -> Array:
        """The probability of each class or label, ``(N, C)``."""
        if self.activation == "softmax":
            return softmax(outputs)
        if self._encoder is not None and len(self.classes) == 2:
            return sigmoid_forward(np.hstack([-outputs, outputs]))  # 1 - p would lose the digits of what p leaves
        yes = sigmoid_forward(outputs)
        return yes if self._encoder is None else np.ones_like(yes)

    def log_proba(self, outputs: Array) -> Array:
        """Its logarithm, finite where it is 0 itself."""
        if self.activation == "softmax":
            log_proba: Array = log_softmax(outputs, axis=1)
        elif self._encoder is None:
            log_proba = log_expit(outputs)
        elif len(self.classes) == 2:
            log_proba = log_expit(np.hstack([-outputs, outputs]))
        else:
            log_proba = np.zeros_like(outputs)
        return log_proba
