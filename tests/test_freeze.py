"""What is frozen stays as it is, lets gradients through, and is what it is wherever a network goes."""

import copy
import pickle

import families
import kit
import numpy as np
import own_layers
import pytest
from family import Arrays

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.formats import ModelFileError, description
from fastlayers.testing import check_gradients

pytestmark = pytest.mark.usefixtures("implementation")
X, T = kit.numbers((6, 5), np.float64), np.arange(6) % 3
IMAGES = kit.numbers((2, 3, 6, 6), np.float64)
SEQUENCES = kit.numbers((2, 4, 5), np.float64)


def affine(inputs=5, outputs=3, seed=0):
    return fl.Affine(kit.numbers((inputs, outputs), np.float64, seed), kit.numbers((outputs,), np.float64, seed + 1))


def network():
    layers = [affine(5, 4), fl.BatchNormalization(np.ones(4), np.zeros(4)), fl.Relu(), affine(4, 4, 2), affine(4, 3, 4)]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


LAYERS = {
    "affine": (lambda: affine(), X),
    "product": (lambda: fl.MatMul(kit.numbers((5, 3), np.float64)), X),
    "steps": (lambda: fl.TimeAffine(*affine().params), SEQUENCES),
    "convolution": (lambda: fl.Convolution(kit.numbers((4, 3, 3, 3), np.float64), np.zeros(4)), IMAGES),
    "recurrent": (lambda: fl.TimeLSTM(*(kit.numbers(s, np.float64) for s in ((5, 8), (2, 8), (8,)))), SEQUENCES),
    "a user's": (lambda: own_layers.Scaled(5), X),
    "a user's list": (lambda: own_layers.Listed(5), X),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_frozen_layer_gives_the_same_dx_and_has_nothing_to_train(name):
    make, x = LAYERS[name]
    net, frozen = fl.Sequential([make()]), fl.Sequential([make()]).freeze()
    for _ in range(2):
        y = net.forward(x)
        kit.assert_same(frozen.forward(x), y)
        kit.assert_same(frozen.backward(y), net.backward(y))
    assert len(net.params) == len(net.grads) > 0
    assert frozen.params == frozen.grads == []
    assert frozen.backward(y, need_dx=False) is None
    frozen.unfreeze().forward(x)
    frozen.backward(y)
    for grad, expected in zip(frozen.grads, net.grads, strict=True):
        kit.assert_same(grad, expected)


@pytest.mark.parametrize("fuses", [True, False])
def test_training_leaves_what_is_frozen_and_trains_the_rest_as_before(fuses, monkeypatch):
    monkeypatch.setattr(backend, "fuses", fuses)
    net, other = network(), network()
    net.layers[0].frozen = net.layers[3].frozen = True
    before = [
        param.copy() for layer in net.layers for param in getattr(layer, "_named_params", list)() for param in param[1:]
    ]
    assert len(net.params) == 4
    optimizer, whole = fl.Adam(0.01, weight_decay=0.1, clip_norm=1e3), fl.Adam(0.01, weight_decay=0.1, clip_norm=1e3)
    loss, grads = net.gradient(X, T)
    expected_loss, expected = other.gradient(X, T)
    assert loss == expected_loss
    for i, j in enumerate((2, 3, 6, 7)):
        kit.assert_same(grads[i], expected[j])
    net.train_step(X, T, optimizer)
    other.train_step(X, T, whole)
    kit.assert_same(net.params[0], other.params[2])
    kit.assert_same(net.layers[0].W, before[0])
    kit.assert_same(net.layers[3].b, before[5])
    net.fit(X, T, epochs=2, batch_size=6, optimizer=optimizer, callbacks=[fl.callbacks.EarlyStopping("loss")], rng=0)
    kit.assert_same(net.layers[0].W, before[0])


def test_a_network_that_is_frozen_whole_has_a_loss_and_no_step():
    net = network().freeze()
    before = copy.deepcopy(net)
    assert net.train_step(X, T, fl.SGD(1.0)) == before.gradient(X, T)[0]
    for layer, other in zip(net.layers[::3], before.layers[::3], strict=True):
        kit.assert_same(layer.W, other.W)
    assert net.gradient(X, T)[1] == []
    net.layers.pop(1)
    assert check_gradients(net, X) < 1e-6


def test_gradients_that_were_handed_out_are_written_again_once_it_is_thawed():
    net = fl.Sequential([affine(), fl.Relu(), affine(3, 2)])
    handed = net.grads
    net.layers[0].frozen = True
    net.forward(X)
    net.backward(np.ones((6, 2)), need_dx=False)
    assert net.grads == handed[2:]
    assert not handed[0].any()
    net.unfreeze().forward(X)
    net.backward(np.ones((6, 2)), need_dx=False)
    assert handed[0].any()
    assert all(a is b for a, b in zip(net.grads, handed, strict=True))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("need_dx", [False, True])
def test_lists_from_before_a_freeze_hold_no_gradient_of_what_is_frozen(name, need_dx):
    make, x = LAYERS[name]
    net = fl.Sequential([make(), make() if name.startswith("a user") else fl.Relu()])
    params, grads = net.params, net.grads
    net.backward(net.forward(x))
    before = [param.copy() for param in params]
    net.layers[0].frozen = True
    for _ in range(2):
        net.backward(net.forward(x), need_dx)
    frozen = len(grads) - len(net.grads)
    assert not any(grad.any() for grad in grads[:frozen])
    assert all(grad.any() for grad in grads[frozen:])
    fl.SGD(1.0).update(params, grads)
    for param, old in zip(params[:frozen], before, strict=False):
        kit.assert_same(param, old)
    net.layers[0].frozen = False
    net.backward(net.forward(x))
    assert all(grad.any() for grad in grads)


@pytest.mark.parametrize("name", families.LAYER)
def test_every_layer_can_be_frozen_by_itself(name):
    layer = families.LAYER[name].make(arrays=Arrays(np.float64, (5, 4)))
    count = len(layer.params)
    assert layer.freeze() is layer
    assert (layer.frozen, layer.params, layer.grads) == (True, [], [])
    assert layer.unfreeze() is layer
    assert not layer.frozen
    assert len(layer.params) == len(layer.grads) == count


@pytest.mark.parametrize("again", [copy.deepcopy, fl.Sequential.copy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_is_frozen_where_it_was(again):
    net = network()
    net.layers[3].frozen = True
    assert [layer.frozen for layer in again(net).layers] == [False, False, False, True, False]


def test_a_file_keeps_what_is_frozen(tmp_path):
    net = fl.Sequential([affine(), fl.Sequential([fl.Relu(), affine(3, 3)])], fl.SoftmaxWithLoss())
    net.layers[1].frozen = True
    assert (net.frozen, net.layers[1].frozen, net.layers[1].layers[1].frozen) == (False, True, True)
    net.save(tmp_path / "net.npz")
    assert '"frozen"' in description.describe(net)[0]
    assert '"frozen"' not in description.describe(net.unfreeze())[0]
    read = fl.Sequential.load(tmp_path / "net.npz")
    assert len(read.params) == 2
    assert read.layers[1].layers[1].frozen
    header, arrays = description.describe(read)
    with pytest.raises((ModelFileError, ValueError), match="has frozen=1; expected bool"):
        description.rebuild(header.replace('"frozen": true', '"frozen": 1'), arrays, fl.Sequential)


def test_a_graph_shows_no_gradient_of_what_is_frozen():
    graph, layer = fl.graph.Graph(), affine()
    layer.frozen = True
    graph.apply(layer, graph.input(X, "x"))
    graph.backward(np.ones((6, 3)))
    assert "W1" in graph.to_dot()


def test_layers_that_go_while_it_is_asked_what_is_frozen():
    class Clearing:
        def __bool__(self):
            if armed:
                net.layers.clear()
            return False

    armed, net = [], fl.Sequential([affine(5, 5), fl.Relu(), affine(5, 5), fl.Relu()])
    net.layers[0].frozen = Clearing()
    net.forward(X)
    armed.append(True)
    assert net.forward(X).shape == X.shape


def test_a_network_within_another_is_frozen_as_a_layer_is():
    net = fl.Sequential([fl.Sequential([affine()]), fl.Parallel([affine(3, 2), fl.Tanh()])])
    for inner, others in ((net.layers[0], net.layers[1]), (net.layers[1], net.layers[0])):
        net.forward(X)
        inner.frozen = True
        assert inner.frozen
        assert not net.frozen
        assert [id(param) for param in net.params] == [id(param) for param in others.params]
        inner.frozen = False
    assert len(net.freeze().params) == 0
    assert net.frozen
    assert net.copy().frozen


def test_a_users_layer_that_is_frozen_or_gone_before_any_backward():
    net = fl.Sequential([own_layers.Scaled(5), affine()])
    handed = net.grads
    net.layers[0].frozen = True
    for _ in range(2):
        net.forward(X)
        net.backward(np.ones((6, 3)), need_dx=False)
        assert not handed[0].any()
        assert handed[-1].any()
        net.layers[0] = own_layers.Scaled(5)
