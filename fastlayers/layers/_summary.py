"""A network as a table: what each layer gives for one sample, holds and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core import arguments
from .._core.types import Shape
from ._base import LayerBase
from ._declaration import named_params, params_of
from ._nested import chain
from ._shapes import flops_of, shapes_through
from ._stack import Stack, leaves, takes_indices
from ._tied import ties_among

__all__ = ["LayerSummary", "Summary", "sample_shape", "summary_of"]


def sample_shape(layers: Sequence[Any], input_shape: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of one sample as a user gives it; by default as many numbers as the first layer with parameters takes.

    Raises
    ------
    TypeError, ValueError
        If it is no sequence of sizes of 1 or more; or is needed, since these parameters do not tell.
    """
    if input_shape is not None:
        if not isinstance(input_shape, Sequence):
            raise TypeError(f"input_shape must be a sequence of integers, not {type(input_shape).__name__}")
        shape = tuple(arguments.integer("input_shape", size) for size in input_shape)
        if (not shape and not takes_indices(list(layers))) or min(shape, default=1) < 1:
            raise ValueError(f"input_shape must have sizes of 1 or more, not be {shape}")
        return shape
    for place, layer in leaves(layers):
        params = params_of(layer)
        if params:
            if isinstance(layer, LayerBase) and layer._sample_size is not None:
                return (layer._sample_size,)
            raise ValueError(
                f"input_shape is needed: layer {place}, {type(layer).__name__}, takes samples of more than one shape"
            )
    raise ValueError("input_shape is needed, since no layer has parameters")


# The table


@dataclass(frozen=True)
class LayerSummary:
    """A row of `Summary`.

    Parameters
    ----------
    place : str
        Which of the layers: ``2``, or ``2.0`` in a network that is a layer of another.
    name : str
        Its class.
    output_shape : tuple of (int or None) or None
        Of one sample, without the batch; None where it is not known, as of a layer of one's own.
    parameters : int
        How many numbers are trained, but those that an earlier layer has as well.
    flops : int or None
        Floating-point operations of a prediction of one sample; None where they are not known.
    """

    place: str
    name: str
    output_shape: Shape
    parameters: int
    flops: int | None


@dataclass(frozen=True, repr=False)
class Summary:
    """What a network's layers give, hold and cost for one sample; printed, it is a table.

    Parameters
    ----------
    input_shape : tuple of int
        Of one sample.
    layers : tuple of LayerSummary
        A row for each layer, with ``place``, ``name``, ``output_shape``, ``parameters`` and ``flops``.
    """

    input_shape: tuple[int, ...]
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def flops(self) -> int | None:
        """Of all layers; None where those of one are not known."""
        each = [layer.flops for layer in self.layers]
        return None if None in each else sum(flops for flops in each if flops is not None)

    def __repr__(self) -> str:
        rows = [("", "layer", "output", "parameters", "FLOPs"), ("", "(input)", _shown(self.input_shape), "", "")]
        rows += [
            (layer.place, layer.name, _shown(layer.output_shape), f"{layer.parameters:,}", _counted(layer.flops))
            for layer in self.layers
        ]
        rows.append(("", "all", "", f"{self.parameters:,}", _counted(self.flops)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if i > 2 else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def summary_of(stack: Stack, input_shape: Sequence[int] | None) -> Summary:
    """The table of a stack of layers, once all shapes are seen to fit."""
    found = [*chain(stack.layers)]
    shape = sample_shape(stack.layers, input_shape)
    inputs: list[Shape] = [shape, *shapes_through(found, shape)]
    tied = {name for name, *_ in ties_among(stack.layers)}
    rows = []
    for (place, layer), into, out in zip(found, inputs, inputs[1:], strict=False):
        flops = flops_of(layer, into, out)
        own = [param for name, param in named_params(layer) if f"{place}.{name}" not in tied]
        parameters = sum(int(np.size(param)) for param in own)
        rows.append(LayerSummary(place, type(layer).__name__, out, parameters, flops))
    return Summary(shape, tuple(rows))


def _shown(shape: Shape) -> str:
    if shape is None:
        return "?"
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _counted(flops: int | None) -> str:
    return "?" if flops is None else f"{flops:,}"
