"""Training on several processes and machines at once, through MPI: each takes a part of every batch.

A process of an MPI job is a rank. Each rank has the whole network; a step goes forward and backward through this
rank's part of the batch, sums the gradients of all ranks in one exchange, and updates. So all ranks have the same
parameters at any time, and N ranks do what one does with the whole batch.

It needs mpi4py and an MPI: the extra ``mpi`` brings both. A script runs on two processes by
``mpiexec -n 2 python script.py``; as root, whom Open MPI else refuses, by ``mpiexec --allow-run-as-root``. Once there
is a `DataParallel`, an exception that nothing catches ends the whole job, where the other ranks would wait for ever;
``python -m mpi4py script.py`` does so for a whole script, and `abort_on_error` for a part of it.

Start one process a core, bound to it and on one thread (``mpiexec --bind-to core``, ``OPENBLAS_NUM_THREADS=1``,
``FASTLAYERS_NUM_THREADS=1``), or fewer processes with more threads. What to expect of it: docs/scaling.md.
"""

from .data_parallel import DataParallel
from .job import RankError, abort_on_error
from .sharing import share

__all__ = ["DataParallel", "RankError", "abort_on_error", "share"]
