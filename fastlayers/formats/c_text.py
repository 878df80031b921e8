"""The text of a C file and its header: a description, constants, functions, and a main that checks stored samples."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.types import Array
from .._version import __version__
from ..functional import sigmoid_forward, softmax
from ..layers._stack import Stack, leaves
from ..layers._state import at_rest
from .arrays import digest
from .c_source import Source

_SAMPLES = 8
_SEED = 0
_TOLERANCE = {"float32": 1e-5, "float64": 1e-13}  # of the largest number that is expected
_DECLARATIONS = """
#ifndef MACRO_H
#define MACRO_H

#define MACRO_INPUT_SIZE {inputs}
#define MACRO_OUTPUT_SIZE {outputs}

#ifdef __cplusplus
extern "C" {{
#endif

{declared}

#ifdef __cplusplus
}}
#endif

#endif
"""
_OF_STATE = """
/* What remains of a sequence between two steps. Each sequence needs its own. */
typedef struct {{ {fields} }} NAME_state;

/* Begin a sequence: set its state to 0. */
void NAME_reset(NAME_state *state);

"""
_CHECK = """
#ifdef MACRO_TEST
#include <stdio.h>

/* Some {inputs}, and what fastlayers predicts from them. */
{x}

{expected}

int main(void)
{{
    int wrong = 0;
    REAL y[{size}], largest = 0;{state}
    for (int n = 0; n < {samples}; n++) {{
        NAME({given}NAME_samples[n], y);
        for (int i = 0; i < {size}; i++) {{
            const REAL difference = fabs@(y[i] - NAME_expected[n][i]);
            wrong += !(difference <= {tolerance});
            largest = difference > largest ? difference : largest;
        }}
    }}
    printf("NAME: %d of {numbers} numbers wrong; largest difference %.3g, at most {shown} is right\\n",
           wrong, {printed});
    return wrong != 0;
}}
#endif
"""


@dataclass(frozen=True)
class Sizes:
    """What a C file takes, in bytes; the functions of the C library that it calls take theirs beside it.

    Parameters
    ----------
    constants : int
        In flash: the weights, without the code.
    stack : int
        In memory, during a call: what lies between layers.
    state : int
        In memory, from call to call: the struct of a recurrent network, else 0.
    """

    constants: int
    stack: int
    state: int


def text_of(source: Source, network: Any) -> tuple[str, str, Sizes]:
    """Return the file's text, its header's, and the sizes, once the loops of all layers are in the source.

    The file repeats the header's declarations, so that it compiles alone. A guard lets a program include both.
    """
    size = np.dtype(source.dtype).itemsize
    sizes = Sizes(source.bytes_of_constants, size * sum(source.buffers), size * sum(source.state.values()))
    x, expected = _samples(network)
    kind = "int" if network.takes_indices else "REAL"
    call = f"void NAME({'NAME_state *state, ' if source.state else ''}const {kind} *x, REAL *y)"
    given = "one step of a sequence, and update the state" if source.state else "one sample"
    declared = (
        f"/* Predict y from x, {given}.\n"
        f"   x has MACRO_INPUT_SIZE numbers and y MACRO_OUTPUT_SIZE. They must not overlap. */\n{call};"
    )
    reset = ""
    if source.state:
        fields = " ".join(f"REAL {field}[{size}];" for field, size in source.state.items())
        declared = _OF_STATE.lstrip().format(fields=fields) + declared
        loops = "\n".join(
            f"    for (int i = 0; i < {size}; i++) state->{field}[i] = 0;" for field, size in source.state.items()
        )
        reset = f"void NAME_reset(NAME_state *state)\n{{\n{loops}\n}}"
    buffers = ", ".join(f"buffer{i}[{size}]" for i, size in enumerate(source.buffers))
    body = "\n".join([f"    REAL {buffers};"] * bool(buffers) + source.lines)
    tolerance = float(f"{_TOLERANCE[source.dtype] * np.abs(expected).max():.3g}")
    check = _CHECK.format(
        inputs="steps of one sequence" if network.of_steps else "samples",
        x=source.table("NAME_samples", x),
        expected=source.table("NAME_expected", expected),
        size=expected.shape[1],
        samples=_SAMPLES,
        state="\n    NAME_state state;\n    NAME_reset(&state);" if source.state else "",
        given="&state, " if source.state else "",
        tolerance=source.number(tolerance),
        numbers=expected.size,
        shown=f"{tolerance:.3g}",
        printed="largest" if source.real == "double" else "(double)largest",
    )
    inputs, outputs = math.prod(network.shape), math.prod(network.result)
    declarations = _DECLARATIONS.strip().format(inputs=inputs, outputs=outputs, declared=declared)
    parts = [
        _head(network, source, sizes),
        "#include <math.h>",
        declarations,
        *source.constants,
        *source.functions.values(),
        reset,
        f"{call}\n{{\n{body}\n}}",
        check.strip(),
    ]
    about = ["The header of STEM.c: a network that predicts, written by fastlayers.", _takes_and_gives(network)]
    return (
        source.words("\n\n".join(part for part in parts if part)) + "\n",
        source.words(f"{_comment(about)}\n{declarations}\n"),
        sizes,
    )


def _takes_and_gives(network: Any) -> str:
    """Say what x and y of the function are."""
    inputs, outputs = math.prod(network.shape), math.prod(network.result)
    kind = "int" if network.takes_indices else "REAL"
    what = "one step of a sequence" if network.of_steps else "one sample"
    shape = {"x": network.shape, "y": network.result}
    takes, gives = (f" of shape {shape[of]}" if len(shape[of]) > 1 else "" for of in "xy")
    return f"x: {kind}[{inputs}], {what}{takes}. y: REAL[{outputs}]{gives}. They may not overlap."


def _comment(lines: Sequence[str], *unfolded: str) -> str:
    folded = [line for text in lines for line in textwrap.wrap(text, 110)]
    return "/*\n" + "\n".join(f" * {line}".rstrip() for line in (*folded, *unfolded)) + "\n */"


def _head(network: Any, source: Source, sizes: Sizes) -> str:
    """Return the comment at the file's beginning."""
    kind = "int" if network.takes_indices else "REAL"
    layers = ", ".join(f"{place} {kind_of_layer}" for place, kind_of_layer in network.described)
    lines = [
        f"NAME: a network that predicts, written by fastlayers {__version__}.",
        f"Layers: {layers}.",
        _takes_and_gives(network),
        f"Constants take {sizes.constants:,} bytes, and a call {sizes.stack:,} bytes of the stack; nothing is "
        "allocated.",
        f"SHA-256 of the parameters: {digest({}, network.arrays)}",
    ]
    usage = f"{kind} x[MACRO_INPUT_SIZE] = {{0}}; REAL y[MACRO_OUTPUT_SIZE]; NAME(x, y);"
    if source.state:
        lines.append(
            f"Between two steps {sizes.state:,} bytes remain in a NAME_state: NAME_reset begins a sequence, and "
            "each sequence that goes on beside others has its own."
        )
        usage = "NAME_state state; NAME_reset(&state); then for each step NAME(&state, x, y);"
    check = "Check: cc -std=c99 -O3 -DMACRO_TEST STEM.c -o NAME -lm && ./NAME"
    return _comment(lines, "", 'Use:   #include "STEM.h"', f"       {usage}", check)


def _samples(network: Any) -> tuple[Array, Array]:
    """Rows of inputs, drawn from a seeded generator, and what is predicted from them.

    Raises
    ------
    ValueError
        If it is no finite number.
    """
    rng = np.random.default_rng(_SEED)
    shape: Sequence[int] = (1, _SAMPLES, *network.shape) if network.of_steps else (_SAMPLES, *network.shape)
    if network.takes_indices:
        tables = (layer.W for _, layer in leaves(network.layers) if layer.takes_indices)
        x: Array = rng.integers(0, min(map(len, tables)), shape)
    else:
        x = rng.standard_normal(shape).astype(network.dtype)
    with at_rest(network.layers):
        y = Stack(network.layers).predict(x)
    if network.activation is not None:
        y = sigmoid_forward(y) if type(network.activation).__name__ == "Sigmoid" else softmax(y)
    if not np.isfinite(y).all():
        raise ValueError(f"the network predicts {y[~np.isfinite(y)][0]} from random numbers, so nothing can be checked")
    return x.reshape(_SAMPLES, -1), y.reshape(_SAMPLES, -1)
