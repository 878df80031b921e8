"""C files: compilers take them without a warning, and they predict what the network predicts."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
from pathlib import Path
from typing import Any

import c_files
import kit
import numpy as np
import pytest
from c_files import AS_CPP, COMPILERS, STRICT, Net, compiled, every_net, library
from test_agreement import TOLERANCE

import fastlayers as fl

pytestmark = c_files.needs_compiler
NETS = every_net()
NATIVE = ("-std=gnu99", "-O3", "-march=native")  # products may be added in one rounding
WAYS = {
    "gcc": {"C": (*STRICT, "-O0"), "C++": (*AS_CPP, "-O3"), "native": NATIVE},
    "clang": {"C": (*STRICT, "-O3"), "C++": (*AS_CPP, "-O0")},
}


@pytest.mark.parametrize(("compiler", "way"), [(compiler, way) for compiler in COMPILERS for way in WAYS[compiler]])
def test_what_is_predicted(tmp_path: Path, compiler: str, way: str) -> None:
    functions = library(NETS, tmp_path, compiler, *WAYS[compiler][way])
    for name, net in NETS.items():
        with np.errstate(invalid="ignore"):
            expected = net.expected()
        y = functions(name, net.x, np.empty_like(expected), net.state)
        tolerance = TOLERANCE[expected.dtype]
        largest = max(1, np.abs(expected[np.isfinite(expected)]).max())  # of terms of this size small sums are made too
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * largest, err_msg=name)


def test_accuracy(tmp_path: Path) -> None:
    """Functions of each number, and softmax, keep their promises where products are added in one rounding too."""
    by_tanh = functools.partial(fl.Gelu, "tanh")
    made: dict[str, Any] = {**fl.layers.ACTIVATIONS, "gelu_by_tanh": by_tanh, "softmax": fl.Softmax}
    small = np.ldexp(1.5, np.arange(-126, 7))
    numbers = np.concatenate([np.linspace(-110, 110, 4001), small, -small])[np.newaxis, np.newaxis]
    rows = np.random.default_rng(0).normal(0, 20, (40, 1, 30))
    nets = {}
    for (name, make), dtype in itertools.product(made.items(), kit.FAST):
        x = (rows if name == "softmax" else numbers).astype(dtype)
        same = fl.Convolution(np.ones((1, 1, 1, 1), dtype))  # a network has parameters
        nets[f"{name}_{x.dtype}"] = Net(fl.Sequential([same, make()]), x, {"input_shape": (1, *x.shape[1:])})
    functions = library(nets, tmp_path, COMPILERS[0], *NATIVE)
    for name, net in nets.items():
        y = functions(name, net.x, np.empty_like(net.x)).astype(float)
        true = net.network.layers[1].predict(net.x.astype(float))  # of a float64 it is off by as much
        off = np.abs(y - true) / np.spacing(np.abs(true).astype(net.x.dtype))
        off[np.abs(true) < np.finfo(net.x.dtype).tiny] = 0
        limit = (5 if "softmax" in name else 4) * (1 if net.x.dtype == "f4" else 2)
        assert off.max() <= limit, f"{name}: {off.max():.3g} ulp at {net.x.flat[off.argmax()]}"


@pytest.mark.parametrize("name", ["every_float32", "images_float64", "LSTM_float32"])
def test_the_stored_samples(tmp_path: Path, name: str) -> None:
    """They pass, under sanitizers too; and where a weight is another, they do not."""
    net, path = NETS[name], tmp_path / "any.c"
    net.network.to_c(path, "scores", **net.options)
    flags = (*STRICT, "-O1", "-DSCORES_TEST")
    sanitized = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        program = compiled(COMPILERS[0], path, tmp_path / "check", *flags, *more)
        return subprocess.run([program], capture_output=True, text=True, check=False)

    right = run(*sanitized)
    assert (right.returncode, right.stderr) == (0, "")
    assert re.match(r"scores: 0 of \d+ numbers wrong", right.stdout)
    text = path.read_text()
    path.write_text(re.sub(r"(scores_\w+_W\w*\[.*\[.*= \{\s*\{)[^,}]*", r"\g<1>9.5", text))
    assert path.read_text() != text
    assert run().returncode == 1


MAIN = """
#include <stdio.h>
#include "conv.h"
#include "conv.h"

int main(void)
{{
    const {kind} x[CONV_INPUT_SIZE] = {{{x}}};
    {real} y[CONV_OUTPUT_SIZE];
    {call}
    for (int i = 0; i < CONV_OUTPUT_SIZE; i++) printf("%.17g ", (double)y[i]);
    return 0;
}}
"""


@pytest.mark.parametrize("flags", [STRICT, AS_CPP], ids=["C", "C++"])
@pytest.mark.parametrize("name", ["every_float32", "images_float64", "words", "LSTM_float32"])
def test_the_header(tmp_path: Path, name: str, flags: tuple[str, ...]) -> None:
    """A program calls the function by the header, while the file is compiled as C."""
    net = NETS[name]
    net.network.to_c(tmp_path / "conv.c", **net.options)
    with np.errstate(invalid="ignore"):
        expected = net.expected()[0].ravel()
    real = {"float32": "float", "float64": "double"}[expected.dtype.name]
    kind = "int" if net.x.dtype.kind == "i" else real
    x = ", ".join(f"({kind}){number!r}" for number in net.x[0].ravel().tolist())
    call = "conv_state state; conv_reset(&state); conv(&state, x, y);" if net.state else "conv(x, y);"
    (tmp_path / "main.c").write_text(MAIN.format(kind=kind, real=real, x=x, call=call))
    made = compiled(COMPILERS[0], tmp_path / "conv.c", tmp_path / "conv.o", *STRICT, "-c")
    program = compiled(COMPILERS[0], tmp_path / "main.c", tmp_path / "main", str(made), *flags)
    y = np.array(subprocess.run([program], capture_output=True, text=True, check=True).stdout.split(), float)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    for order in (["h"], ["h", "c"], ["c", "h"]):  # alone, and in one file with what it declares
        (tmp_path / "main.c").write_text("".join(f'#include "conv.{ending}"\n' for ending in order))
        compiled(COMPILERS[0], tmp_path / "main.c", made, *flags, "-c")


def test_batch_normalization_is_part_of_a_product(tmp_path: Path) -> None:
    """But where a weight would lose digits, far below the smallest normal number."""
    mean = np.ones(2, np.float32)
    for gamma, inside in ((1.0, 0), (1e-38, 1)):
        layers = [fl.Affine(np.full((2, 2), 1e-3, "f4")), fl.BatchNormalization(gamma * mean, mean, 0.9, mean, mean)]
        fl.Sequential(layers).to_c(tmp_path / "any.c")
        assert (tmp_path / "any.c").read_text().count("/* 1 BatchNormalization */") == inside
