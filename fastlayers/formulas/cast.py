"""Numbers in another dtype, in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def cast_like(x: Array, like: Array) -> Array:
    """The numbers of x in the dtype of `like`; what is beyond its range becomes infinite."""
    with np.errstate(over="ignore"):
        return x.astype(like.dtype, copy=False)
