"""Pictures of a user's own, as shades of grey."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._core.extras import require
from ..datasets import DataError

Size = tuple[int, int]


def read_grey(path: Path, size: Callable[[Size], Size]) -> NDArray[np.float64]:
    """Read a PNG file, or another that Pillow reads, as shades from 0, black, to 255; what shows through it is black.

    Parameters
    ----------
    path : Path
    size : callable
        Is given the height and width of the picture, and gives those that it is to have.

    Returns
    -------
    ndarray of float64
        ``(H, W)``.

    Raises
    ------
    ImportError
        If Pillow is not installed; the message says how to get it.
    DataError
        If it is no picture, or a damaged one.
    OSError
        If it cannot be read.
    """
    pillow = require("PIL.Image", "pillow", "a picture", "demo")
    with path.open("rb") as file:
        try:
            picture = pillow.open(file)
            picture.load()
        except (OSError, SyntaxError, pillow.DecompressionBombError) as error:  # Pillow's own say no more
            raise DataError(f"{path} is no picture that can be read: {error}") from error
    most = 65535 if picture.mode.startswith("I") else 255
    if picture.mode in ("LA", "PA", "RGBA", "P"):
        picture = picture.convert("RGBA")
        picture = pillow.alpha_composite(pillow.new("RGBA", picture.size, (0, 0, 0, 255)), picture).convert("L")
    grey = pillow.fromarray(np.asarray(picture.convert("L") if most == 255 else picture, np.float32) * (255 / most))
    found = grey.height, grey.width
    height, width = size(found)
    if (height, width) != found:
        smaller = height * width < grey.height * grey.width
        grey = grey.resize((width, height), pillow.Resampling.BOX if smaller else pillow.Resampling.BICUBIC)
    return np.clip(np.asarray(grey, np.float64), 0, 255)
