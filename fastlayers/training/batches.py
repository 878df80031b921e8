"""Cutting batches: every training takes its samples through here, in the form that the kernels take as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .._core import backend
from .._core.types import Array
from .arguments import Samples

# Samples are brought into their order so many bytes at a time, and batches are slices of that. Batch by batch it would
# be a call of NumPy at each step, 12 % of the step of a small network; a whole epoch at once, large data would go to
# memory and back, 40 % of a step on 60,000 images. This much stays in a core's cache.
GATHERED = 256 << 10

# Of so many samples of a batch, which are this process's, where several train one network.
PartOf = Callable[[int], slice]


def batches(data: Samples, order: Array | None, batch_size: int) -> Iterator[tuple[Array, Array, Array | None]]:
    """Every batch, in this order of the samples; the last may be smaller."""
    nbytes = batch_size * sum(a[:1].nbytes for a in data if a is not None)
    together = max(GATHERED // max(nbytes, 1), 1) * batch_size
    for i in range(0, len(data.x), together):
        # New arrays each time: a layer or a callback may still hold what it was given.
        x, t, weights = (_gathered(a, order, slice(i, i + together)) for a in data)
        for j in range(0, len(x), batch_size):
            batch = slice(j, j + batch_size)
            yield x[batch], t[batch], weights if weights is None else weights[batch]


def parts(arrays: Sequence[Any], order: Array | None, batch_size: int, part_of: PartOf) -> Iterator[tuple[Any, ...]]:
    """The part of every batch that is this process's, of each array."""
    samples = len(arrays[0])
    for i in range(0, samples, batch_size):
        part = part_of(min(batch_size, samples - i))
        yield tuple(_gathered(a, order, slice(i + part.start, i + part.stop)) for a in arrays)


def rows_of(batch: int, order: Array | None, batch_size: int, samples: int, part_of: PartOf | None) -> Array:
    """Where the samples of a batch, or of this process's part of it, stand in the user's arrays."""
    start = batch * batch_size
    stop = min(start + batch_size, samples)
    rows = np.arange(start, stop) if order is None else order[start:stop]
    return rows if part_of is None else rows[part_of(len(rows))]


def _taken(array: Any, rows: Array) -> Any:
    """Rows of an array, or of samples that know how to give theirs."""
    if type(array) is np.ndarray:
        part = np.empty((len(rows), *array.shape[1:]), array.dtype)
        if backend.kernels.embedding_forward(rows, array, part) is not NotImplemented:
            return part
    return array.take(rows, axis=0)


def _gathered(array: Array | None, order: Array | None, which: slice) -> Any:
    if array is None:
        return None
    if order is None:
        part = array[which]
    else:
        part = _taken(array, order[which])
    if type(part) is np.ndarray and part.flags.carray and part.dtype.isnative:
        return part  # np.require would say so too, after a microsecond
    return np.require(part, part.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])
