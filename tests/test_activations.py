"""What holds of every activation: where it comes from, NaN, infinity and signed zero, and no warnings."""

import families
import kit
import numpy as np
import pytest
from kit import FAST

import fastlayers as fl
from fastlayers import layers

ACTIVATIONS = pytest.mark.parametrize("name", layers.ACTIVATIONS)


def test_they_are_known_by_their_families():
    assert {"relu": fl.Relu, "leaky_relu": fl.LeakyRelu, "sigmoid": fl.Sigmoid, "tanh": fl.Tanh}.items() <= (
        layers.ACTIVATIONS.items()
    )
    found = {kind.__name__ for kind in layers.ACTIVATIONS.values()}
    assert found == {*families.ACTIVATIONS} - {"Dropout", "TimeDropout"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", FAST)
@ACTIVATIONS
def test_special_values(implementation, name, dtype):
    """Forward is that of the largest numbers at infinity, 0 keeps its sign or is none, and only NaN gives NaN."""
    layer, large = getattr(fl, layers.ACTIVATIONS[name].__name__)(), np.finfo(dtype).max
    x = np.array([np.nan, -np.inf, -large, -0.0, 0.0, large, np.inf], dtype)
    y, dx = layer.forward(x), layer.backward(np.ones_like(x))
    assert np.isnan(y).tolist() == [True, *[False] * 6]
    assert not np.isnan(dx[1:]).any()
    assert dx[1] == dx[2]
    assert dx[5] == dx[6]
    assert y[6] == y[5] or (y[5] == large and y[6] == np.inf)
    assert y[1] == y[2] or y[1] == -np.inf
    assert y[3] == y[4]


@pytest.mark.parametrize("dtype", kit.REAL)
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_a_function_without_a_suffix_gives_y_of_forward(implementation, name, dtype):
    forward, found = getattr(fl, f"{name}_forward"), [kit.numbers(shape, dtype) for shape in kit.SHAPES]
    if np.dtype(dtype).kind == "f":
        found.append(kit.specials(dtype))
    for x in found:
        y = forward(x)
        kit.assert_same(getattr(fl, name)(x), y[0] if isinstance(y, tuple) else y)


@pytest.mark.parametrize("dtype", FAST)
def test_elu_backward_overflows_only_where_its_result_does(implementation, dtype):
    dout, x = np.full(40, 0.7 * np.finfo(dtype).max, dtype), np.full(40, -1, dtype)
    np.testing.assert_allclose(fl.elu_backward(dout, x, alpha=2.0) / dout, 2 * np.exp(-1.0), rtol=1e-6)
