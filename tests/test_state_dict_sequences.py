"""Recurrent layers as PyTorch names and lays out what they have, both ways."""

from pathlib import Path

import numpy as np
import pytest
from kit import assert_same, numbers

import fastlayers as fl

D, H = 3, 4


def recorded():
    """What PyTorch's network of embedding, LSTMs, RNN and linear layer has, an input, and what it gives."""
    with np.load(Path(__file__).parent / "data" / "state_dict_sequences.npz") as archive:
        arrays = dict(archive)
    return arrays, arrays.pop("x"), arrays.pop("y")


def params(gates, inputs, units):
    return [np.zeros(shape, np.float32) for shape in ((inputs, gates * units), (units, gates * units), gates * units)]


def network():
    """A network of the same layers, with zeros."""
    layers = [
        fl.TimeEmbedding(np.zeros((7, 3), np.float32)),
        fl.TimeLSTM(*params(4, 3, 4)),
        fl.TimeLSTM(*params(4, 4, 4)),
        fl.TimeRNN(*params(1, 4, 3)),
        fl.TimeBiLSTM(*params(4, 3, 2), *params(4, 3, 2)),
        fl.TimeAffine(*(np.zeros(shape, np.float32) for shape in ((4, 2), 2))),
    ]
    return fl.Sequential(layers)


def test_a_recorded_network_of_pytorch(implementation):
    """Its parameters predict what it predicted; of what it has, the two biases alone come back as one and 0."""
    arrays, x, y = recorded()
    net = network()
    net.load_state_dict(arrays)
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-5, atol=1e-6)
    back = net.state_dict()
    assert [name.partition(".")[2] for name in back] == [name.partition(".")[2].replace("l1", "l0") for name in arrays]
    for key, (name, array) in zip(back, arrays.items(), strict=True):
        if "bias_ih" in name:
            array = array + arrays[name.replace("bias_ih", "bias_hh")]
        assert_same(back[key], np.zeros_like(array) if "bias_hh" in name else array)
    again = network()
    again.load_state_dict(dict(sorted(back.items())))
    for ours, param in zip(again.params, net.params, strict=True):
        assert_same(ours, param)


def lstm(kind=fl.TimeLSTM, gates=4):
    return fl.Sequential([kind(*params(gates, D, H))])


ONE = {
    "weight_ih_l0": numbers((4 * H, D), np.float32),
    "weight_hh_l0": numbers((4 * H, H), np.float32, 1),
    "bias_ih_l0": numbers((4 * H,), np.float32, 2),
    "bias_hh_l0": numbers((4 * H,), np.float32, 3),
}
WITHOUT_BIAS = {name: array for name, array in ONE.items() if "weight" in name}


def test_a_cell_and_one_without_biases():
    """PyTorch's cells name what they have without a layer; with ``bias=False`` the bias is 0."""
    net, cell = lstm(), lstm()
    net.load_state_dict(ONE)
    cell.load_state_dict({f"cell.{name.removesuffix('_l0')}": array for name, array in ONE.items()})
    for ours, of_cell in zip(net.params, cell.params, strict=True):
        assert_same(ours, of_cell)
    net.load_state_dict(WITHOUT_BIAS)
    assert_same(net.layers[0].Wx, cell.layers[0].Wx)
    assert not net.layers[0].b.any()


REFUSED = {
    "a module too many": ({**ONE, **{name.replace("l0", "l1"): a for name, a in ONE.items()}}, "of 2 modules "),
    "one bias": ({**WITHOUT_BIAS, "bias_ih_l0": ONE["bias_ih_l0"]}, "layer 0 comes with a bias_hh_l0, but"),
    "no weight of h": ({"weight_ih_l0": ONE["weight_ih_l0"]}, "layer 0 comes with a weight_hh_l0, but"),
    "a bias alone": ({"bias_ih_l0": ONE["bias_ih_l0"]}, "'bias_ih_l0' is there without the weight"),
    "a projection": ({**ONE, "weight_hr_l0": ONE["weight_hh_l0"]}, "'weight_hr_l0' has no place in layer 0, TimeLSTM"),
    "two directions": (
        {**ONE, **{f"{name}_reverse": a for name, a in ONE.items()}},
        "'weight_ih_l0_reverse' has no place in layer 0, TimeLSTM",
    ),
    "gates of a GRU": (
        {name: array[: 3 * H] for name, array in ONE.items()},
        r"weight_ih_l0 has shape \(12, 3\); for Wx of layer 0 of shape \(3, 16\) it must be \(16, 3\)",
    ),
    "a linear layer": ({"weight": ONE["weight_ih_l0"]}, "'weight' has no place in layer 0, TimeLSTM"),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_changes_nothing(arrays, message):
    net = lstm()
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(arrays)
    assert not any(param.any() for param in net.params)


def test_a_gru_is_refused_with_the_reason():
    net = lstm(fl.TimeGRU, 3)
    for call in (net.state_dict, lambda: net.load_state_dict(ONE)):
        with pytest.raises(TypeError, match=r"layer 0 is a TimeGRU, .*PyTorch's GRU resets it after"):
            call()
