"""The table of ``fastlayers bench``: both paths, kernel by kernel and size by size."""

from __future__ import annotations

import json as _json
from time import perf_counter
from typing import Any

from .. import _backend
from .cases import LARGEST, Call, rows

BATCH_SECONDS = 2e-4  # a batch this long, beside which reading the clock costs nothing
MIN_ROUNDS = 3
SMALLEST_TABLE = 2**19  # bytes; however little time there is, arrays up to this size are timed: each case has some


def fastest(calls: dict[str, Call], seconds: float) -> dict[str, float]:
    """Seconds a call of each: the fastest of many batches, since whatever else the machine does only adds.

    The calls take turns batch by batch, so that a machine that drifts is as slow for one as for the other.
    """
    deadline = perf_counter() + seconds
    timers = {path: (call.timer(), 1) for path, call in calls.items()}
    for path, (timer, n) in timers.items():
        while timer.timeit(n) < BATCH_SECONDS:
            n *= 2
        timers[path] = timer, n
    best = dict.fromkeys(calls, float("inf"))
    done = 0
    while done < MIN_ROUNDS or perf_counter() < deadline:
        for path, (timer, n) in timers.items():
            best[path] = min(best[path], timer.timeit(n) / n)
        done += 1
    return best


def main_table(seconds: float = 60.0, json: bool = False) -> None:
    """Print a table of both paths: each kernel, size and dtype, then the training steps.

    Parameters
    ----------
    seconds : float, default 60
        About how long it takes in all. Less than the default leaves out the largest arrays.
    json : bool, default False
        Print one JSON object instead, with times in seconds.
    """
    with _backend.use_backend("auto"):
        config = _backend.config()
        compiled = config["backend"] == "cython"
        if not json:
            _print_header(config, compiled)
        results = []
        todo = list(rows(max(LARGEST * seconds / 60, SMALLEST_TABLE)))
        deadline = perf_counter() + seconds
        for i, (case, size, dtype) in enumerate(todo):
            end = perf_counter() + (deadline - perf_counter()) / (len(todo) - i)
            calls = case.prepare(size, dtype)
            if not compiled:
                calls = {"reference": calls["reference"]}
            times = fastest(calls, end - perf_counter())
            ratio = {"ratio": times["reference"] / times["cython"]} if compiled else {}
            results.append({"kernel": case.name, "size": case.label(size), "dtype": dtype, **times, **ratio})
            if not json:
                _print_row(results[-1])
        if json:
            print(_json.dumps({"config": config, "seconds": results}, indent=1))


def _print_header(config: dict[str, Any], compiled: bool) -> None:
    print(
        f"fastlayers {config['fastlayers']}, backend {config['backend']} ({config['instruction set']}), "
        f"threads {config['threads']}, NumPy {config['numpy']}, BLAS {config['blas']}, {config['machine']}"
    )
    if not compiled:
        print("The compiled kernels are not there (`fastlayers info` says why): this is the reference alone.")
    print("Time of a call, the fastest of many; ratio: how many times the reference's time is the compiled path's.\n")
    heads = ("reference", "compiled", "ratio", "with out=") if compiled else ("reference",)
    print(f"{'kernel':<16} {'size':<22} {'dtype':<8}" + "".join(f"{head:>11}" for head in heads), flush=True)


def _print_row(row: dict[str, Any]) -> None:
    cells = [human(row[path]) if path in row else "" for path in ("reference", "cython", "cython out=")]
    cells.insert(2, f"{row['ratio']:.2f}x" if "ratio" in row else "")
    line = f"{row['kernel']:<16} {row['size']:<22} {row['dtype']:<8}" + "".join(f"{cell:>11}" for cell in cells)
    print(line.rstrip(), flush=True)


def human(seconds: float) -> str:
    """Three digits and a unit: ``1.23 us``."""
    for unit, scale in (("ns", 1e9), ("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 999.5:
            value = seconds * scale
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{seconds:.2f} s"
