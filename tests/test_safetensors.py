"""Safetensors files: what is written comes back, and is what other programs read; what was damaged is refused."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kit
import numpy as np
import pytest
from model_files import refusal, same, tiny

import fastlayers as fl
from fastlayers.formats import ModelFileError

package = pytest.importorskip("safetensors")
numpy_package = pytest.importorskip("safetensors.numpy")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny().to_safetensors(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def refused(path: Path) -> str:
    return refusal(path, fl.Sequential.from_safetensors)


def check(path: Path, what: object) -> None:
    """A damaged file is refused, or gives the right model all the same."""
    try:
        loaded = fl.Sequential.from_safetensors(path)
    except ModelFileError:
        refused(path)
    else:
        assert same(loaded, tiny()), f"{what}: another model came out"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_round_trip(tmp_path: Path, dtype: str, bias: bool) -> None:
    network = tiny(dtype, bias=bias)
    network.loss_layer = fl.SoftmaxWithLoss(label_smoothing=0.25)
    network.to_safetensors(tmp_path / "m")
    loaded = fl.Sequential.from_safetensors(str(tmp_path / "m"))
    assert same(network, loaded)
    assert loaded.loss_layer.label_smoothing == 0.25
    x = np.ones((4, 2), dtype)
    assert np.array_equal(network.predict(x), loaded.predict(x))
    loaded.train_step(x, np.array([0, 1, 0, 1]), fl.SGD(0.1))  # its parameters are writeable


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_arrays_of_any_layout_are_written_by_value(tmp_path: Path, layout: str, dtype: type) -> None:
    """The package itself writes the bytes that lie between the first and the last."""
    W, b = kit.numbers((5, 3), dtype), kit.numbers((3,), dtype)
    odd = fl.Affine(kit.LAYOUTS[layout](W), kit.LAYOUTS[layout](b))
    fl.Sequential([odd], fl.SoftmaxWithLoss()).to_safetensors(tmp_path / "m")
    for tensors in (numpy_package.load_file(tmp_path / "m"), of_pair(fl.Sequential.from_safetensors(tmp_path / "m"))):
        kit.assert_same(tensors["0.W"], W)
        kit.assert_same(tensors["0.b"], b)


def of_pair(network: fl.Sequential) -> dict[str, Any]:
    return dict(zip(("0.W", "0.b"), network.params, strict=True))


def test_what_other_programs_find(model: Path) -> None:
    with package.safe_open(model, "np") as file:
        assert sorted(file.keys()) == ["0.W", "0.b", "2.W", "2.b"]
        assert [*file.metadata()] == ["fastlayers"]
        header = json.loads(file.metadata()["fastlayers"])
    assert [layer["kind"] for layer in header["layers"]] == ["Affine", "Relu", "Affine"]


def test_pytorch_parameters_travel_by_it(model: Path) -> None:
    """As the docstrings say: in PyTorch's layout both ways, with the package's own functions."""
    network, other = tiny(), tiny(seed=1)
    numpy_package.save_file(network.state_dict(), model)
    assert "load_state_dict" in refused(model)
    other.load_state_dict(numpy_package.load_file(model))
    assert same(network, other)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=np.dtype(np.longdouble).name):
        tiny("longdouble").to_safetensors(tmp_path / "m")
    with pytest.raises(ValueError, match="no parameters"):
        fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()).to_safetensors(tmp_path / "m")
    assert [*tmp_path.iterdir()] == []


def test_a_write_that_fails_leaves_the_old_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        tiny(seed=9).to_safetensors(model)
    assert same(fl.Sequential.from_safetensors(model), tiny())
    assert [*model.parent.iterdir()] == [model]


def test_without_the_package(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    for call in (tiny().to_safetensors, fl.Sequential.from_safetensors):
        with pytest.raises(ImportError, match=r"needs safetensors.*pip install 'safetensors>="):
            call(model)


# Damage


def test_cut_off_at_any_byte(model: Path) -> None:
    for length in reversed(range(model.stat().st_size)):
        os.truncate(model, length)
        refused(model)


@pytest.mark.parametrize("flip", [*(1 << bit for bit in range(8)), 0xFF])
def test_any_byte_flipped(model: Path, flip: int) -> None:
    whole = model.read_bytes()
    with model.open("r+b", buffering=0) as file:
        for i, byte in enumerate(whole):
            file.seek(i)
            file.write(bytes([byte ^ flip]))
            check(model, f"byte {i} xor {flip}")
            file.seek(i)
            file.write(bytes([byte]))
    assert same(fl.Sequential.from_safetensors(model), tiny())


def write(path: Path, header: bytes, data: bytes = b"", length: int | None = None) -> None:
    path.write_bytes((len(header) if length is None else length).to_bytes(8, "little") + header + data)


def tensor(shape: list[int], end: int, dtype: str = "F32", name: str = "0.W") -> bytes:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}
    return json.dumps({"__metadata__": {"fastlayers": "{}"}, name: entry}).encode()


def described(**changes: Any) -> Callable[[Path], None]:
    """The right tensors under a header with other entries, or one that is this text."""

    def change(path: Path) -> None:
        with package.safe_open(path, "np") as file:
            header = json.loads(file.metadata()["fastlayers"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # it is no dict
        text = changes.get("text", json.dumps({**header, **changes}))
        numpy_package.save_file(tensors, path, metadata={"fastlayers": text})

    return change


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "damaged or not a fastlayers-model file"),
    "text": (lambda path: path.write_bytes(b"text\n" * 9), "damaged or not"),
    "zeros": (lambda path: path.write_bytes(bytes(5000)), "damaged or not"),
    "no tensors": (lambda path: write(path, b"{}"), "does not say which layers"),
    "another npz": (lambda path: tiny().save(path), "damaged or not"),
    "a header of terabytes": (lambda path: write(path, b"{}", length=2**42), "damaged or not"),
    "a header longer than an address": (lambda path: write(path, b"{}", length=2**64 - 1), "damaged or not"),
    "a header that is no text": (lambda path: write(path, b"\xff\xfe{}"), "damaged or not"),
    "a header of many brackets": (lambda path: write(path, b"[" * 100_000), "damaged or not"),
    "a list for a header": (lambda path: write(path, b"[]"), "damaged or not"),
    "a tensor of terabytes": (lambda path: write(path, tensor([10**6, 10**6], 4 * 10**12), bytes(24)), "damaged or"),
    "a tensor of no size": (lambda path: write(path, tensor([2**62, 2**62], 24), bytes(24)), "damaged or not"),
    "a tensor of less than nothing": (lambda path: write(path, tensor([-2, -3], 24), bytes(24)), "damaged or not"),
    "a tensor smaller than it says": (lambda path: write(path, tensor([2, 4], 24), bytes(24)), "damaged or not"),
    "bytes without a tensor": (lambda path: write(path, tensor([2, 3], 24), bytes(48)), "damaged or not"),
    "numbers of eight bits": (lambda path: write(path, tensor([24], 24, "F8_E4M3"), bytes(24)), "expected one of F16"),
    "whole numbers": (lambda path: write(path, tensor([6], 24, "I32"), bytes(24)), "0.W is I32; expected one of F16"),
    "metadata that is no text": (lambda path: write(path, b'{"__metadata__": {"fastlayers": 3}}'), "damaged or not"),
    "a header without layers": (lambda path: write(path, tensor([2, 3], 24), bytes(24)), "header does not say so"),
    "nested lists": (described(text="[" * 100_000), "damaged or not a fastlayers-model file (a header nested more"),
    "half a description": (described(text="{"), "damaged or not"),
    "another format": (described(format="other"), "header does not say so"),
    "a later version": (described(version=2), "of version 2; this fastlayers reads version 1"),
    "a name for a novel": (described(version="long" * 10_000), "of version 'long"),
    "escapes for a terminal": (described(dtype="\x1b[2J\n\x1b]0;owned\x07"), "expected '"),
    "escapes for a name": (
        lambda path: write(path, tensor([6], 24, "I32", "\x1b[2J\n0.W"), bytes(24)),
        r"tensor \x1b[2J 0.W is I32",
    ),
    "another loss": (described(loss="Hinge"), "checksum"),
    "no layers": (described(layers=[]), "but its header lists"),
    "layers of another type": (described(layers=7), "damaged or not"),
    "no checksum": (described(sha256=None), "checksum"),
}


@pytest.mark.parametrize(("make", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files(model: Path, make: Callable[[Path], object], message: str) -> None:
    make(model)
    assert message in refused(model)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        fl.Sequential.from_safetensors(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        fl.Sequential.from_safetensors(tmp_path / "missing")
