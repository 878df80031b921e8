"""The command on several ranks: one of them speaks and writes, and an error of any ends them all."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from ..mpi import job

_GRACE = 2.0  # seconds: so long does another rank wait for rank 0 to fail with the same error, and to tell it


def communicator() -> Any:
    """All ranks of the job; the ImportError where there is no MPI says how to get one."""
    return job.module().COMM_WORLD


def run(command: Callable[[], int]) -> int:
    """Run a command that every rank of a job runs, with rank 0's output alone.

    Parameters
    ----------
    command : callable
        It gives an exit status, after it has told any error in a line on standard error.

    Returns
    -------
    int
        The status. Where it is not 0, the job is aborted with it at the interpreter's exit: the other ranks may wait
        for this one. An error of another rank's own, which rank 0 has not had too, is told by that rank.
    """
    rank = communicator().rank
    abort = job.module("run").set_abort_status
    errors, told = sys.stderr, io.StringIO()
    if rank:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # as long as the process runs
        sys.stderr = told
    # By SIGTERM mpiexec ends the ranks of its job, on Ctrl-C too: a file that is being written is done away with.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = command()
    except Exception as error:  # one that the command does not know: its traceback is to be seen
        sys.stderr = errors
        abort(error)
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if status:
        if rank:
            time.sleep(_GRACE)
            line = told.getvalue().splitlines()[-1]  # below what --json has sent there
            print(f"rank {rank}: {line}", file=errors, flush=True)
        abort(status)
    return status
