"""How the functions' signatures name what they take and give."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]
OneOut = Array | tuple[Array | None] | None
Reduction = Literal["mean", "sum", "none"]
