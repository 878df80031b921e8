"""What layers that pool by windows have in common: the windows' sizes, and what comes of a sample's shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from .._core.options import Option, at_least, pair
from .._core.types import Shape
from .._core.windows import Pair, pool
from ._base import LayerBase


def images(shape: Shape) -> tuple[int | None, ...]:
    """The channels, height and width of a sample; ValueError where it is no image."""
    if shape is not None and len(shape) != 3:
        raise ValueError(f"takes images (C, H, W), not a sample of shape {shape}")
    return (None, None, None) if shape is None else shape


class Windows(LayerBase):
    """A layer that pools by windows."""

    options: ClassVar[Mapping[str, Option]] = {
        "pool_h": at_least(1),
        "pool_w": at_least(1),
        "stride": pair(1),
        "pad": pair(0),
    }
    _memory: Any = (None, None)  # of what forward gives, and of what backward does
    stride: Pair = 2
    pad: Pair = 0

    def __init__(self, pool_h: int, pool_w: int, stride: Pair = 2, pad: Pair = 0) -> None:
        pool(pool_h, pool_w, stride, pad)
        self.pool_h = pool_h
        self.pool_w = pool_w
        self._set_options(stride=stride, pad=pad)

    def _output_shape(self, shape: Shape) -> Shape:
        """``(C, OH, OW)`` of images ``(C, H, W)``."""
        channels, *size = images(shape)
        if None in size:
            return channels, None, None
        windows = pool(self.pool_h, self.pool_w, self.stride, self.pad)
        try:
            return channels, *windows.places("a sample", (1, 1, *(pixels or 0 for pixels in size)))[2:]
        except ValueError as error:
            raise ValueError(f"pools by {windows.window}: {error}") from None

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """One for each number of each window."""
        return math.prod(outputs) * self.pool_h * self.pool_w
