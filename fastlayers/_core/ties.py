"""Arrays that are one in memory: one that is given twice, or with its transpose, as where two layers share weights."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np

from .types import Array

# For each array the place of the first that is the same in memory, which may be its own; and whether it is turned.
Ties = list[tuple[int, bool]]


def ties_of(arrays: Sequence[Array], name_of: Callable[[int], str] | None = None) -> Ties | None:
    """Which arrays are one in memory; None where each is by itself.

    With `name_of`, which names the i-th, two that share memory otherwise, as a part of an array with the whole, are a
    ValueError with the names of both; without it they are two.
    """
    if _are_of_different_memory(arrays):
        return None
    found: Ties = []
    for i, array in enumerate(arrays):
        found.append((i, False))
        for j in range(i):
            if not np.may_share_memory(array, arrays[j]):
                continue
            if _is_same(array, arrays[j]):
                found[i] = found[j]
            elif array.ndim > 1 and _is_same(array, arrays[j].T):
                found[i] = found[j][0], not found[j][1]
            elif name_of is not None and np.shares_memory(array, arrays[j]):
                raise ValueError(
                    f"{name_of(i)} of shape {array.shape} shares memory with {name_of(j)} of shape {arrays[j].shape}: "
                    "it must be the same array, its transpose, or apart from it"
                )
            else:
                continue
            break
    return None if all(i == first for i, (first, _) in enumerate(found)) else found


def _are_of_different_memory(arrays: Sequence[Array]) -> bool:
    """Whether that is plain to see: each has memory of its own, or is the one view of such an array."""
    owners = [array if array.base is None else array.base for array in arrays]
    return (
        len({*map(id, owners)}) == len(owners)
        and {*map(type, owners)} <= {np.ndarray}
        and all(owner.base is None for owner in owners)
    )


def _is_same(a: Array, b: Array) -> bool:
    """Whether two arrays have each number in the same place."""
    return (
        a.shape == b.shape
        and a.dtype == b.dtype
        and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
        and all(size == 1 or s == t for size, s, t in zip(a.shape, a.strides, b.strides, strict=True))
    )


def are_same(some: Sequence[object], others: Sequence[object]) -> bool:
    """Return whether two sequences hold the same objects in the same order."""
    return len(some) == len(others) and all(map(operator.is_, some, others))
