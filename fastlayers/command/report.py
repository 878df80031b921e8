"""What the command prints and draws of trained networks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core.extras import require
from .._core.files import atomic_write
from ..datasets import Dataset
from .networks import Settings, parameters
from .terminal import PLAIN, Style, human
from .training import Run, differences

_FIRST_STEPS = 100


def title(data: Dataset, settings: Settings) -> str:
    """Name the data and the network, as ``digits, 64-50-10``."""
    return f"{data.name}, {settings.described(data)}"


def describe(data: Dataset, settings: Settings, style: Style = PLAIN) -> str:
    """Tell the data, the network and the training to come, in a row each."""
    dropout = f", dropout {settings.dropout:g}" if settings.dropout else ""
    decay = f", weight decay {settings.weight_decay:g}" if settings.weight_decay else ""
    rows = {
        "data": f"{data.name}: {len(data.train.t):,} images to train on, {len(data.test.t):,} to test on, "
        f"{data.features} pixels each, {data.classes} classes",
        "network": f"{settings.described(data)}, {settings.activation}{dropout}, {settings.dtype}, "
        f"{parameters(data, settings):,} parameters",
        "training": f"{settings.epochs} epochs, batches of {settings.batch_size}, {settings.optimizer}, "
        f"learning rate {settings.lr:g}{decay}, seed {settings.seed}",
    }
    return style.rows(rows.items())


def summary(runs: Sequence[Run], style: Style = PLAIN) -> str:
    """Tabulate the accuracies and the time per step, in a row for each run."""
    heads = f"{'backend':<11}{'train accuracy':>15}{'test accuracy':>15}{'median step':>14}{'mean step':>14}"
    lines = [style.bold(heads)]
    lines += [
        f"{run.backend:<11}{run.train_accuracy[-1]:>15.2%}{run.test_accuracy[-1]:>15.2%}"
        f"{human(run.median):>14}{human(run.mean):>14}"
        for run in runs
    ]
    return "\n".join(lines)


def comparison(reference: Run, compiled: Run, style: Style = PLAIN) -> str:
    """Tell how much faster the compiled run is, and how far apart the two are, in a line each."""
    apart = differences(reference, compiled)
    largest = f"{max(apart):.2g} in all {len(apart):,} steps"
    # Rounding errors grow as training goes on, whoever made them: the first steps tell whether the backends agree.
    if len(apart) > _FIRST_STEPS:
        largest = f"{max(apart[:_FIRST_STEPS]):.2g} in the first {_FIRST_STEPS} steps, {largest}"
    ratio = reference.median / compiled.median
    speed = f"{compiled.backend} takes {human(compiled.median)} a step, {reference.backend} {human(reference.median)}: "
    times = f"{ratio:.2f} times as fast"
    difference = style.fold(f"largest difference of their losses: {largest}")
    return f"{style.fold(speed + times).replace(times, style.ratio(times, ratio))}\n{difference}"


def confusion(t: NDArray[np.int64], predicted: NDArray[np.intp], classes: int) -> NDArray[np.int64]:
    """Count how often each true class (row) was predicted as each class (column); -1 is none."""
    has_class = predicted >= 0
    return np.bincount(t[has_class] * classes + predicted[has_class], minlength=classes**2).reshape(classes, classes)


def confusion_table(counts: NDArray[np.int64], t: NDArray[np.int64], style: Style = PLAIN) -> str:
    """Tabulate what `confusion` has counted of the labels t; what is right is in bold."""
    classes = len(counts)
    width = 2 + max(len(str(counts.max())), len(str(classes - 1)))
    totals = np.bincount(t, minlength=classes)
    lines = [style.bold(f"{'true':>6} |{''.join(f'{c:>{width}}' for c in range(classes))} |{'right':>9}")]
    lines.append("-" * 7 + "+" + "-" * (width * classes + 1) + "+" + "-" * 9)
    for c in range(classes):
        right = f"{counts[c, c] / totals[c]:9.2%}" if totals[c] else f"{'-':>9}"
        cells = [f"{n:>{width}}" for n in counts[c]]
        cells[c] = style.bold(cells[c])
        lines.append(f"{style.bold(f'{c:>6}')} |{''.join(cells)} |{right}")
    if missing := len(t) - counts.sum():
        lines.append(f"\n{missing:,} of the images are of no class, since a score of theirs is nan")
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
        If matplotlib is not installed, or does not know its MPLBACKEND.
    OSError
        If the file cannot be written.
    """
    # A Figure of its own draws with Agg, whatever display or backend the user's pyplot has.
    figure = require_plotting().Figure(figsize=(10, 4.2), layout="constrained")
    figure.suptitle(heading)
    loss, accuracy = figure.subplots(1, 2)
    for i, run in enumerate(runs):
        style: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.35} if i + 1 < len(runs) else {"linewidth": 1.5}
        label = f"{run.backend}, {human(run.median)} a step"
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
    """Import ``matplotlib.figure``; the ImportError says how to install it, or which MPLBACKEND it does not know."""
    try:
        return require("matplotlib.figure", "matplotlib", "--plot", "demo")
    except ValueError as error:
        if not os.environ.get("MPLBACKEND"):
            raise
        raise ImportError(f"unknown MPLBACKEND {os.environ['MPLBACKEND']!r}: matplotlib says: {error}") from error
