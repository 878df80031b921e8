"""Files that the first version wrote: each is read for good, to the network that predicts the same."""

from pathlib import Path

import numpy as np
import pytest

import fastlayers as fl

FOLDER = Path(__file__).parent / "data" / "models"
PREDICTIONS = np.load(FOLDER / "predictions.npz")
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz") if path.stem != "predictions")


def check(network, name):
    expected = PREDICTIONS[f"{name}.y"]
    y = network.predict(PREDICTIONS["x"])
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y, expected, rtol=1e-5 if y.dtype == np.float32 else 1e-12, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_npz(name):
    check(fl.Sequential.load(FOLDER / f"{name}.npz"), name)


@pytest.mark.parametrize("name", NAMES)
def test_safetensors(name):
    pytest.importorskip("safetensors")
    check(fl.Sequential.from_safetensors(FOLDER / f"{name}.safetensors"), name)


@pytest.mark.parametrize("name", NAMES)
def test_state_dict(name):
    network = fl.Sequential.load(FOLDER / f"{name}.npz")
    for param in network.params:
        param.fill(0)
    keys = [key for key in PREDICTIONS.files if key.startswith(f"{name}.") and not key.endswith(".y")]
    network.load_state_dict({key.removeprefix(f"{name}."): PREDICTIONS[key] for key in keys})
    check(network, name)


def test_all_are_there():
    assert len(NAMES) == 12
    options = fl.Sequential.load(FOLDER / "relu-softmax_options.npz").loss_layer
    assert (options.ignore_index, options.label_smoothing, options.reduction) == (-1, 0.125, "sum")
    assert options.weight.tolist() == [1.0, 0.5, 2.0]
    leaky = fl.Sequential.load(FOLDER / "leaky_relu-float32.npz").layers[1]
    dropout = fl.Sequential.load(FOLDER / "dropout-float32.npz").layers[2]
    assert (leaky.negative_slope, dropout.p) == (0.2, 0.25)
