"""A network and its optimizer as they were once, to be put back."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .._core.types import Array
from ..layers._declaration import copy_buffers, params_of, put_buffers
from ..layers._stack import leaves
from . import finiteness


class Snapshot:
    """A network's parameters and its optimizer's attributes, as they were when last looked at and found finite.

    They are copied side by side into one array for each dtype, of which one look tells whether all are finite.
    """

    def __init__(self, network: Any, optimizer: Any) -> None:
        self._network, self._optimizer = network, optimizer
        self._kept, self._spare = _Copy([]), _Copy([])
        self._attributes: dict[str, Any] = {}
        self._buffers: list[tuple[Any, str, Any]] = []

    def look(self) -> bool:
        """Whether all is finite; then it is kept."""
        arrays = [*params_of(self._network), *(array for _, array in finiteness.arrays_of(self._optimizer))]
        if not self._spare.is_of(arrays):
            self._spare = _Copy(arrays)
        if not self._spare.take():
            return False
        self._kept, self._spare = self._spare, self._kept
        self._buffers = copy_buffers(layer for _, layer in leaves(self._network.layers))
        self._attributes = {
            name: value.copy() if type(value) in (dict, list) else value
            for name, value in getattr(self._optimizer, "__dict__", {}).items()
        }
        return True

    def put_back(self) -> None:
        """Write what was kept into the network and its optimizer."""
        self._kept.put_back()
        put_buffers(self._buffers)
        if self._attributes:
            vars(self._optimizer).clear()
            vars(self._optimizer).update(self._attributes)


class _Copy:
    """Memory for a copy of some arrays, side by side with those of the same dtype."""

    def __init__(self, arrays: list[Array]) -> None:
        self._arrays = arrays
        alike: dict[Any, list[Array]] = {}
        for array in arrays:
            alike.setdefault(array.dtype, []).append(array)
        self._groups = [(group, np.empty(sum(a.size for a in group), dtype)) for dtype, group in alike.items()]

    def is_of(self, arrays: list[Array]) -> bool:
        return len(arrays) == len(self._arrays) and all(map(operator.is_, arrays, self._arrays))

    def take(self) -> bool:
        """Copy the arrays as they are now; whether all of them is finite."""
        for arrays, copy in self._groups:
            np.concatenate(arrays, axis=None, out=copy)
        return all(finiteness.is_finite(copy) for _, copy in self._groups)

    def put_back(self) -> None:
        for arrays, copy in self._groups:
            start = 0
            for array in arrays:
                np.copyto(array, copy[start : start + array.size].reshape(array.shape))
                start += array.size
