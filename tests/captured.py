"""What was captured of another package, as ``data/capture_images.py`` writes it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np


@functools.cache
def samples(name: str) -> dict[str, list[tuple[dict[str, Any], dict[str, np.ndarray], list[int]]]]:
    """Of each operator of an archive its samples: options, arrays, and the order of x's axes in memory."""
    with np.load(Path(__file__).parent / "data" / name) as archive:
        members = {name: archive[name] for name in archive.files}
    found: dict[str, list[Any]] = {}
    for sample in json.loads(str(members["samples"])):
        arrays = {
            role: members[kind][start : start + int(np.prod(shape))].reshape(shape)
            for role, (kind, start, shape) in sample["arrays"].items()
        }
        found.setdefault(sample["operator"], []).append((sample["options"], arrays, sample["order"]))
    return found
