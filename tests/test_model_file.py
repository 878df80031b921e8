"""Model files: what is saved comes back; what was damaged is refused, or comes back right."""

from __future__ import annotations

import errno
import json
import os
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kit
import numpy as np
import pytest
from model_files import check, members, network, npy, refusal, rewrite, same, tiny, write_members

import fastlayers as fl


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", [fl.Relu, fl.Sigmoid])
def test_round_trip(tmp_path: Path, dtype: str, bias: bool, activation: type) -> None:
    network = tiny(dtype, bias=bias, activation=activation)
    network.save(tmp_path / "m.npz")
    loaded = fl.Sequential.load(str(tmp_path / "m.npz"))
    assert same(network, loaded)
    x = np.ones((4, 2), dtype)
    assert np.array_equal(network.predict(x), loaded.predict(x))
    loaded.train_step(x, np.array([0, 1, 0, 1]), fl.SGD(0.1))  # its parameters are writeable


def test_odd_memory_is_saved_by_value(tmp_path: Path) -> None:
    W = np.asfortranarray(np.arange(12.0).reshape(3, 4))[:, ::2].astype(">f8")
    fl.Sequential([fl.Affine(W), fl.reference.Relu()], fl.reference.SoftmaxWithLoss()).save(tmp_path / "m.npz")
    loaded = fl.Sequential.load(tmp_path / "m.npz")
    assert np.array_equal(loaded.params[0], W)
    assert loaded.params[0].dtype.isnative
    assert [type(layer) for layer in [*loaded.layers, loaded.loss_layer]] == [fl.Affine, fl.Relu, fl.SoftmaxWithLoss]


def test_numpy_reads_it(tmp_path: Path) -> None:
    tiny().save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert sorted(archive) == ["0.W", "0.b", "2.W", "2.b", "header"]
        header = json.loads(archive["header"][()])
    assert header["format"] == "fastlayers-model"
    assert header["version"] == 1
    assert [layer["kind"] for layer in header["layers"]] == ["Affine", "Relu", "Affine"]


class Gelu(fl.Relu):
    pass


@pytest.mark.filterwarnings("ignore:layer .*the network computes in float")
def test_what_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    W = np.ones((2, 2))
    with pytest.raises(TypeError, match=r"not test_model_file\.Gelu"):
        fl.Sequential([fl.Affine(W), Gelu()], fl.SoftmaxWithLoss()).save(path)
    with pytest.raises(TypeError, match="Relu"):
        fl.Sequential([fl.Affine(W)], fl.Relu()).save(path)  # type: ignore[arg-type]  # what a user may do
    with pytest.raises(TypeError, match="int64"):
        fl.Sequential([fl.Affine(W.astype(np.int64))], fl.SoftmaxWithLoss()).save(path)
    with pytest.raises(TypeError, match="float32, float64"):
        fl.Sequential([fl.Affine(W), fl.Affine(W.astype(np.float32))], fl.SoftmaxWithLoss()).save(path)
    with pytest.raises(ValueError, match="no parameters"):
        fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()).save(path)
    assert list(tmp_path.iterdir()) == []


# Damage


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny().save(tmp_path / "m.npz")
    return tmp_path / "m.npz"


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Whatever sizes a damaged file claims, no load takes more than a few times the file's own."""
    tracemalloc.start()
    try:
        yield
        # Without the GIL, the collector lets the garbage of many loads lie for longer.
        assert tracemalloc.get_traced_memory()[1] < (1 << 26 if kit.FREE_THREADED else 1 << 20)
    finally:
        tracemalloc.stop()


def test_cut_off_at_any_byte(model: Path, little_memory: None) -> None:
    for length in reversed(range(model.stat().st_size)):
        os.truncate(model, length)
        assert "cut off" in refusal(model) or length > 100


@pytest.mark.parametrize("flip", [*(1 << bit for bit in range(8)), 0xFF])
def test_any_byte_flipped(model: Path, flip: int, little_memory: None) -> None:
    whole, network = model.read_bytes(), tiny()
    with model.open("r+b", buffering=0) as file:
        step = kit.amount(short=16, rest=8, every=1)
        for i, byte in list(enumerate(whole))[flip % step :: step]:
            file.seek(i)
            file.write(bytes([byte ^ flip]))
            check(model, network, f"byte {i} xor {flip}")
            file.seek(i)
            file.write(bytes([byte]))
    assert same(fl.Sequential.load(model), network)


def test_nothing_but_zeros_from_any_byte_on(model: Path) -> None:
    """What a file may look like after a power cut."""
    size, network = model.stat().st_size, tiny()
    with model.open("r+b", buffering=0) as file:
        for start in reversed(range(size)):
            file.seek(start)
            file.write(b"\0")
            check(model, network, f"zeros from {start}")


def test_any_byte_of_a_member_flipped_under_a_right_crc(model: Path) -> None:
    """The checksum alone must see it: the archive is whole."""
    whole, network = members(model), tiny()
    for name, data in whole.items():
        for i, byte in enumerate(data):
            write_members(model, {**whole, name: data[:i] + bytes([byte ^ 1]) + data[i + 1 :]})
            check(model, network, f"{name}, byte {i}")


