"""`MLPRegressor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions

from .._core.types import Array
from ..layers import MeanSquaredError
from ._documentation import documented
from ._finite import in_range
from ._losses import PoissonWithLoss
from ._parameters import CONSTRAINTS
from ._perceptron import Perceptron
from ._scored import Scored

__all__ = ["MLPRegressor"]


@dataclass(eq=False, repr=False)
class _Loss:
    """The parameter that scikit-learn has before all others."""

    loss: str = "squared_error"


@documented
@dataclass(eq=False, repr=False)
class MLPRegressor(Scored, RegressorMixin, Perceptron, _Loss):
    """A regression by a multi-layer perceptron, of one output or several.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default "squared_error"
        Half the squared error; or half the Poisson deviance of the outputs' exponential, for y that is not negative.
    <parameters>
    <callbacks>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    MLPClassifier : for y of classes.
    sklearn.neural_network.MLPRegressor : whose place this takes.

    Notes
    -----
    <notes>

    Examples
    --------
    >>> from sklearn import datasets
    >>> X, y = datasets.make_regression(n_samples=200, n_features=5, random_state=0)
    >>> regressor = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", tol=1, random_state=0)
    >>> regressor.fit(X, y).score(X, y) > 0.99
    True
    """

    _parameter_constraints = CONSTRAINTS | {"loss": [StrOptions({"squared_error", "poisson"})]}

    def _learn_targets(self, y: Array, classes: Any, *, anew: bool, incremental: bool) -> None:
        if self.loss == "poisson" and not y.min() >= 0:
            raise ValueError(f"y must not be negative for loss='poisson', but there is {y.min()}")
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if not anew and outputs != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} outputs, as before, not {outputs}")
        self.n_outputs_ = outputs
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"

    def _targets(self, y: Array, dtype: Any) -> Array:
        targets: Array = in_range("y", y.reshape(len(y), -1), dtype)
        return targets

    def _loss_layer(self) -> Any:
        return PoissonWithLoss() if self.loss == "poisson" else MeanSquaredError()

    def _loss_scales(self) -> tuple[float, float]:
        # MeanSquaredError is the mean over the outputs of the square: its gradient is to be that of half their sum.
        return (1, 1) if self.loss == "poisson" else (0.5, 0.5 * self.n_outputs_)

    def _expected(self, outputs: Array) -> Array:
        """The numbers that outputs amount to, ``(N, outputs)``."""
        return np.exp(outputs) if self.out_activation_ == "exp" else outputs

    def _score(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        expected = self._expected(outputs)
        if not np.isfinite(expected).all():  # the exponential overflows where the output does not
            return float("nan")
        return float(r2_score(targets, expected, sample_weight=weights))

    def predict(self, X: Any) -> Array:
        """The numbers of each sample.

        Parameters
        ----------
        X : array_like or sparse matrix
            ``(N, D)`` samples.

        Returns
        -------
        ndarray
            ``(N,)``, or ``(N, outputs)`` of several; of the dtype that was trained in.
        """
        expected = self._expected(self._outputs(X))
        return expected.ravel() if self.n_outputs_ == 1 else expected

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
