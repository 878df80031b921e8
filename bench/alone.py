"""Measurements in a process of their own: those that need what a process settles once, as it starts.

That is another instruction set, BLAS on two threads, both cores, the most memory ever held, a fork.
``ask("memory", name="relu_forward", n=1000)`` runs a function of this file in a new interpreter and gives
its result. Nothing but the standard library is imported before the child has its environment and its cores.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

TIMEOUT = 300.0
FORK_TIMEOUT = 20.0


# The parent's side


def ask(
    name: str, /, *, env: dict[str, str] | None = None, cores: Iterable[int] | None = None, **arguments: Any
) -> Any:
    command = [sys.executable, __file__, name, json.dumps({"cores": cores and sorted(cores), **arguments})]
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT
    )
    return json.loads(done.stdout)


class Worker:
    """A process that times training steps when it is told to, so that two settings can take turns."""

    def __init__(self, threads: int, cores: Iterable[int]) -> None:
        env = {"FASTLAYERS_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        env |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, "training", json.dumps({"cores": sorted(cores)})]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env={**os.environ, **env}, stdin=pipe, stdout=pipe, text=True)

    def time(self, widths: Sequence[int], batch: int, seconds: float) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([widths, batch, seconds]), file=self._process.stdin, flush=True)
        answer: float = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate(timeout=TIMEOUT)  # the end of its input is its end


# The child's side


def memory(name: str, n: int) -> dict[str, float | None]:
    """Bytes beyond inputs and results in one call without out: by tracemalloc, and by the system where it tells."""
    import tracemalloc

    import growth
    import numpy as np
    from goals import case

    from fastlayers import functional
    from fastlayers.command import cases
    from fastlayers.command.agreement import several

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
    import tracemalloc

    import fastlayers
    from fastlayers.command import cases

    network = cases.NETWORKS[1]
    step, args, _ = network.step(fastlayers, "float32")
    step(*args)
    tracemalloc.start()
    step(*args)  # tracemalloc knows what was allocated since it started, so each buffer is let go of once
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for _ in range(steps):
        step(*args)
    after, peak = tracemalloc.get_traced_memory()
    return {"peak": peak - before, "left": after - before}


def threads(sizes: dict[str, list[int]], pace: float) -> dict[str, Any]:
    """Kernels on one thread and on two: the times, and whether all results were the same to the bit.

    `sizes` are numbers of elements for the name of each kernel.
    """
    from functools import partial

    import growth
    import numpy as np
    from goals import OURS, Bound, Calls, OnThreads, Sweep, unchecked

    import fastlayers
    from fastlayers.command.agreement import several

    bits: dict[str, set[bytes]] = {}

    def one_and_two(where: str, name: str, n: int) -> Calls:
        call = unchecked(name, growth.shape(name, n))
        for number in (1, 2):
            fastlayers.set_num_threads(number)
            results = several(call.function(*call.args, **call.kwargs))
            bits.setdefault(where, set()).add(b"".join(np.asarray(result).tobytes() for result in results))
        return {OURS: OnThreads(call, 2), "one thread": OnThreads(call, 1)}

    calls = {}
    for name in sizes:
        for n in sizes[name]:
            where = f"{growth.TITLES[name]} of {n:,}"
            calls[where] = partial(one_and_two, where, name, n)
    times = Sweep(7, "", calls, Bound("one thread"), 0.8).measure(pace).times[""]
    return {"times": times, "same": all(len(seen) == 1 for seen in bits.values())}


def training() -> None:
    """Time a step for each line of the input, ``[widths, batch, seconds]``: the `Worker`'s other end."""
    from goals import timed

    import fastlayers
    from fastlayers.command import cases

    calls: dict[tuple[int, ...], cases.Call] = {}
    for line in sys.stdin:
        widths, batch, seconds = json.loads(line)
        network = (*widths, batch)
        if network not in calls:
            calls[network] = cases.Network(tuple(widths), batch).step(fastlayers, "float32")
        print(timed({"step": calls[network]}, seconds)["step"], flush=True)


def level(largest: float, pace: float) -> dict[str, Any]:
    """Both paths of every benchmark case: the instruction set that was loaded, and the times."""
    from functools import partial

    from goals import OURS, Bound, Calls, Sweep

    from fastlayers._core import backend
    from fastlayers.command import cases

    def paths(case: Any, size: cases.Shape, dtype: str) -> Calls:
        calls = case.prepare(size, dtype)
        return {"reference": calls["reference"], OURS: calls["cython"]}

    rows = {f"{case.name} {case.label(size)} {dtype}": (case, size, dtype) for case, size, dtype in cases.rows(largest)}
    calls = {where: partial(paths, *row) for where, row in rows.items()}
    times = Sweep(8, "", calls, Bound("reference"), 0.25).measure(pace).times[""]
    return {"level": backend.config()["instruction set"], "times": times}


def fork() -> str:
    """Whether a forked child runs the kernels after threaded work in its parent."""
    import multiprocessing
    from time import perf_counter

    from goals import unchecked

    import fastlayers

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


if __name__ == "__main__":
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    cores = arguments.pop("cores")
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)  # before NumPy: its BLAS counts them as it is loaded
    answer = globals()[name](**arguments)
    if answer is not None:
        print(json.dumps(answer))
