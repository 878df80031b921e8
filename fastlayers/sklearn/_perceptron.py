"""What both estimators have in common: their parameters, fitting, and the attributes that they learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, is_regressor
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from .._core.types import Array
from ..layers._declaration import params_of
from ..network import Sequential
from . import _lbfgs, _stochastic
from ._beside import beside
from ._finite import check_all_unmasked, in_range
from ._losses import Scaled
from ._network import affine_layers, build, copied, outputs_of
from ._parameters import Parameters, activations_of, dropouts_of, hidden_sizes_of
from ._samples import Samples, checked_weights, hold_out, warn_of_another_scale

_FORM = {"accept_sparse": "csr", "order": "C"}

__all__ = ["Perceptron", "has_partial_fit"]


def has_partial_fit(estimator: Any) -> bool:
    """Whether an estimator trains batch by batch; AttributeError, which says why, where not."""
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for solver='sgd' or 'adam': 'lbfgs' takes all data at once")
    return True


class Perceptron(Parameters, BaseEstimator, ABC):
    """A multi-layer perceptron that trains on a `Sequential`; the base of the classifier and the regressor."""

    network_: Sequential
    n_outputs_: int
    out_activation_: str
    stopped_early_: bool

    @abstractmethod
    def _learn_targets(self, y: Array, classes: Any, *, anew: bool, incremental: bool) -> None:
        """Set `n_outputs_`, `out_activation_` and what else is known of the targets, or refuse what does not fit."""

    @abstractmethod
    def _targets(self, y: Array, dtype: Any) -> Array:
        """What the loss layer takes, of y."""

    @abstractmethod
    def _loss_layer(self) -> Any:
        """A loss layer for the outputs."""

    @abstractmethod
    def _loss_scales(self) -> tuple[float, float]:
        """What the loss layer's loss and its gradient are to be multiplied by."""

    @abstractmethod
    def _score(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """What ``score`` gives, of the network's outputs and targets; outputs are finite."""

    def _strata(self, targets: Array) -> Array | None:
        """The classes that samples held out are to have as all have them, of targets; None for whatever they have."""
        return None

    def _loss_weights(self, y: Array, weights: Array | None) -> Array | None:
        """What each sample counts in the loss."""
        return weights

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, ``(inputs, outputs)``: the network's own arrays."""
        return [layer.W for layer in affine_layers(self.network_)]

    @property
    def intercepts_(self) -> list[Array]:
        """The bias of each layer, ``(outputs,)``: the network's own arrays."""
        return [layer.b for layer in affine_layers(self.network_)]

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on X and y, from the beginning or, with ``warm_start``, from where the last training ended.

        Parameters
        ----------
        X : array_like or sparse matrix
            ``(N, D)`` features; float32 is trained on in float32, all else in float64. A sparse matrix is filled up
            batch by batch, and all at once by ``solver="lbfgs"``.
        y : array_like
            ``(N,)`` classes or numbers; ``(N, C)`` for several labels (0 or 1 each) or several outputs.
        sample_weight : array_like, optional
            ``(N,)``, how much each sample counts; not negative, and of a finite sum.
        X_val, y_val, sample_weight_val : array_like, optional
            Other samples to score after each epoch, in place of those that ``early_stopping`` would hold out. The names
            are those of scikit-learn's ``HistGradientBoostingClassifier.fit``. A pipeline scales `X_val` only with
            ``transform_input=["X_val"]`` and metadata routing.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data do not fit, or are masked; if a number is too large for the dtype that is trained
            in; if loss, gradients, optimizer or weights become infinite or nan (but see the Notes on
            ``early_stopping``). The estimator is as it was.

        Warns
        -----
        UserWarning
            If a sample's mean absolute value is typically more than three times as large or small in `X_val` as in X.
        ConvergenceWarning
            If training ends at ``max_iter`` and not by ``tol``, or if it diverges with ``early_stopping``.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)

    @available_if(has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on X and y once more, batch by batch; with ``early_stopping`` an epoch of one training (see the Notes).

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val : array_like
            As for `fit`.

        Returns
        -------
        self : object
            As from `fit`.

        Raises
        ------
        ValueError, TypeError
            As `fit` does.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        *,
        incremental: bool,
        classes: Any = None,
    ) -> Self:
        X_val, y_val, sample_weight_val = validation
        check_all_unmasked(X=X, y=y, sample_weight=sample_weight, classes=classes)
        check_all_unmasked(X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)
        anew = not hasattr(self, "network_") or not (self.warm_start or incremental)
        with beside(self, anew=anew) as built:
            built._train(X, y, sample_weight, validation, classes, anew=anew, incremental=incremental)
        return self

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        classes: Any,
        *,
        anew: bool,
        incremental: bool,
    ) -> None:
        hidden = hidden_sizes_of(self.hidden_layer_sizes)
        activations = activations_of(self.activation, len(hidden))
        dropouts = dropouts_of(self.dropout, len(hidden))
        in_batches = self.solver != "lbfgs"
        is_given = any(part is not None for part in validation)
        if not in_batches and (any(dropouts) or len(self.callbacks) or is_given):
            raise ValueError("dropout, callbacks and X_val are for solver='sgd' or 'adam': 'lbfgs' has no epochs")

        X, y = self._checked(X, y, reset=anew)
        weights = checked_weights(sample_weight, X)
        self._learn_targets(y, classes, anew=anew, incremental=incremental)
        random_state = check_random_state(self.random_state)
        architecture = [X.shape[1], *hidden, self.n_outputs_], activations, dropouts
        made_for = *architecture, getattr(self, "loss", None)
        if anew:
            loss = None if self.out_activation_ == "exp" else self._loss_layer()  # no file holds the Poisson loss
            self.network_ = build(*architecture, loss, dtype=X.dtype, random_state=random_state)
            self._architecture = made_for
            self.n_layers_ = len(architecture[0])
            self.t_ = self.n_iter_ = 0
        elif made_for != self._architecture:
            raise ValueError(
                "hidden_layer_sizes, activation, dropout and loss must be what they were when training began"
            )
        frozen = [f"layer {i}" for i, layer in enumerate(self.network_.layers) if layer.frozen]
        if frozen:
            raise ValueError(
                f"{frozen[0]} of network_ is frozen, and an estimator trains all of them: call network_.unfreeze()"
            )
        counted = checked_weights(self._loss_weights(y, weights), X, "class_weight")
        samples = Samples(X, self._targets(y, X.dtype), counted)
        if in_batches:
            scored = self._validation(*validation) if is_given else None
            if scored is not None and not incremental:
                warn_of_another_scale(X, scored.X)
            if self.early_stopping and scored is None:
                samples, scored = self._held_out(samples, weights, random_state, incremental=incremental)
            _stochastic.train(self, samples, scored, random_state, anew=anew, incremental=incremental)
        else:
            _stochastic.forget(self, anew=anew)
            _lbfgs.train(self, samples, anew=anew)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        """X in the network's dtype, dense in C order or CSR; y as an array."""
        X, y = validate_data(
            self, X, y, dtype=self._dtypes(reset), multi_output=True, y_numeric=is_regressor(self), reset=reset, **_FORM
        )
        X = X if reset else in_range("X", X, params_of(self.network_)[0].dtype)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _validation(self, X: Any, y: Any, sample_weight: Any) -> Samples:
        """The validation set that was given."""
        if X is None or y is None:
            raise ValueError("X_val and y_val are given together, and sample_weight_val with them")
        X, y = self._checked(X, y, reset=False)
        return Samples(X, self._targets(y, X.dtype), checked_weights(sample_weight, X))

    def _held_out(
        self, samples: Samples, weights: Array | None, random_state: Any, *, incremental: bool
    ) -> tuple[Samples, Samples]:
        """Those to train on, and those to score on, which count by `weights`.

        ``partial_fit`` holds out the same rows whenever it is given as many, and so never trains on those of the same
        data.
        """
        stratify = None if incremental else self._strata(samples.targets)
        if incremental:
            if not hasattr(self, "_held_out_seed"):
                self._held_out_seed = random_state.randint(np.iinfo(np.int32).max)
            random_state = self._held_out_seed
        train, held = hold_out(len(samples), self.validation_fraction, random_state, stratify)
        scored = Samples(samples.X, samples.targets, weights)
        return samples.take(train).checked("to train on"), scored.take(held).checked("to score on")

    def _training_network(self, *, anew: bool) -> Sequential:
        """The network with scikit-learn's loss, on the same arrays.

        The layers of a new network are copied, so that those of `network_` hold no samples, for a pickle to carry
        about; where training goes on `network_` is a copy that is not kept.
        """
        layers = copied(self.network_).layers if anew else self.network_.layers
        loss, gradient = self._loss_scales()
        layer = self._loss_layer()
        return Sequential(layers, layer if loss == gradient == 1 else Scaled(layer, loss, gradient))

    def _outputs(self, X: Any) -> Array:
        """The network's outputs, ``(N, outputs)``, before the output activation."""
        check_is_fitted(self, "network_")
        check_all_unmasked(X=X)
        X = validate_data(self, X, dtype=self._dtypes(reset=False), reset=False, **_FORM)
        return outputs_of(self.network_, in_range("X", X, params_of(self.network_)[0].dtype))

    def _dtypes(self, reset: bool) -> tuple[Any, ...]:
        """What X may stay in; all else becomes float64, in which `in_range` sees its numbers."""
        return np.float64, np.float32 if reset else params_of(self.network_)[0].dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
