"""What the functions' signatures share: the names of types, and defaults."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]
OneOut = Array | tuple[Array | None] | None
Reduction = Literal["mean", "sum", "none"]
# The very objects that are the defaults: to see whether they were left is quick.
NO_SMOOTHING = 0.0
MEAN: Reduction = "mean"
