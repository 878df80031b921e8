"""Options of layers and losses: how each is checked, and what a file has of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import arguments, windows
from .targets import REDUCTIONS
from .types import Array


@dataclass(frozen=True)
class Option:
    """A setting of a layer that is not None, in JSON and back.

    Attributes
    ----------
    written : callable
        Of its name and value: what JSON has of it; TypeError or ValueError where it is of no use.
    fits : callable
        Of what JSON has: whether a layer can have it.
    expected : str
        What fits, as the end of a sentence.
    read : callable
        Of what JSON has and the dtype of the parameters: the value for the layer.
    """

    written: Callable[[str, Any], Any]
    fits: Callable[[Any], bool]
    expected: str
    read: Callable[[Any, str], Any] = lambda value, dtype: value


def _is_number(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)


def _are_weights(value: Any) -> bool:
    return type(value) is list and all(_is_number(weight) and weight >= 0 for weight in value)


def class_weights(value: list[float], dtype: str) -> Array:
    """Weights of classes in the dtype that no call has to convert."""
    with np.errstate(over="ignore"):  # whoever reads them refuses what overflows
        return np.array(value, dtype)


def choice(*known: str) -> Option:
    """One of several words."""
    return Option(lambda name, value: value, lambda value: value in known, f"one of {', '.join(known)}")


def at_least(least: int) -> Option:
    """An integer from `least`."""
    return Option(
        lambda name, value: arguments.count(name, value, least),
        lambda value: type(value) is int and value >= least,
        f"an integer, {least} or more",
    )


def pair(least: int) -> Option:
    """An integer from `least`, or a pair of them, which JSON has as a list."""
    each = at_least(least)

    def written(name: str, value: Any) -> Any:
        found = windows.pair(name, value, least)
        return [*found] if isinstance(value, tuple | list) else found[0]

    return Option(
        written,
        lambda value: each.fits(value) or (type(value) is list and len(value) == 2 and all(map(each.fits, value))),
        f"{each.expected}, or a pair of such",
        lambda value, dtype: tuple(value) if type(value) is list else value,
    )


FINITE = Option(arguments.number, _is_number, "a finite float")
FRACTION = Option(arguments.number, lambda value: type(value) is float and 0 <= value <= 1, "a float from 0 to 1")
INTEGER = Option(arguments.integer, lambda value: type(value) is int, "an integer")
POSITIVE = Option(arguments.number, lambda value: _is_number(value) and value > 0, "a finite float above 0")
SWITCH = Option(arguments.switch, lambda value: type(value) is bool, "true or false")
REDUCTION = choice(*REDUCTIONS)
CLASS_WEIGHTS = Option(
    lambda name, weights: [arguments.number(name, weight) for weight in weights],
    _are_weights,
    "finite floats from 0, one for each class",
    class_weights,
)
