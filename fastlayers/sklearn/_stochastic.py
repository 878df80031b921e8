"""The solvers ``sgd`` and ``adam``: epochs of batches, until nothing improves.

The loop is that of `Sequential.fit`, and so are the callbacks and what they are given. What scikit-learn has otherwise
is here, so that its curves come out to the last digits: the order of the samples is drawn from a `RandomState`, and
from the order before; the penalty is divided by what a batch's samples count; a batch counts in the epoch's mean by
its samples, whatever their weights; training ends once nothing improves; and on Ctrl-C what was learned is kept.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from .._core.progress import Progress
from .._core.types import Array
from ..training import evaluation
from ..training.callback import HOOKS, Training, hooks, listeners
from ..training.guard import Alone, Guard
from ..training.loop import Loop, Plan
from . import _optimizers
from ._finite import check_trained
from ._network import outputs_of
from ._penalised import PenalisedNetwork
from ._samples import Order, Samples, batch_size_of

__all__ = ["forget", "train"]

_OF_PARAMETERS = ("_optimizer", "_best_params")
_RECORDS = (
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "stopped_early_",
    "_no_improvement_count",
    "_held_out_seed",
)


def forget(estimator: Any, *, anew: bool) -> None:
    """Drop what these solvers have kept of parameters that another one replaces; and their records of another network.

    Parameters
    ----------
    estimator : Perceptron
    anew : bool
        Whether its network is a new one.
    """
    for name in _OF_PARAMETERS + (_RECORDS if anew else ()):
        vars(estimator).pop(name, None)


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
    epochs = 1 if incremental else estimator.max_iter
    restores = estimator.early_stopping and not incremental
    loop = _Loop(estimator, samples, validation, random_state, callbacks, epochs, anew=anew, may_diverge=restores)
    loop.run()
    _optimizers.detach(estimator._optimizer)
    diverged = restores and loop.network.has_diverged(estimator.loss_ if estimator.n_iter_ else 0.0)
    if estimator.stopped_early_ or restores:
        loop.take_the_best_back()
    if diverged:
        check_trained(0.0, "in the best epoch", {"parameter weights": loop.network.packed})
        del estimator._optimizer  # its state may be nan: a later partial_fit begins with a new one
        warnings.warn(
            "Training diverged: loss or weights became infinite or nan. The estimator has the weights of the best "
            "validation score: lower learning_rate_init or scale the data.",
            ConvergenceWarning,
            stacklevel=2,
        )
    elif not loop.training.stop and not incremental:
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


class _Loop(Loop):
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
    epochs : int
        So many at most.
    anew : bool
        Whether the network is a new one.
    may_diverge : bool
        Whether loss and weights may become infinite or nan.
    """

    def __init__(
        self,
        estimator: Any,
        samples: Samples,
        validation: Samples | None,
        random_state: np.random.RandomState,
        callbacks: Any,
        epochs: int,
        *,
        anew: bool,
        may_diverge: bool,
    ) -> None:
        self.estimator, self.validation = estimator, validation
        self.network = PenalisedNetwork(estimator, anew=anew, may_diverge=may_diverge)
        listening = listeners(callbacks)
        recorded = {"loss", "lr", "seconds"}
        if validation is not None:
            recorded |= {"validation_loss", "validation_accuracy"} if is_classifier(estimator) else {"validation_loss"}
        optimizer, progress = estimator._optimizer, Progress(0, "", wanted=False)
        plan = Plan(
            self.network,
            samples.as_arrays(),
            None,
            epochs,
            batch_size_of(estimator.batch_size, len(samples)),
            optimizer,
            {name: hooks(listening, name) for name in HOOKS},
            frozenset(recorded if listening else ()),
            estimator.shuffle,
            progress=False,
            on_nonfinite="ignore",  # a step refuses what is not
        )
        training = Training(estimator.network_, optimizer, plan.recorded, progress)
        guard = Guard(plan.on_nonfinite, self.network, optimizer, Alone(), looks_ahead=False)
        super().__init__(plan, training, guard, None, Order(len(samples), random_state) if plan.shuffle else None)
        estimator.n_iter_ = 0

    def run_epochs(self) -> None:
        """Train, epoch by epoch; Ctrl-C ends it, as scikit-learn does it: what was learned is kept."""
        try:
            super().run_epochs()
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
            self.training.stop = True
            self.network.check(0.0)

    def epoch(self) -> dict[str, float]:
        """Train on each batch, and see what has come of it."""
        estimator = self.estimator
        if estimator.early_stopping and estimator._best_params is None:
            estimator._best_params = [param.copy() for param in self.network.packed]
        estimator.loss_ = self.train()
        self.network.check(estimator.loss_)
        estimator.loss_curve_.append(estimator.loss_)
        estimator.n_iter_ += 1
        estimator.t_ += len(self.plan.data.x)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        return {"loss": estimator.loss_, **self._compare(), "lr": estimator._optimizer.lr}

    def batch_weights(self, counts: Array | None, order: Array | None) -> list[float]:
        """Each batch counts by its samples, but one that has no weight at all."""
        lengths = super().batch_weights(None, order)
        if counts is None:
            return lengths
        return [
            length if weight else 0
            for length, weight in zip(lengths, super().batch_weights(counts, order), strict=True)
        ]

    def take_the_best_back(self) -> None:
        """Go back to the parameters that had the best score."""
        if self.estimator._best_params is not None:
            for param, best in zip(self.network.packed, self.estimator._best_params, strict=True):
                np.copyto(param, best)
            self.estimator._best_params = None

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
                loss = evaluation.loss_of(self.network.loss_layer, outputs, validation.targets, validation.weights)
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

    def after_epoch(self) -> None:
        """Set the next epoch's learning rate, or end the training."""
        estimator, optimizer = self.estimator, self.training.optimizer
        _optimizers.after_epoch(estimator, optimizer)
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            if _optimizers.is_at_its_end(estimator, optimizer):
                self.training.stop = True
                estimator.stopped_early_ = estimator.early_stopping
            else:
                estimator._no_improvement_count = 0
