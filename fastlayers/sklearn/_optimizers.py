"""The optimizers of the solvers ``sgd`` and ``adam``, and how their learning rate changes over the epochs."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.types import Array
from ..optimizers import SGD, Adam, Momentum

__all__ = ["after_epoch", "copied", "detach", "is_at_its_end", "make", "state_of"]

_LEAST_LEARNING_RATE = 1e-6  # of the adaptive one, which is then at its end
_ADAPTATION = 5.0


class AdamWithEpsilonHat(Adam):
    r"""Adam as scikit-learn has it, :math:`\theta \leftarrow \theta - \eta_t\,m / (\sqrt v + \hat\epsilon)`.

    With :math:`\eta_t = \eta \sqrt{1 - \beta_2^t} / (1 - \beta_1^t)`: Kingma and Ba, ICLR 2015, the end of section 2.
    It is `Adam` whose :math:`\epsilon` is :math:`\hat\epsilon / \sqrt{1 - \beta_2^t}`.
    """

    def __init__(self, lr: float, beta1: float, beta2: float, epsilon_hat: float) -> None:
        super().__init__(lr, beta1, beta2)
        self.epsilon_hat = epsilon_hat

    def update(self, params: Any, grads: Any) -> None:
        """Update `params` in place."""
        self.eps = self.epsilon_hat / math.sqrt(1 - self.beta2 ** (self.t + 1))
        super().update(params, grads)


def make(estimator: Any) -> Any:
    """A new optimizer, as the estimator's parameters ask for it."""
    lr = float(estimator.learning_rate_init)
    if estimator.solver == "adam":
        return AdamWithEpsilonHat(lr, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))
    if estimator.momentum > 0:
        return Momentum(lr, float(estimator.momentum), nesterov=estimator.nesterovs_momentum)
    return SGD(lr)


def detach(optimizer: Any) -> None:
    """Let an optimizer forget which arrays its states belong to.

    An estimator's parameters always come in the same order. So the states fit those of its copies as well, and a pickle
    does not hold the parameters twice.
    """
    optimizer._updated = ()


def copied(optimizer: Any) -> Any:
    """Return an optimizer that goes on where this one is, on a copy of the parameters, and leaves its arrays alone."""
    other = copy.copy(optimizer)
    detach(other)
    for name, value in vars(optimizer).items():
        if isinstance(value, dict):
            setattr(other, name, {key: np.array(array) for key, array in value.items()})
    return other


def state_of(optimizer: Any) -> Iterator[Array]:
    """The arrays that an optimizer keeps: velocities, or means of gradients and their squares."""
    for value in vars(optimizer).values():
        if isinstance(value, dict):
            yield from value.values()


def after_epoch(estimator: Any, optimizer: Any) -> None:
    """Set the learning rate of the next epoch."""
    if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
        optimizer.lr = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t


def is_at_its_end(estimator: Any, optimizer: Any) -> bool:
    """Whether training ends because nothing improves; an adaptive learning rate first goes down to 1e-6."""
    adapts = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
    ends = not adapts or optimizer.lr <= _LEAST_LEARNING_RATE
    if not ends:
        optimizer.lr /= _ADAPTATION
    if estimator.verbose:
        what = "Validation score" if estimator.early_stopping else "Training loss"
        epochs = f"tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs."
        how = "Learning rate too small. Stopping." if adapts else "Stopping."
        print(
            f"{what} did not improve more than {epochs}", how if ends else f"Setting learning rate to {optimizer.lr:f}"
        )
    return bool(ends)
