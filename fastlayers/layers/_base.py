"""What the layers of a network have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from .._core.described import Described
from .._core.types import Array


class LayerBase(Described):
    """A layer of this package's own: to a type checker, what unlike layers in one list are."""

    if TYPE_CHECKING:

        def forward(self, x: ArrayLike) -> Array: ...
        def predict(self, x: ArrayLike) -> Array: ...
        def backward(self, dout: ArrayLike) -> Array: ...
