"""C files: compilers take them without a warning, and they predict what the network predicts."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path
from typing import Any

import c_files
import families
import kit
import numpy as np
import points
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


@pytest.mark.parametrize("dtype", kit.FAST)
def test_accuracy(tmp_path: Path, dtype: type) -> None:
    """Functions of each number, and softmax, keep their promises where products are added in one rounding too."""
    promised = {
        fl.layers.ACTIVATIONS[name]: families.FUNCTION[f"{name}_forward"].accuracy
        for name in fl.layers.ACTIVATIONS
        if families.FUNCTION[f"{name}_forward"].accuracy
    }
    batches = [points.batch(dtype, classes) for classes in (3, 1000)]
    asked: dict[str, Net] = {}
    for kind, (_, errors) in promised.items():
        errors(functools.partial(_asked, asked, kind), dtype)
    nets = asked | {f"Softmax_{i}": _alone(fl.Softmax(), found.x[np.newaxis]) for i, found in enumerate(batches)}
    functions = library(nets, tmp_path, COMPILERS[0], *NATIVE)

    def result(kind: type, x: Any, **options: str) -> Any:
        return functions("_".join((kind.__name__, *options.values())), x.reshape(1, -1), np.empty((1, x.size), dtype))[
            0
        ]

    for kind, (limit, errors) in promised.items():
        at, off = errors(functools.partial(result, kind), dtype)
        assert off.max() <= limit, f"{kind.__name__}: {off.max():.3g} ulp at {at[off.argmax()]}"
    for i, found in enumerate(batches):
        y = functions(f"Softmax_{i}", found.x[np.newaxis], np.empty((1, *found.x.shape), dtype))[0]
        assert points.sums_off(y).max() <= 5
        assert points.softmax_errors(lambda x, y=y: y, found)[1].max() <= 5


def _asked(nets: dict[str, Net], kind: Any, x: Any, **options: str) -> Any:
    """Takes note of the points at which a function is to be measured."""
    nets["_".join((kind.__name__, *options.values()))] = _alone(kind(**options), x[np.newaxis, np.newaxis])
    return np.zeros_like(x)


def _alone(layer: Any, x: Any) -> Net:
    """A layer behind a convolution that changes nothing: a network has parameters."""
    same = fl.Convolution(np.ones((1, 1, 1, 1), x.dtype))
    return Net(fl.Sequential([same, layer]), x, {"input_shape": (1, *x.shape[1:])})


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


def test_batch_normalization_is_part_of_a_product(tmp_path: Path) -> None:
    """But where a weight would lose digits, far below the smallest normal number."""
    mean = np.ones(2, np.float32)
    for gamma, inside in ((1.0, 0), (1e-38, 1)):
        layers = [fl.Affine(np.full((2, 2), 1e-3, "f4")), fl.BatchNormalization(gamma * mean, mean, 0.9, mean, mean)]
        fl.Sequential(layers).to_c(tmp_path / "any.c")
        assert (tmp_path / "any.c").read_text().count("/* 1 BatchNormalization */") == inside
