"""Parameters in PyTorch's names and layout: they go there and come back, and what does not fit changes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kit
import numpy as np
import pytest
from model_files import network, tiny

import fastlayers as fl

# What PyTorch has of `torch.nn.Sequential(Linear(3, 2), ReLU(), Linear(2, 1))`: weights are (outputs, inputs).
TORCH = {
    "0.weight": np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    "0.bias": np.array([7, 8], np.float32),
    "2.weight": np.array([[-1, 1]], np.float32),
    "2.bias": np.array([9], np.float32),
}


def zeros(dtype: str = "float32", *, bias: bool = True) -> fl.Sequential:
    net = network((3, 2, 1), dtype, bias=bias)
    for param in net.params:
        param[...] = 0
    return net


def test_pytorch_parameters_predict_what_pytorch_predicts() -> None:
    net = zeros()
    net.load_state_dict(TORCH)
    # relu([1 - 2 + 3, 4 - 5 + 6] + [7, 8]) = [9, 13], and 13 - 9 + 9.
    assert net.predict(np.array([[1, -1, 1]], np.float32)).tolist() == [[13]]
    assert net.layers[0].W.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_a_recorded_network_of_pytorch() -> None:
    """Its parameters predict what it predicted, and are named as it names them."""
    with np.load(Path(__file__).parent / "data" / "state_dict.npz") as archive:
        arrays = dict(archive)
    x, y = arrays.pop("x"), arrays.pop("y")
    W = [np.zeros(shape, np.float32) for shape in ((5, 4), (4, 3), (3, 2))]
    layers = [fl.Affine(W[0], np.zeros(4, "f4")), fl.Relu(), fl.Affine(W[1]), fl.Sigmoid()]
    net = fl.Sequential([*layers, fl.Affine(W[2], np.zeros(2, "f4"))], fl.SoftmaxWithLoss())
    net.load_state_dict(arrays)
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-6)
    back = net.state_dict()
    assert list(back) == list(arrays) == ["0.weight", "0.bias", "2.weight", "4.weight", "4.bias"]
    for key, array in back.items():
        kit.assert_same(array, arrays[key])


def test_it_comes_back() -> None:
    net = zeros()
    net.load_state_dict(TORCH)
    back = net.state_dict()
    assert list(back) == list(TORCH)
    for key, array in back.items():
        kit.assert_same(array, TORCH[key])
        assert array.flags.c_contiguous
        assert not any(np.shares_memory(array, param) for param in net.params)


def test_places_are_counted_as_in_pytorch() -> None:
    layers = [fl.Relu(), fl.Affine(np.ones((2, 3))), fl.Sigmoid(), fl.Sigmoid(), fl.Affine(np.ones((3, 1)), np.ones(1))]
    assert list(fl.Sequential(layers, fl.SoftmaxWithLoss()).state_dict()) == ["1.weight", "4.weight", "4.bias"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_parameters_stay_the_arrays_they_were(dtype: str) -> None:
    """An optimizer that knows them goes on, and a result of before does not change."""
    net = zeros(dtype)
    params, adam = net.params, fl.Adam()
    net.train_step(np.ones((2, 3), dtype), [0, 0], adam)
    given = {key: array.astype(np.float64) for key, array in TORCH.items()}
    net.load_state_dict(given)
    assert all(ours is theirs for ours, theirs in zip(net.params, params, strict=True))
    assert {param.dtype.name for param in params} == {dtype}
    given["0.weight"][...] = 99
    assert net.params[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    net.train_step(np.ones((2, 3), dtype), [0, 0], adam)


FORMS = {**kit.LAYOUTS, "lists": np.ndarray.tolist, "float64": np.float64, "integers": np.int8}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_arrays_of_any_form(form: Callable[[Any], Any]) -> None:
    net = zeros()
    net.load_state_dict({key: form(array) for key, array in TORCH.items()})
    for key, array in net.state_dict().items():
        kit.assert_same(array, TORCH[key])


@pytest.mark.parametrize("layout", [name for name in kit.LAYOUTS if name != "read-only"])
def test_parameters_of_any_form(layout: str) -> None:
    form = kit.LAYOUTS[layout]
    W, b = form(np.zeros((3, 2), np.float32)), form(np.zeros(2, np.float32))
    net = fl.Sequential([fl.Affine(W, b)], fl.SoftmaxWithLoss())
    net.load_state_dict({key: array for key, array in TORCH.items() if key.startswith("0.")})
    assert (W.tolist(), b.tolist()) == ([[1, 4], [2, 5], [3, 6]], [7, 8])
    for key, array in net.state_dict().items():
        kit.assert_same(array, TORCH[key])
        assert array.flags.c_contiguous
        assert array.dtype.isnative


def test_a_network_may_take_its_own_parameters_in_another_order() -> None:
    net = network((2, 2, 2))
    first, second = net.params[0].copy(), net.params[2].copy()
    a, b = net.layers[2], net.layers[0]
    net.load_state_dict({"a.weight": a.W.T, "a.bias": a.b, "b.weight": b.W.T, "b.bias": b.b}, names=["a", "b"])
    kit.assert_same(net.params[0], second)
    kit.assert_same(net.params[2], first)


# The order of the modules


def twelve() -> tuple[fl.Sequential, list[np.ndarray]]:
    weights = [np.full((2, 2), i, np.float32) for i in range(12)]
    return fl.Sequential([fl.Affine(np.zeros((2, 2), np.float32)) for _ in weights], fl.SoftmaxWithLoss()), weights


@pytest.mark.parametrize(
    "name", ["{}", "layers.{}", "encoder.layers.{}.fc", "{}.linear{}", "{:03}", "block.0.{}", "0.{}.1"]
)
@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
def test_numbers_decide(name: str, order: str) -> None:
    """Files hold them sorted as text: 0, 1, 10, 11, 2. Modules without parameters leave gaps."""
    net, weights = twelve()
    items = [(f"{name.format(3 * i, 12 - i)}.weight", array) for i, array in enumerate(weights)]
    items = {"sorted": sorted(items), "reversed": items[::-1], "shuffled": random.Random(0).sample(items, 12)}[order]
    net.load_state_dict(dict(items))
    assert [param[0, 0] for param in net.params] == [*range(12)]


def test_a_lone_linear_layer_has_no_name() -> None:
    net = fl.Sequential([fl.Affine(np.zeros((3, 2)), np.zeros(2))], fl.SoftmaxWithLoss())
    net.load_state_dict({"bias": TORCH["0.bias"], "weight": TORCH["0.weight"]})
    assert net.layers[0].b.tolist() == [7, 8]


# What is refused


def without(*keys: str) -> dict[str, Any]:
    return {key: array for key, array in TORCH.items() if key not in keys}


WRONG: dict[str, tuple[dict[Any, Any], type[Exception], str]] = {
    "a transposed weight": ({**TORCH, "0.weight": TORCH["0.weight"].T}, ValueError,
        r"0.weight has shape \(3, 2\); for W of layer 0 of shape \(3, 2\) it must be \(2, 3\)"),
    "a bias of another length": ({**TORCH, "2.bias": np.ones(2)}, ValueError,
        r"2.bias has shape \(2,\); for b of layer 2 of shape \(1,\) it must be \(1,\)"),
    "one module too few": (without("2.weight", "2.bias"), ValueError, r"of 1 modules \(0\), but the network has 2"),
    "one module too many": ({**TORCH, "4.weight": np.ones((1, 1))}, ValueError, "of 3 modules"),
    "none": ({}, ValueError, "of 0 modules"),
    "no bias": (without("0.bias"), ValueError, "layer 0 comes with a bias, but 0.weight has none"),
    "a bias alone": (without("0.weight"), ValueError, "'0.bias' is there without the weight"),
    "statistics alone": ({**TORCH, "1.running_mean": np.ones(2)}, ValueError, "'1.running_mean' is there without"),
    "another end": ({**TORCH, "0.weights": np.ones(2)}, ValueError, "'0.weights' is unknown"),
    "a number for a key": ({**TORCH, 3: np.ones(2)}, ValueError, "key 3 is unknown"),
    "complex numbers": ({**TORCH, "2.bias": np.ones(1, complex)}, TypeError, "2.bias must hold real numbers"),
    "text": ({**TORCH, "2.bias": ["one"]}, TypeError, "2.bias must hold real numbers"),
    "nothing": ({**TORCH, "2.bias": None}, TypeError, "2.bias must hold real numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_changes_nothing(arrays: dict[Any, Any], error: type[Exception], message: str) -> None:
    net = zeros()
    with pytest.raises(error, match=message):
        net.load_state_dict(arrays)
    assert not any(param.any() for param in net.params)


@pytest.mark.parametrize("arrays", [None, 3, "weight", ["weight"], [("weight", np.ones((2, 3)))]], ids=str)
def test_what_is_no_mapping(arrays: Any) -> None:
    with pytest.raises(TypeError, match="a state_dict is a mapping of names to arrays, not "):
        zeros().load_state_dict(arrays)


def test_a_bias_too_many() -> None:
    with pytest.raises(ValueError, match=r"0\.weight comes with a bias, but layer 0 has none"):
        zeros(bias=False).load_state_dict(TORCH)


def test_parameters_that_cannot_be_written() -> None:
    net = zeros()
    net.layers[2].b.flags.writeable = False
    with pytest.raises(ValueError, match="b of layer 2 is read-only"):
        net.load_state_dict(TORCH)
    assert not net.params[0].any()


def test_parameters_that_cannot_hold_them() -> None:
    net = fl.Sequential([fl.Affine(np.zeros((1, 1), int))], fl.SoftmaxWithLoss())
    with pytest.raises(TypeError, match="weight is float64, which W of layer 0 of dtype int64 cannot hold"):
        net.load_state_dict({"weight": [[0.5]]})


class Scale:
    """A layer of a user's own with parameters."""

    def __init__(self) -> None:
        self.W, self.b = np.ones(3, np.float32), None

    def forward(self, x: Any) -> Any:
        return x * self.W

    def backward(self, dout: Any) -> Any:
        return dout * self.W


def test_parameters_of_other_layers_are_not_passed_over() -> None:
    net = fl.Sequential([Scale(), *tiny().layers], fl.SoftmaxWithLoss())
    for call in (net.state_dict, lambda: net.load_state_dict(tiny().state_dict())):
        with pytest.raises(TypeError, match="layer 0 is a Scale with parameters"):
            call()
