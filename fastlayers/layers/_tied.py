"""Parameters that layers have in common: one array in two layers, or an array in one and its transpose in another.

An optimizer sees by itself that they are one. What copies a network, or reads it from a file, has to see to it: a view
would become an array of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .._core.ties import ties_of
from .._core.types import Array
from ._declaration import named_params
from ._nested import leaves

__all__ = ["Tie", "tie", "ties_among"]


class Tie(NamedTuple):
    """A parameter that is one in memory with an earlier one; each by its layer's place and its name, as ``3.W``."""

    name: str
    first: str
    is_turned: bool


def ties_among(layers: Iterable[Any]) -> list[Tie]:
    """The parameters of layers, and of stacks among them, that are one with an earlier one of theirs."""
    found = [
        (f"{place}.{name}", param)
        for place, layer in leaves(layers)
        for name, param in named_params(layer)
        if isinstance(param, np.ndarray)  # type: ignore[redundant-expr]  # a user's own may be anything
    ]
    ties = ties_of([param for _, param in found])
    return [
        Tie(found[i][0], found[first][0], is_turned) for i, (first, is_turned) in enumerate(ties or ()) if i != first
    ]


def tie(layers: Iterable[Any], ties: Iterable[Tie]) -> None:
    """Have parameters be one that were one where these ties come from; those that are already stay."""
    there = dict(leaves(layers))
    for name, first, is_turned in ties:
        array = _get(*_holder(there, first))
        array = array.T if is_turned else array
        holder, key = _holder(there, name)
        if ties_of([array, _get(holder, key)]) is not None:
            continue
        if isinstance(key, int):
            holder[key] = array
        else:
            setattr(holder, key, array)


def _holder(there: dict[str, Any], name: str) -> tuple[Any, str | int]:
    """A layer and the attribute with its parameter, or a user's list of parameters and the place in it."""
    place, _, attribute = name.rpartition(".")
    if attribute.endswith("]"):
        return there[place].params, int(attribute.removeprefix("params[").removesuffix("]"))
    return there[place], attribute


def _get(holder: Any, key: str | int) -> Array:
    found: Array = holder[key] if isinstance(key, int) else getattr(holder, key)
    return found
