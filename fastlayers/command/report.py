"""What the command prints and draws of trained networks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._extras import require
from .._files import atomic_write
from ..datasets import Dataset
from .training import Run, Settings

_FIRST_STEPS = 100


def title(data: Dataset, settings: Settings) -> str:
    """Name the data and the sizes of the network, as ``digits, 64-50-10``."""
    return f"{data.name}, {'-'.join(str(size) for size in settings.sizes(data))}"


def describe(data: Dataset, settings: Settings) -> str:
    """Tell the data, the network and the training to come, in a line each."""
    sizes = settings.sizes(data)
    parameters = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
    rows = {
        "data": f"{data.name}: {len(data.train.t):,} images to train on, {len(data.test.t):,} to test on, "
        f"{data.features} pixels each, {data.classes} classes",
        "network": f"{'-'.join(map(str, sizes))}, {settings.activation}, {settings.dtype}, {parameters:,} parameters",
        "training": f"{settings.epochs} epochs, batches of {settings.batch_size}, {settings.optimizer}, "
        f"learning rate {settings.lr:g}, seed {settings.seed}",
    }
    return "\n".join(f"{name:<10}{value}" for name, value in rows.items())


def summary(runs: Sequence[Run]) -> str:
    """Tabulate the accuracies and the time per step, in a row for each run."""
    lines = [f"{'backend':<11}{'train accuracy':>15}{'test accuracy':>15}{'median step':>14}{'mean step':>14}"]
    lines += [
        f"{run.backend:<11}{run.train_accuracy[-1]:>15.2%}{run.test_accuracy[-1]:>15.2%}"
        f"{_time(run.median):>14}{_time(run.mean):>14}"
        for run in runs
    ]
    return "\n".join(lines)


def comparison(reference: Run, compiled: Run) -> str:
    """Tell how much faster the compiled run is, and how far apart the two are, in a line each."""
    differences = [abs(a - b) for a, b in zip(reference.losses, compiled.losses, strict=True)]
    apart = f"{max(differences):.2g} in all {len(differences):,} steps"
    # Rounding errors grow as training goes on, whoever made them: the first steps tell whether the backends agree.
    if len(differences) > _FIRST_STEPS:
        apart = f"{max(differences[:_FIRST_STEPS]):.2g} in the first {_FIRST_STEPS} steps, {apart}"
    return (
        f"{compiled.backend} takes {_time(compiled.median)} a step, {reference.backend} {_time(reference.median)}: "
        f"{reference.median / compiled.median:.2f} times as fast\n"
        f"largest difference of their losses: {apart}"
    )


def confusion(t: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> str:
    """Tabulate how often each true class (row) was predicted as each class (column)."""
    counts = np.bincount(t * classes + predicted, minlength=classes**2).reshape(classes, classes)
    width = 2 + max(len(str(counts.max())), len(str(classes - 1)))
    totals = counts.sum(axis=1)
    lines = [f"{'true':>6} |{''.join(f'{c:>{width}}' for c in range(classes))} |{'right':>9}"]
    lines.append("-" * 7 + "+" + "-" * (width * classes + 1) + "+" + "-" * 9)
    for c in range(classes):
        right = f"{counts[c, c] / totals[c]:9.2%}" if totals[c] else f"{'-':>9}"
        lines.append(f"{c:>6} |{''.join(f'{n:>{width}}' for n in counts[c])} |{right}")
    return "\n".join(lines)


def plot(path: str | os.PathLike[str], heading: str, runs: Sequence[Run]) -> None:
    """Draw loss and accuracy curves into a PNG file.

    Parameters
    ----------
    path : str or path-like
    heading : str
    runs : sequence of Run
        Later ones are drawn thinner, over the ones before, since equal curves hide each other.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message says how to get it.
    OSError
        If the file cannot be written.
    """
    # A Figure of its own draws with Agg, whatever display or backend the user's pyplot has.
    figure = require_plotting().Figure(figsize=(10, 4.2), layout="constrained")
    figure.suptitle(heading)
    loss, accuracy = figure.subplots(1, 2)
    for i, run in enumerate(runs):
        style: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.35} if i + 1 < len(runs) else {"linewidth": 1.5}
        label = f"{run.backend}, {_time(run.median)} a step"
        epochs = np.arange(1, len(run.train_loss) + 1)
        if len(epochs) == 1:
            style["marker"] = "o"  # a line through one point is not seen
        if i == 0:
            steps = np.arange(1, len(run.losses) + 1) * (len(epochs) / len(run.losses))
            loss.plot(steps, run.losses, color="0.8", linewidth=0.6, zorder=0, label="each step")
        # An epoch's mean loss is that of its middle; its accuracies are measured at its end.
        loss.plot(epochs - 0.5, run.train_loss, color="C0", label=label, **style)
        accuracy.plot(epochs, run.train_accuracy, color="C0", label=f"train, {run.backend}", **style)
        accuracy.plot(epochs, run.test_accuracy, color="C1", label=f"test, {run.backend}", **style)
    loss.set(title="Training loss", xlabel="epoch", ylabel="cross-entropy", yscale="log")
    accuracy.set(title="Accuracy", xlabel="epoch", ylabel="fraction classified right", ylim=(None, 1.0))
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.legend()
        axes.xaxis.get_major_locator().set_params(integer=True)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)


def require_plotting() -> Any:
    """Import ``matplotlib.figure``; the ImportError says how to get it."""
    return require("matplotlib.figure", "matplotlib", "--plot", "demo")


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"
