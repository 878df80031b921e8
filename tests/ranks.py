"""Ranks without MPI: threads that wait for each other as the processes of a job do.

What the real thing does is asked by ``test_mpi_job.py``, where there is one.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

PATIENCE = 20.0  # seconds: a rank that waits for longer waits in vain
MPI = SimpleNamespace(IN_PLACE=object(), COMM_WORLD=SimpleNamespace(size=1))


class Rank:
    """One rank's end of a communicator, with as much of mpi4py's as is used."""

    def __init__(self, rank: int, size: int, barrier: threading.Barrier, slots: list[Any]) -> None:
        self.rank, self.size = rank, size
        self._barrier, self._slots = barrier, slots

    def allgather(self, thing: Any) -> list[Any]:
        self._slots[self.rank] = copy.deepcopy(thing)
        self._barrier.wait(PATIENCE)
        found = list(self._slots)
        self._barrier.wait(PATIENCE)
        return found

    def bcast(self, thing: Any, root: int = 0) -> Any:
        return copy.deepcopy(self.allgather(thing if self.rank == root else None)[root])  # on the root too, as mpi4py

    def Bcast(self, buffer: np.ndarray, root: int = 0) -> None:
        np.copyto(buffer, self.allgather(buffer)[root])

    def Allreduce(self, source: Any, buffer: np.ndarray) -> None:
        assert source is MPI.IN_PLACE
        np.copyto(buffer, sum(self.allgather(buffer)))


class Counted:
    """A communicator that counts what it is asked to exchange."""

    def __init__(self, comm: Any) -> None:
        self._comm, self.calls = comm, Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._comm, name)
        if callable(found):
            self.calls[name] += 1
        return found


def on_ranks(size: int, work: Callable[[Any], Any]) -> list[Any]:
    """What the work gives on each rank: its result, or the exception that it raised."""
    barrier, slots, results = threading.Barrier(size), [None] * size, [None] * size

    def run(rank: int) -> None:
        try:
            results[rank] = work(Rank(rank, size, barrier, slots))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def results_on_ranks(size: int, work: Callable[[Any], Any]) -> list[Any]:
    """The same where no rank may fail."""
    results = on_ranks(size, work)
    errors = [result for result in results if isinstance(result, Exception)]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error  # that of one which failed by itself, before those who waited for it
    return results


def one_rank() -> Rank:
    """The communicator of a job of one."""
    return Rank(0, 1, threading.Barrier(1), [None])
