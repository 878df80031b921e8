"""What the tests of model files share: a tiny network, whether two are the same, a file's members one by one."""

from __future__ import annotations

import io
import itertools
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import families
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.formats import ModelFileError, description


def tiny(dtype: str = "float32", *, bias: bool = True, activation: type = fl.Relu, seed: int = 5) -> fl.Sequential:
    return network((2, 3, 2), dtype, bias=bias, activation=activation, seed=seed)


def network(
    widths: tuple[int, ...], dtype: str = "float32", *, bias: bool = True, activation: type = fl.Relu, seed: int = 5
) -> fl.Sequential:
    rng = np.random.default_rng(seed)
    layers: list[Any] = []
    for d, m in itertools.pairwise(widths):
        W, b = rng.standard_normal((d, m)).astype(dtype), rng.standard_normal(m).astype(dtype)
        layers += [fl.Affine(W, b if bias else None), activation()]
    return fl.Sequential(layers[:-1], fl.SoftmaxWithLoss())


def every_kind(dtype: str = "float32", loss: Any = None) -> fl.Sequential:
    """A network with a layer of each kind, for samples of two numbers."""
    rng = np.random.default_rng(5)
    layers: list[Any] = []
    for name in sorted(families.ACTIVATIONS, key=lambda name: name != "Dropout"):
        activation = getattr(fl, name)(**families.LAYER[name].options or {})
        W, b = rng.standard_normal((2, 2)).astype(dtype), rng.standard_normal(2).astype(dtype)
        layers += [fl.Affine(W, b), activation]
    gamma, beta, mean, var = rng.random((4, 2)).astype(dtype)
    layers.append(fl.BatchNormalization(gamma, beta, 0.5, mean, var, eps=1e-3))
    return fl.Sequential(layers, fl.SoftmaxWithLoss() if loss is None else loss)


def any_network(r: random.Random) -> fl.Sequential:
    """Layers in any order, the affine ones with weights that keep the numbers near 1."""
    dtype, width = r.choice(("float32", "float64")), 2
    rng, layers = np.random.default_rng(r.randrange(1 << 30)), []
    for _ in range(r.randint(0, 6)):
        make = r.choice(
            (*fl.layers.ACTIVATIONS.values(), lambda: fl.LeakyRelu(r.uniform(-1, 2)), fl.Dropout, fl.Softmax)
        )
        layers.append(make())
        if r.random() < 0.6:
            outputs = r.choice((1, 2, 3, 10, 64))
            W = (rng.standard_normal((width, outputs)) / np.sqrt(width)).astype(dtype)
            layers.append(fl.Affine(W, rng.standard_normal(outputs).astype(dtype) if r.random() < 0.7 else None))
            width = outputs
    W = rng.standard_normal((width, 3)).astype(dtype)
    return fl.Sequential([*layers, fl.Affine(W)], fl.SoftmaxWithLoss())


def same(a: fl.Sequential, b: fl.Sequential) -> bool:
    return (
        [type(layer) for layer in a.layers] == [type(layer) for layer in b.layers]
        and type(a.loss_layer) is type(b.loss_layer)
        and len(a.params) == len(b.params)
        and all(
            p.dtype == q.dtype and np.array_equal(p, q, equal_nan=True) for p, q in zip(a.params, b.params, strict=True)
        )
    )


def refusal(path: Path, load: Callable[[Path], object] = fl.Sequential.load) -> str:
    """The error of a file that must be refused: one line to be read, that begins with its name."""
    with pytest.raises(ModelFileError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < len(str(path)) + 400
    return message


def check(path: Path, right: fl.Sequential, what: object) -> None:
    """A damaged file is refused, or gives the right model all the same."""
    try:
        loaded = fl.Sequential.load(path)
    except ModelFileError:
        refusal(path)
    else:
        assert same(right, loaded), f"{what}: another model came out"


def npy(array: Any) -> bytes:
    """An array in NumPy's format; one of objects with its pickle."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """An archive of these, with the right CRC for each."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def rewrite(path: Path, **changes: Any) -> None:
    """Change arrays of a model file (None: leave one out) or, as ``header_NAME``, entries of its header."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive}
    header = json.loads(arrays["header"][()])
    for name, value in changes.items():
        if name.startswith("header_"):
            header[name.removeprefix("header_")] = value
        elif value is None:
            del arrays[name]
        else:
            arrays[name] = value
    if "header" not in changes:
        arrays["header"] = np.array(json.dumps(header).encode())
    np.savez(path, **arrays)


def sign(path: Path, *without: str) -> None:
    """Give a file that was changed its right checksum, and leave entries out of its header."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive}
    header = json.loads(arrays.pop("header")[()])
    header = {name: value for name, value in header.items() if name not in without}
    header["sha256"] = description.digest(header, arrays)
    np.savez(path, header=np.array(json.dumps(header).encode()), **arrays)
