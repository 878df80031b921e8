"""Whether numbers are finite: of arrays, losses, parameters and optimizers; and the first that is not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .._core.types import Array
from ..layers._declaration import named_params
from ..layers._stack import leaves
from ..optimizers._base import Optimizer

# A large array is looked at so many bytes at a time: no temporary array is larger, and most stay in a core's cache.
PIECE = 256 << 10


def is_finite(array: Array) -> bool:
    """Whether all of an array is finite; what is not of floats always is."""
    if array.dtype.kind not in "fc":
        return True
    if array.nbytes <= PIECE or array.ndim == 0:
        return _is_finite(array)
    return all(_is_finite(piece) for _, piece in _pieces(array))


def first_nonfinite(array: Array) -> tuple[int, ...] | None:
    """The index of the first number of an array that is not finite; None where there is none."""
    if is_finite(array):
        return None
    if array.ndim == 0:
        return ()
    start, piece = next((start, piece) for start, piece in _pieces(array) if not _is_finite(piece))
    row, *others = np.argwhere(~np.isfinite(piece))[0].tolist()
    return (start + row, *others)


def _pieces(array: Array) -> Iterator[tuple[int, Array]]:
    rows = max(PIECE // max(array[:1].nbytes, 1), 1)
    for start in range(0, len(array), rows):
        yield start, array[start : start + rows]


def _is_finite(array: Array) -> bool:
    # BLAS squares and sums as fast as memory is read; where squares overflow, and only there, each number is asked.
    if array.dtype.char in "fd":
        with np.errstate(over="ignore", invalid="ignore"):
            if math.isfinite(np.vdot(array, array)):
                return True
    return bool(np.isfinite(array).all())


def is_finite_loss(loss: Any) -> bool:
    """Whether a loss is finite, which may be a number or an array."""
    return math.isfinite(loss) if type(loss) is float else bool(np.isfinite(loss).all())


def shown_loss(loss: Any) -> str:
    """A loss that is not finite, or the first of an array that is not."""
    values = np.asarray(loss).reshape(-1)
    return f"{values[~np.isfinite(values)][0]:g}"


def of_layers(layers: Iterable[Any]) -> str | None:
    """The first parameter that is not all finite, as ``W of layer 2 holds nan at index (0, 1)``; None where all are."""
    for i, layer in leaves(layers):
        for name, array in named_params(layer):
            place = first_nonfinite(np.asarray(array))
            if place is not None:
                return f"{name} of layer {i} holds {np.asarray(array)[place]:g} at index {place}"
    return None


def arrays_of(optimizer: object) -> list[tuple[str, Array]]:
    """Return the arrays that an optimizer keeps, each with the name of its attribute.

    They are attributes, or in lists or dictionaries; those of parameters that its last update left out as well.
    """
    found = []
    for name, value in getattr(optimizer, "__dict__", {}).items():
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        found += [(name, array) for array in values if isinstance(array, np.ndarray)]
    if isinstance(optimizer, Optimizer):
        for record in optimizer._apart:
            states = zip(optimizer._states, record.states, strict=True)
            found += [(name, array) for name, array in states if array is not None]
    return found


def of_optimizer(optimizer: object) -> str | None:
    """The first attribute of an optimizer with an array that is not all finite, as ``v of Adam holds inf``."""
    for name, array in arrays_of(optimizer):
        place = first_nonfinite(array)
        if place is not None:
            return f"{name} of {type(optimizer).__name__} holds {array[place]:g}"
    return None
