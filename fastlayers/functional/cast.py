"""Numbers in the dtype of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core.arguments import (
    alike,
    real,
)
from .._core.types import Array, Run
from ..formulas import cast as formulas


def cast_like(run: Run, x: ArrayLike, like: Array, name: str = "x") -> Array:
    """x in the dtype of `like`, a floating one; ValueError where a finite number would become infinite."""
    (x,) = alike(real(name, x))
    y: Array = run(formulas.cast_like, x, like)
    beyond = np.isinf(y) & np.isfinite(x)
    if beyond.any():
        place = tuple(np.argwhere(beyond)[0].tolist())
        where = ", ".join(map(str, place))
        raise ValueError(f"{name}[{where}] is {x[place]}, which is beyond {y.dtype.name}, the dtype of the parameters")
    return y
