"""The loop of `Sequential.fit`: batches in random order, epoch by epoch, with validation and callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.progress import Progress
from .._core.protocols import Optimizer
from .._core.types import Array
from ..optimizers import Adam
from . import arguments as fit_arguments
from . import evaluation
from .arguments import Samples
from .callback import HOOKS, Hook, Training, hooks, listeners
from .finiteness import is_finite_loss
from .guard import Alone, Guard, Ranks
from .history import History

# Samples are brought into their order so many bytes at a time, and batches are slices of that. Batch by batch it would
# be a call of NumPy at each step, 12 % of the step of a small network; a whole epoch at once, large data would go to
# memory and back, 40 % of a step on 60,000 images. This much stays in a core's cache.
GATHERED = 256 << 10


# Of so many samples of a batch, which are this process's, where several train one network.
PartOf = Callable[[int], slice]

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


def prepare(
    network: Any,
    x: ArrayLike,
    t: ArrayLike,
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
) -> Plan:
    """What `Sequential.fit` is given, once it is seen to go together, and the validation data to fit the network."""
    data = fit_arguments.samples(x, t, sample_weight)
    validation = fit_arguments.validation_samples(validation_data)
    plan = Plan(
        network,
        data,
        validation,
        arguments.count("epochs", epochs),
        min(arguments.count("batch_size", batch_size), len(data.x)),
        Adam() if optimizer is None else optimizer,
        {},
        frozenset(),
        fit_arguments.flag("shuffle", shuffle),
        fit_arguments.flag_or_none("progress", progress),
        fit_arguments.choice("on_nonfinite", on_nonfinite, fit_arguments.ON_NONFINITE),
    )
    fit_arguments.check_optimizer(plan.optimizer)
    listening = listeners(callbacks)
    plan.called = {name: hooks(listening, name) for name in HOOKS}
    plan.data = fit_arguments.fitting(network, data)
    recorded = {"loss", "seconds"} | ({"lr"} if getattr(plan.optimizer, "lr", None) is not None else set())
    if validation is not None:
        plan.validation = fit_arguments.fitting(network, validation, of="validation ")
        recorded |= evaluation.validated(network, *plan.validation).keys()
    plan.recorded = frozenset(recorded)
    return plan


def fit(
    plan: Plan, gradient: Gradient | None, draw: Callable[[int], Array] | None, ranks: Ranks | None = None
) -> History:
    """Train a network, as `Sequential.fit` says.

    Parameters
    ----------
    plan : Plan
    gradient : callable or None
        What gives a batch's loss and gradient; None where the network's ``train_step`` is to take the steps.
    draw : callable or None
        Of the number of samples: their order for an epoch; None where that is the user's.
    ranks : Ranks, optional
        The processes that train together, each on its part of every batch.
    """
    network, data = plan.network, plan.data
    guard = Guard(plan.on_nonfinite, network, plan.optimizer, ranks or Alone(), looks_ahead=gradient is not None)
    guard.begin(data, plan.validation)
    called = plan.called
    with Progress(plan.epochs * -(-len(data.x) // plan.batch_size), "fit", plan.progress) as bar:
        training = Training(network, plan.optimizer, plan.recorded, bar)
        network.history = training.history
        if bar:
            called["on_step_end"].append(bar.advance)
        _call(called["on_fit_begin"], training)
        for epoch in range(plan.epochs):
            if training.stop:
                break
            training.epoch, start = epoch, time.perf_counter()
            order = None if draw is None else draw(len(data.x))
            numbers = {"loss": _epoch(training, plan, order, gradient, guard, ranks)}
            guard.end_epoch(epoch, len(data.x))
            if plan.validation is not None:
                numbers |= evaluation.validated(network, *plan.validation)
            if "lr" in plan.recorded:
                numbers["lr"] = _learning_rate(training.optimizer, training.step)
            numbers["seconds"] = time.perf_counter() - start
            for name, number in numbers.items():
                getattr(training.history, name).append(number)
            bar.show({name: number for name, number in numbers.items() if name.endswith("loss")})
            _call(called["on_epoch_end"], training)
        guard.end(training.epoch)
        _call(called["on_fit_end"], training)
    return training.history


def _epoch(
    training: Training, plan: Plan, order: Array | None, gradient: Gradient | None, guard: Guard, ranks: Ranks | None
) -> float:
    """Train on each batch; the mean loss of the samples."""
    network, optimizer, before = training.network, training.optimizer, training.step
    data, batch_size, after_step = plan.data, plan.batch_size, plan.called["on_step_end"]
    losses: list[Any] = []
    grads: list[Array] = []
    is_watched = guard.active
    counts = evaluation.counts(network.loss_layer, data.t, data.weights)
    counted = _counted(counts, order, batch_size, len(data.x))
    part_of = None if ranks is None else ranks.part
    for (x, t, weights), is_counted in zip(batches(data, order, batch_size, part_of), counted, strict=False):
        if not is_counted:
            losses.append(0.0)  # there is nothing to learn, and its mean loss would be 0 / 0
        else:
            try:
                if gradient is None:  # a subclass takes its steps in a way of its own
                    loss = network.train_step(x, t, optimizer, *(() if weights is None else (weights,)))
                else:
                    loss, grads = gradient(x, t, weights)
            except Exception as error:
                fit_arguments.retell(error, network, data, x, _rows(order, len(losses), plan, part_of))
                raise
            if is_watched and not (isfinite(loss) if type(loss) is float else is_finite_loss(loss)):
                rows = _rows(order, len(losses), plan, part_of)
                guard.stop_at(loss, training.epoch, len(losses), Samples(x, t, weights), rows, counts)
            if gradient is not None:
                optimizer.update(network.params, grads)
            losses.append(loss)
        if after_step:
            training.step, training.loss = before + len(losses), losses[-1]
            _call(after_step, training)
            if training.stop:
                break
    training.step, training.loss = before + len(losses), losses[-1]
    shares = evaluation.shares(counts, order, batch_size, len(data.x))
    return evaluation.mean_loss(network.loss_layer, losses, shares)


def batches(
    data: Samples, order: Array | None, batch_size: int, part_of: PartOf | None = None
) -> Iterator[tuple[Array, Array, Array | None]]:
    """Every batch, or a part of each, in the form that the kernels take as it is; the last may be smaller."""
    if part_of is not None:
        for i in range(0, len(data.x), batch_size):
            part = part_of(min(batch_size, len(data.x) - i))
            x, t, weights = (_gathered(a, order, slice(i + part.start, i + part.stop)) for a in data)
            yield x, t, weights
        return
    nbytes = batch_size * sum(a[:1].nbytes for a in data if a is not None)
    together = max(GATHERED // max(nbytes, 1), 1) * batch_size
    for i in range(0, len(data.x), together):
        # New arrays each time: a layer or a callback may still hold what it was given.
        x, t, weights = (_gathered(a, order, slice(i, i + together)) for a in data)
        for j in range(0, len(x), batch_size):
            batch = slice(j, j + batch_size)
            yield x[batch], t[batch], weights if weights is None else weights[batch]


def _gathered(array: Array | None, order: Array | None, which: slice) -> Any:
    if array is None:
        return None
    part = array[which] if order is None else array.take(order[which], axis=0)
    return np.require(part, part.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])


def _counted(weights: Array | None, order: Array | None, batch_size: int, samples: int) -> Iterable[bool]:
    """Whether anything of each batch has a weight."""
    if weights is None:
        return repeat(True)
    of_samples = np.asarray(weights.reshape(samples, -1).any(axis=1))
    of_batches: list[bool] = np.logical_or.reduceat(
        of_samples if order is None else of_samples[order], range(0, samples, batch_size)
    ).tolist()
    return of_batches


def _rows(order: Array | None, batch: int, plan: Plan, part_of: PartOf | None) -> Array:
    """Where the samples of a batch, or of this process's part of it, stand in the user's arrays."""
    start = batch * plan.batch_size
    stop = min(start + plan.batch_size, len(plan.data.x))
    rows = np.arange(start, stop) if order is None else order[start:stop]
    return rows if part_of is None else rows[part_of(len(rows))]


def _learning_rate(optimizer: Any, step: int) -> float:
    """That of the last step: a schedule is asked for it."""
    lr = optimizer.lr
    return float(optimizer.lr(max(getattr(optimizer, "t", step) - 1, 0)) if callable(lr) else lr)


def _call(called: list[Hook], training: Training) -> None:
    for hook in called:
        hook(training)
