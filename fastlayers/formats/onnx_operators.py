"""What becomes of each kind of layer in an ONNX graph.

An affine layer is a Gemm, one of each step MatMul and Add, an embedding a Gather, batch normalization goes by its
running statistics, activations are the operators of their names, and dropout is left out, since a prediction drops
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import onnx_images as images
from .onnx_nodes import Node, steps
from .onnx_recurrent import recurrent

# Softmax of float64 scores x, as `formulas` has it. The operator Softmax loses 500 ulp far below the largest score, and
# 40 in the sum of a thousand classes. Here what the subtraction of the largest score loses is kept, and the sum is of
# two: of multiples of 2**-26, which is exact, and of what they leave.
SOFTMAX = steps(
    "top = ReduceMax x; shifted = Sub x top; part = Sub shifted x; x_seen = Sub shifted part; "
    "x_lost = Sub x x_seen; top_lost = Add top part; difference = Sub x_lost top_lost; "
    "beside_infinity = IsNaN difference; lost = Where beside_infinity zero difference; exp = Exp shifted; "
    "exp_lost = Mul exp lost; e = Add exp exp_lost; raised = Add e rounding; multiple = Sub raised rounding; "
    "rest = Sub e multiple; multiples = ReduceSum multiple axis; rests = ReduceSum rest axis; "
    "total = Add multiples rests; y = Div e total"
)
SOFTMAX_ARRAYS = {"zero": np.array(0.0), "rounding": np.array(1.5 * 2.0**26)}


def _operator(name: str) -> Callable[..., None]:
    """An operator that takes nothing but the output of the one before."""
    return lambda graph, node: graph.add(name, node.place)


def _left_out(graph: Any, node: Node) -> None:
    """Nothing: what gives its input back in prediction."""


def _rows_of_a_table(graph: Any, node: Node) -> None:
    graph.add("Gather", node.place, node.own, arrays_first=True)


def _product(name: str) -> Callable[..., None]:
    """An operator that takes rows, and parameters."""

    def add(graph: Any, node: Node) -> None:
        if len(node.shape or ()) > 1:
            graph.add("Flatten", f"{node.place}.flatten")
        graph.add(name, node.place, node.own)

    return add


def _affine_of_steps(graph: Any, node: Node) -> None:
    """A product along the last axis, whatever comes before it: Gemm takes rows alone."""
    graph.add("MatMul", f"{node.place}.product", {"W": node.own["W"]})
    if "b" in node.own:
        graph.add("Add", node.place, {"b": node.own["b"]})


def _leaky_relu(graph: Any, node: Node) -> None:
    if node.dtype == "float64":  # the attribute of LeakyRelu is a float32: as an array the slope keeps its digits
        graph.add("PRelu", node.place, {"negative_slope": np.array([node.layer.negative_slope], node.dtype)})
    else:
        graph.add("LeakyRelu", node.place, alpha=float(node.layer.negative_slope))


def _batch_normalization(graph: Any, node: Node) -> None:
    """By the running statistics; what the operator's eps, a float32, lacks of the layer's is added to the variance.

    Images whose every number has its own are rows for the operator, which knows of channels alone.
    """
    layer, shape = node.layer, node.shape or ()
    eps = np.float32(layer.eps)
    var = layer.running_var + np.asarray(layer.eps - float(eps), node.dtype)
    arrays = {**node.own, "mean": layer.running_mean, "var": var}
    as_rows = len(shape) > 1 and len(layer.gamma) != shape[0]
    if as_rows:
        graph.add("Flatten", f"{node.place}.flatten")
    graph.add("BatchNormalization", node.place, arrays, epsilon=float(eps))
    if as_rows:
        graph.add("Reshape", f"{node.place}.images", {"shape": np.array([-1, *shape])})


def _elu(graph: Any, node: Node) -> None:
    """Elu; but of float64, whose operator runtimes lack, by exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2)."""
    if node.dtype != "float64":
        graph.add("Elu", node.place, alpha=float(node.layer.alpha))
        return
    arrays = {"half": np.array(0.5), "one": np.array(1.0), "twice_alpha": np.array(2 * node.layer.alpha)}
    graph.add_steps(node.place, _ELU, arrays)


def _gelu(graph: Any, node: Node) -> None:
    """Its form by tanh is x times the Sigmoid of twice tanh's argument; exactly it is by Erf, which float64 has not.

    There the normal distribution is 1/2 + the integral of sin(x t) exp(-t**2 / 2) / (pi t) over all t > 0. The sum at
    midpoints of width 2 pi / 17 has it within rounding where |x| <= 8.5, and beyond it is 0 or 1.
    """
    factors: dict[str, Any]
    if node.layer.approximate == "tanh":
        chosen, factors = _GELU_TANH, {"inner": 1 / 0.044715, "scale": 2 * math.sqrt(2 / math.pi) * 0.044715}
    elif node.dtype != "float64":
        chosen, factors = _GELU, {"root": math.sqrt(0.5), "one": 1.0, "half": 0.5}
    else:
        t = (np.arange(24) + 0.5) * (2 * math.pi / 17)
        weights = np.exp(-t * t / 2) / t * (2 / 17)
        chosen, factors = _GELU_WIDE, {"low": -8.5, "high": 8.5, "t": t, "weights": weights[:, np.newaxis], "half": 0.5}
    arrays = {name: np.array(value, node.dtype) for name, value in factors.items()}
    graph.add_steps(node.place, chosen, arrays | ({"last": np.array([-1])} if chosen is _GELU_WIDE else {}))


_ELU = steps(
    "above = Relu x; under = Sub x above; half_under = Mul under half; t = Tanh half_under; "
    "scaled = Mul t twice_alpha; rest = Sub one t; below = Div scaled rest; y = Add above below"
)
_GELU = steps("scaled = Mul x root; erf = Erf scaled; twice = Add erf one; normal = Mul twice half; y = Mul x normal")
_GELU_WIDE = steps(
    "near = Clip x low high; column = Unsqueeze near last; angles = Mul column t; waves = Sin angles; "
    "sums = MatMul waves weights; over_half = Squeeze sums last; normal = Add over_half half; "
    "product = Mul near normal; over = Sub x high; above = Relu over; y = Add product above"
)
_GELU_TANH = steps(
    "square = Mul x x; sum = Add square inner; cube = Mul x sum; v = Mul cube scale; gate = Sigmoid v; y = Mul x gate"
)
_SILU = steps("gate = Sigmoid x; y = Mul x gate")
# What becomes of each kind of layer.
OPERATORS: Mapping[str, Callable[[Any, Node], None]] = {
    "Affine": _product("Gemm"),
    "AveragePooling": images.average_pooling,
    "BatchNormalization": _batch_normalization,
    "Convolution": images.convolution,
    "Dropout": _left_out,
    "Elu": _elu,
    "Embedding": _rows_of_a_table,
    "Flatten": _operator("Flatten"),
    "Gelu": _gelu,
    "GlobalAveragePooling": images.global_average_pooling,
    "LeakyRelu": _leaky_relu,
    "MatMul": _product("MatMul"),
    "Pooling": images.max_pooling,
    "Relu": _operator("Relu"),
    "Sigmoid": _operator("Sigmoid"),
    "Silu": lambda graph, node: graph.add_steps(node.place, _SILU),
    "Softmax": lambda graph, node: graph.add("Softmax", node.place, axis=-1),
    "Tanh": _operator("Tanh"),
    "TimeAffine": _affine_of_steps,
    "TimeBiLSTM": recurrent("LSTM", "forward_lstm", "backward_lstm"),
    "TimeDropout": _left_out,
    "TimeEmbedding": _rows_of_a_table,
    "TimeGRU": recurrent("GRU"),
    "TimeLSTM": recurrent("LSTM"),
    "TimeRNN": recurrent("RNN"),
}
