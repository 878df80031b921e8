"""Model files: what is saved comes back, and nothing else does."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastlayers as fl
from fastlayers._model_file import ModelFileError, load, save


def tiny(dtype: str = "float32", *, bias: bool = True, activation: type = fl.Relu) -> fl.Sequential:
    rng = np.random.default_rng(5)
    shapes = [(2, 3), (3, 2)]
    layers: list[Any] = []
    for d, m in shapes:
        W, b = rng.standard_normal((d, m)).astype(dtype), rng.standard_normal(m).astype(dtype)
        layers += [fl.Affine(W, b if bias else None), activation()]
    return fl.Sequential(layers[:-1], fl.SoftmaxWithLoss())


def same(a: fl.Sequential, b: fl.Sequential) -> bool:
    return (
        [type(layer) for layer in a.layers] == [type(layer) for layer in b.layers]
        and type(a.loss_layer) is type(b.loss_layer)
        and len(a.params) == len(b.params)
        and all(
            p.dtype == q.dtype and np.array_equal(p, q, equal_nan=True) for p, q in zip(a.params, b.params, strict=True)
        )
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", [fl.Relu, fl.Sigmoid])
def test_round_trip(tmp_path: Path, dtype: str, bias: bool, activation: type) -> None:
    network = tiny(dtype, bias=bias, activation=activation)
    save(tmp_path / "m.npz", network)
    loaded = load(str(tmp_path / "m.npz"))
    assert same(network, loaded)
    x = np.ones((4, 2), dtype)
    assert np.array_equal(network.predict(x), loaded.predict(x))
    loaded.train_step(x, np.array([0, 1, 0, 1]), fl.SGD(0.1))  # its parameters are writeable


def test_odd_memory_is_saved_by_value(tmp_path: Path) -> None:
    W = np.asfortranarray(np.arange(12.0).reshape(3, 4))[:, ::2].astype(">f8")
    save(tmp_path / "m.npz", fl.Sequential([fl.Affine(W), fl.reference.Relu()], fl.reference.SoftmaxWithLoss()))
    loaded = load(tmp_path / "m.npz")
    assert np.array_equal(loaded.params[0], W)
    assert loaded.params[0].dtype.isnative
    assert [type(layer) for layer in [*loaded.layers, loaded.loss_layer]] == [fl.Affine, fl.Relu, fl.SoftmaxWithLoss]


def test_numpy_reads_it(tmp_path: Path) -> None:
    save(tmp_path / "m.npz", tiny())
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert sorted(archive) == ["0.W", "0.b", "2.W", "2.b", "header"]
        header = json.loads(archive["header"][()])
    assert header["format"] == "fastlayers-model"
    assert header["version"] == 1
    assert [layer["kind"] for layer in header["layers"]] == ["Affine", "Relu", "Affine"]


class Dropout(fl.Relu):
    pass


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    W = np.ones((2, 2))
    with pytest.raises(TypeError, match="Dropout"):
        save(path, fl.Sequential([fl.Affine(W), Dropout()], fl.SoftmaxWithLoss()))
    with pytest.raises(TypeError, match="Relu"):
        save(path, fl.Sequential([fl.Affine(W)], fl.Relu()))  # type: ignore[arg-type]  # what a user may do
    with pytest.raises(TypeError, match="int64"):
        save(path, fl.Sequential([fl.Affine(W.astype(np.int64))], fl.SoftmaxWithLoss()))
    with pytest.raises(TypeError, match="float32, float64"):
        save(path, fl.Sequential([fl.Affine(W), fl.Affine(W.astype(np.float32))], fl.SoftmaxWithLoss()))
    with pytest.raises(ValueError, match="no parameters"):
        save(path, fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()))
    assert list(tmp_path.iterdir()) == []


def check_damaged(path: Path, data: bytes, network: fl.Sequential, what: str) -> None:
    path.write_bytes(data)
    try:
        loaded = load(path)
    except ModelFileError:
        return
    assert same(network, loaded), f"{what}: another model came out"


def test_cut_off_at_any_byte(tmp_path: Path) -> None:
    path, network = tmp_path / "m.npz", tiny()
    save(path, network)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            load(path)


@pytest.mark.parametrize("flip", [0x01, 0x08, 0x20, 0xFF])
def test_any_byte_flipped(tmp_path: Path, flip: int) -> None:
    path, network = tmp_path / "m.npz", tiny()
    save(path, network)
    whole = path.read_bytes()
    for i in range(len(whole)):
        check_damaged(path, whole[:i] + bytes([whole[i] ^ flip]) + whole[i + 1 :], network, f"byte {i} xor {flip}")


def rewritten(path: Path, **changes: Any) -> None:
    """Change members of a model file, and give the archive the right CRC for it."""
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.W": np.zeros((2, 3), np.float32)}, "checksum"),
        ({"0.W": np.zeros((2, 3))}, "float64; expected float32"),
        ({"0.W": np.zeros((2, 3), np.int32)}, "int32; expected float32"),
        ({"0.W": None}, "but its header lists"),
        ({"4.W": np.zeros(3)}, "but its header lists"),
        ({"header_version": 2}, "of version 2; this fastlayers reads version 1"),
        ({"header_format": "other"}, "header does not say so"),
        ({"header_layers": []}, "but its header lists"),
        ({"header_layers": 7}, "damaged or not"),
        ({"header_loss": "Hinge"}, "checksum"),
        ({"header_sha256": None}, "checksum"),
        ({"header": np.array(b"{")}, "damaged or not"),
        ({"header": np.array(b"[]")}, "header does not say so"),
        ({"header": np.arange(3)}, "damaged or not"),
        ({"header": None}, "no header"),
    ],
)
def test_altered_contents(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "m.npz"
    save(path, tiny())
    rewritten(path, **changes)
    with pytest.raises(ModelFileError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("second", "message"),
    [(np.ones((4, 2), np.float32), r"expected W \(3, M\)"), (np.ones(3, np.float32), r"expected W \(3, M\)")],
)
def test_shapes_that_do_not_follow_each_other(tmp_path: Path, second: Any, message: str) -> None:
    layers = [fl.Affine(np.ones((2, 3), np.float32)), fl.Affine(second)]
    save(tmp_path / "m.npz", fl.Sequential(layers, fl.SoftmaxWithLoss()))
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path / "m.npz")


def test_a_bias_that_does_not_fit(tmp_path: Path) -> None:
    save(tmp_path / "m.npz", fl.Sequential([fl.Affine(np.ones((2, 3)), np.ones(2))], fl.SoftmaxWithLoss()))
    with pytest.raises(ModelFileError, match="layer 0 has parameters of shapes"):
        load(tmp_path / "m.npz")


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


def test_a_pickle_is_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.npz"
    save(path, tiny())
    rewritten(path, **{"0.W": np.array([Bomb()], dtype=object)})
    with pytest.raises(ModelFileError):
        load(path)
    with path.open("wb") as file:
        np.save(file, np.array([Bomb()], dtype=object))
    with pytest.raises(ModelFileError):
        load(path)
    assert not (tmp_path / "unpickled").exists()


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    for data in (b"", b"text\n", b"PK\x05\x06" + bytes(18), bytes(5000)):
        path.write_bytes(data)
        with pytest.raises(ModelFileError):
            load(path)
    np.savez(path, a=np.ones(3))
    with pytest.raises(ModelFileError, match="no header"):
        load(path)
    save(path, tiny())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(ModelFileError, match="compressed"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.npz")


def test_bytes_left_over_after_an_array(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    save(path, tiny())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["0.b.npy"] += b"\0"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(ModelFileError, match="left over"):
        load(path)


# The file itself


def test_the_name_is_taken_as_given(tmp_path: Path) -> None:
    save(tmp_path / "model", tiny())
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failing_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.npz"
    path.write_bytes(b"precious")

    def full(file: io.BufferedWriter, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        save(path, tiny())
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")
def test_the_mode_is_that_of_open(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(tmp_path / "new.npz", tiny())
        (tmp_path / "old.npz").touch()
        (tmp_path / "old.npz").chmod(0o604)
        save(tmp_path / "old.npz", tiny())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.npz").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "old.npz").stat().st_mode) == 0o604


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "m.npz"
    link.symlink_to(tmp_path / "real" / "m.npz")
    save(link, tiny())
    assert link.is_symlink()
    assert same(load(tmp_path / "real" / "m.npz"), tiny())


def test_what_is_not_a_file_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        save(tmp_path, tiny())
    with pytest.raises(FileNotFoundError, match=r"m\.npz"):
        save(tmp_path / "missing" / "m.npz", tiny())
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="not a regular file"):
            save(tmp_path / "pipe", tiny())
        assert (tmp_path / "pipe").is_fifo()
