"""Memory that the ranks of one machine have in common."""

import os
from pathlib import Path

import pytest
from ranks import on_ranks, results_on_ranks

from fastlayers.mpi import shared_memory

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here"),
    pytest.mark.thread_unsafe(reason="has threads of its own"),
]


def test_what_one_rank_writes_all_read():
    def work(comm):
        memories = shared_memory.of_ranks(comm, 24)
        at_first = [memory.tolist() for memory in memories]
        comm.allgather(None)
        memories[comm.rank - 1][:] = comm.rank + 1
        comm.allgather(None)
        return at_first, [set(memory.tolist()) for memory in memories]

    for at_first, later in results_on_ranks(3, work):
        assert at_first == [[0] * 24] * 3
        assert later == [{2}, {3}, {1}]


class Elsewhere:
    """A rank's end of a communicator whose last rank is found where it is not."""

    def __init__(self, comm, change):
        self._comm, self._change = comm, change

    def allgather(self, thing):
        *found, last = self._comm.allgather(thing)
        return [*found, self._change(last) if isinstance(last, tuple) else last]


@pytest.mark.parametrize(
    "change",
    [
        lambda place: ("another machine", *place[1:]),
        lambda place: (place[0], -1, *place[2:]),  # processes of another container
        lambda place: (*place[:3], 10**6),
        lambda place: None,
    ],
    ids=["machine", "processes", "file", "no file"],
)
def test_ranks_that_have_no_memory_in_common(change):
    """And no file is left open."""
    before = len([*Path("/proc/self/fd").iterdir()])
    assert results_on_ranks(2, lambda comm: shared_memory.of_ranks(Elsewhere(comm, change), 24)) == [None, None]
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_rank_without_room(monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert results_on_ranks(2, lambda comm: shared_memory.of_ranks(comm, 24)) == [None, None]


def test_memory_is_given_back():
    def work(comm):
        return len(shared_memory.of_ranks(comm, 24))

    mapped = "memfd:fastlayers"
    before = Path("/proc/self/maps").read_text().count(mapped)
    assert on_ranks(2, work) == [2, 2]
    assert Path("/proc/self/maps").read_text().count(mapped) == before
