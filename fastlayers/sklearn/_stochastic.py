"""The solvers ``sgd`` and ``adam``: epochs of batches, until nothing improves.

`Sequential.fit` draws its batches from a `numpy.random.Generator`, and its optimizers' decay is the same for every
batch; here batches, penalty and the rules for stopping are scikit-learn's, so that its curves come out to the last
digits. The callbacks are the same, and so is what they are given.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from .._evaluation import loss_of
from .._progress import Progress
from .._training import HOOKS, Training, hooks, listeners
from ..network import Sequential
from . import _optimizers
from ._network import aligned, outputs_of, pack, put_gradients_in
from ._samples import Samples

__all__ = ["Loop", "begin"]


def begin(estimator: Any, *, anew: bool, scores: bool) -> None:
    """Set the attributes that record a training; those of an earlier one are kept unless it begins `anew`."""
    if anew or not hasattr(estimator, "loss_curve_"):
        estimator.loss_curve_ = []
        estimator.best_loss_ = estimator.validation_scores_ = estimator.best_validation_score_ = None
        estimator.stopped_early_ = False
        estimator._no_improvement_count = 0
    if scores and estimator.validation_scores_ is None:
        estimator.validation_scores_ = []
        estimator.best_validation_score_ = -np.inf
        estimator._best_params = [param.copy() for param in estimator.network_.params]
    if not estimator.early_stopping and estimator.best_loss_ is None:
        estimator.best_loss_ = np.inf


class Loop:
    """A training under way.

    Parameters
    ----------
    estimator : Perceptron
        Whose network, optimizer and attributes are those of this training; `begin` was called.
    samples : Samples
        To train on.
    validation : Samples or None
        To score on after each epoch.
    random_state : RandomState
        What the order of the samples is drawn from.
    callbacks : list
        As for `Sequential.fit`.
    """

    def __init__(
        self,
        estimator: Any,
        samples: Samples,
        validation: Samples | None,
        random_state: np.random.RandomState,
        callbacks: Any = (),
    ) -> None:
        self.estimator = estimator
        self.params = pack(estimator.network_)
        self.grads = [aligned(np.zeros_like(param)).reshape(param.shape) for param in self.params]
        self.network: Sequential = estimator._training_network()
        put_gradients_in(self.network, *self.grads)
        self.optimizer: Any = estimator._optimizer
        self.samples = samples
        self.validation = validation
        self.random_state = random_state
        self.order = np.arange(len(samples))
        self.batch_size = _batch_size(estimator, len(samples))
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
                estimator.loss_ = self._epoch()
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
        return training.stop

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
            estimator._best_params = [param.copy() for param in estimator.network_.params]
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


def _batch_size(estimator: Any, n_samples: int) -> int:
    if estimator.batch_size == "auto":
        return min(200, n_samples)
    if estimator.batch_size > n_samples:
        warnings.warn(
            f"batch_size={estimator.batch_size} is larger than the number of samples, {n_samples}, and clipped to it",
            stacklevel=2,
        )
    return min(int(estimator.batch_size), n_samples)
