"""What lies between layers that ran as one pass, for whoever reads it: made then, of what the pass has kept.

A network's compiled call does a convolution, its ReLU, and pooling behind that in one pass over the images, and makes
no array of what goes from one to the next. It leaves ``_of_pass`` with the layers instead: y of the ReLU, where that is
what comes out; else what y can be made of again, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.types import Array
from ..functional.convolution import convolution_forward
from ..functional.relu import relu

OfPass = Array | tuple[Any, ...]


class MadeWhenRead:
    """An attribute that forward sets in the object, and that is made of ``_of_pass`` where the object has none.

    Parameters
    ----------
    make : callable
        Of y of the ReLU.
    """

    def __init__(self, make: Callable[[Array], Array]) -> None:
        self._make = make

    def __get__(self, layer: Any, kind: type | None = None) -> Array | None:
        """None before forward."""
        kept: OfPass | None = None if layer is None else vars(layer).get("_of_pass")
        return None if kept is None else self._make(_output_of_relu(kept))


def _output_of_relu(kept: OfPass) -> Array:
    if not isinstance(kept, tuple):
        return kept
    _, x, W, b, (stride, pad, dilation, groups) = kept
    return relu(convolution_forward(x, W, b, stride=stride, pad=pad, dilation=dilation, groups=groups))
