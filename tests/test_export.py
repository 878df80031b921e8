"""``fastlayers export``: what it writes is what the network's own methods write, and it tells what a C file takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import fail, succeed
from model_files import tiny

import fastlayers as fl


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny().save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def check_written(path: Path, write: Callable[[], None]) -> None:
    """A file and its header are what a method of the network writes."""
    there = path, path.with_suffix(".h")
    before = [file.read_text() for file in there]
    write()
    assert [file.read_text() for file in there] == before


def test_a_c_file(model: Path, tmp_path: Path) -> None:
    out = succeed("export", model, tmp_path / "net.c")
    assert out.splitlines() == [
        f"{model} written as {tmp_path / 'net.c'} and {tmp_path / 'net.h'}: the function net",
        f"flash: {4 * (2 * 3 + 3 + 3 * 2 + 2)} bytes of constants, beside the code",
        f"RAM: {4 * 3} bytes of the stack during a call",
    ]
    check_written(tmp_path / "net.c", lambda: tiny().to_c(tmp_path / "net.c"))
    options = ("--name", "other", "--probabilities", "--input-shape", "2", "--json")
    told = json.loads(succeed("export", model, tmp_path / "2nd.c", *options, stderr=None))
    files = {"file": str(tmp_path / "2nd.c"), "header": str(tmp_path / "2nd.h"), "function": "other"}
    assert told == {"model": str(model), **files, "flash": 68, "ram": 12}
    check_written(tmp_path / "2nd.c", lambda: tiny().to_c(tmp_path / "2nd.c", "other", probabilities=True))
    assert ": the function net_while\n" in succeed("export", model, tmp_path / "while.c")


def test_what_remains_between_steps_is_told(tmp_path: Path) -> None:
    Wx, Wh, b = np.ones((2, 12)), np.ones((3, 12)), np.ones(12)
    fl.Sequential([fl.TimeLSTM(Wx, Wh, b)]).save(tmp_path / "model.npz")
    out = succeed("export", tmp_path / "model.npz", tmp_path / "net.c")
    assert out.endswith(f"RAM: {8 * 12} bytes of the stack during a call, and {8 * 6} bytes from step to step\n")


def test_onnx_and_safetensors(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    assert succeed("export", model, tmp_path / "m.safetensors").count("\n") == 1
    same = fl.Sequential.from_safetensors(tmp_path / "m.safetensors")
    succeed("export", tmp_path / "m.safetensors", tmp_path / "same.c")
    check_written(tmp_path / "same.c", lambda: same.to_c(tmp_path / "same.c"))
    np.testing.assert_array_equal(same.layers[0].W, tiny().layers[0].W)
    pytest.importorskip("onnx")
    succeed("export", model, tmp_path / "m.onnx", "--probabilities")
    tiny().to_onnx(tmp_path / "same.onnx", probabilities=True)
    assert (tmp_path / "m.onnx").read_bytes() == (tmp_path / "same.onnx").read_bytes()


def test_what_is_refused(model: Path, tmp_path: Path) -> None:
    for args, message in (
        (["net.c", "--name", "a-b"], "name must be an identifier of C"),
        (["net.c", "--input-shape", "3"], "input_shape (3,) does not fit: layer 0 has parameters of shapes"),
        (["net.onnx", "--name", "net"], "--name is of a function in C"),
        (["net.safetensors", "--probabilities"], "has the weights alone"),
        (["none/net.c"], "none/net.c: No such file or directory"),
    ):
        assert message in fail("export", model, tmp_path / args[0], *args[1:])
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]
