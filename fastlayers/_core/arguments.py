"""Arguments made to fit, or refused: numbers, shapes, layouts, labels and targets; with the message of each error.

What `functional` asks of each function is asked here of each argument, and in `_batches` of all that a loss is given.
Nothing large is copied before its shape is seen to fit.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .types import Array

_LONGEST = 40  # characters of a value in a message


# Numbers


def real(name: str, value: ArrayLike) -> Array:
    """An exact, aligned, native `ndarray` of bool, integer or real floating dtype."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype.name} ({_kind(value)})")
    check_unmasked(name, value)
    if not (array.dtype.isnative and array.flags.aligned):
        array = array.astype(array.dtype.newbyteorder("="), order="K")
    return array


def floating(name: str, value: ArrayLike) -> Array:
    """The same in the dtype that ``np.exp`` gives: a floating one stays, int64 becomes float64."""
    array = real(name, value)
    return array.astype(np.exp.resolve_dtypes((array.dtype, None))[1], copy=False)


def boolean(name: str, value: ArrayLike) -> Array:
    array = np.asarray(value)
    if array.dtype != bool:
        raise TypeError(f"{name} must be of dtype bool, not {array.dtype.name} ({_kind(value)})")
    check_unmasked(name, value)
    return array


def integers(name: str, value: ArrayLike) -> Array:
    """An array of any integer dtype: no bools, and no floats."""
    array = real(name, value)
    if array.dtype.kind not in "iu" and array.size:  # NumPy makes float64 of an empty list
        raise TypeError(f"{name} must hold integers, not {array.dtype.name} ({_kind(value)})")
    return array


def check_ndarray(name: str, value: object, kinds: str, expected: str) -> None:
    """Where an array is changed in place, or read as it stands, nothing that could be made one will do."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds:
        kind = value.dtype.name if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{name} must be an ndarray of {expected}, not {kind}")


def check_unmasked(name: str, value: object) -> None:
    """A masked entry is no number, and NumPy would give what lies beneath it."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} has masked entries, which stand for no number: fill them first")


def _kind(value: object) -> str:
    """How to name an argument in a message: its type, for an array nothing that the dtype does not say."""
    return "an array" if isinstance(value, np.ndarray) else f"from a {type(value).__name__}"


def typed(value: object) -> str:
    """How to name a value that is of the wrong type: by that, with the value itself where it is a number or a text."""
    shown = repr(value) if isinstance(value, str) else str(value) if isinstance(value, numbers.Number) else ""
    return " ".join([type(value).__name__, *filter(None, [shown if len(shown) <= _LONGEST else ""])])


def cast(dtype: np.dtype[Any], *arrays: Array) -> list[Array]:
    return [a.astype(dtype, copy=False) for a in arrays]


def number(name: str, value: Any) -> float:
    """One real number, as a float: a scale, or an optimizer's factor."""
    if type(value) is float:
        return value
    if not isinstance(value, numbers.Real):
        value = real(name, value)
        if value.ndim:
            raise ValueError(f"{name} must be one number, not an array of shape {value.shape}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large for a float") from None


def _within(name: str, value: Any, fits: Callable[[float], bool], expected: str) -> float:
    """One real number of those that fit; ValueError for any other."""
    found = number(name, value)
    if not fits(found):
        raise ValueError(f"{name} must {expected}, not {found}")
    return found


def finite(name: str, value: Any) -> float:
    return _within(name, value, math.isfinite, "be finite")


def fraction(name: str, value: Any) -> float:
    """A number of [0, 1), as what remains of a running mean."""
    return _within(name, value, lambda found: 0 <= found < 1, "lie in [0, 1)")


def probability(name: str, value: Any) -> float:
    return _within(name, value, lambda found: 0 <= found <= 1, "lie in [0, 1]")


def not_negative(name: str, value: Any) -> float:
    return _within(name, value, lambda found: 0 <= found < math.inf, "be finite, and 0 or more")


def positive(name: str, value: Any) -> float:
    return _within(name, value, lambda found: 0 < found < math.inf, "be finite, and more than 0")


def positive_or_none(name: str, value: Any) -> float | None:
    return None if value is None else positive(name, value)


def positive_fraction(name: str, value: Any) -> float:
    """A number of (0, 1], as what remains of a learning rate."""
    return _within(name, value, lambda found: 0 < found <= 1, "lie in (0, 1]")


def switch(name: str, value: Any) -> bool:
    """True or False: what else counts as true may have been meant otherwise, as the text "no" is."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {typed(value)}")
    return bool(value)


def choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    """A text that is one of these."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")
    return str(value)


# Shapes and layout


def same_shape(name: str, array: Array, other_name: str, other: Array) -> None:
    if array.shape != other.shape:
        raise ValueError(f"{name} of shape {array.shape} does not fit {other_name} of shape {other.shape}")


def fortran(array: Array) -> bool:
    return array.flags.f_contiguous and not array.flags.c_contiguous


def alike(*arrays: Array) -> list[Array]:
    """The arrays in one contiguous layout: Fortran's where all have it, else C's."""
    order = "F" if all(a.flags.f_contiguous for a in arrays) and any(fortran(a) for a in arrays) else "C"
    return [np.asarray(a, order=order) for a in arrays]  # type: ignore[call-overload]  # order is one of two literals


def as_samples(x: Array, W: Array, name: str = "x") -> Array:
    """``(N, ...)`` flattened to the ``(N, D)`` that W takes; ``(D,)`` is one sample and stays."""
    if x.ndim == 0:
        raise ValueError(f"{name} is 0-dimensional: it must be one sample (D,) or a batch (N, ...)")
    samples = x if x.ndim < 3 else x.reshape(x.shape[0], math.prod(x.shape[1:]))
    if samples.shape[-1] != W.shape[0]:
        raise ValueError(
            f"{name} of shape {x.shape} does not fit W of shape {W.shape}: a sample must have W's {W.shape[0]} numbers"
        )
    return samples


def rows_of_steps(x: Array) -> Array:
    """``(..., D)`` as ``(n, D)``: the steps of all sequences below each other."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def matrix(name: str, value: ArrayLike) -> Array:
    array = real(name, value)
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape (D, M), not {array.shape}")
    return array


# Places and counts


def place_of(index: tuple[int, ...]) -> str:
    """How to name a place in a message."""
    return f"row {index[0] if index else 0}" if len(index) < 2 else f"index {index}"


def first_outside(array: Array, stop: int, exempt: Array | bool = False) -> tuple[int, ...] | None:
    """The place of the first integer of an array that is outside [0, stop) and not exempt; None where all are right."""
    wrong = np.argwhere(~(((array >= 0) & (array < stop)) | exempt))
    return tuple(wrong[0].tolist()) if len(wrong) else None


def check_within(name: str, array: Array, stop: int) -> Array:
    """Indices as a copy of dtype intp, in C order; ValueError where one is outside [0, stop), with its place."""
    array = array.copy()  # what is checked stays so, whatever another thread writes to the caller's
    place = first_outside(array, stop)
    if place is not None:
        raise ValueError(f"{name} has {array[place]} at {place_of(place)}, which is outside [0, {stop})")
    return array.astype(np.intp, copy=False)


def integer(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {typed(value)}") from None


def count(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool):  # an int to Python, but no answer to "how many"
        raise TypeError(f"{name} must be an integer, not {typed(value)}")
    found = integer(name, value)
    if found < least:
        raise ValueError(f"{name} must be {least} or more, not {found}")
    return found
