"""The loop of `Sequential.fit`: batches in random order, epoch by epoch, with validation and callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import mul
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _arguments, _evaluation
from ._history import History
from ._progress import Progress
from ._protocols import Optimizer
from ._training import HOOKS, Hook, Training, hooks, kind, listeners
from .layers import Affine, SoftmaxWithLoss
from .optimizers import Adam

Array = NDArray[Any]

# Samples are brought into their order so many bytes at a time, and batches are slices of that. Batch by batch it would
# be a call of NumPy at each step, 12 % of the step of a small network; a whole epoch at once, large data would go to
# memory and back, 40 % of a step on 60,000 images. This much stays in a core's cache.
GATHERED = 256 << 10


# Of so many samples of a batch, which are this process's, where several train one network.
PartOf = Callable[[int], slice]


class Samples(NamedTuple):
    """Inputs, their labels or targets, and perhaps weights: an entry of each for every sample."""

    x: Array
    t: Array
    weights: Array | None


# What was given


def samples(x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None, *, of: str = "") -> Samples:
    """The arguments as arrays that go together; `of` is what messages say before their names."""
    data = Samples(
        _array(f"{of}x", x),
        _array(f"{of}t", t),
        None if sample_weight is None else _arguments.real(f"{of}sample_weight", sample_weight),
    )
    if not len(data.x):
        raise ValueError(f"{of}x of shape {data.x.shape} has no samples")
    for name, array in (("t", data.t), ("sample_weight", data.weights)):
        if array is not None and array.shape[:1] != data.x.shape[:1]:
            raise ValueError(
                f"{of}{name} of shape {array.shape} does not fit {of}x of shape {data.x.shape}: "
                f"it must have an entry for each of the {len(data.x)} samples"
            )
    return data


def validation_samples(data: Any) -> Samples | None:
    """What ``validation_data`` holds, if there is any."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        given = f"{len(data)} of them" if isinstance(data, tuple | list) else kind(data)
        raise TypeError(f"validation_data must be (x, t) or (x, t, sample_weight), not {given}")
    return samples(*data, of="validation ")


def _array(name: str, value: ArrayLike) -> Array:
    array = np.asarray(value)
    _arguments.check_unmasked(name, value)
    if array.ndim == 0:
        raise ValueError(f"{name} is 0-dimensional: it must have an entry for each sample")
    return array


def _check_labels(network: Any, t: Array) -> None:
    """Refuse labels of no class now, rather than when their batch has its turn, if the number of classes is plain."""
    loss_layer, last = network.loss_layer, network.layers[-1] if network.layers else None
    if isinstance(loss_layer, SoftmaxWithLoss) and isinstance(last, Affine) and t.ndim == 1 < last.W.ndim:
        _arguments.checked_labels(_arguments.real("t", t), last.W.shape[1], loss_layer.ignore_index)


# The training


