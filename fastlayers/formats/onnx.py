"""A trained network as an ONNX graph that predicts: for ONNX Runtime and all else that reads it; by the package onnx.

The input ``x`` and the output ``y`` have the parameters' dtype, but an x of indices int64, and a batch of any length;
what becomes of each layer is in ``onnx_operators.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._core.extras import require
from .._core.files import atomic_write
from .._core.types import Array
from .._version import __version__
from ..layers._shapes import shapes_through
from ..layers._stack import leaves, takes_indices
from ..layers._summary import sample_shape
from . import kinds
from .description import portable
from .onnx_nodes import Node, Steps
from .onnx_operators import OPERATORS, SOFTMAX, SOFTMAX_ARRAYS

# Of versions that every runtime of the last years reads.
_OPSET, _IR_VERSION = 17, 8
_LARGEST = 2**31 - 2**20  # bytes of parameters: protobuf ends at 2 GiB, and the rest of the graph is small
_ATTRIBUTES: dict[str, Mapping[str, Any]] = {"Gather": {"axis": 1}}  # of steps
# The losses that make probabilities.
_PROBABILITIES = ("SoftmaxWithLoss", "SigmoidWithLoss", "TimeSoftmaxWithLoss", "TimeSigmoidWithLoss")


def save(
    path: str | os.PathLike[str],
    layers: Sequence[Any],
    loss: Any,
    *,
    input_shape: Sequence[int] | None = None,
    probabilities: bool = False,
) -> None:
    """Write layers as a graph, whole or not at all; `Portable.to_onnx` says how."""
    data = model(layers, loss, input_shape=input_shape, probabilities=probabilities).SerializeToString()
    with atomic_write(path) as file:
        file.write(data)


def model(
    layers: Sequence[Any], loss: Any, *, input_shape: Sequence[int] | None = None, probabilities: bool = False
) -> Any:
    """Make the ``onnx.ModelProto`` that `save` writes, and raise what it raises."""
    graph = _Graph()
    stack = [layer for _, layer in leaves(layers)]
    names = [kinds.name_of(layer, OPERATORS, "an ONNX file") for layer in stack]
    parameters = [{name: np.asarray(getattr(layer, name)) for name in kinds.params_of(layer)} for layer in stack]
    arrays = [array for own in parameters for array in own.values()]
    dtype = kinds.dtype_of(arrays)
    if sum(array.nbytes for array in arrays) > _LARGEST:
        raise ValueError(f"the parameters take more than the {_LARGEST:,} bytes that an ONNX file can hold")
    for place, layer in leaves(layers):
        if len(kinds.buffers_of(layer)) < len(layer.buffer_names):
            raise ValueError(
                f"layer {place}, {type(layer).__name__}, has no running statistics yet: train it, or give it "
                f"{' and '.join(layer.buffer_names)}"
            )
    sample = sample_shape(layers, input_shape)
    try:
        outputs = shapes_through(leaves(layers), sample)
    except ValueError as error:
        raise error if input_shape is None else ValueError(f"input_shape {sample} does not fit: {error}") from None
    for i, (name, layer, own, shape) in enumerate(zip(names, stack, parameters, [sample, *outputs], strict=False)):
        OPERATORS[name](graph, Node(f"{i}", layer, own, dtype, shape))
    if probabilities:
        name = kinds.name_of(loss, _PROBABILITIES, "an ONNX file with probabilities")
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
    return graph.model("int64" if takes_indices(stack) else dtype, sample, dtype, outputs[-1] or ())


class _Graph:
    """Nodes that feed each other, beginning at ``x``."""

    def __init__(self) -> None:
        self._onnx = require("onnx", "onnx", "an ONNX file", "onnx")
        self._nodes: list[Any] = []
        self._arrays: list[Any] = []

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
        named = {f"{name}.{of}": array for of, array in (arrays or {}).items()}
        inputs = [*named, self._last] if arrays_first else [self._last, *named]
        self._add(operator, name, inputs, f"{name}.y", **attributes)
        self._hold(named)

    def add_steps(
        self, name: str, steps: Steps, arrays: Mapping[str, Array] | None = None, **of_operators: Mapping[str, Any]
    ) -> None:
        """Several nodes, each a name, an operator, and what it takes: arrays, earlier ones, or x, what comes in."""
        x = self._last
        for result, operator, operands in steps:
            attributes = (_ATTRIBUTES | of_operators).get(operator, {})
            inputs = [x if operand == "x" else f"{name}.{operand}" for operand in operands]
            self._add(operator, f"{name}.{result}", inputs, f"{name}.{result}", **attributes)
        self._hold({f"{name}.{of}": array for of, array in (arrays or {}).items()})

    @property
    def _last(self) -> str:
        """What the next node begins with."""
        return str(self._nodes[-1].output[0]) if self._nodes else "x"

    def _add(self, operator: str, name: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, [output], name, **attributes))

    def _hold(self, arrays: Mapping[str, Array]) -> None:
        self._arrays += [self._onnx.numpy_helper.from_array(portable(array), of) for of, array in arrays.items()]

    def element(self, dtype: str) -> Any:
        """ONNX's number of a dtype."""
        return self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def model(self, taken: str, sample: Sequence[int], given: str, outputs: Sequence[int | None]) -> Any:
        """The whole, from ``x`` to ``y``, each of a dtype and shape, with a name for the length of the batch."""
        self._nodes[-1].output[0] = "y"
        helper = self._onnx.helper
        x = helper.make_tensor_value_info("x", self.element(taken), ["batch", *sample])
        y = helper.make_tensor_value_info("y", self.element(given), ["batch", *outputs])
        graph = helper.make_graph(self._nodes, "network", [x], [y], self._arrays)
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(
            graph,
            opset_imports=[opset],
            ir_version=_IR_VERSION,
            producer_name="fastlayers",
            producer_version=__version__,
        )
