"""Memory that all ranks of one machine have in common: each rank's part of it is written to by any other."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from .._core.types import Array

# What tells kernels of Linux apart: a file of one is not to be looked for on another.
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc/self/ns/pid")


def of_ranks(comm: Any, nbytes: int) -> list[Array] | None:
    """So many bytes of zeros of each rank's, in each rank; None on all where they have no memory in common.

    It has no name that could stay behind, and is gone with the last of the processes, or once none refers to it.

    Parameters
    ----------
    comm : communicator
    nbytes : int
        The same on every rank.
    """
    own, here = _own_file(nbytes)
    try:
        places = comm.allgather(here)
        found = None if None in places or len({place[:2] for place in places}) > 1 else _mapped(places, nbytes)
        if not all(comm.allgather(found is not None)):  # only then may the files be closed
            return None
    finally:
        if own is not None:
            os.close(own)
    return found


def _own_file(nbytes: int) -> tuple[int | None, tuple[Any, ...] | None]:
    """A file in memory, and where another process finds it; None where there are none."""
    if not hasattr(os, "memfd_create"):
        return None, None
    try:
        file = os.memfd_create("fastlayers")
    except OSError:
        return None, None
    try:
        os.posix_fallocate(file, 0, nbytes)  # now: where memory is short later, writing to it ends the process
        return file, (BOOT_ID.read_text(), PROCESSES.stat().st_ino, os.getpid(), file)
    except OSError:
        return file, None


def _mapped(places: list[tuple[Any, ...]], nbytes: int) -> list[Array] | None:
    """Every rank's memory; None where one may not be looked at."""
    found = []
    try:
        for *_, process, number in places:
            file = os.open(f"/proc/{process}/fd/{number}", os.O_RDWR)
            try:
                found.append(np.frombuffer(mmap.mmap(file, nbytes), np.uint8))
            finally:
                os.close(file)
    except OSError:
        return None
    return found
