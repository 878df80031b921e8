"""The network that the solvers ``sgd`` and ``adam`` train."""

from __future__ import annotations

import math
from typing import Any

from ..network import Sequential
from . import _optimizers
from ._finite import check_trained
from ._network import pack, pack_gradients

__all__ = ["PenalisedNetwork"]


class PenalisedNetwork(Sequential):
    """A network whose steps have the penalty, and end the training where the loss is not finite.

    Parameters
    ----------
    estimator : Perceptron
        The parameters of its network, which are those of this one too, are packed, and the gradients beside them.
    anew : bool
        Whether the network is a new one.
    """

    def __init__(self, estimator: Any, *, anew: bool) -> None:
        self.packed = pack(estimator.network_)
        network = estimator._training_network(anew=anew)
        super().__init__(network.layers, network.loss_layer)
        self._estimator = estimator
        self._alpha = float(estimator.alpha)
        self._grads = pack_gradients(self)

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

    def check(self, loss: float) -> None:
        """ValueError if anything has become infinite or nan."""
        state = _optimizers.state_of(self._estimator._optimizer)
        arrays = {"parameter weights": self.packed, "optimizer state, which makes its steps 0 or nan": state}
        check_trained(loss, f"in epoch {self._estimator.n_iter_ + 1}", arrays)
