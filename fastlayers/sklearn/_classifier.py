"""`MLPClassifier`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call

from .._core.types import Array
from ..layers import SigmoidWithLoss, SoftmaxWithLoss
from ._documentation import documented
from ._labels import Labels
from ._parameters import CONSTRAINTS
from ._perceptron import Perceptron, has_partial_fit
from ._scored import Scored

__all__ = ["MLPClassifier"]


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class MLPClassifier(Scored, ClassifierMixin, Perceptron):
    """A classifier by a multi-layer perceptron: two classes or more, or several labels at once.

    Parameters
    ----------
    <parameters>
    <callbacks>
    class_weight : dict, list of dict, "balanced" or None, default None
        What each class counts in the loss, as for scikit-learn's other classifiers; a list for several labels.
        Scores count samples by their sample weights alone. "balanced" needs all of y: it is not for ``partial_fit``.

    Attributes
    ----------
    classes_ : ndarray
        ``(C,)`` classes in order; for several labels their numbers.
    <attributes>

    See Also
    --------
    MLPRegressor : numbers in place of classes.
    sklearn.neural_network.MLPClassifier : the one that this takes the place of.

    Notes
    -----
    <notes>

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((16,), learning_rate_init=0.02, max_iter=500, tol=1e-3, random_state=0)
    >>> classifier.fit(X, y).score(X, y) > 0.95
    True
    """

    _parameter_constraints = CONSTRAINTS | {"class_weight": [dict, list, StrOptions({"balanced"}), None]}

    class_weight: Any = None

    def _learn_targets(self, y: Array, classes: Any, *, anew: bool, incremental: bool) -> None:
        first = _check_partial_fit_first_call(self, classes) if incremental else anew
        if first:
            self._labels = Labels(y, classes)
            self.classes_ = self._labels.classes
            self.n_outputs_ = self._labels.outputs
            self.out_activation_ = self._labels.activation
        if incremental or not first:
            self._labels.check(y, all_classes=self.warm_start)

    def _strata(self, targets: Array) -> Array | None:
        two = self.out_activation_ == "logistic" and self.n_outputs_ == 1
        return self._labels.strata(targets) if two else None  # scikit-learn does not do so with more

    def _targets(self, y: Array, dtype: DTypeLike) -> Array:
        return self._labels.targets(y, dtype)

    def _loss_layer(self) -> Any:
        return SoftmaxWithLoss() if self.out_activation_ == "softmax" else SigmoidWithLoss()

    def _loss_scales(self) -> tuple[float, float]:
        # SigmoidWithLoss is the mean over the labels, scikit-learn's is their sum.
        return (1, 1) if self.out_activation_ == "softmax" else (self.n_outputs_, self.n_outputs_)

    def _loss_weights(self, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        of_classes: Array = compute_sample_weight(self.class_weight, y)
        return of_classes if weights is None else weights * of_classes

    def _score(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        right = self._labels.chosen(outputs) == targets
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weights))

    @available_if(has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on X and y once more, batch by batch; with ``early_stopping`` an epoch of one training (see the Notes).

        Parameters
        ----------
        X, y, sample_weight : array_like
            As for `fit`.
        classes : array_like, optional
            All classes that will be seen; needed at the first call.
        X_val, y_val, sample_weight_val : array_like, optional
            As for `fit`.

        Returns
        -------
        self : MLPClassifier
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            As `fit` does; if the first call has no `classes`, or a later one other classes; if class_weight is
            "balanced", for which all of y would have to be known.
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' is not for partial_fit, as it needs all of y: give a dict")
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True, classes=classes)

    def predict(self, X: Any) -> Array:
        """The class of each sample, ``(N,)``; of several labels ``(N, C)``, 0 or 1 each.

        Parameters
        ----------
        X : array_like or sparse matrix
            ``(N, D)``.

        Returns
        -------
        ndarray
        """
        outputs = self._outputs(X)
        return self._labels.named(self._labels.chosen(outputs))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, ``(N, C)``; of several labels that of each.

        Parameters
        ----------
        X : array_like or sparse matrix
            As for `predict`.

        Returns
        -------
        ndarray
            In the order of `classes_`, of the dtype that was trained in.
        """
        outputs = self._outputs(X)
        return self._labels.proba(outputs)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`, and finite where that is 0.

        Parameters
        ----------
        X : array_like or sparse matrix
            ``(N, D)``, as for `predict_proba`.

        Returns
        -------
        ndarray
            ``(N, C)``.
        """
        outputs = self._outputs(X)
        return self._labels.log_proba(outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
