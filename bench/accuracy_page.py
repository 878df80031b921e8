"""``docs/accuracy.md`` and its plots: the errors that ``bench/accuracy.py`` has measured."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import families
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plots import COLOURS, DPI, OURS

from fastlayers._core import backend

Array = np.ndarray[Any, Any]
Errors = tuple[Array, Array]  # at which x, distance or loss; in ulp
DTYPES = (np.float32, np.float64)
PLAIN, REFERENCE = "plain NumPy", "reference"
STYLES: dict[str, dict[str, Any]] = {
    PLAIN: {"color": "#333333", "linewidth": 1.2, "linestyle": "--"},
    REFERENCE: {"color": COLOURS["NumPy"], "linewidth": 1.2},
    OURS: {"color": COLOURS[OURS], "linewidth": 1.8},
}
PROMISE: dict[str, Any] = {"color": "#009E73", "linewidth": 1.2, "linestyle": ":"}
BINS = 120


class Panel(NamedTuple):
    """How a function is drawn: the axes, and the promise in ulp."""

    label: str
    promise: int
    ylim: tuple[float, float]
    log_x: bool = False
    log_y: bool = True


PANELS = {
    "sigmoid": Panel("x", 4, (0, 5), log_y=False),
    "softmax": Panel("distance from the row's largest score", 5, (0.1, 2e3)),
    "loss": Panel("loss of one row", 4, (0.1, 1e17), log_x=True),
}
TEXT = """# Accuracy

How far results are off exact arithmetic, in ulp: the distance between neighbours of the dtype at the exact value. A
result that is rounded once is off by half an ulp at most. `python bench/accuracy.py` measures and writes this page
(`pip install '.[test,bench]'` first); the tests (`tests/test_accuracy.py`) hold every implementation to the promises.
"""
MEASURED = """
Functions of each number and the binary loss: every exponent of the dtype, the neighbourhoods where `exp` saturates, and
100,000 random numbers. Softmax and loss: rows of 1 to 32,000 classes of many kinds, scores of every exponent among
them, some 300,000 scores and 100,000 losses, and rows that a search of millions found to be the worst. A million is
2^20. Exact values have 120 bits and come from mpmath. The plots show the kernels of the best instruction set that the
CPU runs.

- Probabilities of softmax are in [0, 1], exactly 1 where no other class has a part, and a row's sum, of any length, is
  within 5 ulp of 1 (`tests/test_probabilities.py`).
- A number below the smallest normal one may be flushed to zero, as a result or as a term in a sum; it is not counted.
- The loss is a Python float, also where x is float32; its error is in ulp of x's dtype.
- The gradients of sigmoid and tanh take forward's result as it is. Those of the other functions of each number are for
  a `dout` of 1, in ulp of the larger of the slope's terms: GELU and SiLU have a slope of 0 where these cancel.
- The bias gradient is of terms of one sign. Where they cancel, it is within 1 ulp and 3 *float64* ulp of the sum of
  their magnitudes, in float32 too.
"""
PICTURES = {
    "sigmoid": """The plain formula does as well: where `exp(-x)` overflows, it is 1 / inf, which is right. What it
costs is a warning.""",
    "softmax": """Softmax takes the largest score off before `exp`, so that `exp` does not overflow. That rounds, and
`exp` turns the absolute error into a relative one: the further below the largest, the more digits are lost. The kernels
divide by a power of two near `exp(max)` instead, which is exact; the reference subtracts in float64, and in float64
adds what the subtraction lost. So neither depends on the distance.""",
    "loss": """Where the right class dominates, its probability is 1 within rounding, and `-log(1)` is 0: the plain loss
loses all its digits while there is still much to learn from, and so does its gradient `y - 1`. Where the class has no
chance, its probability is 0, and the plain loss is infinite, beyond the upper edge.
`(max - x_t) + log1p(the others)` has no such place, in float64 down to 2e-308. What is within 0.1 ulp is drawn on the
lower edge: a float32's loss is worked out in float64.""",
}


