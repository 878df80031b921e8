"""Training that several ranks share must give what one gives: the cases, for ranks of threads and of MPI alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import fastlayers as fl

STEPS, BATCH, FEATURES, CLASSES = 100, 24, 5, 4
TOLERANCE = 1e-12
IGNORED = -100
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: fl.SGD(lr=0.1),
    "Momentum": lambda: fl.Momentum(lr=0.05),
    "Adam": lambda: fl.Adam(lr=0.01),
}


# How a batch is partitioned: where each rank's part begins, of n samples on so many ranks


def evenly(n: int, size: int) -> list[int]:
    return [n * rank // size for rank in range(size)]


def unevenly(n: int, size: int) -> list[int]:
    """One sample for each rank but the last."""
    return list(range(size))


def none_for_the_first(n: int, size: int) -> list[int]:
    return [0, *evenly(n, size - 1)] if size > 1 else [0]


def none_for_the_last(n: int, size: int) -> list[int]:
    return [*evenly(n, size - 1), n] if size > 1 else [0]


PARTITIONS = {part.__name__: part for part in (evenly, unevenly, none_for_the_first, none_for_the_last)}


# Layers and losses of a user's own


class Scale:
    """With a parameter and no `need_dx`, and of no use without samples."""

    def __init__(self, size: int) -> None:
        self.W, self.b, self.dW, self.db = np.full(size, 1.5), None, None, None

    def forward(self, x: Any) -> Any:
        self.x = x / np.abs(x).max()
        self.factor = np.abs(x).max()
        return self.x * self.W * self.factor

    def backward(self, dout: Any) -> Any:
        self.dW = (dout * self.x * self.factor).sum(axis=0)
        return dout * self.W


class MeanOfSquares:
    """A loss without a reduction, which is the mean over the samples by their weights."""

    def forward(self, x: Any, t: Any, sample_weight: Any = None) -> float:
        weight = np.ones(len(x)) if sample_weight is None else sample_weight
        self.dx = 2 * (x - np.eye(CLASSES)[t]) * (weight / weight.sum())[:, np.newaxis]
        return float((((x - np.eye(CLASSES)[t]) ** 2).sum(axis=1) * weight).sum() / weight.sum())

    def backward(self) -> Any:
        return self.dx


class SumOfSquares:
    """A loss that is the sum over the samples, and says so."""

    reduction = "sum"

    def forward(self, x: Any, t: Any) -> float:
        self.dx = (x - np.eye(CLASSES)[t]) / 50
        return float((self.dx**2).sum() * 25)

    def backward(self) -> Any:
        return self.dx


@dataclass(frozen=True)
class Case:
    """A loss, and what its batches hold."""

    loss: Callable[[], Any]
    targets: str = "labels"
    weighted: bool = False
    ignored: Callable[[int], Any] = field(default=lambda n: np.zeros(n, bool))  # which samples of a batch
    own_layer: bool = False
    outputs: int = CLASSES


CLASS_WEIGHTS = [0.2, 1.0, 3.0, 0.7]
CASES = {
    "labels": Case(fl.SoftmaxWithLoss),
    "targets": Case(fl.SoftmaxWithLoss, targets="soft"),
    "smoothed": Case(lambda: fl.SoftmaxWithLoss(label_smoothing=0.1)),
    "class weights": Case(lambda: fl.SoftmaxWithLoss(weight=CLASS_WEIGHTS)),
    "sample weights": Case(fl.SoftmaxWithLoss, weighted=True),
    "sample weights of targets": Case(fl.SoftmaxWithLoss, targets="soft", weighted=True),
    "some ignored": Case(lambda: fl.SoftmaxWithLoss(ignore_index=IGNORED), ignored=lambda n: np.arange(n) % 3 == 0),
    "a part ignored": Case(lambda: fl.SoftmaxWithLoss(ignore_index=IGNORED), ignored=lambda n: np.arange(n) < n // 2),
    "all weights": Case(
        lambda: fl.SoftmaxWithLoss(weight=CLASS_WEIGHTS, ignore_index=IGNORED, label_smoothing=0.2),
        weighted=True,
        ignored=lambda n: np.arange(n) % 5 == 1,
    ),
    "a sum": Case(lambda: fl.SoftmaxWithLoss(reduction="sum", weight=np.array(CLASS_WEIGHTS) / 50)),
    "squares": Case(fl.MeanSquaredError, targets="reals"),
    "squares, weighted": Case(fl.MeanSquaredError, targets="reals", weighted=True),
    "outliers, weighted": Case(lambda: fl.HuberLoss(0.5), targets="reals", weighted=True),
    "bits": Case(fl.SigmoidWithLoss, targets="bits"),
    "one bit a sample, weighted": Case(fl.SigmoidWithLoss, targets="bits", weighted=True, outputs=1),
    "a loss and a layer of one's own": Case(MeanOfSquares, own_layer=True),
    "a sum of one's own": Case(SumOfSquares),
    "a loss of one's own, weighted": Case(MeanOfSquares, weighted=True),
}

LABELS = CASES["labels"]
X, T = np.random.default_rng(2).standard_normal((12, FEATURES)), np.arange(12) % CLASSES


def network(case: Case, seed: int = 0, dtype: Any = np.float64) -> fl.Sequential:
    rng = np.random.default_rng(seed)
    layers = [
        fl.Affine((rng.standard_normal((FEATURES, 7)) / 2).astype(dtype), np.zeros(7, dtype)),
        fl.Sigmoid(),
        fl.Affine((rng.standard_normal((7, case.outputs)) / 2).astype(dtype)),
    ]
    if case.own_layer:
        layers.insert(1, Scale(7))
    return fl.Sequential(layers, case.loss())


def batches(case: Case, dtype: Any = np.float64) -> list[tuple[Any, ...]]:
    """A few batches, the last of them smaller: x, t, and sample weights where there are any."""
    rng, made = np.random.default_rng(1), []
    for n in (BATCH, BATCH, BATCH, BATCH - 5):
        x = rng.standard_normal((n, FEATURES)).astype(dtype)
        t = rng.integers(0, CLASSES, n)
        t[case.ignored(n)] = IGNORED
        weights = (rng.random(n) * 2,) if case.weighted else ()
        if case.targets == "soft":
            t = rng.dirichlet(np.ones(CLASSES), n)
        elif case.targets == "reals":
            t = rng.standard_normal((n, case.outputs))
        elif case.targets == "bits":
            t = rng.integers(0, 2, (n, case.outputs))
        made.append((x, t, *weights))
    return made


def trained_alone(case: Case, optimizer: str, steps: int = STEPS, dtype: Any = np.float64) -> tuple[Any, list[float]]:
    """The parameters after some steps on whole batches, and the losses."""
    net, update, found = network(case, dtype=dtype), OPTIMIZERS[optimizer](), batches(case, dtype)
    losses = []
    for step in range(steps):
        x, t, *weights = found[step % len(found)]
        losses.append(net.train_step(x, t, update, *weights))
    return net.params, losses


def trained_together(
    comm: Any, case: Case, optimizer: str, partition: str, steps: int = STEPS, dtype: Any = np.float64
) -> tuple[Any, list[float]]:
    """The same on one rank of several; each has begun with other parameters, and they become rank 0's."""
    from fastlayers.mpi import DataParallel

    net, update = DataParallel(network(case, seed=comm.rank, dtype=dtype), comm), OPTIMIZERS[optimizer]()
    found, losses = batches(case, dtype), []
    for step in range(steps):
        batch = found[step % len(found)]
        starts = [*PARTITIONS[partition](len(batch[0]), comm.size), len(batch[0])]
        x, t, *weights = (array[starts[comm.rank] : starts[comm.rank + 1]] for array in batch)
        losses.append(net.train_step(x, t, update, *weights))
    return net.params, losses


def assert_same_training(together: tuple[Any, list[float]], alone: tuple[Any, list[float]]) -> None:
    for got, expected in zip(together[0], alone[0], strict=True):
        np.testing.assert_allclose(got, expected, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(together[1], alone[1], rtol=TOLERANCE)
