"""What a file says of layers and losses: each comes back with its options, if a layer can have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import families
import numpy as np
import pytest
from image_network import network as of_images
from model_files import every_kind, refusal, rewrite, same, sign, tiny

import fastlayers as fl
from fastlayers.formats import kinds
from fastlayers.layers._stack import leaves

LOSSES = [
    (fl.SoftmaxWithLoss, {"label_smoothing": 0.25}),
    (fl.SigmoidWithLoss, {"reduction": "sum"}),
    (fl.MeanSquaredError, {"reduction": "none"}),
    (fl.HuberLoss, {"delta": 0.25}),
    (fl.TimeSoftmaxWithLoss, {"ignore_label": 3}),
    (fl.TimeSigmoidWithLoss, {"reduction": "sum"}),
]


@pytest.mark.parametrize(("loss", "options"), LOSSES, ids=[loss.__name__ for loss, _ in LOSSES])
@pytest.mark.parametrize("extension", ["npz", "safetensors"])
def test_every_layer_and_loss_comes_back_with_its_options(
    tmp_path: Path, loss: Any, options: dict[str, Any], extension: str
) -> None:
    network, path = every_kind(loss=loss(**options)), tmp_path / "m"
    if extension == "npz":
        network.save(path)
        loaded = fl.Sequential.load(path)
    else:
        pytest.importorskip("safetensors")
        network.to_safetensors(path)
        loaded = fl.Sequential.from_safetensors(path)
    assert same(network, loaded)
    assert [layer.negative_slope for layer in loaded.layers if isinstance(layer, fl.LeakyRelu)] == [0.2]
    assert [layer.p for layer in loaded.layers if type(layer) is fl.Dropout] == [0.25]
    assert {name: getattr(loaded.loss_layer, name) for name in options} == options
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2)
    assert np.array_equal(network.predict(x), loaded.predict(x))


def test_every_layer_and_loss_is_in_the_tables() -> None:
    """All but those of two inputs, which are no layers of a network."""
    assert {*kinds.LAYERS, *kinds.LOSSES} == {name for name, entry in families.LAYER.items() if entry.in_network}
    table = np.ones((3, 2))
    others = [fl.GlobalAveragePooling(), fl.Softmax()]
    others += [kind(table) for kind in (fl.MatMul, fl.Embedding, fl.TimeAffine, fl.TimeEmbedding)]
    others += [entry.make() for entry in families.LAYER.values() if entry.kind == "sequence"]
    layers = leaves([*every_kind().layers, *of_images().layers, *others])
    assert {type(layer).__name__ for _, layer in layers} == {*kinds.LAYERS}
    assert {loss.__name__ for loss, _ in LOSSES} == {*kinds.LOSSES}


def test_an_option_that_was_set_to_what_no_layer_can_have(tmp_path: Path) -> None:
    network = every_kind()
    for layer in network.layers:
        if isinstance(layer, fl.Dropout):
            layer.p = 1.5
    with pytest.raises(ValueError, match=r"Dropout has dropout_ratio=1\.5, which it cannot be made with again"):
        network.save(tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


# The loss's options

OPTIONS: list[dict[str, Any]] = [
    {},
    {"weight": [1.0, 0.3]},
    {"weight": np.array([1, 2], np.float32), "ignore_index": -1, "label_smoothing": 0.1, "reduction": "sum"},
    {"ignore_index": np.int64(1), "label_smoothing": np.float32(0.25)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_options_of_the_loss_come_back(tmp_path: Path, options: dict[str, Any]) -> None:
    network = tiny()
    network.loss_layer = fl.SoftmaxWithLoss(**options)
    network.save(tmp_path / "m.npz")
    x, t = np.ones((3, 2), np.float32), np.array([0, 1, 1])
    loaded = fl.Sequential.load(tmp_path / "m.npz")
    assert loaded.loss(x, t) == network.loss(x, t)
    assert vars(loaded.loss_layer).keys() == vars(network.loss_layer).keys()
    if "weight" in options:
        assert loaded.loss_layer.weight.dtype == np.float32


@pytest.mark.parametrize(
    "options",
    [
        {"weight": "heavy"},
        {"weight": [None]},
        {"ignore_index": 0.5},
        {"label_smoothing": 7.0},
        {"reduction": "max"},
        {"gamma": 2},
    ],
    ids=str,
)
def test_options_that_are_none_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    tiny().save(tmp_path / "m.npz")
    rewrite(tmp_path / "m.npz", header_loss_options=options)
    assert "checksum" in refusal(tmp_path / "m.npz")
    sign(tmp_path / "m.npz")
    assert f"its loss has the option {next(iter(options))}=" in refusal(tmp_path / "m.npz")


LAYER_OPTIONS = [
    ("LeakyRelu", {"negative_slope": "steep"}),
    ("Dropout", {"dropout_ratio": -0.5}),
    ("Dropout", {"q": 0.5}),
]


def test_an_option_has_its_name_of_before(tmp_path: Path) -> None:
    every_kind().save(tmp_path / "m.npz")
    header = json.loads(np.load(tmp_path / "m.npz")["header"][()])
    [i] = [i for i, layer in enumerate(header["layers"]) if layer["kind"] == "Dropout"]
    header["layers"][i]["options"] = {"p": 0.125}
    rewrite(tmp_path / "m.npz", header_layers=header["layers"])
    sign(tmp_path / "m.npz")
    assert fl.Sequential.load(tmp_path / "m.npz").layers[i].dropout_ratio == 0.125


@pytest.mark.parametrize(("kind", "options"), [*LAYER_OPTIONS, ("Relu", {"p": 0.5})], ids=str)
def test_options_that_a_layer_cannot_have_are_refused(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    every_kind().save(tmp_path / "m.npz")
    header = json.loads(np.load(tmp_path / "m.npz")["header"][()])
    [i] = [i for i, layer in enumerate(header["layers"]) if layer["kind"] == kind]
    header["layers"][i]["options"] = options
    rewrite(tmp_path / "m.npz", header_layers=header["layers"])
    sign(tmp_path / "m.npz")
    assert f"layer {i} has the option {next(iter(options))}=" in refusal(tmp_path / "m.npz")


def test_a_file_of_the_first_version(tmp_path: Path) -> None:
    """Its bytes are those that the first version wrote."""
    network = tiny(activation=fl.Sigmoid)
    network.layers.insert(1, fl.Relu())
    loaded = fl.Sequential.load(Path(__file__).parent / "data" / "model_version_1.npz")
    assert same(loaded, network)
    loss = loaded.loss_layer
    assert (loss.weight.tolist(), loss.ignore_index, loss.label_smoothing, loss.reduction) == (
        [1, 0.5],
        -1,
        0.125,
        "sum",
    )


def test_a_file_without_options_has_the_plain_loss(tmp_path: Path) -> None:
    tiny().save(tmp_path / "m.npz")
    sign(tmp_path / "m.npz", "loss_options")
    assert fl.Sequential.load(tmp_path / "m.npz").loss_layer.reduction == "mean"
