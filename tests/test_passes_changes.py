"""What users do to a network of images, between forward and backward too: as one call as layer by layer."""

from __future__ import annotations

import tracemalloc

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers import initializers
from fastlayers._core import backend

LABELS = np.arange(4) % 2
DOUT = np.ones((4, 2), np.float32)


def images(count=4):
    return np.random.default_rng(1).standard_normal((count, 1, 8, 8)).astype(np.float32)


def network(*behind, loss=True):
    """A convolution, its ReLU, and what is behind that; then, unless without a loss, an affine layer."""
    layers = [fl.Convolution(*initializers.convolution(1, 3, 3, rng=0)), fl.Relu(), *behind]
    if not loss:
        return fl.Sequential(layers)
    size = fl.Sequential(layers).predict(images(1)).size
    layers += [fl.Flatten(), fl.Affine(*initializers.affine(size, 2, rng=0))]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


def trained(*behind, loss=True):
    """The same whose next call is one that has been made before."""
    net = network(*behind, loss=loss)
    for _ in range(3):
        net.backward(np.ones_like(net.forward(images())))
    return net


def write_to_y(net):
    y = net.forward(images())
    y[...] = -1
    return net.backward(np.ones_like(y)), net.layers[1].mask, net.layers[0].dW


def result_that_is_written_to():
    return write_to_y(trained(loss=False))


def pooled_result_that_is_written_to():
    return write_to_y(trained(fl.Pooling(2, 2), loss=False))


def layers_that_two_networks_share():
    net = trained(fl.Pooling(2, 2))
    other = fl.Sequential([*net.layers[:2], fl.Flatten(), fl.Affine(*initializers.affine(108, 2, rng=0))])
    found = []
    for _ in range(3):
        net.forward(images())
        other.forward(-images())
        found += [kit.outcome(net.backward, DOUT), net.layers[0].dW]
        found += [net.forward(images()), kit.outcome(other.backward, DOUT)]
    return found


def weights_of_another_shape_whose_pooled_result_has_the_same():
    net = trained(fl.Pooling(2, 2))
    net.forward(images())
    net.layers[0].W = net.layers[0].W[:, :, :2, :2].copy()
    return kit.outcome(net.backward, DOUT), net.layers[1].mask


def no_images():
    found = []
    for net in (network(fl.Pooling(2, 2)), network(fl.Pooling(2, 2))):
        del net.layers[3 : 3 + len(found)]  # the second has no Flatten
        found.append([net.predict(images(0)), *net.gradient(images(0), LABELS[:0])[1], net.forward(images(0))])
    return [a for each in found for a in each]


def flat_layers_of_odd_input():
    numbers, anything = (
        fl.Sequential([fl.Relu(), fl.Flatten(), fl.Relu()]),
        fl.Sequential([fl.Dropout(), fl.Flatten(), fl.Dropout()]),
    )
    of = [np.float64(1), np.ones(3), np.ones((2, 3), np.float16), np.ones((2, 0, 3))]
    found = [kit.outcome(net.predict, x) for net in (numbers, anything) for x in of]
    return found + [kit.outcome(anything.predict, np.ones((2, 3), kind)) for kind in (object, complex)]


def a_convolution_of_another_dtype():
    net = network()
    net.layers[0].W = net.layers[0].W.astype(np.float64)
    return [net.predict(images()) for _ in range(2)]


CASES = (
    result_that_is_written_to,
    pooled_result_that_is_written_to,
    layers_that_two_networks_share,
    weights_of_another_shape_whose_pooled_result_has_the_same,
    no_images,
    flat_layers_of_odd_input,
    a_convolution_of_another_dtype,
)


def assert_the_same(ours, expected):
    assert type(ours) is type(expected)
    if isinstance(ours, (list, tuple)):
        for a, b in zip(ours, expected, strict=True):
            assert_the_same(a, b)
    elif isinstance(ours, np.ndarray):
        kit.assert_same(ours, expected)
    else:
        assert ours == expected


def assert_as_layer_by_layer(case, monkeypatch):
    together = case()
    monkeypatch.setattr(backend, "fuses", False)
    assert_the_same(together, case())


@pytest.mark.parametrize("case", CASES)
def test_as_layer_by_layer(compiled, case, monkeypatch):
    assert_as_layer_by_layer(case, monkeypatch)


@pytest.mark.parametrize("value", [None, 2.0, False, np.int64(2), np.array([2, 2]), (2, 2)])
@pytest.mark.parametrize(("layer", "name"), [(0, "stride"), (0, "pad"), (2, "pool_w"), (2, "stride"), (2, "pad")])
def test_options_of_odd_types(compiled, layer, name, value, monkeypatch):
    def outcomes():
        net = trained(fl.Pooling(2, 2))
        setattr(net.layers[layer], name, value)
        return kit.outcome(net.forward, images()), kit.outcome(net.gradient, images(), LABELS)

    assert_as_layer_by_layer(outcomes, monkeypatch)


def test_gradients_that_were_handed_out_cost_no_second_convolution(compiled, monkeypatch):
    net = trained(fl.Pooling(2, 2))
    kept = net.grads
    net.gradient(images(), LABELS)
    monkeypatch.setattr(
        "fastlayers.layers._passes.convolution_forward", None
    )  # by which a mask is made when it is read
    _, expected = net.gradient(images(), LABELS)
    for ours, true in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(ours, true)


def test_a_prediction_is_no_view_of_its_input(compiled):
    net, x = fl.Sequential([fl.Dropout(), fl.Flatten(), fl.Dropout()]), images()
    assert not np.shares_memory(net.predict(x), x)


def of_images():
    convolution = fl.Convolution(*initializers.convolution(1, 128, 3, rng=0))
    return [convolution, fl.Tanh(), fl.GlobalAveragePooling()], (8, 1, 50, 50)


def of_numbers():
    wide, narrow = initializers.affine(10, 3000, rng=0), initializers.affine(3000, 2, rng=0)
    return [fl.Affine(*wide), fl.Tanh(), fl.Affine(*narrow)], (1000, 10)


@pytest.mark.parametrize("network_of", [of_images, of_numbers])
def test_no_memory_is_kept_of_much_that_came_of_little(compiled, network_of):
    layers, shape = network_of()
    net, x = fl.Sequential(layers), np.ones(shape, np.float32)
    tracemalloc.start()
    try:
        net.predict(x)
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
