"""What ranks exchange: arrays that lie side by side in one buffer.

A communicator here is one of mpi4py's, or an object with the same ``rank``, ``size``, ``Allreduce``, ``Bcast``,
``allgather`` and ``bcast``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.types import Array
from .job import module


class Exchange:
    """Arrays of given shapes in one flat buffer for each dtype, with a few numbers behind the first of them.

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
        buffers = {dtype: np.zeros(n + numbers * (dtype == first), dtype) for dtype, n in lengths.items()}
        self._buffers = list(buffers.values())
        self._parts = [buffers[dtype][:n] for dtype, n in lengths.items()]  # without the numbers
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

    def sum(self) -> None:
        """Sum arrays and numbers over the ranks, in place: one ``Allreduce`` for each dtype."""
        for buffer in self._buffers:
            self._comm.Allreduce(self._in_place, buffer)

    def scale(self, factor: float) -> None:
        """Multiply the arrays, and leave the numbers."""
        for buffer in self._parts:
            np.multiply(buffer, factor, out=buffer)

    def broadcast(self) -> None:
        """Give every rank the arrays of rank 0: one ``Bcast`` for each dtype."""
        for buffer in self._buffers:
            self._comm.Bcast(buffer, root=0)
