"""What ``fastlayers train`` can be asked for: each activation, each optimizer, dropout and weight decay."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import FEW, succeed, write_images

import fastlayers
from fastlayers import datasets
from fastlayers.command.training import Settings, make_optimizer, train
from fastlayers.layers import ACTIVATIONS


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_every_choice_learns(images: Path, activation: str, optimizer: str) -> None:
    args = ["--activation", activation, "--optimizer", optimizer, "--epochs", "60", "--backend", "reference"]
    out = succeed("train", "--idx", images, *FEW, *args)
    row = re.search(r"^reference +([\d.]+)% +([\d.]+)%", out, re.MULTILINE)
    assert row is not None
    assert float(row[2]) > 85


def test_dropout_and_weight_decay(images: Path) -> None:
    """They are what the library's own layers and optimizers do, the same on both backends."""
    settings = Settings((8, 8), "tanh", 2, 50, "adam", 0.01, "float64", 3, dropout=0.25, weight_decay=0.125)
    data = datasets.load_idx(images, "float64")
    runs = [train(data, settings, backend) for backend in ("reference", fastlayers.get_backend())]
    np.testing.assert_allclose(*(run.losses for run in runs), rtol=1e-9)
    layers = runs[0].network.layers
    assert [type(layer).__name__ for layer in layers] == ["Affine", "Tanh", "Dropout"] * 2 + ["Affine"]
    assert all(layer.p == 0.25 for layer in layers if isinstance(layer, fastlayers.Dropout))
    assert make_optimizer(settings).weight_decay == 0.125
    without = train(data, replace(settings, dropout=0.0), "reference")
    assert [type(layer).__name__ for layer in without.network.layers] == ["Affine", "Tanh"] * 2 + ["Affine"]
    assert without.losses[0] != runs[0].losses[0]
    assert train(data, replace(settings, weight_decay=0.0), "reference").losses[0] == runs[0].losses[0]


def test_dropout_and_weight_decay_are_options(images: Path) -> None:
    args = ["train", "--idx", images, *FEW, "--backend", "reference"]
    out = succeed(*args, "--dropout", "0.25", "--weight-decay", "1e-3", "--activation", "leaky_relu")
    assert re.search(r"^network +36-8-3, leaky_relu, dropout 0.25, float32, ", out, re.MULTILINE)
    assert re.search(r"^training .*, learning rate 0.5, weight decay 0.001, seed 0$", out, re.MULTILINE)
    plain = succeed(*args)
    assert "dropout" not in plain
    assert "decay" not in plain
