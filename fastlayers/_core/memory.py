"""Where a layer's results go: memory that is used again where the kernels are built, else new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Recycler", "recycler"]

if TYPE_CHECKING:
    from ..kernels._memory import Recycler
else:
    try:
        from ..kernels._memory import Recycler
    except Exception:  # the kernels need it too, so `backend` has their reason to show

        class Recycler:
            """Has nothing to hand out again: without the kernels every result is a new array."""

            def like(self, array: NDArray[Any]) -> NDArray[Any]:
                """A new array of array's shape, dtype and layout."""
                return np.empty_like(array, subok=False)

            def __reduce__(self) -> tuple[Any, ...]:
                return recycler, ()


def recycler() -> Recycler:
    """A new one, with nothing to hand out; what a pickle holds of one."""
    return Recycler()
