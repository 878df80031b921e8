"""What ranks exchange: arrays that lie side by side in one buffer.

A communicator here is one of mpi4py's, or an object with the same ``rank``, ``size``, ``Allreduce``, ``Bcast``,
``allgather`` and ``bcast``.

Where all ranks of one of mpi4py's are on one machine, the buffers are in memory that they have in common. Then each
sums its share of them for all, from where the others have written it and to where they read it; an ``Allreduce``, which
copies in and out, takes several times as long. With two ranks the sums are the same, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .._core.types import Array
from . import shared_memory
from .job import module
from .sharing import share

# What is summed at once, in bytes: that much of two ranks stays in a core's second cache until it is written.
PIECE = 256 << 10


class Exchange:
    """Arrays of given shapes in one flat buffer for each dtype, with a few numbers behind the first of them.

    All ranks make one, of the same shapes and dtypes.

    Parameters
    ----------
    comm : communicator
    shapes : sequence of tuple
    dtypes : sequence of dtype
        One for each shape, floating. float16, of which MPI knows nothing, is exchanged as float32.
    numbers : int
        How many numbers ride along.

    Attributes
    ----------
    arrays : list of ndarray
        Parts of the buffers, one for each shape.
    numbers : ndarray
        Those that ride along, in the buffer with the most digits.
    """

    def __init__(self, comm: Any, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[Any], numbers: int) -> None:
        self._comm = comm
        self._in_place = module().IN_PLACE
        exchanged = [np.result_type(dtype, np.float32) for dtype in dtypes]
        kinds = sorted(set(exchanged), key=lambda dtype: dtype.itemsize, reverse=True) or [np.dtype(np.float64)]
        lengths = dict.fromkeys(kinds, 0)
        places = []
        for shape, dtype in zip(shapes, exchanged, strict=True):
            places.append(slice(lengths[dtype], lengths[dtype] + math.prod(shape)))
            lengths[dtype] = places[-1].stop
        first = kinds[0]
        whole = {dtype: n + numbers * (dtype == first) for dtype, n in lengths.items()}
        is_of_mpi4py = isinstance(comm, getattr(module(), "Comm", ()))
        memories = shared_memory.of_ranks(comm, _nbytes(whole)) if is_of_mpi4py and comm.size > 1 else None
        buffers = _placed(np.zeros(_nbytes(whole), np.uint8) if memories is None else memories[comm.rank], whole)
        self._buffers = list(buffers.values())
        self._parts = [buffers[dtype][:n] for dtype, n in lengths.items()]  # without the numbers
        self._shares = None if memories is None else [*_shares(comm, memories, whole, lengths)]
        self.numbers = buffers[first][lengths[first] :]
        parts = zip(shapes, exchanged, places, strict=True)
        self.arrays = [buffers[dtype][place].reshape(shape) for shape, dtype, place in parts]

    def put(self, arrays: Sequence[Array | None]) -> None:
        """Copy each array to its place, or zeros for None; one that is its place already stays."""
        for place, array in zip(self.arrays, arrays, strict=True):
            if array is None:
                place.fill(0)
            elif array is not place:
                np.copyto(place, array)

    def sum_numbers(self) -> list[float]:
        """What the numbers of all ranks sum up to: every rank has put its arrays by then, and calls `sum_arrays`."""
        if self._shares is None:  # an exchange costs more than what it carries
            for buffer in self._buffers:
                self._comm.Allreduce(self._in_place, buffer)
        else:
            self._comm.Allreduce(self._in_place, self.numbers)
        summed: list[float] = self.numbers.tolist()
        return summed

    def sum_arrays(self, factor: float) -> None:
        """Have the arrays be their sum over the ranks, times the factor, which is the same on every rank."""
        if self._shares is None:
            self.scale(factor)
            return
        with np.errstate(over="ignore", invalid="ignore"):  # an error here would leave the others waiting
            for total, *others in self._shares:
                for other in others:
                    np.add(total, other, out=total)
                np.multiply(total, factor, out=total)
                for other in others:
                    np.copyto(other, total)
        self._comm.Barrier()

    def scale(self, factor: float) -> None:
        """Multiply the arrays, and leave the numbers."""
        for buffer in self._parts:
            np.multiply(buffer, factor, out=buffer)

    def broadcast(self) -> None:
        """Give every rank the arrays of rank 0: one ``Bcast`` for each dtype."""
        for buffer in self._buffers:
            self._comm.Bcast(buffer, root=0)


def _nbytes(lengths: dict[np.dtype[Any], int]) -> int:
    return sum(n * dtype.itemsize for dtype, n in lengths.items())


def _placed(memory: Array, lengths: dict[np.dtype[Any], int]) -> dict[np.dtype[Any], Array]:
    """Arrays of so many numbers, side by side in memory: those of the largest first, so that all are aligned."""
    found, start = {}, 0
    for dtype, n in lengths.items():
        stop = start + n * dtype.itemsize
        found[dtype] = memory[start:stop].view(dtype)
        start = stop
    return found


def _shares(
    comm: Any, memories: list[Array], whole: dict[np.dtype[Any], int], lengths: dict[np.dtype[Any], int]
) -> Iterator[list[Array]]:
    """What this rank sums for all, piece by piece: that of each rank, in their order."""
    buffers = [_placed(memory, whole) for memory in memories]
    for dtype, n in lengths.items():
        own, step = share(n, comm.rank, comm.size), PIECE // dtype.itemsize
        for start in range(own.start, own.stop, step):
            yield [of_rank[dtype][start : min(start + step, own.stop)] for of_rank in buffers]
