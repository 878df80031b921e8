"""The command and numbers that are not finite: what it says of a network that has such, and of a loss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import FEW, fail, run, write_images

import fastlayers


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


def saved(path: Path, name: str, index: tuple[int, ...], value: float) -> Path:
    """A network with one parameter that is not finite."""
    layers = [fastlayers.Affine(np.eye(36, 5, dtype="f")), fastlayers.Affine(np.eye(5, 3, dtype="f"), np.zeros(3, "f"))]
    getattr(layers[1], name)[index] = value
    fastlayers.Sequential([layers[0], fastlayers.Relu(), layers[1]], fastlayers.SoftmaxWithLoss()).save(path)
    return path


def test_some_scores_of_each_image(images: Path, tmp_path: Path) -> None:
    model = saved(tmp_path / "m.npz", "b", (1,), np.nan)
    done = run("predict", model, "--idx", images)
    assert done.returncode == 0
    assert done.stderr == f"fastlayers: warning: {model}: b of layer 2 holds nan at index (1,)\n"
    assert done.stdout.startswith("accuracy 0.00% on 60 test images")
    assert done.stdout.endswith("\n60 of the images are of no class, since a score of theirs is nan\n")
    done = run("predict", model, "--idx", images, "--json")
    assert json.loads(done.stdout) == {
        "model": str(model),
        "data": str(images),
        "images": 60,
        "accuracy": 0.0,
        "confusion": [[0] * 3] * 3,
    }


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_score_is_a_number(images: Path, tmp_path: Path, value: float) -> None:
    model = saved(tmp_path / "m.npz", "W", (slice(None), slice(None)), value)
    done = run("predict", model, "--idx", images)
    assert (done.returncode, done.stdout) == (1, "")
    warning, error = done.stderr.splitlines()
    assert warning == f"fastlayers: warning: {model}: W of layer 2 holds {value} at index (0, 0)"
    assert error == (
        f"fastlayers: error: {model} gives no image of {images} a class: none of its scores is a finite number"
    )


def test_the_last_network_that_was_saved_stays(images: Path, tmp_path: Path) -> None:
    """The last step of an epoch may come out as infinity, which no loss of that epoch shows."""
    model = tmp_path / "m.npz"
    saved(model, "b", (1,), 5.0)
    before = model.read_bytes()
    rate = ["--batch-size", "120", "--lr", "1e39", "--backend", "reference", "--save", str(model)]
    error = fail("train", "--idx", images, *FEW, *rate)
    assert "training diverged: W of layer 0 holds " in error
    assert error.endswith(" at step 1; try a learning rate (--lr) smaller than 1e+39\n")
    assert model.read_bytes() == before
