"""A trained network as an ONNX graph that predicts: for ONNX Runtime and all else that reads it; by the package onnx.

The input ``x`` and the output ``y`` have the parameters' dtype, but an x of indices int64, and a batch of any length,
and sequences too where the layers take any; what becomes of each layer is in ``onnx_operators.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from .._core.extras import require
from .._core.files import atomic_write
from .._core.types import Array, Shape
from .._version import __version__
from ..layers._input import first_to_look
from ..layers._nested import Nested, chain
from ..layers._shapes import shapes_through
from ..layers._stack import leaves, takes_indices
from ..layers._summary import sample_shape
from . import kinds
from .arrays import portable
from .onnx_nodes import Node, Steps
from .onnx_operators import OPERATORS, SOFTMAX, SOFTMAX_ARRAYS

_FILE = "an ONNX file"
# Of versions that every runtime of the last years reads.
_OPSET, _IR_VERSION = 17, 8
_LARGEST = 2**31 - 2**20  # bytes of parameters: protobuf ends at 2 GiB, and the rest of the graph is small
_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = {"Gather": {"axis": 1}, "Split": {"axis": 1}}  # of steps


def save(
    path: str | os.PathLike[str],
    network: Any,
    *,
    input_shape: Sequence[int] | None = None,
    probabilities: bool = False,
) -> None:
    """Write a network as a graph, whole or not at all; `Portable.to_onnx` says how."""
    data = model(network, input_shape=input_shape, probabilities=probabilities).SerializeToString()
    with atomic_write(path) as file:
        file.write(data)


def model(network: Any, *, input_shape: Sequence[int] | None = None, probabilities: bool = False) -> Any:
    """Make the ``onnx.ModelProto`` that `save` writes, and raise what it raises."""
    graph = _Graph()
    kinds.check_networks(network, _FILE)
    layers = network.layers
    stack = [layer for _, layer in leaves(layers)]
    names = [kinds.name_of(layer, OPERATORS, _FILE) for layer in stack]
    arrays = [array for layer in stack for array in _parameters(layer).values()]
    dtype = kinds.dtype_of(arrays)
    if sum(array.nbytes for array in arrays) > _LARGEST:
        raise ValueError(f"the parameters take more than the {_LARGEST:,} bytes that an ONNX file can hold")
    kinds.check_statistics(leaves(layers))
    if len({layer.takes_indices for layer in first_to_look(layers)}) > 1:
        raise ValueError("layers side by side take indices and numbers: what an ONNX file is given is one of the two")
    sample = sample_shape(layers, input_shape)
    try:
        outputs = shapes_through(chain(layers), sample)
    except ValueError as error:
        raise error if input_shape is None else ValueError(f"input_shape {sample} does not fit: {error}") from None
    _add_layers(graph, layers, dtype, sample)
    if probabilities:
        name = kinds.name_of(network.loss_layer, kinds.PROBABILITIES, f"{_FILE} with probabilities")
        axis = -1 if name == "TimeSoftmaxWithLoss" else 1
        if "Sigmoid" in name:
            graph.add("Sigmoid", "probabilities")
        elif dtype == "float64":
            arrays_of_softmax = {**SOFTMAX_ARRAYS, "axis": np.array([axis])}
            graph.add_steps("probabilities", SOFTMAX, arrays_of_softmax, ReduceMax={"axes": [axis]})
        else:  # what the operator loses in float64 is nothing to a float32
            graph.add("Cast", "scores", to=graph.element("float64"))
            graph.add("Softmax", "softmax", axis=axis)
            graph.add("Cast", "probabilities", to=graph.element(dtype))
    shapes: tuple[Sequence[Any], Sequence[Any]] = sample, outputs[-1] or ()
    if any(name.startswith("Time") for name in names):
        shapes = _of_any_steps(layers, *shapes)
    return graph.model("int64" if takes_indices(stack) else dtype, dtype, *shapes)


def _parameters(layer: Any) -> dict[str, Array]:
    return {name: np.asarray(getattr(layer, name)) for name in kinds.params_of(layer)}


def _add_layers(graph: _Graph, layers: Sequence[Any], dtype: str, sample: Shape, of: str = "") -> None:
    """Layers that feed each other, from what the graph has come to; `of` is what their names begin with."""
    found = [layer for _, layer in chain(layers)]
    shapes = [sample, *shapes_through(chain(layers), sample)]
    for i, (layer, shape) in enumerate(zip(found, shapes, strict=False)):
        if not isinstance(layer, Nested):
            node = Node(f"{of}{i}", layer, _parameters(layer), dtype, shape)
            OPERATORS[kinds.name_of(layer, OPERATORS, _FILE)](graph, node)
            continue
        begin, ends = graph.last, []
        for j, inner in enumerate(layer.layers):
            graph.go_on_from(begin)
            _add_layers(graph, [inner], dtype, shape, f"{of}{i}.{j}.")
            ends.append(graph.last)
        graph.node("Concat", ends, [f"{of}{i}.y"], axis=-1)


def _of_any_steps(
    layers: Sequence[Any], sample: Sequence[int], given: Sequence[int | None]
) -> tuple[Sequence[Any], Sequence[Any]]:
    """The shapes of a sequence and of what it gives, with a name for its number of steps where that may be another."""
    free = shapes_through(chain(layers), (None, *sample[1:]))[-1]
    if free is None or None not in free:  # an affine layer takes so many steps as one sample
        return sample, given
    named = ["steps" if size == sample[0] else None for size in given]
    return ("steps", *sample[1:]), [size or name for size, name in zip(free, named, strict=True)]


class _Graph:
    """Nodes that feed each other, beginning at ``x``."""

    def __init__(self) -> None:
        self._onnx = require("onnx", "onnx", "an ONNX file", "onnx")
        self._nodes: list[Any] = []
        self._arrays: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._begin = "x"  # what the next node is given, where that is not what the last one gives

    def go_on_from(self, name: str) -> None:
        """Have the next node be given this."""
        self._begin = name

    def add(
        self,
        operator: str,
        name: str,
        arrays: Mapping[str, Array] | None = None,
        *,
        arrays_first: bool = False,
        **attributes: Any,
    ) -> None:
        """One node more, and the arrays that it takes beside the output of the node before, behind it or first."""
        last = self.last
        named = [self.hold(f"{name}.{of}", array) for of, array in (arrays or {}).items()]
        self.node(operator, [*named, last] if arrays_first else [last, *named], [f"{name}.y"], name, **attributes)

    def add_steps(
        self, name: str, steps: Steps, arrays: Mapping[str, Array] | None = None, **of_operators: Mapping[str, Any]
    ) -> None:
        """Several nodes, each its results, an operator, and what it takes: arrays, others' results, or x."""
        self._nodes += self._made(name, steps, self.last, of_operators)
        self._begin = ""
        for of, array in (arrays or {}).items():
            self.hold(f"{name}.{of}", array)

    def body(
        self, name: str, steps: Steps, inputs: Sequence[str], outputs: Sequence[str], arrays: Mapping[str, Array]
    ) -> Any:
        """A graph of steps, which a node runs as often as it likes; the arrays are held outside."""
        for of, array in arrays.items():
            self.hold(f"{name}.{of}", array)
        values = [[self._value(f"{name}.{of}") for of in each] for each in (inputs, outputs)]
        return self._onnx.helper.make_graph(self._made(name, steps, f"{name}.x"), name, *values)

    def node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], name: str = "", **attributes: Any
    ) -> None:
        """One node more, of inputs and outputs by their names; its own is by default that of the last output."""
        made = self._onnx.helper.make_node(operator, inputs, outputs, name or outputs[-1], **attributes)
        self._nodes.append(made)
        self._begin = ""

    def hold(self, name: str, array: Array) -> str:
        """Have an array in the file, and give its name."""
        self._arrays.append(self._onnx.numpy_helper.from_array(portable(array), name))
        return name

    def state(self, name: str, x: str, zero: Array, *, is_input: bool = True) -> str:
        """Rows of zeros ``(1, H)``, as many as x has samples; but another of the file's inputs, which may be left out.

        What is given of the first axis goes with x's.
        """
        self.hold(name, zero)
        if is_input:
            self._inputs.append(self._value(name, zero.dtype.name, [None, zero.shape[1]]))
        self.node("Shape", [x], [f"{name}.samples"], start=0, end=1)
        self.node(
            "Concat",
            [f"{name}.samples", self.hold(f"{name}.width", np.array(zero.shape[1:]))],
            [f"{name}.size"],
            axis=0,
        )
        self.node("Expand", [name, f"{name}.size"], [f"{name}.first"])
        return f"{name}.first"

    def next_state(self, name: str, zero: Array) -> str:
        """What is another of the file's outputs."""
        self._outputs.append(self._value(f"{name}.next", zero.dtype.name, ["batch", zero.shape[1]]))
        return f"{name}.next"

    @property
    def last(self) -> str:
        """What the next node begins with."""
        return self._begin or str(self._nodes[-1].output[-1])

    def element(self, dtype: str) -> Any:
        """ONNX's number of a dtype."""
        return self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def _made(
        self, name: str, steps: Steps, x: str, of_operators: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    ) -> list[Any]:
        """Nodes of steps, of which `name` begins all names."""
        return [
            self._onnx.helper.make_node(
                operator,
                [x if operand == "x" else f"{name}.{operand}" for operand in operands],
                [f"{name}.{result}" for result in results],
                f"{name}.{results[0]}",
                **{**_ATTRIBUTES, **of_operators}.get(operator, {}),
            )
            for results, operator, operands in steps
        ]

    def _value(self, name: str, dtype: str = "", shape: Sequence[Any] | None = None) -> Any:
        """An input or output; of a body's neither dtype nor shape need be said."""
        helper = self._onnx.helper
        return (
            helper.make_tensor_value_info(name, self.element(dtype), shape)
            if dtype
            else helper.make_empty_tensor_value_info(name)
        )

    def model(self, taken: str, given: str, sample: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The whole, from ``x`` to ``y``, each of a dtype and shape, with a name for the length of the batch."""
        self._nodes[-1].output[-1] = "y"
        inputs = [self._value("x", taken, ["batch", *sample]), *self._inputs]
        results = [self._value("y", given, ["batch", *outputs]), *self._outputs]
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, "network", inputs, results, self._arrays)
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(
            graph,
            opset_imports=[opset],
            ir_version=_IR_VERSION,
            producer_name="fastlayers",
            producer_version=__version__,
        )
