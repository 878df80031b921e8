"""Arrays as files hold them, and the checksum over them and a header."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core.types import Array

__all__ = ["digest", "portable"]


def portable(array: Array) -> Array:
    """Return the same numbers, C-contiguous and little-endian."""
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def digest(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256 of the header without its checksum, and of each array's name, dtype, shape and bytes."""
    rest = {key: value for key, value in header.items() if key != "sha256"}
    made = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):  # no two names are equal, so no arrays are compared
        made.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        made.update(portable(array).tobytes())
    return made.hexdigest()
