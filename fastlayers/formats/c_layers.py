"""What becomes of each kind of layer in a C file: loops over what comes in, and what goes out.

A layer that gives as many numbers as it is given, each by itself or each row by itself, is worked out in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.types import Array
from . import c_functions as functions
from .c_images import average_pooling, convolution, global_average_pooling, max_pooling
from .c_recurrent import gru, lstm, rnn
from .c_source import Numbers, Source


@dataclass(frozen=True)
class Step:
    """A layer on its way into a file.

    Parameters
    ----------
    place : str
        The layer's.
    layer : Layer
    own : mapping of str to ndarray
        Its parameters, as the file is to have them.
    shape, result : tuple of int
        Of what comes in and goes out: a sample, or where sequences go through, one step of one.
    branches : sequence of sequence of Step
        Of layers side by side, the steps of each.
    """

    place: str
    layer: Any
    own: Mapping[str, Array]
    shape: Sequence[int]
    result: Sequence[int]
    branches: Sequence[Sequence[Step]] = ()

    def named(self, array: str) -> str:
        """What one of its arrays is called."""
        return f"{self.place.replace('.', '_')}_{array}"


Emit = Callable[[Source, Step, Numbers, Numbers], None]


def product(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    """A row of W is added to y for each number of x: of both the numbers lie beside each other, in vectors."""
    inputs, outputs = step.own["W"].shape
    first = f"{source.hold(step.named('b'), step.own['b'])}[j]" if "b" in step.own else "0"
    W = source.hold(step.named("W"), step.own["W"])
    source.add(f"""
        for (int j = 0; j < {outputs}; j++) {y["j"]} = {first};
        for (int i = 0; i < {inputs}; i++) {{
            const REAL v = {x["i"]};
            for (int j = 0; j < {outputs}; j++) {y["j"]} += v * {W}[i][j];
        }}
    """)


def of_each(source: Source, step: Step, x: Numbers, y: Numbers, expression: str) -> None:
    """A function of each number, an expression of v."""
    source.add(f"""
        for (int i = 0; i < {math.prod(step.shape)}; i++) {{
            const REAL v = {x["i"]};
            {y["i"]} = {expression};
        }}
    """)


def _function(expression: str, template: str = "") -> Emit:
    """A function of each number, in whose expression the template's is called."""

    def emit(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
        if template:
            source.use(expression.partition("(")[0].removeprefix("NAME_"), template)
        of_each(source, step, x, y, expression)

    return emit


def _leaky_relu(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    of_each(source, step, x, y, f"v <= 0 ? {source.number(step.layer.negative_slope)} * v : v")


def _elu(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    of_each(source, step, x, y, f"v >= 0 ? v : {source.number(step.layer.alpha)} * expm1@(v)")


def _gelu(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    name, template = ("gelu", functions.GELU)
    if step.layer.approximate == "tanh":
        name, template = ("gelu_tanh", functions.GELU_TANH)
    source.use(name, functions.in_parts(template, source.dtype))
    of_each(source, step, x, y, f"NAME_{name}(v)")


def softmax(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    """Of each row."""
    *rows, size = step.shape
    name = source.use("softmax", functions.SOFTMAX)
    source.add(f"""
        for (int i = 0; i < {math.prod(rows) * size}; i += {size}) {name}(&{x["i"]}, &{y["i"]}, {size});
    """)


def _batch_normalization(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    """What no product before it has taken up: by one scale a channel, worked out in float64 as `predict` does."""
    layer = step.layer
    scale = scale_of(layer)
    mean, scales, beta = (
        source.hold(step.named(name), array)
        for name, array in (("mean", layer.running_mean), ("scale", scale), ("beta", layer.beta))
    )
    each = math.prod(step.shape) // len(scale)
    source.add(f"""
        for (int c = 0; c < {len(scale)}; c++)
            for (int i = {each} * c; i < {each} * (c + 1); i++)
                {y["i"]} = ({x["i"]} - {mean}[c]) * {scales}[c] + {beta}[c];
    """)


def scale_of(layer: Any) -> Array:
    """By what a batch normalization multiplies in prediction, in float64."""
    wide = (np.asarray(array, np.float64) for array in (layer.gamma, layer.running_var))
    gamma, var = wide
    return np.asarray(gamma / np.sqrt(var + layer.eps))


def _rows_of_a_table(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    """An index outside the table gives nan, and reads nothing."""
    words, width = step.own["W"].shape
    W = source.hold(step.named("W"), step.own["W"])
    source.add(f"""
        for (int i = 0; i < {math.prod(step.shape)}; i++)
            for (int j = 0; j < {width}; j++)
                {y[f"i * {width} + j"]} = {x["i"]} >= 0 && {x["i"]} < {words} ? {W}[{x["i"]}][j] : (REAL)NAN;
    """)


# What gives its input back in prediction.
IDENTITIES = frozenset({"Dropout", "Flatten", "TimeDropout"})
# What may write over what it reads.
IN_PLACE: Mapping[str, Emit] = {
    "BatchNormalization": _batch_normalization,
    "Elu": _elu,
    "Gelu": _gelu,
    "LeakyRelu": _leaky_relu,
    "Relu": _function("v <= 0 ? 0 : v"),
    "Sigmoid": _function("NAME_sigmoid(v)", functions.SIGMOID),
    "Silu": _function("NAME_silu(v)", functions.SILU),
    "Softmax": softmax,
    "Tanh": _function("tanh@(v)"),
}
OTHERS: Mapping[str, Emit] = {
    "Affine": product,
    "AveragePooling": average_pooling,
    "Convolution": convolution,
    "Embedding": _rows_of_a_table,
    "GlobalAveragePooling": global_average_pooling,
    "MatMul": product,
    "Pooling": max_pooling,
    "TimeAffine": product,
    "TimeEmbedding": _rows_of_a_table,
    "TimeGRU": gru,
    "TimeLSTM": lstm,
    "TimeRNN": rnn,
}
NAMES = tuple(sorted({*IDENTITIES, *IN_PLACE, *OTHERS}))
