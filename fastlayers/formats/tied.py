"""What a model file says of parameters that are one array: each name with the first, and whether it is its transpose.

The file has the array under each of its names, so that it is one that earlier versions read too.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .._core.types import Array
from ..layers._tied import Tie, ties_among

__all__ = ["read", "written"]


def written(layers: Iterable[Any]) -> dict[str, list[Any]]:
    """The ties of some layers, by the name of each parameter that is one with an earlier one."""
    return {name: [first, is_turned] for name, first, is_turned in ties_among(layers)}


def read(described: Mapping[str, Any], arrays: Mapping[str, Array]) -> Iterator[Tie]:
    """The ties that a file names; ValueError where they are none."""
    for name, tied in described.items():
        if not (isinstance(tied, list) and len(tied) == 2 and {name, tied[0]} <= {*arrays} and type(tied[1]) is bool):
            raise ValueError(f"its header ties {name} to {reprlib.repr(tied)}; expected [another array's name, bool]")
        tie = Tie(name, *tied)
        if not np.array_equal(
            arrays[name], arrays[tie.first].T if tie.is_turned else arrays[tie.first], equal_nan=True
        ):
            raise ValueError(f"its header ties {name} to {tie.first}, but they differ")
        yield tie
