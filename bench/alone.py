"""Measurements in a process of their own: those that need what a process settles once, as it starts.

That is another instruction set, BLAS on two threads, both cores, the most memory ever held, a fork.
``ask("memory", name="relu_forward", n=1000)`` runs a function of ``children.py`` or ``timed_children.py`` in a new
interpreter and gives its result. Nothing but the standard library is imported before the child has its environment and
its cores.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, Self

TIMEOUT = 300.0


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

    def time(self, widths: Iterable[int], batch: int, seconds: float) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([list(widths), batch, seconds]), file=self._process.stdin, flush=True)
        answer: float = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate(timeout=TIMEOUT)  # the end of its input is its end


def main() -> None:
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    cores = arguments.pop("cores")
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)  # before NumPy: its BLAS counts them as it is loaded
    import children
    import timed_children

    (function,) = [getattr(module, name) for module in (children, timed_children) if name in vars(module)]
    answer = function(**arguments)
    if answer is not None:
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
