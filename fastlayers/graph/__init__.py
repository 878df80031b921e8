"""Computation graphs, recorded as they are computed, and drawn as the book draws them.

>>> from fastlayers import MulLayer
>>> from fastlayers.graph import Graph
>>> graph = Graph()
>>> apple, number, tax = graph.input(100, "apple"), graph.input(2, "number"), graph.input(1.1, "tax")
>>> price = graph.apply(MulLayer(), graph.apply(MulLayer(), apple, number), tax, name="price")
>>> graph.backward()
>>> price.value, apple.grad, tax.grad
(220.00000000000003, 2.2, 200)
>>> graph.save("apple.svg")  # doctest: +SKIP

In the picture the value of forward stands above each edge, and the gradient that came back below it.
Graphviz draws it where its ``dot`` is installed, matplotlib otherwise. Saitoh, *Deep Learning from Scratch*,
chapter 5.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, overload

import numpy as np

from .._core.files import atomic_write
from ..layers import LSTM
from ..layers._declaration import grads_of, named_params, named_trained
from ..layers._nested import Nested
from ..layers._program import overridden
from ..network import Sequential
from . import drawing
from .nodes import Edge, Node, picture

__all__ = ["Edge", "Graph"]


class Graph:
    """A computation graph: the layers that are applied to values, in order.

    See Also
    --------
    fastlayers.MulLayer, fastlayers.AddLayer : the nodes that chapter 5 begins with.

    Notes
    -----
    A layer is anything with ``forward(*inputs)`` and ``backward(dout)``, which gives the gradient of its first
    input, or a tuple with one for each. Parameters with their gradients are drawn too. Each layer
    remembers its last forward alone, so each may be applied once.

    Examples
    --------
    >>> import fastlayers as fl
    >>> graph = Graph()
    >>> x = graph.input(3.0, "x")
    >>> y = graph.apply(fl.MulLayer(), x, x)
    >>> graph.backward()
    >>> y.value, x.grad
    (9.0, 6.0)
    """

    def __init__(self) -> None:
        self._inputs: list[Edge] = []
        self._nodes: list[Node] = []

    @classmethod
    def of_network(cls, network: Sequential, x: Any, t: Any = None) -> Graph:
        """Apply a network's layers to a batch, forward and backward.

        Parameters
        ----------
        network : Sequential
            Its layers are run as in training: they keep what backward needs, and set their gradients. A network with
            a ``forward`` or ``backward`` of your own, itself or within another, is one node.
        x : array_like
            The inputs ``(N, ...)``.
        t : array_like, optional
            The labels or targets. Without them the graph ends with the scores, and has no gradients.

        Returns
        -------
        Graph
            With edges named ``x``, ``t``, ``W1``, ``b1``, ..., ``loss``.

        Raises
        ------
        TypeError, ValueError
            As the layers raise them.
        """
        graph = cls()
        edge = graph.input(np.asarray(x), "x")
        for layer in _nodes_of(network):
            edge = graph.apply(layer, edge)
        if t is None:
            edge.name = "scores"
        else:
            graph.apply(network.loss_layer, edge, graph.input(np.asarray(t), "t"), name="loss")
            graph.backward()
        return graph

    def input(self, value: Any, name: str) -> Edge:
        """A value that the graph begins with.

        Parameters
        ----------
        value : number or array_like
            What forward is given.
        name : str
            What is written beside it.

        Returns
        -------
        Edge
            To be handed to `apply`, as often as it is used.
        """
        edge = Edge(value, name)
        self._inputs.append(edge)
        return edge

    @overload
    def apply(  # pyright: ignore[reportOverlappingOverload]  # anything but an LSTM
        self, layer: LSTM, *inputs: Edge, name: str = ""
    ) -> tuple[Edge, ...]: ...
    @overload
    def apply(self, layer: Any, *inputs: Edge, name: str = "") -> Edge: ...
    def apply(self, layer: Any, *inputs: Edge, name: str = "") -> Edge | tuple[Edge, ...]:
        """Run a layer's forward, and record it.

        Parameters
        ----------
        layer : object
            Any layer of the package, or your own.
        *inputs : Edge
            Of this graph, in the order that the layer's forward takes them.
        name : str, optional
            Of the result, of several the first; written where the graph ends.

        Returns
        -------
        Edge or tuple of Edge
            Its result; a tuple where its forward gives one, as an `LSTM` does.

        Raises
        ------
        TypeError
            If an input is not an `Edge`.
        ValueError
            If an input is of another graph, or the layer was applied before.
        """
        known = self._edges()
        for edge in inputs:
            if not isinstance(edge, Edge):
                raise TypeError(f"{edge!r} is not an Edge: give it to Graph.input first")
            if not any(edge is other for other in known):
                raise ValueError(f"the edge {edge.name or edge.value!r} is not of this graph")
        if any(layer is node.layer for node in self._nodes):
            raise ValueError(
                f"this {type(layer).__name__} was applied before, and it remembers one forward: make another"
            )
        result = layer.forward(*(edge.value for edge in inputs))
        values = result if isinstance(result, tuple) else (result,)
        outputs = [Edge(value, name if i == 0 else "") for i, value in enumerate(values)]
        place = 1 + sum(bool(node.params) for node in self._nodes)
        params = [Edge(param, f"{name}{place}") for name, param in named_params(layer)]
        self._nodes.append(Node(layer, list(inputs), params, outputs))
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]

    def backward(self, dout: Any = 1) -> None:
        """Run every layer's backward, from the last that was applied to the first, and keep the gradients.

        Parameters
        ----------
        dout : number or ndarray, default 1
            The gradient of the graph's last value; where the last layer gives several, of the first.

        Raises
        ------
        RuntimeError
            If no layer was applied.
        ValueError
            If a layer's backward gives a tuple of another length than it has inputs.
        """
        if not self._nodes:
            raise RuntimeError("the graph has no node: there is nothing to go back through")
        for edge in self._edges():
            edge.grad = None
        self._nodes[-1].outputs[0].grad = dout
        for node in reversed(self._nodes):
            node.grads = []
            if all(edge.grad is None for edge in node.outputs):  # its values go nowhere
                continue
            for edge in node.outputs:
                if edge.grad is None:
                    edge.grad = np.zeros_like(edge.value)
            returned = node.layer.backward(*(edge.grad for edge in node.outputs))
            if isinstance(returned, tuple) and len(returned) != len(node.inputs):
                name = type(node.layer).__name__
                raise ValueError(f"{name}.backward gave {len(returned)} gradients for {len(node.inputs)} inputs")
            node.grads = list(returned) if isinstance(returned, tuple) else [returned]
            for edge, grad in zip(node.inputs, node.grads, strict=False):  # a loss has none for its targets
                if grad is not None:
                    edge.grad = grad if edge.grad is None else edge.grad + grad
            kept = {id(param) for _, param in named_trained(node.layer)}
            trained = [edge for edge in node.params if id(edge.value) in kept]
            for edge, gradient in zip(trained, grads_of(node.layer), strict=True):
                edge.grad = gradient

    def _edges(self) -> list[Edge]:
        """All but the parameters."""
        return [*self._inputs, *(edge for node in self._nodes for edge in node.outputs)]

    # Drawing

    def to_dot(self) -> str:
        """The picture in the language of Graphviz.

        Returns
        -------
        str
            What ``dot -Tsvg`` reads.
        """
        return drawing.dot(picture(self._nodes))

    def save(self, path: str | os.PathLike[str], *, engine: drawing.Engine | None = None) -> None:
        """Draw the graph into a file.

        Parameters
        ----------
        path : str or path-like
            Its suffix says what it becomes: ``.svg``, ``.png`` or ``.pdf``.
        engine : {"graphviz", "matplotlib"}, optional
            By default Graphviz where its ``dot`` is found, else matplotlib.

        Raises
        ------
        ValueError
            If the suffix or the engine is another.
        ImportError
            If there is neither Graphviz nor matplotlib, or not the one that was asked for.
        """
        data = drawing.draw(picture(self._nodes), Path(path).suffix.removeprefix("."), engine)
        with atomic_write(path) as file:
            file.write(data)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return drawing.draw(picture(self._nodes), "svg").decode()


def _nodes_of(layer: Any) -> Iterator[Any]:
    """Yield the layers that a layer is drawn as: itself, or those of a network that runs them one after another."""
    if isinstance(layer, Nested) and not layer.is_parallel and overridden(layer, ("forward", "backward")) is None:
        for inner in layer.layers:
            yield from _nodes_of(inner)
    else:
        yield layer
