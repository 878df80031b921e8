"""What is run in a process of its own, by ``alone.py``, and is no race: memory, a fork, a job of two ranks."""

import gc
import itertools
import multiprocessing
import os
import tracemalloc
from pathlib import Path
from time import perf_counter
from typing import Any

import growth
import numpy as np
import scaling
from goals import case, unchecked

import fastlayers
from fastlayers import functional
from fastlayers.command import cases
from fastlayers.command.agreement import several

FORK_TIMEOUT = 20.0
WARM_STEPS = 1000


def memory(name: str, n: int) -> dict[str, float | None]:
    """Bytes beyond inputs and results in one call without out: by tracemalloc, and by the system where it tells."""
    function = getattr(functional, case(name).function)
    function(*case(name).arguments(cases.Draw("float32"), growth.shape(name, 10)))  # what is loaded once is
    args = case(name).arguments(cases.Draw("float32"), growth.shape(name, n))

    def extra(before: float, peak: float, results: Any) -> float:
        return peak - before - sum(r.nbytes for r in several(results) if isinstance(r, np.ndarray))

    resident = status("VmRSS"), reset_peak()
    results = function(*args)
    system = extra(resident[0], status("VmHWM"), results) if resident[1] else None
    del results
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    results = function(*args)
    return {"traced": extra(before, tracemalloc.get_traced_memory()[1], results), "system": system}


def status(field: str) -> int:
    """Bytes, from Linux; 0 elsewhere."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def reset_peak() -> bool:
    """Let VmHWM begin anew; False where there is none."""
    path = Path("/proc/self/clear_refs")
    if not path.exists():
        return False
    path.write_text("5")
    return True


def allocations(steps: int) -> dict[str, float]:
    """Of training steps after the first: the most bytes above the start in a step, and what was left at the end."""
    step, args, _ = cases.NETWORKS[1].step(fastlayers, "float32")
    step(*args)
    tracemalloc.start()
    step(*args)  # tracemalloc knows what was allocated since it started, so each buffer is let go of once
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for _ in range(steps):
        step(*args)
    after, peak = tracemalloc.get_traced_memory()
    return {"peak": peak - before, "left": after - before}


def steps(number: int) -> dict[str, int]:
    """Bytes by which so many training steps have let the process grow: by tracemalloc, and by the system."""
    step, args, _ = cases.NETWORKS[0].step(fastlayers, "float32")

    traced = np.zeros(3, np.int64)  # which is there already: nothing is kept between the last two

    def run(i: int, number: int) -> None:
        for _ in itertools.repeat(None, number):
            step(*args)
        gc.collect()
        traced[i] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    run(0, WARM_STEPS)
    before = status("VmRSS")
    run(1, WARM_STEPS)
    run(2, number)
    return {"traced": int(traced[2] - traced[1]), "system": status("VmRSS") - before}


def fork() -> str:
    """Whether a forked child runs the kernels after threaded work in its parent."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return ""
    fastlayers.set_num_threads(2)
    calls = [unchecked("sigmoid_forward", (2**20,)), unchecked("loss, labels", (1000, 1000))]

    def run() -> None:
        for function, args, kwargs in calls:
            for _ in range(20):
                function(*args, **kwargs)

    run()
    start = perf_counter()
    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join(FORK_TIMEOUT)
    if child.exitcode is None:
        child.kill()
        return f"hung for {FORK_TIMEOUT:g} s"
    return f"done in {perf_counter() - start:.2g} s" if child.exitcode == 0 else f"exit code {child.exitcode}"


def ranks(widths: list[int], batch: int, seconds: float) -> Any:
    """A step of one rank on its batch, and of two at once on one each."""
    os.environ |= {f"OMPI_ALLOW_RUN_AS_ROOT{more}": "1" for more in ("", "_CONFIRM")}
    job = {"networks": [(widths, 2 * batch)], "sizes": [], "batches": [], "idx": None, "seconds": seconds}
    (found,) = scaling.measured("mpiexec", job)["steps"]
    return {"one": found["share"], "two": found["all"]}
