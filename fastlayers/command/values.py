"""What an option of the command takes."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path


def whole(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """A whole number within bounds."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return value

    return convert


def number(fits: Callable[[float], bool], expected: str) -> Callable[[str], float]:
    """A number that fits."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not fits(value):  # nan fits nowhere
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {expected}")
        return value

    return convert


positive = number(lambda value: 0 < value < math.inf, "above 0")
from_zero = number(lambda value: 0 <= value < math.inf, "from 0")
fraction = number(lambda value: 0 <= value < 1, "from 0 to below 1")


def exported(text: str) -> Path:
    """A file in one of the formats that a network can be exported to."""
    if Path(text).suffix not in (".c", ".onnx", ".safetensors"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .c, .onnx or .safetensors")
    return Path(text)


def png(text: str) -> Path:
    """A picture."""
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png")
    return Path(text)