def fit(
    network: Any,
    data: Samples,
    epochs: int,
    batch_size: int,
    *,
    optimizer: Optimizer | None,
    validation: Samples | None,
    callbacks: Iterable[Any],
    rng: Any,
    shuffle: bool,
    progress: bool | None,
    part_of: PartOf | None = None,
    draw: Callable[[int], Array] | None = None,
) -> History:
    """Train a network, as `Sequential.fit` says; with `part_of`, on that part of each batch, in the order of `draw`."""
    epochs = _arguments.count("epochs", epochs)
    batch_size = min(_arguments.count("batch_size", batch_size), len(data.x))
    optimizer = Adam() if optimizer is None else optimizer
    if isinstance(optimizer, type) or not callable(getattr(optimizer, "update", None)):
        raise TypeError(f"optimizer must have update(params, grads), as SGD() has, not {kind(optimizer)}")
    listening = listeners(callbacks)
    called = {name: hooks(listening, name) for name in HOOKS}
    if shuffle and draw is None:
        draw = np.random.default_rng(rng).permutation
    recorded = {"loss", "seconds"} | ({"lr"} if getattr(optimizer, "lr", None) is not None else set())
    # What does not fit is found before anything is trained.
    _check_labels(network, data.t)
    if validation is not None:
        recorded |= _validated(network, validation).keys()
    with Progress(epochs * -(-len(data.x) // batch_size), "fit", progress) as bar:
        training = Training(network, optimizer, frozenset(recorded), bar)
        network.history = training.history
        if bar:
            called["on_step_end"].append(bar.advance)
        _call(called["on_fit_begin"], training)
        for epoch in range(epochs):
            if training.stop:
                break
            training.epoch, start = epoch, time.perf_counter()
            order = draw(len(data.x)) if shuffle and draw is not None else None
            numbers = {"loss": _epoch(training, data, order, batch_size, called["on_step_end"], part_of)}
            if validation is not None:
                numbers |= _validated(network, validation)
            if "lr" in recorded:
                numbers["lr"] = _learning_rate(training.optimizer, training.step)
            numbers["seconds"] = time.perf_counter() - start
            for name, number in numbers.items():
                getattr(training.history, name).append(number)
            bar.show({name: number for name, number in numbers.items() if name.endswith("loss")})
            _call(called["on_epoch_end"], training)
        _call(called["on_fit_end"], training)
    return training.history


def _epoch(
    training: Training,
    data: Samples,
    order: Array | None,
    batch_size: int,
    after_step: list[Hook],
    part_of: PartOf | None,
) -> float:
    """Train on each batch; the mean loss of the samples."""
    step, optimizer, before = training.network.train_step, training.optimizer, training.step
    losses: list[Any] = []
    counts = _counts(training.network.loss_layer, data)
    counted = _counted(counts, order, batch_size, len(data.x))
    for (x, t, weights), is_counted in zip(batches(data, order, batch_size, part_of), counted, strict=False):
        if not is_counted:
            losses.append(0.0)  # there is nothing to learn, and its mean loss would be 0 / 0
        elif weights is None:
            losses.append(step(x, t, optimizer))
        else:
            losses.append(step(x, t, optimizer, weights))
        if after_step:
            training.step, training.loss = before + len(losses), losses[-1]
            _call(after_step, training)
            if training.stop:
                break
    training.step, training.loss = before + len(losses), losses[-1]
    return _mean(training.network.loss_layer, losses, _shares(counts, order, batch_size, len(data.x)))


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


def _counts(loss_layer: Any, data: Samples) -> Array | None:
    """How much each sample counts in a mean: by its weight, and by that of its label, if it is not ignored."""
    if not isinstance(loss_layer, SoftmaxWithLoss) or data.t.ndim != 1:
        return data.weights
    if loss_layer.weight is None and loss_layer.ignore_index is None:
        return data.weights
    return _evaluation.counts_of_labels(loss_layer, data.t, data.weights)


def _counted(weights: Array | None, order: Array | None, batch_size: int, samples: int) -> Iterable[bool]:
    """Whether anything of each batch has a weight."""
    if weights is None:
        return repeat(True)
    of_samples = np.asarray(weights.reshape(samples, -1).any(axis=1))
    of_batches: list[bool] = np.logical_or.reduceat(
        of_samples if order is None else of_samples[order], range(0, samples, batch_size)
    ).tolist()
    return of_batches


def _shares(weights: Array | None, order: Array | None, batch_size: int, samples: int) -> list[float]:
    """How much each batch counts in the epoch's mean: as many as its samples, or as their weights sum to."""
    starts = range(0, samples, batch_size)
    if weights is None:
        return [min(batch_size, samples - start) for start in starts]
    of_samples = np.asarray(weights.reshape(samples, -1).sum(axis=1, dtype=float))
    sums: list[float] = np.add.reduceat(of_samples if order is None else of_samples[order], starts).tolist()
    return sums


# What is measured


def _mean(loss_layer: Any, losses: Sequence[Any], shares: Sequence[float]) -> float:
    """The mean loss of samples, from what the loss layer gave for each batch."""
    if getattr(loss_layer, "reduction", "mean") == "mean":
        total = sum(map(mul, map(float, losses), shares))
    else:
        total = sum(float(np.sum(loss)) for loss in losses)
    count = sum(shares[: len(losses)])
    return total / count if count else float("nan")


def _validated(network: Any, data: Samples) -> dict[str, float]:
    """What the history has of validation data."""
    scores = _evaluation.in_pieces(network.predict, data.x)
    loss = _evaluation.loss_of(network.loss_layer, scores, data.t, data.weights)
    shares = _shares(_counts(network.loss_layer, data), None, len(data.x), len(data.x))
    numbers = {"validation_loss": _mean(network.loss_layer, [loss], shares)}
    if _evaluation.classifies(network.loss_layer, scores):
        numbers["validation_accuracy"] = _evaluation.accuracy_of(network.loss_layer, scores, data.t)
    return numbers


def _learning_rate(optimizer: Any, step: int) -> float:
    """That of the last step: a schedule is asked for it."""
    lr = optimizer.lr
    return float(optimizer.lr(max(getattr(optimizer, "t", step) - 1, 0)) if callable(lr) else lr)


def _call(called: list[Hook], training: Training) -> None:
    for hook in called:
        hook(training)
