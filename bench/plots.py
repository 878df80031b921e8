"""The plots of ``docs/benchmarks.md``: time against size, training steps, and the speed-up over each peer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import goals_networks
import growth
from goals import OURS, Times
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from fastlayers.command.terminal import human

DPI = 120
# Of Okabe and Ito, which colour-blind readers can tell apart; one colour a contender throughout.
COLOURS = {
    OURS: "#D55E00",
    growth.REFERENCE: "#0072B2",
    "NumPy": "#0072B2",
    goals_networks.NAMES["book"]: "#0072B2",
    "PyTorch": "#AA4499",
    "JAX jit": "#009E73",
    "ONNX Runtime": "#56B4E9",
    growth.NEW: "#D55E00",
    growth.COPY: "#333333",
    "np.dot": "#333333",
}
LABELS = {
    OURS: "fastlayers, out= given",
    growth.NEW: "fastlayers, into new arrays",
    growth.REFERENCE: "reference (NumPy)",
    growth.COPY: "np.copyto, the memory's own speed",
    "NumPy": "NumPy, into new arrays",
    "np.dot": "np.dot, the products alone",
}
DASHED: dict[str, Any] = {"linestyle": "--", "linewidth": 1.4}
SQUARES: dict[str, Any] = {"linewidth": 1.4, "marker": "s", "markersize": 3.5}
STYLES: dict[str, dict[str, Any]] = {  # in the order of the legend
    OURS: {"linewidth": 2.2, "marker": "o", "markersize": 4.5, "zorder": 3},
    growth.NEW: {"linestyle": ":", "linewidth": 1.6},
    growth.REFERENCE: SQUARES,
    "NumPy": SQUARES,
    "PyTorch": {"linewidth": 1.4, "marker": "^", "markersize": 4},
    growth.COPY: DASHED,
    "np.dot": DASHED,
}
TRAINING, PREDICTION = "training step ", "prediction "


def draw(times: dict[str, Any], folder: Path) -> list[str]:
    """Draw what there are times for; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    training, prediction = (
        {race.what: times[race.what] for race in races if race.what in times}
        for races in (goals_networks.TRAINING, goals_networks.PREDICTION)
    )
    figures: dict[str, Callable[[], Figure]] = {}
    if "growth" in times:
        per_element = "an element", "float32 elements", (2, 3)
        figures["time-per-element"] = lambda: time_per(times["growth"], *per_element)
    if "products" in times:
        per_product = "a multiply-add", f"multiply-adds: square layers, batch {growth.BATCH}, float32", (1, 2)
        figures["time-per-multiply-add"] = lambda: time_per(times["products"], *per_product)
    if training:
        figures["training-steps"] = lambda: step_times(training)
    if training or prediction:
        figures["speed-up"] = lambda: speed_ups({**training, **prediction})
    for name, make in figures.items():
        make().savefig(folder / f"{name}.png", dpi=DPI, facecolor="white")
    return list(figures)


