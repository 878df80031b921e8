"""Numbers that a training can go on with: not masked, within its dtype's range, and finite in all that it makes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse

from .._core.arguments import check_unmasked, place_of
from .._core.types import Array
from ..training.finiteness import is_finite

__all__ = ["all_finite", "check_all_unmasked", "check_trained", "in_range"]


def all_finite(arrays: Iterable[Array]) -> bool:
    """Whether no array holds infinity or nan."""
    return all(map(is_finite, arrays))


def check_all_unmasked(**arguments: Any) -> None:
    """ValueError where one of the arguments has masked entries."""
    for name, value in arguments.items():
        check_unmasked(name, value)


def in_range(name: str, array: Any, dtype: DTypeLike) -> Any:
    """Finite numbers, dense in C order or sparse, in this dtype; ValueError where one is too large for it."""
    dtype = np.dtype(dtype)
    if array.dtype == dtype:
        return array if issparse(array) else np.ascontiguousarray(array)
    with np.errstate(over="ignore"):
        cast = array.astype(dtype) if issparse(array) else array.astype(dtype, order="C")
    if not all_finite([cast.data if issparse(cast) else cast]):
        coordinates = cast.tocoo() if issparse(cast) else None
        if coordinates is not None:
            entries = np.flatnonzero(~np.isfinite(coordinates.data))
            index = tuple(int(axis[entries[0]]) for axis in coordinates.coords)
        else:
            index = tuple(np.argwhere(~np.isfinite(cast))[0].tolist())
        raise ValueError(
            f"{name} has {array[index]} at {place_of(index)}, which is too large for {dtype}, the dtype that is "
            f"trained in: its largest number is {np.finfo(dtype).max}"
        )
    return cast


def check_trained(loss: float, when: str, arrays: Mapping[str, Iterable[Array]]) -> None:
    """ValueError if a training has come to infinity or nan anywhere.

    A batch's gradient that is not finite leaves infinity or nan in the parameters or in the optimizer's state, and
    there they stay.

    Parameters
    ----------
    loss : float
        The last one, or the mean of several.
    when : str
        For the message, as "in epoch 3".
    arrays : mapping of str to iterable of ndarray
        What else is to be finite, by the name that the message has for it.
    """
    found = [name for name, those in arrays.items() if not all_finite(those)]
    if not math.isfinite(loss):
        found.append(f"loss ({loss}), on the way to non-finite parameter weights")
    if found:
        raise ValueError(
            f"Solver produced non-finite {found[0]}. The input data may contain large values and need to be "
            f"preprocessed. This was {when}; the estimator is as it was before the call."
        )
