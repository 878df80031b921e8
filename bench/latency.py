#!/usr/bin/env python
"""A policy in a loop: the distribution of what a decision takes, ten thousand a second, and a million on end.

    python bench/latency.py FOLDER

The policy is 8-64-64-4 in float32, asked for one state; each contender and program has a process of its own, one thread
and the last core. ``10 kHz`` waits for each tick by asking the clock, and the latency is from the tick to the action:
who is late for one tick is late for the next. Where steps are *kept*, as they are to learn from, the program makes
objects that Python's garbage collector counts, and at times looks through: it does so as it comes, or after
``gc.freeze()``, or not at all. ``no policy`` is the loop alone: what the machine and the clock add to all.

What was measured is in FOLDER, whence the table and the picture are drawn: a run goes on where the last one ended.
"""

import argparse
import gc
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple

from fastlayers.command.terminal import human

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "FASTLAYERS_NUM_THREADS")
TICK = 100_000  # nanoseconds
TICKS, CALLS, WARM_UP = 100_000, 1_000_000, 2_000
ON_END, PACED = "on end", "10 kHz"
KEPT, FROZEN, DISABLED = (f"{PACED}, steps kept{how}" for how in ("", ", gc.freeze()", ", gc.disable()"))
PROGRAMS = (ON_END, PACED, KEPT, FROZEN, DISABLED)
NOTHING, OURS = "no policy", "fastlayers"
CONTENDERS = (NOTHING, OURS, "reference", "ONNX Runtime", "PyTorch")


class Step(NamedTuple):
    """What an agent keeps of a step."""

    number: int
    action: Any


class Collections:
    """What the garbage collector did while this was entered: nanoseconds of each of its turns, by generation."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, int]] = []
        self._start = 0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._start = perf_counter_ns()
        else:
            self.turns.append((info["generation"], perf_counter_ns() - self._start))

    def __enter__(self) -> "Collections":
        gc.callbacks.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        gc.callbacks.remove(self)


class Found(NamedTuple):
    """Of one contender in one program, nanoseconds: of each decision, and of each collection, with its generation."""

    latencies: Any
    generations: Any
    collections: Any

    def line(self, contender: str, program: str) -> tuple[str, ...]:
        """Of the table: median, 99.9 %, worst, those that ended after the next tick, collections, the longest."""
        import numpy as np

        median, most = (human(float(np.quantile(self.latencies, q)) / 1e9) for q in (0.5, 0.999))
        late = "" if program == ON_END else f"{np.count_nonzero(self.latencies > TICK):,}"
        longest = human(self.collections.max() / 1e9) if len(self.collections) else ""
        worst = human(self.latencies.max() / 1e9)
        return program, contender, median, most, worst, late, f"{len(self.collections):,}", longest


def policy(contender: str) -> Callable[[], Any]:
    """A decision, without arguments."""
    import predictions
    from goals_networks import PREDICTION_LIMITS

    from fastlayers import reference

    network = PREDICTION_LIMITS[0][0]
    if contender == NOTHING:
        return lambda: None
    if contender in (OURS, "reference"):
        import fastlayers

        path = fastlayers if contender == OURS else reference
        net, x = network.step(path, "float32").function.__self__, network.data("float32")[1]
        return lambda: net.predict(x)
    return predictions.PREDICTIONS[contender][1](network)


def on_end(decide: Callable[[], Any], latencies: Any) -> None:
    clock = perf_counter_ns
    for i in range(len(latencies)):
        before = clock()
        decide()
        latencies[i] = clock() - before


def paced(decide: Callable[[], Any], latencies: Any, keep: bool) -> list[Step]:
    clock, kept = perf_counter_ns, []
    start = clock() + TICK
    for i in range(len(latencies)):
        tick = start + i * TICK
        while clock() < tick:
            pass
        action = decide()
        latencies[i] = clock() - tick
        if keep:
            kept.append(Step(i, action))
    return kept


def measured(contender: str, program: str, count: int) -> Found:
    """In this process, which is left as it was but for what a contender imports."""
    import numpy as np

    decide, latencies = policy(contender), np.zeros(count, np.int64)
    for _ in range(WARM_UP):
        decide()
    gc.collect()
    was_enabled = gc.isenabled()
    try:
        if program == FROZEN:
            gc.freeze()
        if program == DISABLED:
            gc.disable()
        with Collections() as found:
            if program == ON_END:
                on_end(decide, latencies)
            else:
                paced(decide, latencies, keep=program != PACED)
    finally:
        gc.unfreeze()
        (gc.enable if was_enabled else gc.disable)()
    generations, collections = np.array(found.turns, np.int64).reshape(-1, 2).T
    return Found(latencies, generations, collections)


def measure(folder: Path, contender: str, program: str) -> None:
    """In a process of its own, of one thread, on the last of the cores."""
    command = [sys.executable, __file__, str(folder), "--alone", contender, program]
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    for name in ("FASTLAYERS_ISA", "FASTLAYERS_FUSE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        env.pop(name, None)
    subprocess.run(command, env=env, check=True)


def alone(folder: Path, contender: str, program: str) -> None:
    import numpy as np

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = measured(contender, program, CALLS if program == ON_END else TICKS)
    np.savez(path_of(folder, contender, program), **found._asdict())


def path_of(folder: Path, contender: str, program: str) -> Path:
    return folder / f"{contender}, {program}.npz"


def all_of(folder: Path) -> dict[tuple[str, str], Found]:
    """What was measured, by contender and program, in the table's order."""
    import numpy as np

    there = {}
    for program, contender in itertools.product(PROGRAMS, CONTENDERS):
        if path_of(folder, contender, program).exists():
            with np.load(path_of(folder, contender, program)) as found:
                there[contender, program] = Found(**found)
    return there