def time_per(scan: growth.Scan, what: str, sizes: str, shape: tuple[int, int]) -> Figure:
    """A panel for each kernel, all on the same axes so that one can be read against the other."""
    figure = Figure(figsize=(3.7 * shape[1], 3.5 * shape[0] + 0.8), layout="constrained")
    panels = figure.subplots(*shape, sharex=True, sharey=True)
    drawn: dict[str, Any] = {}
    for axes, (kernel, contenders) in zip(panels.flat, scan.items(), strict=True):
        for name, times in contenders.items():
            counts = sorted(times)
            nanoseconds = [times[n] / n * 1e9 for n in counts]
            (drawn[name],) = axes.plot(counts, nanoseconds, color=COLOURS[name], **STYLES[name])
        axes.set_title(growth.TITLES.get(kernel, kernel), fontsize=11)
        axes.set(xscale="log", yscale="log")
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(LogLocator(numticks=12))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    figure.supylabel(f"nanoseconds {what} (log scale); lower is faster", fontsize=9)
    figure.supxlabel(f"{sizes} (log scale)", fontsize=9)
    names = [name for name in STYLES if name in drawn]
    labels = [LABELS.get(name, name) for name in names]
    handles = [drawn[name] for name in names]
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def step_times(steps: dict[str, Times]) -> Figure:
    """A row for each contender, with its time beside its dot: on a log scale a bar's length would say nothing."""
    figure = Figure(figsize=(9, 7.2), layout="constrained")
    axes = figure.subplots()
    rows = []
    for network, times in steps.items():
        ranked = sorted(times, key=lambda name: times[name])
        rows += [(network, name, times[name]) for name in ranked]
    positions = grouped(rows)
    for y, (_, name, seconds) in zip(positions, rows, strict=True):
        axes.plot(seconds * 1e6, y, "o", color=COLOURS[name], markersize=8 if name == OURS else 6)
        bold = "bold" if name == OURS else "normal"
        axes.annotate(
            human(seconds), (seconds * 1e6, y), (8, 0), textcoords="offset points", va="center", fontsize=8, weight=bold
        )
    name_rows(axes, positions, rows, TRAINING)
    axes.set(xscale="log", xlabel="time of a training step in microseconds (log scale); further left is faster")
    low, high = (limit(seconds * 1e6 for _, _, seconds in rows) for limit in (min, max))
    axes.set_xlim(low / 1.5, high * 2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    return figure


def speed_ups(races: dict[str, Times]) -> Figure:
    """Bars from 1, to the right where we are faster: on a log scale twice and half as fast are as long."""
    panels_of = [kind for kind in (TRAINING, PREDICTION) if any(name.startswith(kind) for name in races)]
    figure = Figure(figsize=(6.2 * len(panels_of), 6.4), layout="constrained")
    panels = figure.subplots(1, len(panels_of), squeeze=False, sharex=True)
    for axes, kind in zip(panels.flat, panels_of, strict=True):
        rows = [
            (network, peer, times[peer] / times[OURS])
            for network, times in races.items()
            if network.startswith(kind)
            for peer in times
            if peer != OURS
        ]
        positions = grouped(rows)
        for y, (_, peer, ratio) in zip(positions, rows, strict=True):
            axes.barh(y, ratio - 1, left=1, height=0.8, color=COLOURS[peer])
            end = max(ratio, 1)  # beside the bar's right end, or the line at 1
            label = f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:.0f}"
            axes.annotate(label, (end, y), (4, 0), textcoords="offset points", va="center", fontsize=8)
        axes.axvline(1, color="black", linewidth=1)
        name_rows(axes, positions, rows, kind)
        axes.set(xscale="log", xlabel="times as fast as the peer (log scale); 1: equally fast")
        axes.set_title(f"{kind.strip()}: the peer's time over fastlayers'", fontsize=11)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    ratios = [times[peer] / times[OURS] for times in races.values() for peer in times]
    panels.flat[0].set_xlim(min(0.8, min(ratios) / 1.2), max(ratios) * 1.8)
    return figure


def grouped(rows: list[tuple[str, str, float]]) -> list[float]:
    """The height of each row: downwards, with a gap and arena for a heading before each network."""
    positions, y, before = [], 0.0, ""
    for network, _, _ in rows:
        y -= 1.0 if network == before else 2.2
        positions.append(y)
        before = network
    return positions


def name_rows(axes: Axes, positions: list[float], rows: list[tuple[str, str, float]], kind: str) -> None:
    """Contenders beside the axis, and the network's name above its group, where no line crosses it."""
    axes.set_yticks(positions, [name for _, name, _ in rows], fontsize=8)
    for tick, (_, name, _) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_weight("bold" if name == OURS else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(min(positions) - 0.8, max(positions) + 1.8)
    axes.grid(axis="x", alpha=0.3)
    before = ""
    for y, (network, _, _) in zip(positions, rows, strict=True):
        if network != before:
            place = {"xycoords": ("axes fraction", "data"), "fontsize": 9, "weight": "bold"}
            heading = network.removeprefix(kind).replace(" @", ", batch ")
            axes.annotate(heading, (-0.012, y + 0.95), ha="right", va="center", **place)
        before = network
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
