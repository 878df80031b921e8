"""The one loop that trains: batches in random order, epoch by epoch, with validation and callbacks.

`Sequential.fit`, and with it the command's training, `DataParallel.fit` and the estimators' ``fit`` run it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from numpy.typing import ArrayLike

from .._core import arguments
from .._core.progress import Progress
from .._core.protocols import Optimizer
from .._core.types import Array
from ..layers._state import reset_state
from ..optimizers import Adam
from . import arguments as fit_arguments
from . import evaluation
from .accumulation import Accumulation
from .arguments import Samples
from .batches import batches, parts, rows_of
from .callback import HOOKS, Hook, Training, hooks, listeners
from .finiteness import is_finite_loss
from .guard import Alone, Guard, Ranks
from .history import History
from .text import RunningText

# Of a batch, its loss and the gradient.
Gradient = Callable[[Array, Array, Array | None], tuple[Any, list[Array]]]


@dataclass
class Plan:
    """All that a fit was asked for, seen to fit."""

    network: Any
    data: Samples
    validation: Samples | None
    epochs: int
    batch_size: int
    optimizer: Any
    called: dict[str, list[Hook]]
    recorded: frozenset[str]
    shuffle: bool
    progress: bool | None
    on_nonfinite: str
    text: RunningText | None = None  # of which each epoch has its own part
    validation_batch: int | None = None  # of running text
    accumulate: int = 1  # batches whose gradients are averaged before each update


def prepare(
    network: Any,
    x: ArrayLike | RunningText,
    t: ArrayLike | None,
    epochs: int,
    batch_size: int,
    *,
    optimizer: Optimizer | None,
    validation_data: Any,
    callbacks: Iterable[Any],
    sample_weight: ArrayLike | None,
    shuffle: bool,
    progress: bool | None,
    on_nonfinite: str,
    accumulate: int,
) -> Plan:
    """What `Sequential.fit` is given, once it is seen to go together, and the validation data to fit the network."""
    data, batch_size, shuffle = fit_arguments.training_samples(x, t, sample_weight, batch_size, shuffle)
    validation = fit_arguments.validation_samples(validation_data)
    plan = Plan(
        network,
        data,
        validation,
        arguments.count("epochs", epochs),
        batch_size,
        Adam() if optimizer is None else optimizer,
        {},
        frozenset(),
        shuffle,
        fit_arguments.switch_or_none("progress", progress),
        arguments.choice("on_nonfinite", on_nonfinite, fit_arguments.ON_NONFINITE),
        x if isinstance(x, RunningText) else None,
        validation_data.batch_size if isinstance(validation_data, RunningText) else None,
        arguments.count("accumulate", accumulate),
    )
    fit_arguments.check_trainable(network)
    fit_arguments.check_order(network, len(data.x), plan.batch_size, plan.shuffle)
    fit_arguments.check_optimizer(plan.optimizer)
    listening = listeners(callbacks)
    plan.called = {name: hooks(listening, name) for name in HOOKS}
    plan.data = fit_arguments.fitting(network, data)
    recorded = {"loss", "seconds"} | ({"lr"} if getattr(plan.optimizer, "lr", None) is not None else set())
    if validation is not None:
        plan.validation = fit_arguments.fitting(network, validation, of="validation ")
        recorded |= evaluation.validated(network, *plan.validation, plan.validation_batch).keys()
    plan.recorded = frozenset(recorded)
    return plan


def fit(
    plan: Plan, gradient: Gradient | None, draw: Callable[[int], Array] | None, ranks: Ranks | None = None
) -> History:
    """Train a network, as `Sequential.fit` says; the parameters are those of `Loop`."""
    network = plan.network
    guard = Guard(plan.on_nonfinite, network, plan.optimizer, ranks or Alone(), looks_ahead=gradient is not None)
    guard.begin(plan.data, plan.validation)
    steps = -(-len(plan.data.x) // (plan.batch_size * plan.accumulate))
    with Progress(plan.epochs * steps, "fit", plan.progress) as bar:
        training = Training(network, plan.optimizer, plan.recorded, bar)
        network.history = training.history
        if bar:
            plan.called["on_step_end"].append(bar.advance)
        Loop(plan, training, guard, gradient, draw, ranks).run()
    return training.history


class Loop:
    """A training under way.

    Parameters
    ----------
    plan : Plan
    training : Training
        What the callbacks are given.
    guard : Guard
        What is done about a loss that is not finite.
    gradient : callable or None
        What gives a batch's loss and gradient; None where the network's ``train_step`` is to take the steps.
    draw : callable or None
        Of the number of samples: their order for an epoch; None where that is the user's.
    ranks : Ranks, optional
        The processes that train together, each on its part of every batch.
    """

    def __init__(
        self,
        plan: Plan,
        training: Training,
        guard: Guard,
        gradient: Gradient | None,
        draw: Callable[[int], Array] | None,
        ranks: Ranks | None = None,
    ) -> None:
        self.plan, self.training, self.guard, self.gradient, self.draw = plan, training, guard, gradient, draw
        self.part_of = None if ranks is None else ranks.part

    def run(self) -> None:
        """Train for all epochs, or until a callback ends it."""
        _call(self.plan.called["on_fit_begin"], self.training)
        self.run_epochs()

    def run_epochs(self) -> None:
        """Train, epoch by epoch, once the callbacks have begun."""
        plan, training = self.plan, self.training
        for epoch in range(plan.epochs):
            if training.stop:
                break
            training.epoch, start = epoch, time.perf_counter()
            self.begin_epoch(epoch)
            numbers = self.epoch()
            numbers["seconds"] = time.perf_counter() - start
            for name in plan.recorded:
                getattr(training.history, name).append(numbers[name])
            training.progress.show({name: number for name, number in numbers.items() if name.endswith("loss")})
            _call(plan.called["on_epoch_end"], training)
            self.after_epoch()
        self.guard.end(training.epoch)
        _call(plan.called["on_fit_end"], training)

    def begin_epoch(self, epoch: int) -> None:
        """Have the samples of this epoch, and the network at rest unless they go on where the last ones ended."""
        text = self.plan.text
        if text is None or epoch == 0:
            reset_state(self.plan.network.layers)
        else:
            self.plan.data = Samples(*text.epoch(epoch), None)

    def epoch(self) -> dict[str, float]:
        """Train on each batch; what the history has of it but the time."""
        plan, training = self.plan, self.training
        numbers = {"loss": self.train()}
        self.guard.end_epoch(training.epoch, len(plan.data.x))
        if plan.validation is not None:
            numbers |= evaluation.validated(plan.network, *plan.validation, plan.validation_batch)
        if "lr" in plan.recorded:
            numbers["lr"] = _learning_rate(training.optimizer, training.step)
        return numbers

    def after_epoch(self) -> None:
        """What is to be decided once the callbacks have heard of an epoch: nothing."""

    def train(self) -> float:
        """Train on each batch; the mean loss of the samples."""
        plan, training, part_of, gradient = self.plan, self.training, self.part_of, self.gradient
        network, optimizer, before = plan.network, training.optimizer, training.step
        data, batch_size, after_step = plan.data, plan.batch_size, plan.called["on_step_end"]
        losses: list[Any] = []
        grads: list[Array] = []
        is_watched, keeps_buffers = self.guard.active, self.guard.keeps_buffers
        order = None if self.draw is None else self.draw(len(data.x))
        counts = evaluation.counts(network.loss_layer, data.t, data.weights)
        counted = evaluation.counted(counts, order, batch_size, len(data.x))
        cut = batches(data, order, batch_size) if part_of is None else parts(data, order, batch_size, part_of)
        several = (
            Accumulation(plan.accumulate, self.batch_weights(counts, order), network.loss_layer)
            if plan.accumulate > 1
            else None
        )
        for (x, t, weights), is_counted in zip(cut, counted, strict=False):
            if not is_counted:
                losses.append(0.0)  # there is nothing to learn, and its mean loss would be 0 / 0
            else:
                try:
                    if keeps_buffers:
                        self.guard.before_step()
                    if gradient is None:  # a subclass takes its steps in a way of its own
                        loss = network.train_step(x, t, optimizer, *(() if weights is None else (weights,)))
                    else:
                        loss, grads = gradient(x, t, weights)
                except Exception as error:
                    fit_arguments.retell(error, network, data, x, self._rows(order, len(losses)))
                    raise
                if is_watched and not (isfinite(loss) if type(loss) is float else is_finite_loss(loss)):
                    batch, rows = Samples(x, t, weights), self._rows(order, len(losses))
                    self.guard.stop_at(loss, training.epoch, len(losses), batch, rows, counts)
                if several is not None:
                    several.add(len(losses), grads)
                elif gradient is not None:
                    network._update(optimizer, grads)
                losses.append(loss)
            if several is not None:
                if not several.is_complete(len(losses) - 1):
                    continue
                if grads := several.take():
                    network._update(optimizer, grads)
            if after_step:
                self._count(before, losses, several)
                _call(after_step, training)
                if training.stop:
                    break
        self._count(before, losses, several)
        return evaluation.mean_loss(network.loss_layer, losses, self.batch_weights(counts, order))

    def _count(self, before: int, losses: list[Any], several: Accumulation | None) -> None:
        """Set the number of steps and the loss of the last one, which callbacks read."""
        self.training.step = before + -(-len(losses) // self.plan.accumulate)
        self.training.loss = losses[-1] if several is None else several.loss(losses)

    def batch_weights(self, counts: Array | None, order: Array | None) -> list[float]:
        """How much each batch counts in the epoch's mean loss."""
        return evaluation.batch_weights(counts, order, self.plan.batch_size, len(self.plan.data.x))

    def _rows(self, order: Array | None, batch: int) -> Array:
        return rows_of(batch, order, self.plan.batch_size, len(self.plan.data.x), self.part_of)


def _learning_rate(optimizer: Any, step: int) -> float:
    """That of the last step: a schedule is asked for it."""
    lr = optimizer.lr
    return float(optimizer.lr(max(getattr(optimizer, "t", step) - 1, 0)) if callable(lr) else lr)


def _call(called: list[Hook], training: Training) -> None:
    for hook in called:
        hook(training)
