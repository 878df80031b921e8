"""The solvers ``sgd`` and ``adam``: epochs of batches, until nothing improves.

`Sequential.fit` draws its batches from a `numpy.random.Generator`, and its optimizers' decay is the same for every
batch; here batches, penalty and the rules for stopping are scikit-learn's, so that its curves come out to the last
digits. The callbacks are the same, and so is what they are given.
"""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from .._core.progress import Progress
from ..network import Sequential
from ..training.callback import HOOKS, Training, hooks, listeners
from ..training.evaluation import loss_of
from . import _optimizers
from ._finite import check_trained
from ._network import outputs_of, pack, pack_gradients
from ._samples import Samples, batch_size_of

__all__ = ["train"]


def train(
    estimator: Any,
    samples: Samples,
    validation: Samples | None,
    random_state: np.random.RandomState,
    *,
    anew: bool,
    incremental: bool,
) -> None:
    """Train epoch by epoch, or ``partial_fit``'s one; sets what records a training."""
    _begin(estimator, anew=anew, incremental=incremental, scores=validation is not None)
    if incremental and hasattr(estimator, "_optimizer"):
        estimator._optimizer = _optimizers.copied(estimator._optimizer)
    else:
        estimator._optimizer = _optimizers.make(estimator)
    if incremental and estimator.early_stopping and estimator.stopped_early_:
        warnings.warn(
            "Training has stopped early, and this call of partial_fit trains nothing; early_stopping=False goes on",
            stacklevel=2,
        )
        return
    estimator.stopped_early_ = False
    callbacks = () if incremental else estimator.callbacks
    loop = _Loop(estimator, samples, validation, random_state, callbacks, anew=anew)
    ended = loop.run(1 if incremental else estimator.max_iter)
    if estimator.stopped_early_ or (estimator.early_stopping and not incremental):
        loop.take_the_best_back()
    if not ended and not incremental:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
            "converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _begin(estimator: Any, *, anew: bool, incremental: bool, scores: bool) -> None:
    """Set the attributes that record a training; those of an earlier one are kept unless it begins `anew`."""
    if anew or not hasattr(estimator, "loss_curve_"):
        estimator.loss_curve_ = []
        estimator.best_loss_ = estimator.validation_scores_ = estimator.best_validation_score_ = None
        estimator.stopped_early_ = False
        estimator._no_improvement_count = 0
    if scores and estimator.validation_scores_ is None:
        estimator.validation_scores_ = []
        estimator.best_validation_score_ = -np.inf
    if not estimator.early_stopping:
        vars(estimator).pop("_best_params", None)
        if estimator.best_loss_ is None:
            estimator.best_loss_ = np.inf
    elif not incremental or not hasattr(estimator, "_best_params"):  # scores of other samples are no measure
        estimator._best_params = None
        estimator.best_validation_score_ = -np.inf
        estimator._no_improvement_count = 0


