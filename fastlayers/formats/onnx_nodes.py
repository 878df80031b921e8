"""What the nodes of an ONNX graph are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.types import Array, Shape

Steps = Sequence[tuple[Sequence[str], str, Sequence[str]]]


def steps(text: str) -> Steps:
    """Of ``names = operator operands; ...``: the names of its results, an operator, and what it takes, of each."""
    parts = ([side.split() for side in step.split("=")] for step in text.split(";"))
    return [(names, operator, operands) for names, (operator, *operands) in parts]


@dataclass(frozen=True)
class Node:
    """What a node is made of.

    Parameters
    ----------
    place : str
        The layer's, which begins the names of its node and arrays.
    layer : Layer
    own : mapping of str to ndarray
        The layer's parameters.
    dtype : str
        Of all parameters.
    shape : tuple of (int or None) or None
        Of the sample that comes in.
    """

    place: str
    layer: Any
    own: Mapping[str, Array]
    dtype: str
    shape: Shape
