"""Data files: right ones are read, and each way to be wrong has its own message."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastlayers.datasets import DataError, load_digits, load_idx, load_idx_split, read_idx

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([1, 0], dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good files, plain for the training and packed for the test."""
    for part, write in (("train", bytes), ("t10k", gzip.compress)):
        suffix = ".gz" if part == "t10k" else ""
        (tmp_path / f"{part}-images-idx3-ubyte{suffix}").write_bytes(write(idx(IMAGES)))
        (tmp_path / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(write(idx(LABELS)))
    return tmp_path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_idx(folder: Path, dtype: str) -> None:
    data = load_idx(folder, dtype)
    assert (data.features, data.classes, data.name) == (12, 2, folder.name)
    for split in (data.train, data.test):
        assert split.x.dtype == dtype
        assert np.allclose(split.x, IMAGES.reshape(2, 12) / 255, rtol=1e-7, atol=0)
        assert split.t.dtype == np.int64
        assert split.t.tolist() == [1, 0]


def test_the_test_half_needs_no_other(folder: Path) -> None:
    for path in folder.glob("train-*"):
        path.unlink()
    assert load_idx_split(folder, "t10k").x.shape == (2, 12)
    with pytest.raises(DataError, match=r"neither train-images-idx3-ubyte nor train-images-idx3-ubyte\.gz"):
        load_idx(folder)


def test_the_plain_file_comes_first(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS[::-1]))
    assert load_idx(folder).test.t.tolist() == [0, 1]


IMAGE_BYTES = idx(IMAGES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has 0 bytes; its header alone takes 16"),
        (IMAGE_BYTES[:3], "has 3 bytes; its header alone takes 16"),
        (IMAGE_BYTES[:15], "has 15 bytes; its header alone takes 16"),
        (IMAGE_BYTES[:-1], r"has dimensions \(2, 3, 4\) and so 24 bytes of data; found 23"),
        (IMAGE_BYTES + b"\0", r"has dimensions \(2, 3, 4\) and so 24 bytes of data; found more"),
        (idx(LABELS), "begins with the number 2049; expected 2051"),
        (b"\x00\x00\x0d\x03" + IMAGE_BYTES[4:], "begins with the number 3331; expected 2051"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "found 0"),
        (idx(np.zeros((0, 3, 4), np.uint8)), "has 2 labels, but .* has 0 images"),
        (idx(np.zeros((2, 0, 4), np.uint8)), r"has dimensions \(2, 0, 4\); expected at least one image"),
        (idx(np.zeros((3, 3, 4), np.uint8)), "has 2 labels, but .* has 3 images"),
        (idx(np.zeros((2, 5, 5), np.uint8)), "training images have 12 pixels, but test images 25"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_damaged(folder: Path, data: bytes, message: str, pack: Callable[[bytes], bytes]) -> None:
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    suffix = "" if pack is bytes else ".gz"
    (folder / f"t10k-images-idx3-ubyte{suffix}").write_bytes(pack(data))
    with pytest.raises(DataError, match=message) as raised:
        load_idx(folder)
    assert "\n" not in str(raised.value)


def test_no_image_at_all(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((0, 3, 4), np.uint8)))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(0, np.uint8)))
    with pytest.raises(DataError, match=r"\(0, 3, 4\); expected at least one image"):
        load_idx(folder)


def test_damaged_gzip(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for i in range(len(whole)):
        for data in (whole[:i], whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :]):
            path.write_bytes(data)
            try:
                images = read_idx(path, 3)
            except DataError:
                continue
            else:
                assert np.array_equal(images, IMAGES), f"byte {i}: other images came out"


def test_not_a_folder(folder: Path) -> None:
    with pytest.raises(DataError, match="missing is not a folder"):
        load_idx(folder / "missing")


def test_digits() -> None:
    pytest.importorskip("sklearn")
    data = load_digits(np.float64)
    assert (data.features, data.classes) == (64, 10)
    assert (len(data.train.t), len(data.test.t)) == (1438, 359)
    assert data.train.x.min() == 0
    assert data.train.x.max() == 1
    assert len(np.unique(np.vstack([data.train.x, data.test.x]), axis=0)) == 1797
    again = load_digits(np.float64)
    assert np.array_equal(data.test.x, again.test.x)
    assert np.array_equal(data.test.t, again.test.t)
