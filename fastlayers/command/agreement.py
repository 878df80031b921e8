"""Whether two paths give the same result, asked before either is timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def check(what: str, got: Any, expected: Any, tolerance: float, terms: Sequence[Any] = ()) -> None:
    """AssertionError unless each result is `expected` within ``tolerance * (|expected| + terms)``.

    Parameters
    ----------
    what : str
        Begins the message.
    got, expected : array, float, or tuple of these
        The results; dtypes and shapes must be equal too.
    tolerance : float
        Relative; 0 asks for equality.
    terms : sequence, optional
        For each result the size of the terms that it sums up, since their rounding does not shrink with the sum.
    """
    gots, wants = several(got), several(expected)
    if len(gots) != len(wants):
        raise AssertionError(f"{what}: {len(gots)} results, not {len(wants)}")
    for i, (one, want) in enumerate(zip(map(np.asarray, gots), map(np.asarray, wants), strict=True)):
        if (one.dtype, one.shape) != (want.dtype, want.shape):
            raise AssertionError(f"{what}: result {i} is {one.dtype} {one.shape}, not {want.dtype} {want.shape}")
        if tolerance == 0 or want.dtype.kind != "f":
            wrong = one != want
        else:  # `not <=` so that nan is wrong; a subnormal may be flushed to zero
            scale = np.abs(want) + (terms[i] if i < len(terms) else 0)
            wrong = ~(np.abs(one - want) <= tolerance * scale + np.finfo(want.dtype).tiny)
        if wrong.any():
            at = np.unravel_index(int(np.argmax(wrong)), want.shape)
            raise AssertionError(f"{what}: result {i} is {one[at]!r} at {at}, but the reference gives {want[at]!r}")


def several(results: Any) -> tuple[Any, ...]:
    """Wrap a single result into a tuple."""
    return results if isinstance(results, tuple) else (results,)