ALTERED: dict[str, tuple[dict[str, Any], str]] = {
    "values": ({"0.W": np.zeros((2, 3), np.float32)}, "checksum"),
    "wider": ({"0.W": np.zeros((2, 3))}, "float64; expected 'float32'"),
    "integers": ({"0.W": np.zeros((2, 3), np.int32)}, "int32; expected 'float32'"),
    "one is missing": ({"0.W": None}, "but its header lists"),
    "one too many": ({"4.W": np.zeros(3)}, "but its header lists"),
    "version": ({"header_version": 2}, "of version 2; this fastlayers reads version 1"),
    "format": ({"header_format": "other"}, "header does not say so"),
    "no layers": ({"header_layers": []}, "but its header lists"),
    "layers of another type": ({"header_layers": 7}, "damaged or not"),
    "loss": ({"header_loss": "Hinge"}, "checksum"),
    "no checksum": ({"header_sha256": None}, "checksum"),
    "half a header": ({"header": np.array(b"{")}, "damaged or not"),
    "a list for a header": ({"header": np.array(b"[]")}, "header does not say so"),
    "numbers for a header": ({"header": np.arange(3)}, "damaged or not"),
    "no header": ({"header": None}, "no header"),
}


@pytest.mark.parametrize(("changes", "message"), ALTERED.values(), ids=ALTERED.keys())
def test_altered_contents(model: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(model, **changes)
    assert message in refusal(model)


@pytest.mark.parametrize("shape", [(4, 2), (3,)])
def test_shapes_that_do_not_follow_each_other(tmp_path: Path, shape: tuple[int, ...]) -> None:
    layers = [fl.Affine(np.ones((2, 3))), fl.Affine(np.ones(shape))]
    with pytest.raises(ValueError, match=r"layer 1 has parameters .* expected W \(3, M\)"):
        fl.Sequential(layers, fl.SoftmaxWithLoss()).save(tmp_path / "m.npz")


def test_a_bias_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layer 0 has parameters of shapes"):
        fl.Sequential([fl.Affine(np.ones((2, 3)), np.ones(2))], fl.SoftmaxWithLoss()).save(tmp_path / "m.npz")


OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "cut off, or not a fastlayers-model file"),
    "text": (lambda path: path.write_bytes(b"text\n"), "cut off, or not a fastlayers-model file"),
    "zeros": (lambda path: path.write_bytes(bytes(5000)), "cut off, or not a fastlayers-model file"),
    "an empty archive": (lambda path: write_members(path, {}), "no header"),
    "another archive": (lambda path: np.savez(path, a=np.ones(3)), "no header"),
    "one array": (lambda path: path.write_bytes(npy(np.ones(3))), "cut off, or not a fastlayers-model file"),
    "compressed": (lambda path: write_members(path, members(path), zipfile.ZIP_DEFLATED), "compressed"),
}


@pytest.mark.parametrize(("write", "message"), OTHERS.values(), ids=OTHERS.keys())
def test_other_files(model: Path, write: Callable[[Path], object], message: str) -> None:
    write(model)
    assert message in refusal(model)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fl.Sequential.load(tmp_path / "missing.npz")


def test_the_number_of_an_open_file_is_no_name(model: Path) -> None:
    with model.open("rb") as file:
        with pytest.raises(TypeError, match="not int"):
            fl.Sequential.load(file.fileno())  # type: ignore[arg-type]  # what a user may do
        assert file.read(2) == b"PK"  # it has not been closed


# What the system says


@pytest.mark.parametrize("read", ["ZipFile.read", "is_zipfile"])
def test_an_error_of_the_system_in_the_middle_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    """Of the archive's directory zipfile says nothing, and of a member what it says is taken for damage."""
    network((50, 50, 2)).save(tmp_path / "m.npz")  # larger than a buffer
    owner, name = (zipfile.ZipFile, "read") if "." in read else (zipfile, read)
    right = getattr(owner, name)

    def fail(archive: Any, *args: Any) -> Any:
        """The same once the file may be written and not read."""
        only_written = os.open(tmp_path / "m.npz", os.O_WRONLY)
        os.dup2(only_written, getattr(archive, "fp", archive).fileno())
        os.close(only_written)
        return right(archive, *args)

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)) as caught:
        fl.Sequential.load(tmp_path / "m.npz")
    assert (caught.value.errno, caught.value.filename) == (errno.EBADF, str(tmp_path / "m.npz"))


@pytest.mark.skipif(sys.platform != "linux", reason="a regular file that cannot be read")
@pytest.mark.parametrize("load", [fl.Sequential.load, fl.Sequential.from_safetensors])
def test_an_error_of_the_system_is_not_called_damage(load: Callable[[str], object]) -> None:
    if load == fl.Sequential.from_safetensors:
        pytest.importorskip("safetensors")
    with pytest.raises(OSError, match="'/proc/self/mem'") as caught:
        load("/proc/self/mem")
    assert caught.value.errno == errno.EIO
