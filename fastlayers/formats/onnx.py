"""A trained network as an ONNX graph that predicts: for ONNX Runtime and all else that reads it; by the package onnx.

An affine layer is a Gemm, activations are the operators of their names, and dropout is left out, since a prediction
drops nothing. The input ``x`` and the output ``y`` have the parameters' dtype and a batch of any length.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._core import arguments
from .._core.extras import require
from .._core.files import atomic_write
from .._core.types import Array
from .._version import __version__
from ..layers._stack import leaves
from . import kinds
from .description import portable

# Of versions that every runtime of the last years reads.
_OPSET, _IR_VERSION = 17, 8
_LARGEST = 2**31 - 2**20  # bytes of parameters: protobuf ends at 2 GiB, and the rest of the graph is small
_PROBABILITIES = ("SoftmaxWithLoss", "SigmoidWithLoss")  # the losses that make any
_Steps = Sequence[tuple[str, str, Sequence[str]]]


def _steps(text: str) -> _Steps:
    """Of ``name = operator operands; ...``: a name, an operator, and what it takes, of each."""
    parts = (step.split() for step in text.split(";"))
    return [(name, operator, operands) for name, _, operator, *operands in parts]


# Softmax of float64 scores x, as `formulas` has it. The operator Softmax loses 500 ulp far below the largest score, and
# 40 in the sum of a thousand classes. Here what the subtraction of the largest score loses is kept, and the sum is of
# two: of multiples of 2**-26, which is exact, and of what they leave.
_SOFTMAX = _steps(
    "top = ReduceMax x; shifted = Sub x top; part = Sub shifted x; x_seen = Sub shifted part; "
    "x_lost = Sub x x_seen; top_lost = Add top part; difference = Sub x_lost top_lost; "
    "beside_infinity = IsNaN difference; lost = Where beside_infinity zero difference; exp = Exp shifted; "
    "exp_lost = Mul exp lost; e = Add exp exp_lost; raised = Add e rounding; multiple = Sub raised rounding; "
    "rest = Sub e multiple; multiples = ReduceSum multiple axis; rests = ReduceSum rest axis; "
    "total = Add multiples rests; y = Div e total"
)
_SOFTMAX_ARRAYS = {"zero": np.array(0.0), "axis": np.array([1]), "rounding": np.array(1.5 * 2.0**26)}


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
    names = [kinds.name_of(layer, _OPERATORS, "an ONNX file") for layer in stack]
    parameters = [{name: np.asarray(getattr(layer, name)) for name in kinds.params_of(layer)} for layer in stack]
    arrays = [array for own in parameters for array in own.values()]
    dtype = kinds.dtype_of(arrays)
    if sum(array.nbytes for array in arrays) > _LARGEST:
        raise ValueError(f"the parameters take more than the {_LARGEST:,} bytes that an ONNX file can hold")
    outputs = kinds.check_shapes(leaves(layers))
    sample = _sample(input_shape, len(arrays[0]))
    if len(sample) > 1:
        graph.add("Flatten", "flatten")  # at once: what comes before the first affine layer goes number by number
    for i, (name, layer, own) in enumerate(zip(names, stack, parameters, strict=True)):
        _OPERATORS[name](graph, f"{i}", layer, own, dtype)
    if probabilities:
        if kinds.name_of(loss, _PROBABILITIES, "an ONNX file with probabilities") == "SigmoidWithLoss":
            graph.add("Sigmoid", "probabilities")
        elif dtype == "float64":
            graph.add_steps("probabilities", _SOFTMAX, _SOFTMAX_ARRAYS)
        else:  # what the operator loses in float64 is nothing to a float32
            graph.add("Cast", "scores", to=graph.element("float64"))
            graph.add("Softmax", "softmax", axis=1)
            graph.add("Cast", "probabilities", to=graph.element(dtype))
    return graph.model(dtype, sample, outputs)


class _Graph:
    """Nodes that feed each other, beginning at ``x``."""

    def __init__(self) -> None:
        self._onnx = require("onnx", "onnx", "an ONNX file", "onnx")
        self._nodes: list[Any] = []
        self._arrays: list[Any] = []

    def add(self, operator: str, name: str, arrays: Mapping[str, Array] | None = None, **attributes: Any) -> None:
        """One node more, and the arrays that it takes beside the output of the node before."""
        named = {f"{name}.{of}": array for of, array in (arrays or {}).items()}
        self._add(operator, name, [self._last, *named], f"{name}.y", **attributes)
        self._hold(named)

    def add_steps(self, name: str, steps: _Steps, arrays: Mapping[str, Array] | None = None) -> None:
        """Several nodes, each a name, an operator, and what it takes: arrays, earlier ones, or x, what comes in."""
        x = self._last
        for result, operator, operands in steps:
            attributes = {"axes": [1]} if operator == "ReduceMax" else {}
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

    def model(self, dtype: str, sample: Sequence[int], outputs: int | None) -> Any:
        """The whole, from ``x`` to ``y``, with a name for the length of the batch."""
        self._nodes[-1].output[0] = "y"
        helper = self._onnx.helper
        element = self.element(dtype)
        x = helper.make_tensor_value_info("x", element, ["batch", *sample])
        y = helper.make_tensor_value_info("y", element, ["batch", outputs])
        graph = helper.make_graph(self._nodes, "network", [x], [y], self._arrays)
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(
            graph,
            opset_imports=[opset],
            ir_version=_IR_VERSION,
            producer_name="fastlayers",
            producer_version=__version__,
        )


def _operator(name: str) -> Callable[..., None]:
    """An operator that takes nothing but the output of the one before."""
    return lambda graph, place, layer, own, dtype: graph.add(name, place)


def _leaky_relu(graph: _Graph, place: str, layer: Any, own: Any, dtype: str) -> None:
    if dtype == "float64":  # the attribute of LeakyRelu is a float32: as an array the slope keeps its digits
        graph.add("PRelu", place, {"negative_slope": np.array([layer.negative_slope], dtype)})
    else:
        graph.add("LeakyRelu", place, alpha=float(layer.negative_slope))


def _elu(graph: _Graph, place: str, layer: Any, own: Any, dtype: str) -> None:
    """Elu; but of float64, whose operator runtimes lack, by exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2)."""
    if dtype != "float64":
        graph.add("Elu", place, alpha=float(layer.alpha))
        return
    arrays = {"half": np.array(0.5), "one": np.array(1.0), "twice_alpha": np.array(2 * layer.alpha)}
    graph.add_steps(place, _ELU, arrays)


def _gelu(graph: _Graph, place: str, layer: Any, own: Any, dtype: str) -> None:
    """Its form by tanh is x times the Sigmoid of twice tanh's argument; exactly it is by Erf, which float64 has not.

    There the normal distribution is 1/2 + the integral of sin(x t) exp(-t**2 / 2) / (pi t) over all t > 0. The sum at
    midpoints of width 2 pi / 17 has it within rounding where |x| <= 8.5, and beyond it is 0 or 1.
    """
    factors: dict[str, Any]
    if layer.approximate == "tanh":
        steps, factors = _GELU_TANH, {"inner": 1 / 0.044715, "scale": 2 * math.sqrt(2 / math.pi) * 0.044715}
    elif dtype != "float64":
        steps, factors = _GELU, {"root": math.sqrt(0.5), "one": 1.0, "half": 0.5}
    else:
        t = (np.arange(24) + 0.5) * (2 * math.pi / 17)
        weights = np.exp(-t * t / 2) / t * (2 / 17)
        steps, factors = _GELU_WIDE, {"low": -8.5, "high": 8.5, "t": t, "weights": weights[:, np.newaxis], "half": 0.5}
    arrays = {name: np.array(value, dtype) for name, value in factors.items()}
    graph.add_steps(place, steps, arrays | ({"last": np.array([-1])} if steps is _GELU_WIDE else {}))


_ELU = _steps(
    "above = Relu x; under = Sub x above; half_under = Mul under half; t = Tanh half_under; "
    "scaled = Mul t twice_alpha; rest = Sub one t; below = Div scaled rest; y = Add above below"
)
_GELU = _steps("scaled = Mul x root; erf = Erf scaled; twice = Add erf one; normal = Mul twice half; y = Mul x normal")
_GELU_WIDE = _steps(
    "near = Clip x low high; column = Unsqueeze near last; angles = Mul column t; waves = Sin angles; "
    "sums = MatMul waves weights; over_half = Squeeze sums last; normal = Add over_half half; "
    "product = Mul near normal; over = Sub x high; above = Relu over; y = Add product above"
)
_GELU_TANH = _steps(
    "square = Mul x x; sum = Add square inner; cube = Mul x sum; v = Mul cube scale; gate = Sigmoid v; y = Mul x gate"
)
_SILU = _steps("gate = Sigmoid x; y = Mul x gate")
# What becomes of each kind of layer; each is told the graph, the node's name, the layer, its parameters and the dtype.
_OPERATORS: Mapping[str, Callable[..., None]] = {
    "Affine": lambda graph, place, layer, own, dtype: graph.add("Gemm", place, own),
    "Dropout": lambda graph, place, layer, own, dtype: None,
    "Elu": _elu,
    "Gelu": _gelu,
    "LeakyRelu": _leaky_relu,
    "Relu": _operator("Relu"),
    "Sigmoid": _operator("Sigmoid"),
    "Silu": lambda graph, place, layer, own, dtype: graph.add_steps(place, _SILU),
    "Tanh": _operator("Tanh"),
}


def _sample(input_shape: Sequence[int] | None, inputs: int) -> tuple[int, ...]:
    """The shape of one sample, once it is seen to have as many numbers as the first affine layer takes."""
    if input_shape is None:
        return (inputs,)
    if not isinstance(input_shape, Sequence):
        raise TypeError(f"input_shape must be a sequence of integers, not {type(input_shape).__name__}")
    shape = tuple(arguments.integer("input_shape", size) for size in input_shape)
    if not shape or min(shape) < 1 or math.prod(shape) != inputs:
        raise ValueError(f"input_shape {shape} does not fit: the first affine layer takes {inputs} numbers a sample")
    return shape
