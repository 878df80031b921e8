"""Volume 2's lists of parameters and gradients, of every layer."""

import copy
import pickle

import families
import numpy as np
import pytest
from own_layers import T, X, affine, network

import fastlayers as fl


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grads_stay_the_same_objects_once_they_are_read(dtype):
    layer = fl.Affine(np.ones((4, 3), dtype), np.zeros(3, dtype))
    assert layer.params[0] is layer.W
    assert layer.params[1] is layer.b
    assert (layer.dW, layer.db) == (None, None)
    x, dout = X.astype(dtype), np.ones((6, 3), dtype)
    layer.forward(x)
    layer.backward(dout)
    fresh = layer.dW
    layer.backward(2 * dout)
    assert layer.dW is not fresh  # as ever, until they are read
    grads = layer.grads
    assert grads[0] is layer.dW
    np.testing.assert_array_equal(grads[0], 2 * fresh)
    for times in (1, 3):
        layer.backward(times * dout)
        assert all(a is b for a, b in zip(grads, [layer.dW, layer.db], strict=True))
        assert all(a is b for a, b in zip(grads, layer.grads, strict=True))
        np.testing.assert_allclose(grads[0], times * fresh, rtol=1e-5)
        np.testing.assert_array_equal(grads[1], times * dout.sum(axis=0))


@pytest.mark.usefixtures("implementation")
def test_before_a_backward_they_are_zeros_of_the_parameters_kind():
    layer = fl.Affine(np.ones((4, 3), np.float32))
    (grad,) = layer.grads
    assert (grad.shape, grad.dtype, np.any(grad)) == ((4, 3), np.float32, False)
    layer.forward(X)  # float64: the gradient is too, and is cast to what was handed out
    layer.backward(np.ones((6, 3)))
    assert layer.dW is grad
    np.testing.assert_allclose(grad, X.sum(axis=0)[:, np.newaxis].repeat(3, axis=1), rtol=1e-5)


def test_of_integers_the_gradients_are_floats():
    layer = fl.Affine([[1, 2], [3, 4]], [0, 0])
    grads = layer.grads
    layer.forward([[1.0, 1.0]])
    layer.backward([[0.5, 0.25]])
    assert [grad.tolist() for grad in grads] == [[[0.5, 0.25], [0.5, 0.25]], [0.5, 0.25]]


def test_a_parameter_that_is_assigned_is_seen_and_one_of_another_shape_has_other_gradients():
    layer = affine()
    before = layer.grads
    layer.W = np.ones((4, 4))
    assert layer.params[0] is layer.W
    assert layer.grads[0] is before[0]
    layer.W, layer.b = np.ones((4, 2)), None
    assert [grad.shape for grad in layer.grads] == [(4, 2)]
    layer.forward(X)
    layer.backward(np.ones((6, 2)))
    assert layer.grads[0] is layer.dW
    assert not before[0].any()


@pytest.mark.parametrize("name", families.LAYERS)
def test_every_layer_has_both_lists(name):
    layer = families.LAYER[name].make()
    assert [len(layer.params), len(layer.grads)] == [len(layer.param_names)] * 2


def test_a_network_as_volume_2_writes_it(own):
    """Lists made once, handed to an optimizer after every backward."""
    layers, loss_layer = [affine(), own(), affine(4, 3, 2)], fl.SoftmaxWithLoss()
    net = fl.Sequential(layers)  # which hands out gradients of layers that set new ones, too
    params, grads = net.params, net.grads
    expected = network(own())
    optimizer, other = fl.Adam(0.1), fl.Adam(0.1)
    for _ in range(3):
        loss = loss_layer.forward(net.forward(X), T)
        net.backward(loss_layer.backward())
        optimizer.update(params, grads)
        assert loss == expected.train_step(X, T, other)
    assert all(a is b for a, b in zip(grads, net.grads, strict=True))
    for param, value in zip(params, expected.params, strict=True):
        np.testing.assert_array_equal(param, value)


def test_gradient_gives_arrays_of_its_own(own):
    net = network(own())
    handed_out = net.grads
    _, first = net.gradient(X, T)
    kept = [grad.copy() for grad in first]
    _, second = net.gradient(2 * X, T)
    assert not any(a is b for a in first for b in [*handed_out, *second])
    for grad, value in zip(first, kept, strict=True):
        np.testing.assert_array_equal(grad, value)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_hands_out_its_own(copied):
    layer = affine()
    grads = layer.grads
    other = copied(layer)
    other.forward(X)
    other.backward(np.ones((6, 4)))
    assert other.grads[0] is other.dW
    assert not grads[0].any()
