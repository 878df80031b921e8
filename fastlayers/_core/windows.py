"""Windows that move over images: what is asked of their sizes, strides and margins, and how many places there are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arguments import count, typed
from .types import Array

# A stride, a margin and the like: one for both axes, or one for the height and one for the width.
Pair = int | Sequence[int]
_MOST = sys.maxsize // 16  # numbers that memory can hold, of the widest dtype


def pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """An integer, `least` or more, for both axes; or a tuple or list of two, for the height and the width."""
    if not isinstance(value, tuple | list):
        if not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be an integer or a pair of integers, not {typed(value)}")
        value = (value, value)
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or a pair of integers, not {len(value)} of them")
    height, width = value
    return count(name, height, least), count(name, width, least)


def places(
    name: str,
    shape: tuple[int, ...],
    window: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int]:
    """How many windows there are over the height and the width of images ``(N, C, H, W)``, at least one.

    ``(H + 2 pad - reach) // stride + 1``, where a window of w numbers reaches over ``(w - 1) dilation + 1``.

    Raises
    ------
    ValueError
        If there is none; if the images with their margins were more than memory can hold.
    """
    padded = [size + 2 * margin for size, margin in zip(shape[2:], pad, strict=True)]
    reach = [(size - 1) * step + 1 for size, step in zip(window, dilation, strict=True)]
    with_pad = f" and pad {pad}" if any(pad) else ""
    if max(shape[0], 1) * max(shape[1], 1) * padded[0] * padded[1] > _MOST:
        raise ValueError(f"{name} of shape {shape}{with_pad} would have more numbers than memory can hold")
    if any(size < over for size, over in zip(padded, reach, strict=True)):
        over = f" with dilation {dilation}" if any(step > 1 for step in dilation) else ""
        raise ValueError(f"a window of {window}{over} does not fit {name} of shape {shape}{with_pad}")
    high, wide = ((size - over) // step + 1 for size, over, step in zip(padded, reach, stride, strict=True))
    return high, wide


def placed(
    name: str, shape: tuple[int, ...], window: tuple[int, int], stride: Pair, pad: Pair, dilation: Pair
) -> tuple[dict[str, tuple[int, int]], tuple[int, int]]:
    """The options of a filter as pairs, by their names, and its `places` over images of a shape."""
    if len(shape) != 4:
        raise ValueError(f"{name} of shape {shape} does not fit: it must be (N, C, H, W)")
    given = {"stride": (stride, 1), "pad": (pad, 0), "dilation": (dilation, 1)}
    pairs = {option: pair(option, value, least) for option, (value, least) in given.items()}
    return pairs, places(name, shape, window, *pairs.values())


def index_dtype(window: tuple[int, int]) -> np.dtype[Any]:
    """The dtype of indices into a window."""
    height, width = window
    return np.dtype(np.uint8 if height * width <= 256 else np.intp)


def shape_of_images(input_shape: Any) -> tuple[int, ...]:
    """An argument `input_shape` as a tuple of integers, each 0 or more."""
    if not isinstance(input_shape, tuple | list):
        raise TypeError(f"input_shape must be a tuple (N, C, H, W), not {type(input_shape).__name__}")
    return tuple(count("input_shape", size, 0) for size in input_shape)


# Windows that pool, whichever of their numbers they give


@dataclass(frozen=True)
class Pool:
    """The windows of a pooling, each of these for the height and the width."""

    window: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]

    def places(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what comes of images of a shape; ValueError where there are no windows over such."""
        if len(shape) != 4:
            raise ValueError(f"{name} must have shape (N, C, H, W), not {shape}")
        if 0 in shape[2:]:
            raise ValueError(f"{name} of shape {shape} has no numbers to pool: H and W must be 1 or more")
        return *shape[:2], *places(name, shape, self.window, self.stride, self.pad)


def pool(pool_h: Any, pool_w: Any, stride: Pair, pad: Pair) -> Pool:
    """The windows, once each of the arguments is seen to make sense, and that no window lies in the margin alone."""
    window = count("pool_h", pool_h), count("pool_w", pool_w)
    found = Pool(window, pair("stride", stride, 1), pair("pad", pad, 0))
    if any(margin >= size for margin, size in zip(found.pad, window, strict=True)):
        raise ValueError(f"pad must be less than the window {window}, not {pad}")
    return found


def input_shape_of(dout: Array, input_shape: Any, windows: Pool) -> tuple[int, ...]:
    """The shape of the images that dout is the gradient of, if theirs would be dout's; ValueError with both if not."""
    shape = shape_of_images(input_shape)
    expected = windows.places("images", shape)
    if dout.shape != expected:
        raise ValueError(
            f"dout of shape {dout.shape} does not fit input_shape {shape}: it must have the output's shape {expected}"
        )
    return shape
