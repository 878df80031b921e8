"""What is timed in a process of its own, by ``alone.py``: on two threads, or on another instruction set."""

import json
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import growth
import numpy as np
from goals import OURS, Bound, Calls, Sweep, checked, timed, unchecked

import fastlayers
from fastlayers._core import backend
from fastlayers.command import cases
from fastlayers.command.agreement import several


@dataclass(frozen=True)
class OnThreads:
    """A call on so many threads of ours, timed like any other beside the same call on fewer or more."""

    call: cases.Call
    threads: int

    def timer(self) -> Self:
        return self

    def timeit(self, number: int) -> float:
        fastlayers.set_num_threads(self.threads)
        return self.call.timer().timeit(number)


def threads(sizes: dict[str, list[int]], pace: float) -> dict[str, Any]:
    """Kernels on one thread and on two: the times, and whether all results were the same to the bit."""
    bits: dict[str, set[bytes]] = {}

    def one_and_two(where: str, name: str, n: int) -> Calls:
        call = unchecked(name, growth.shape(name, n))
        for number in (1, 2):
            fastlayers.set_num_threads(number)
            results = several(call.function(*call.args, **call.kwargs))
            bits.setdefault(where, set()).add(b"".join(np.asarray(result).tobytes() for result in results))
        return {OURS: OnThreads(call, 2), "one thread": OnThreads(call, 1)}

    calls = {}
    for name, numbers in sizes.items():
        for n in numbers:
            where = f"{growth.TITLES[name]} of {n:,}"
            calls[where] = partial(one_and_two, where, name, n)
    times = Sweep(7, "", calls, Bound("one thread"), 0.8).measure(pace).times[""]
    return {"times": times, "same": all(len(seen) == 1 for seen in bits.values())}


def training() -> None:
    """Time a step for each line of the input, ``[widths, batch, seconds]``: the `Worker`'s other end."""
    calls: dict[cases.Network, cases.Call] = {}
    for line in sys.stdin:
        widths, batch, seconds = json.loads(line)
        network = cases.Network(tuple(widths), batch)
        if network not in calls:
            calls[network] = network.step(fastlayers, "float32")
        print(timed({"step": calls[network]}, seconds)["step"], flush=True)


def level(largest: float, pace: float) -> dict[str, Any]:
    """Both paths of every benchmark case: the instruction set that was loaded, and the times."""

    def paths(case: Any, size: cases.Shape, dtype: str) -> Calls:
        calls = case.prepare(size, dtype)
        return {"reference": calls["reference"], OURS: calls["cython"]}

    rows = {f"{case.name} {case.label(size)} {dtype}": (case, size, dtype) for case, size, dtype in cases.rows(largest)}
    calls = {where: partial(paths, *row) for where, row in rows.items()}
    times = Sweep(8, "", calls, Bound("reference"), 0.05).measure(pace).times[""]
    return {"level": backend.config()["instruction set"], "times": times}


def tanh(sizes: list[list[int]], pace: float) -> dict[str, Any]:
    """Ours and NumPy's, which this process has held to the same instruction set."""

    def both(size: list[int], dtype: str) -> Calls:
        call = checked("tanh_forward", tuple(size), dtype)
        return {OURS: call, "np.tanh": cases.Call(np.tanh, call.args, {"out": np.empty_like(call.args[0])})}

    calls = {
        f"{'x'.join(map(str, size))} {dtype}": partial(both, size, dtype) for size in sizes for dtype in cases.DTYPES
    }
    times = Sweep(8, "", calls, Bound("np.tanh"), 0.3).measure(pace).times[""]
    return {"level": backend.config()["instruction set"], "times": times}
