"""The network that the solvers ``sgd`` and ``adam`` train."""

from __future__ import annotations

import math
from typing import Any

from ..network import Sequential
from . import _optimizers
from ._finite import all_finite, check_trained
from ._network import pack, pack_gradients

__all__ = ["PenalisedNetwork"]


class PenalisedNetwork(Sequential):
    """A network whose training steps add the penalty and check that numbers are finite.

    Parameters
    ----------
    estimator : Perceptron
        This network shares the parameters of the estimator's network. They are packed, and so are the gradients.
    anew : bool
        Whether the network is a new one.
    may_diverge : bool
        Whether loss and weights may become infinite or nan once an epoch has a validation score, since early stopping
        restores the best weights.
    """

    def __init__(self, estimator: Any, *, anew: bool, may_diverge: bool) -> None:
        self.packed = pack(estimator.network_)
        network = estimator._training_network(anew=anew)
        super().__init__(network.layers, network.loss_layer)
        self._estimator = estimator
        self._alpha = float(estimator.alpha)
        self._grads = pack_gradients(self)
        self._may_diverge = may_diverge

    def train_step(self, x: Any, t: Any, optimizer: Any, sample_weight: Any = None) -> float:
        """One step; the loss before the update, with the penalty."""
        alpha, weights = self._alpha, self.packed[0].reshape(-1)
        count = len(x) if sample_weight is None else float(sample_weight.sum())
        loss = self._backpropagate(x, t, sample_weight)  # the gradients are parts of `_grads`
        if alpha:
            loss += 0.5 * alpha / count * float(weights.dot(weights))
        optimizer.weight_decay = alpha / count
        optimizer.update(self.packed, self._grads)
        if not math.isfinite(loss):
            self.check(loss)
        return loss

    def has_diverged(self, loss: float) -> bool:
        """Return whether the loss or a weight is infinite or nan."""
        return not (math.isfinite(loss) and all_finite(self.packed))

    def check(self, loss: float) -> None:
        """Raise ValueError if loss, weights or optimizer state are not finite and early stopping does not help."""
        if self._may_diverge and math.isfinite(self._estimator.best_validation_score_) and self.has_diverged(loss):
            return
        state = _optimizers.state_of(self._estimator._optimizer)
        arrays = {"parameter weights": self.packed, "optimizer state, which makes its steps 0 or nan": state}
        check_trained(loss, f"in epoch {self._estimator.n_iter_ + 1}", arrays)
