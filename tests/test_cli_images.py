"""The command's convnet, and what it says of pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import fail, succeed, write_images

import fastlayers as fl
from fastlayers import datasets

BACKEND = fl.get_backend()
CONVNET = ["train", "--network", "convnet", "--hidden", "8", "--batch-size", "32", "--backend", BACKEND]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def trained(images: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A convnet that was trained and saved, and what was printed meanwhile."""
    path = tmp_path_factory.mktemp("model") / "convnet.npz"
    return path, succeed(*CONVNET, "--idx", images, "--epochs", "8", "--save", path)


def test_a_convnet_learns_and_predicts(images: Path, trained: tuple[Path, str]) -> None:
    path, out = trained
    assert "network   30 filters of 3x3, pooling of 2x2, 120-8-3, relu, float32, 1,295 parameters" in out
    assert "8 epochs, batches of 32, adam, learning rate 0.001" in out
    accuracy = float(re.findall(rf"^{BACKEND} +[\d.]+% +([\d.]+)%", out, re.MULTILINE)[0])
    assert accuracy > 80
    assert succeed("predict", path, "--idx", images).startswith(f"accuracy {accuracy:.2f}% on 60 test images")
    kinds = [type(layer).__name__ for layer in fl.Sequential.load(path).layers]
    assert kinds == ["Convolution", "Relu", "Pooling", "Affine", "Relu", "Affine"]


def test_filters_fit_the_images(tmp_path: Path) -> None:
    """Of ten pixels and more a side they are 5x5; less than four a side are too few for one and for pooling."""
    for side, told in ((10, "30 filters of 5x5, pooling of 2x2, 270-8-2"), (3, None)):
        for part in ("train", "t10k"):
            pixels, labels = np.zeros((4, side, side), np.uint8), np.array([0, 1, 0, 1], np.uint8)
            for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
                header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
                (tmp_path / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())
        if told:
            assert told in succeed(*CONVNET, "--idx", tmp_path, "--epochs", "1")
        else:
            assert "have 3x3 pixels: a convnet takes 4x4 or more" in fail(*CONVNET, "--idx", tmp_path)


def test_a_convnet_of_other_images(trained: tuple[Path, str], tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    error = fail("predict", trained[0])
    assert "does not take the images of the bundled digits: layer 3 has parameters" in error
    assert "for a sample of shape (30, 3, 3)" in error


# Pictures


def picture(path: Path, pixels: np.ndarray, mode: str = "L") -> Path:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(pixels.astype(np.uint16 if mode == "I;16" else np.uint8)).save(path)
    return path


def test_pictures(images: Path, trained: tuple[Path, str], tmp_path: Path) -> None:
    """The same image as it is, in 16 bits, in colour, inverted, and four times as large: one class, alike probable."""
    model = trained[0]
    pixels = datasets.read_idx(images / "t10k-images-idx3-ubyte", 3)[0]
    scores = fl.Sequential.load(model).predict((pixels / 255).astype("f4").reshape(1, 1, 6, 6))
    expected = fl.softmax(scores.astype(float))[0]
    paths = [
        picture(tmp_path / "a.png", pixels),
        picture(tmp_path / "deep.png", pixels.astype(int) * 257, "I;16"),
        picture(tmp_path / "colour.png", np.stack([pixels] * 3, axis=-1)),
        picture(tmp_path / "opaque.png", np.stack([pixels] * 3 + [np.full_like(pixels, 255)], axis=-1)),
        picture(tmp_path / "large.png", pixels.repeat(4, axis=0).repeat(4, axis=1)),
    ]
    document = json.loads(succeed("predict", model, "--pictures", *paths, "--json", stderr=None))
    for path, found in zip(paths, document["pictures"], strict=True):
        assert found["file"] == str(path)
        assert found["class"] == expected.argmax()
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    inverted = picture(tmp_path / "paper.png", 255 - pixels)
    told = succeed("predict", model, "--pictures", inverted, "--invert")
    c = int(expected.argmax())
    assert told.startswith(f"{inverted}: class {c} ({expected[c]:.1%}), then ")


def test_what_is_no_picture(trained: tuple[Path, str], tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    path = tmp_path / "text.png"
    path.write_text("text")
    assert f"{path} is no picture that can be read" in fail("predict", trained[0], "--pictures", path)
    whole = picture(path, np.arange(3000).reshape(50, 60) % 251).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert f"{path} is no picture that can be read" in fail("predict", trained[0], "--pictures", path)
    assert "No such file" in fail("predict", trained[0], "--pictures", tmp_path / "none.png")


def test_a_network_of_rows_takes_square_pictures(tmp_path: Path) -> None:
    model: Any = tmp_path / "m.npz"
    fl.Sequential([fl.Affine(np.eye(36, 3))], fl.SoftmaxWithLoss()).save(model)
    path = picture(tmp_path / "a.png", np.zeros((9, 13)))
    assert "class 0 (33.3%), then 1 (33.3%), 2 (33.3%)" in succeed("predict", model, "--pictures", path)
    fl.Sequential([fl.Affine(np.ones((30, 3)))], fl.SoftmaxWithLoss()).save(model)
    assert "takes no images of one channel of 9x13 pixels" in fail("predict", model, "--pictures", path)