def table(found: dict[tuple[str, str], Found]) -> Iterator[str]:
    yield "| program | policy | median | 99.9 % | worst | late | collections | the longest |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for (contender, program), one in found.items():
        yield f"| {' | '.join(one.line(contender, program))} |"


def draw(found: dict[tuple[str, str], Found], path: Path) -> None:
    """Which share of the decisions took longer, against how long."""
    import numpy as np
    from matplotlib.figure import Figure
    from plots import COLOURS, DPI

    panels = {
        f"{CALLS:,} decisions on end": {ON_END: "-"},
        f"{TICKS:,} at 10 kHz, from the tick": {PACED: "-"},
        f"{TICKS:,} at 10 kHz, each step kept": {KEPT: "-", FROZEN: "--", DISABLED: ":"},
    }
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    for axes, (title, styles) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        for (contender, program), one in found.items():
            if program in styles:
                microseconds = np.sort(one.latencies) / 1e3
                share = np.arange(len(microseconds), 0, -1) / len(microseconds)
                label = contender + program.removeprefix(ON_END).removeprefix(KEPT).removeprefix(PACED)
                colour = COLOURS.get(contender, "#999999")
                axes.plot(microseconds, share, styles[program], color=colour, label=label, linewidth=1.2)
        axes.set(xscale="log", yscale="log", title=title, xlabel="microseconds (log scale); further left is faster")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(loc="lower left" if KEPT in styles else "upper right", fontsize=7, frameon=False)
    figure.axes[0].set_ylabel("share of decisions that took longer (log scale)")
    figure.savefig(path, dpi=DPI, facecolor="white")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where results are, and go")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS, help="these alone")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS, help="these alone")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        alone(given.folder, *given.alone)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    for contender, program in itertools.product(given.contenders, given.programs):
        if not path_of(given.folder, contender, program).exists():
            print(f"{contender}, {program}", file=sys.stderr, flush=True)
            measure(given.folder, contender, program)
    found = all_of(given.folder)
    print("\n".join(table(found)))
    draw(found, given.folder / "latency.png")


if __name__ == "__main__":
    main()
