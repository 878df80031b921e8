"""The edges and nodes of a computation graph, and what a picture shows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .drawing import Arrow, Box, Picture

__all__ = ["Edge", "Node", "picture"]

SIGNS = {"MulLayer": "\N{MULTIPLICATION SIGN}", "AddLayer": "+"}


@dataclass(eq=False)
class Edge:
    """A value on its way through a graph, as `Graph.input` and `Graph.apply` give it.

    Parameters
    ----------
    value : number or ndarray
        What forward computed.
    name : str
        May be empty.
    grad : number, ndarray or None
        The gradient of the graph's last value with respect to this one, summed over all nodes that it goes into;
        None before `Graph.backward`, and where nothing comes back (as to a loss's targets).
    """

    value: Any
    name: str = ""
    grad: Any = None


@dataclass(eq=False)
class Node:
    """A layer that was applied: its edges, and what came back to each input and parameter."""

    layer: Any
    inputs: list[Edge]
    params: list[Edge]
    outputs: list[Edge]
    grads: list[Any] = field(default_factory=list)


def picture(nodes: Sequence[Node]) -> Picture:
    """What is to be seen of them, in the order that they were applied."""
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    places: dict[Edge, int] = {}  # the box that an edge comes from

    def place(edge: Edge) -> int:
        """The box of an edge; an input's is its name, made when it is first used."""
        if edge not in places:
            places[edge] = len(boxes)
            boxes.append(Box(edge.name, "text"))
        return places[edge]

    for node in nodes:
        grads = [*node.grads, *[None] * (len(node.inputs) - len(node.grads))]
        incoming = [(edge, grad) for edge, grad in zip(node.inputs, grads, strict=True)]
        incoming += [(edge, edge.grad) for edge in node.params]
        tails = [(place(edge), edge.value, grad) for edge, grad in incoming]
        kind = type(node.layer).__name__
        here = len(boxes)
        places |= dict.fromkeys(node.outputs, here)
        boxes.append(Box(SIGNS.get(kind, kind), "circle" if kind in SIGNS else "box"))
        arrows += [Arrow(tail, here, written(value), written(grad)) for tail, value, grad in tails]
    used = {id(edge) for node in nodes for edge in node.inputs}
    for edge in (edge for node in nodes for edge in node.outputs if id(edge) not in used):
        arrows.append(Arrow(places[edge], len(boxes), written(edge.value), written(edge.grad)))
        boxes.append(Box(edge.name, "text"))
    return Picture(tuple(boxes), tuple(arrows))


def written(value: Any) -> str:
    """A number to four digits and more where they are whole, an array by its shape, None as nothing."""
    if value is None:
        return ""
    if np.ndim(value):
        return str(np.shape(value))
    number = float(value)
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e9 else f"{number:.4g}"