class _Loop:
    """A training under way.

    Parameters
    ----------
    estimator : Perceptron
        Whose network, optimizer and attributes are this training's alone; `_begin` was called.
    samples : Samples
        To train on.
    validation : Samples or None
        To score on after each epoch.
    random_state : RandomState
        What the order of the samples is drawn from.
    callbacks : list
        As for `Sequential.fit`.
    anew : bool
        Whether the network is a new one.
    """

    def __init__(
        self,
        estimator: Any,
        samples: Samples,
        validation: Samples | None,
        random_state: np.random.RandomState,
        callbacks: Any,
        *,
        anew: bool,
    ) -> None:
        self.estimator = estimator
        self.params = pack(estimator.network_)
        self.network: Sequential = estimator._training_network(anew=anew)
        self.grads = pack_gradients(self.network)
        self.optimizer: Any = estimator._optimizer
        self.samples = samples
        self.validation = validation
        self.random_state = random_state
        self.order = np.arange(len(samples))
        self.batch_size = batch_size_of(estimator.batch_size, len(samples))
        listening = listeners(callbacks)
        self.called = {name: hooks(listening, name) for name in HOOKS}
        recorded = {"loss", "lr", "seconds"}
        if validation is not None:
            recorded |= {"validation_loss", "validation_accuracy"} if is_classifier(estimator) else {"validation_loss"}
        self.training = Training(
            estimator.network_, self.optimizer, frozenset(recorded if listening else ()), Progress(0, "", wanted=False)
        )

    def run(self, epochs: int) -> bool:
        """Train for so many epochs, or until nothing improves or a callback ends it; whether it was ended so."""
        estimator, training = self.estimator, self.training
        estimator.n_iter_ = 0
        self._call("on_fit_begin")
        try:
            while estimator.n_iter_ < epochs and not training.stop:
                training.epoch, start = estimator.n_iter_, time.perf_counter()
                if estimator.early_stopping and estimator._best_params is None:
                    estimator._best_params = [param.copy() for param in self.params]
                estimator.loss_ = self._epoch()
                self._check(estimator.loss_)
                estimator.loss_curve_.append(estimator.loss_)
                estimator.n_iter_ += 1
                estimator.t_ += len(self.samples)
                if estimator.verbose:
                    print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
                self._record(self._compare(), start)
                _optimizers.after_epoch(estimator, self.optimizer)
                if estimator._no_improvement_count > estimator.n_iter_no_change:
                    if _optimizers.is_at_its_end(estimator, self.optimizer):
                        training.stop = True
                        estimator.stopped_early_ = estimator.early_stopping
                    else:
                        estimator._no_improvement_count = 0
            self._call("on_fit_end")
        except KeyboardInterrupt:  # as scikit-learn does it: what was learned is kept
            warnings.warn("Training interrupted by user.", stacklevel=2)
            training.stop = True
            self._check(0.0)
        return training.stop

    def take_the_best_back(self) -> None:
        """Go back to the parameters that had the best score."""
        if self.estimator._best_params is not None:
            for param, best in zip(self.params, self.estimator._best_params, strict=True):
                np.copyto(param, best)
            self.estimator._best_params = None

    def _check(self, loss: float) -> None:
        """ValueError if anything has become infinite or nan."""
        state = _optimizers.state_of(self.optimizer)
        arrays = {"parameter weights": self.params, "optimizer state, which makes its steps 0 or nan": state}
        check_trained(loss, f"in epoch {self.estimator.n_iter_ + 1}", arrays)

    def _epoch(self) -> float:
        """Train on each batch once; the mean loss of the samples, each from before its batch's update."""
        network, optimizer, training = self.network, self.optimizer, self.training
        alpha, after_step = float(self.estimator.alpha), self.called["on_step_end"]
        params, grads, weights = self.params, self.grads, self.params[0].reshape(-1)
        if self.estimator.shuffle:
            self.order = self.order[self.random_state.permutation(len(self.order))]
        total, seen = 0.0, 0
        for x, targets, sample_weight in self.samples.batches(self.order, self.batch_size):
            count = len(x) if sample_weight is None else float(sample_weight.sum())
            if count == 0:  # no sample of this batch counts
                continue
            loss = network._backpropagate(x, targets, sample_weight)  # the gradients are parts of `grads`
            if alpha:
                loss += 0.5 * alpha / count * float(weights.dot(weights))
            optimizer.weight_decay = alpha / count
            optimizer.update(params, grads)
            total += loss * len(x)
            seen += len(x)
            if not math.isfinite(total):
                self._check(total / seen)
            if after_step:
                training.step, training.loss = training.step + 1, loss
                self._call("on_step_end")
                if training.stop:
                    break
        return total / seen

    def _compare(self) -> dict[str, float]:
        """See whether this epoch was better than the best; what the validation set has to say, if there is one."""
        estimator, validation = self.estimator, self.validation
        numbers, score = {}, float("nan")
        if validation is not None:
            outputs = outputs_of(estimator.network_, validation.X)
            if np.isfinite(outputs).all():
                score = estimator._score(outputs, validation.targets, validation.weights)
            if estimator.verbose:
                print(f"Validation score: {score:f}")
            estimator.validation_scores_.append(score)
            if "validation_loss" in self.training.recorded:
                loss = loss_of(self.network.loss_layer, outputs, validation.targets, validation.weights)
                numbers = {"validation_loss": loss, "validation_accuracy": score}
        if estimator.early_stopping:
            better = not score < estimator.best_validation_score_ + estimator.tol
        else:
            better = not estimator.loss_ > estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        estimator._no_improvement_count = 0 if better else estimator._no_improvement_count + 1
        if validation is not None and score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            if estimator.early_stopping:
                estimator._best_params = None  # those that the network has
        return numbers

    def _record(self, numbers: dict[str, float], start: float) -> None:
        """Tell the callbacks of an epoch that is over."""
        if not self.training.recorded:
            return
        numbers |= {"loss": self.estimator.loss_, "lr": self.optimizer.lr, "seconds": time.perf_counter() - start}
        for name in self.training.recorded:
            getattr(self.training.history, name).append(numbers[name])
        self._call("on_epoch_end")

    def _call(self, name: str) -> None:
        for hook in self.called[name]:
            hook(self.training)
