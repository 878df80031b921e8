"""What the tests of C files share: networks that are exported and compiled together, and what their functions give."""

from __future__ import annotations

import ctypes
import itertools
import random
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import image_network
import kit
import numpy as np
import pytest
from model_files import any_network, every_kind

import fastlayers as fl

_WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wdouble-promotion",
    "-Wmissing-declarations",
    "-Werror",
)
STRICT = ("-x", "c", "-std=c99", *_WARNINGS)
AS_CPP = ("-x", "c++", "-std=c++11", *_WARNINGS)
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]

needs_compiler = pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang is there")


def compiled(compiler: str, source: Path, to: Path, *flags: str) -> Path:
    """What a compiler makes of a file; what it warns of fails."""
    command = [compiler, *flags, str(source), "-x", "none", "-o", str(to), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return to


class Library:
    """Functions of C files that were compiled into one library."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))

    def __call__(self, name: str, x: Any, y: Any, state: int = 0) -> Any:
        """What a function makes of each row of x, in the rows of y; its state, if any, is of so many numbers.

        What stands behind the state and behind each row is seen to be left alone.
        """
        x = np.ascontiguousarray(x, np.intc if x.dtype.kind in "iu" else None).reshape(len(x), -1)
        kept, row = np.full(state + 1, np.nan, y.dtype), np.full(y[0].size + 1, np.nan, y.dtype)
        before = (kept.ctypes,) if state else ()
        if state:
            getattr(self._library, f"{name}_reset")(*before)
        for given, result in zip(x, y, strict=True):
            getattr(self._library, name)(*before, given.ctypes, row.ctypes)
            assert np.isnan([kept[-1], row[-1]]).all()
            result[...] = row[:-1].reshape(result.shape)
        return y


class Net(NamedTuple):
    """A network, what `to_c` is told of it, and inputs, of sequences those of one step after the other.

    `state` tells how many numbers remain between two steps.
    """

    network: fl.Sequential
    x: Any
    options: Mapping[str, Any] = {}
    is_sequence: bool = False
    state: int = 0

    def expected(self) -> Any:
        """What is predicted from each input; of a sequence from its beginning."""
        self.network.reset_state()
        y = self.network.predict(self.x[np.newaxis])[0] if self.is_sequence else self.network.predict(self.x)
        if self.options.get("probabilities"):
            y = fl.softmax(y) if "Softmax" in type(self.network.loss_layer).__name__ else fl.sigmoid_forward(y)
        return y


def library(nets: Mapping[str, Net], folder: Path, compiler: str, *flags: str) -> Library:
    """The functions of networks, by their names: all in one file, which takes a compiler less time than many."""
    for name, net in nets.items():
        net.network.to_c(folder / f"{name}.c", **net.options)
    (folder / "all.c").write_text("".join(f'#include "{name}.c"\n' for name in nets))
    return Library(compiled(compiler, folder / "all.c", folder / "all.so", "-shared", "-fPIC", *flags))


def every_net() -> dict[str, Net]:
    """Networks with each kind of layer in each place, in both dtypes."""
    return {**_dense(), **_of_images(), **_of_indices(), **_of_sequences()}


def _dense() -> dict[str, Net]:
    x = np.concatenate([np.linspace(-2, 2, 14).reshape(7, 2), [[np.nan, 1], [np.inf, 0], [-np.inf, -np.inf]]])
    found = {}
    for seed in range(8):
        network = any_network(random.Random(seed))
        found[f"dense_{seed}"] = Net(network, x.astype(network.params[0].dtype))
    for dtype in kit.FAST:
        name = np.dtype(dtype).name
        W, b = kit.numbers((2, 5), dtype), kit.numbers((5,), dtype, 1)
        twice = fl.Sequential([fl.Sequential([fl.Affine(W, b), fl.Tanh()]), fl.MatMul(W.T), fl.Affine(W, b)])
        found[f"every_{name}"] = Net(every_kind(name), x.astype(dtype))
        found[f"nested_{name}"] = Net(twice, x.astype(dtype))
        heads = fl.Parallel([fl.Sequential([fl.MatMul(W[:1].T), fl.Relu()]), fl.Sequential([]), fl.Softmax()])
        trunk = fl.Sequential([fl.Affine(W, b), fl.Silu()])
        beside = fl.Parallel([fl.Dropout(), fl.Sequential([trunk, heads]), fl.Affine(W, b)])
        found[f"beside_{name}"] = Net(fl.Sequential([beside, fl.Tanh()]), x.astype(dtype))
        for loss in (fl.SoftmaxWithLoss, fl.SigmoidWithLoss):
            network = fl.Sequential([fl.Relu(), fl.Affine(9 * W, b)], loss())
            found[f"{loss.__name__}_{name}"] = Net(network, x.astype(dtype), {"probabilities": True})
    return found


def _of_images() -> dict[str, Net]:
    found = {}
    for dtype in kit.FAST:
        name, x = np.dtype(dtype).name, image_network.images(3, dtype)
        found[f"images_{name}"] = Net(image_network.network(dtype), x, {"input_shape": x.shape[1:]})
        W, of_each = kit.numbers((4, 2, 2, 3), dtype), [*np.abs(kit.numbers((4, 4), dtype))]
        layers = [
            fl.Convolution(W),
            fl.BatchNormalization(*of_each[:2], 0.9, *of_each[2:]),
            fl.Relu(),
            fl.Pooling(2, 2),
            fl.Parallel([fl.Pooling(2, 2, 1), fl.Sequential([fl.Elu(), fl.AveragePooling(2, 1, 1)])]),
            fl.GlobalAveragePooling(),
            fl.Affine(kit.numbers((4, 3), dtype)),
        ]
        found[f"means_{name}"] = Net(fl.Sequential(layers), x, {"input_shape": x.shape[1:]})
    return found


def _of_indices() -> dict[str, Net]:
    table, W = kit.numbers((7, 3), np.float32), kit.numbers((6, 2), np.float32)
    network = fl.Sequential([fl.Embedding(table), fl.Flatten(), fl.Affine(W)])
    x, options = np.array([[0, 6], [3, 3], [5, 1]]), {"input_shape": (2,)}
    twice = fl.Sequential([fl.Parallel([fl.Embedding(table), fl.Embedding(2 * table)]), fl.Relu()])
    return {"words": Net(network, x, options), "twice": Net(twice, x, options)}


def _of_sequences() -> dict[str, Net]:
    found, size = {}, 5
    for dtype, (kind, gates, states) in itertools.product(kit.FAST, (("RNN", 1, 1), ("GRU", 3, 1), ("LSTM", 4, 2))):
        rng = np.random.default_rng(gates)
        layers: list[Any] = [fl.TimeEmbedding(rng.standard_normal((9, 3)).astype(dtype))]
        for inputs in (3, size):
            shapes = (inputs, gates * size), (size, gates * size), (gates * size,)
            arrays = ((rng.standard_normal(shape) / 2).astype(dtype) for shape in shapes)
            layers += [getattr(fl, f"Time{kind}")(*arrays, stateful=inputs == 3), fl.TimeDropout()]
        layers += [fl.LeakyRelu(), fl.TimeAffine(*fl.initializers.affine(size, 4, rng=rng, dtype=dtype))]
        network, x, options = fl.Sequential(layers[1:]), rng.standard_normal((6, 3)).astype(dtype), {}
        if kind == "LSTM":
            network, x = fl.Sequential(layers, fl.TimeSoftmaxWithLoss()), rng.integers(0, 9, 6)
            options = {"probabilities": True}
        found[f"{kind}_{np.dtype(dtype).name}"] = Net(network, x, options, True, 2 * states * size)
    return found
