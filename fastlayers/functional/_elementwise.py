"""The rules about the input of functions of each number, whichever function it is; and of their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core.arguments import alike, boolean, cast, floating, same_shape
from .._core.results import Out, deliver, deliver_one
from .._core.types import Array, Run


def forward(run: Run, formula: Any, x: ArrayLike, *factors: float | str, out: Out) -> Array:
    """What a formula makes of x, which has one result, of x's shape."""
    (x,) = alike(floating("x", x))
    return deliver_one(run(formula, x, *factors), out, "y")


def backward(
    run: Run, formula: Any, dout: ArrayLike, name: str, kept: ArrayLike, *factors: float | str, out: Out
) -> Array:
    """The gradient, for what forward was given or gave, which is called by its name; both of one shape."""
    dout, kept = floating("dout", dout), floating(name, kept)
    same_shape("dout", dout, name, kept)
    return deliver_one(run(formula, *alike(*cast(np.result_type(dout, kept), dout, kept)), *factors), out, "dx")


def forward_with_mask(run: Run, formula: Any, *arrays: Array, factor: float, out: Out) -> tuple[Array, Array]:
    """What a formula makes of floating arrays of one shape: y and a mask."""
    y, mask = deliver(run(formula, *alike(*arrays), factor), out, ("y", "mask"))
    return y, mask


def backward_of_mask(run: Run, formula: Any, dout: ArrayLike, mask: ArrayLike, factor: float, out: Out) -> Array:
    """The gradient, given the mask that forward gave."""
    dout, mask = floating("dout", dout), boolean("mask", mask)
    same_shape("dout", dout, "mask", mask)
    return deliver_one(run(formula, *alike(dout, mask), factor), out, "dx")