def write(worst: dict[str, Any], curves: dict[str, Any], docs: Path) -> None:
    """`worst` by contender and dtype, `curves` by contender, dtype and function."""
    (docs / "accuracy").mkdir(parents=True, exist_ok=True)
    for name in PANELS:
        draw(name, curves).savefig(docs / "accuracy" / f"{name}.png", dpi=DPI, facecolor="white")
    (docs / "accuracy.md").write_text("\n".join(page(worst)).rstrip() + "\n", encoding="utf-8")


def page(worst: dict[str, dict[Any, list[tuple[str, float]]]]) -> Iterator[str]:
    config = backend.config()
    yield TEXT
    yield ", ".join(f"{name} {config[name.lower()]}" for name in ("fastlayers", "NumPy", "Python")) + ".\n"
    yield f"| largest error in ulp | dtype | {' | '.join(worst)} | promise |"
    yield f"| --- | --- |{' ---: |' * (len(worst) + 1)}"
    for dtype in DTYPES:
        for row in zip(*(found[dtype] for found in worst.values()), strict=True):
            what, figures = row[0][0], " | ".join(figure_of(off) for _, off in row)
            yield f"| {what} | {np.dtype(dtype).name} | {figures} | {promise(what)} |"
    yield MEASURED
    for name, text in PICTURES.items():
        picture = f"![Largest error of {name} in ulp against {PANELS[name].label}](accuracy/{name}.png)"
        yield f"## {name.capitalize()}\n\n{picture}\n\n{text}\n"


def promise(what: str) -> int:
    """What the tests hold a function of each number to; the gradient of the loss holds probabilities."""
    if what in families.FUNCTION:
        return int(families.FUNCTION[what].accuracy[0])
    holds_probabilities = what.startswith("softmax:") or (what.startswith("softmax") and ": dx" in what)
    return PANELS["softmax" if holds_probabilities else "loss"].promise


def figure_of(off: float) -> str:
    """Two decimals, or the power of ten that it is about."""
    return f"{off:.2f}" if off < 1000 or np.isinf(off) else f"{off:.0e}".replace("e+", "e").replace("e0", "e")


def draw(name: str, curves: dict[str, Any]) -> Figure:
    """A panel a dtype."""
    panel = PANELS[name]
    figure = Figure(figsize=(9, 3.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, dtype in zip(panels, DTYPES, strict=True):
        limits = reach(name, dtype)
        for contender, found in curves.items():
            at, off = worst_in_bins(found[dtype][name], limits, panel.log_x)
            axes.plot(at, np.clip(off, *panel.ylim), label=contender, clip_on=False, **STYLES[contender])
        axes.axhline(panel.promise, label=f"the promise: {panel.promise} ulp", **PROMISE)
        axes.set_title(np.dtype(dtype).name, fontsize=11)
        any_form(axes, panel, limits)
    panels[0].set_ylabel("largest error in ulp" + (" (log scale)" if panel.log_y else ""))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    return figure


def any_form(axes: Axes, panel: Panel, limits: tuple[float, float]) -> None:
    axes.set(xlim=limits, ylim=panel.ylim, xlabel=panel.label + (" (log scale)" if panel.log_x else ""))
    axes.set(xscale="log" if panel.log_x else "linear", yscale="log" if panel.log_y else "linear")
    axes.grid(alpha=0.3)


def reach(name: str, dtype: Any) -> tuple[float, float]:
    """Where results are normal numbers; float64 losses go on as they are down to 2e-308."""
    end = -float(np.log(np.finfo(dtype).tiny))
    return {"sigmoid": (-end, end), "softmax": (0.0, end), "loss": (1e-37, 1e4)}[name]


def worst_in_bins(errors: Errors, limits: tuple[float, float], log: bool) -> Errors:
    """The middles of equal parts of the axis, and the largest error in each where there is any."""
    at, off = errors
    inside = (at >= limits[0]) & (at < limits[1])
    at, (low, high) = (np.log10(at[inside]), np.log10(limits)) if log else (at[inside], limits)
    worst = np.full(BINS, -1.0)
    where = np.minimum((at - low) / (high - low) * BINS, BINS - 1).astype(int)
    np.maximum.at(worst, where, off[inside])
    middles = low + (np.arange(BINS) + 0.5) / BINS * (high - low)
    return (10**middles if log else middles)[worst >= 0], worst[worst >= 0]
