"""The names of types that signatures share, and defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from numpy.typing import NDArray

from .memory import Recycler

Array = NDArray[Any]
# Of one sample, without the batch; a size that is None is not known, and of None nothing is.
Shape = tuple[int | None, ...] | None
# What has a formula computed: by the kernel of its name, or by the formula itself.
Run = Callable[..., Any]
OneOut = Array | tuple[Array | None] | None
# What a loss's layer has its function write y and dx into.
Outs = tuple[Array | Recycler | None, Array | Recycler | None] | None
Reduction = Literal["mean", "sum", "none"]
# The very objects that are the defaults: to see whether they were left is quick.
NO_SMOOTHING = 0.0
MEAN: Reduction = "mean"
