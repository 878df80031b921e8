"""Training a network: what ``fastlayers train`` runs, once for each backend."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.random import default_rng  # now: in the midst of its lazy import Ctrl-C may be lost

from .._core.backend import use_backend
from .._core.progress import Progress
from .._core.protocols import Optimizer
from .._core.types import Array
from ..datasets import Dataset, Split
from ..mpi import DataParallel, share
from ..network import Sequential
from ..training import finiteness
from ..training.callback import Training
from ..training.evaluation import classes_of
from .networks import Settings, build_network, make_optimizer
from .terminal import PLAIN, Style


class DivergedError(ArithmeticError):
    """A loss that is no longer a finite number."""


@dataclass
class Run:
    """A network in training on one backend, and what was measured on the way.

    Attributes
    ----------
    losses, seconds : list of float
        Of each step: its loss, and the time of ``train_step`` alone.
    train_loss, train_accuracy, test_accuracy : list of float
        Of each epoch: the mean loss of its samples, and the accuracies after it.
    """

    backend: str
    network: Sequential
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median seconds per step."""
        return statistics.median(self.seconds)

    @property
    def mean(self) -> float:
        """Mean seconds per step."""
        return statistics.fmean(self.seconds)


def differences(reference: Run, compiled: Run) -> list[float]:
    """How far apart the losses of two runs are, step by step."""
    return [abs(a - b) for a, b in zip(reference.losses, compiled.losses, strict=True)]


def train(
    data: Dataset,
    settings: Settings,
    backend: str,
    after_epoch: Callable[[Run], None] | None = None,
    comm: Any = None,
    style: Style = PLAIN,
) -> Run:
    """Train a network, and print a line for each epoch.

    Two calls that differ in the backend alone start from the same weights and see the same batches.

    Parameters
    ----------
    data : Dataset
    settings : Settings
    backend : {"cython", "reference"}
    after_epoch : callable, optional
        Called with the run after each epoch, before its line is printed.
    comm : mpi4py.MPI.Comm, optional
        The ranks that share each batch.
    style : Style, optional
        Of standard output.

    Returns
    -------
    Run

    Raises
    ------
    DivergedError
        As soon as a loss is not finite, or after an epoch a parameter: a network that is saved by then stays.
    """
    rng = default_rng(settings.seed)
    run = Run(backend, build_network(data, settings, rng))
    trained = run.network if comm is None else DataParallel(run.network, comm)
    x, t = data.train.x, data.train.t
    steps = settings.epochs * math.ceil(len(t) / settings.batch_size)
    # NumPy's warnings of an overflow would come before the one line that says what happened.
    with use_backend(backend), Progress(steps, backend) as progress, np.errstate(all="ignore"):

        def end_epoch(training: Training) -> None:
            if found := finiteness.of_layers(run.network.layers):  # the last step's, which no loss has seen yet
                raise _diverged(found, run, settings)
            run.train_loss.append(training.history.loss[-1])
            run.train_accuracy.append(accuracy(run.network, data.train, comm))
            run.test_accuracy.append(accuracy(run.network, data.test, comm))
            if after_epoch is not None:
                after_epoch(run)
            progress.say(_line(run, settings, style))

        _time_steps(trained, run, settings)
        trained.fit(
            x,
            t,
            settings.epochs,
            settings.batch_size,
            optimizer=make_optimizer(settings),
            callbacks=[end_epoch, SimpleNamespace(on_step_end=progress.advance)],
            rng=rng,
            progress=False,
            on_nonfinite="ignore",
        )
    del vars(trained)["train_step"]
    return run


def _time_steps(trained: Sequential | DataParallel, run: Run, settings: Settings) -> None:
    """Have `fit` take its steps through a clock, which stops with the first loss that is not finite."""
    step = trained.train_step

    def train_step(x: Array, t: Array, optimizer: Optimizer) -> float:
        start = time.perf_counter()
        loss = step(x, t, optimizer)
        run.seconds.append(time.perf_counter() - start)
        run.losses.append(loss)
        if not math.isfinite(loss):
            raise _diverged(f"the loss is {loss}", run, settings)
        return loss

    trained.train_step = train_step  # type: ignore[assignment, method-assign]  # as a subclass's own would be


def _line(run: Run, settings: Settings, style: Style) -> str:
    """What is printed of the last epoch; an accuracy that is the best so far is in green."""
    *before, accuracy = run.test_accuracy
    tested = f"{accuracy:.2%}"
    line = style.fold(
        f"  epoch {len(run.test_accuracy):{len(str(settings.epochs))}}/{settings.epochs}"
        f"   train loss {run.train_loss[-1]:.4f}   test accuracy {tested:>7}"
    )
    return line.replace(tested, style.good(tested)) if accuracy > max(before, default=-1.0) else line


def _diverged(what: str, run: Run, settings: Settings) -> DivergedError:
    return DivergedError(
        f"training diverged: {what} at step {len(run.losses)}; try a learning rate (--lr) smaller than {settings.lr:g}"
    )


def scores_of(network: Sequential, x: Array) -> Array:
    """Predict the scores of each row of x, without a warning where they are not finite."""
    with np.errstate(all="ignore"):
        return network.predict(x)


def accuracy(network: Sequential, split: Split, comm: Any = None) -> float:
    """Measure the fraction of a split that the network classifies right, each rank on its part of it."""
    part = _part(split.t, comm)
    right = int(np.count_nonzero(classes_of(scores_of(network, split.x[part])) == split.t[part]))
    return (right if comm is None else comm.allreduce(right)) / len(split.t)


def _part(samples: Sized, comm: Any) -> slice:
    """Which of the samples are this process's."""
    return slice(None) if comm is None else share(len(samples), comm.rank, comm.size)
