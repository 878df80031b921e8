"""What changes between two calls of a network as one: it is seen, and the network says why it does not run as one."""

import numpy as np
import pytest
from programs import T, X, network

import fastlayers as fl
from fastlayers._core import backend


def other_parameters(net):
    net.layers[0].W, net.layers[2].b = net.layers[0].W * 2, net.layers[2].b + 1


def in_place(net):
    net.layers[0].W *= 2


def a_longer_list(net):
    net.layers.append(fl.Tanh())


def another_layer(net):
    net.layers[1] = fl.Sigmoid()


def another_list(net):
    net.layers = [*net.layers[:2], fl.Affine(np.ones((6, 3)))]


def another_loss(net):
    net.loss_layer = fl.SoftmaxWithLoss(label_smoothing=0.2)


def an_option(net):
    net.loss_layer.label_smoothing = 0.3


def no_bias(net):
    net.layers[0].b = None


def narrower(net):
    for layer in net.layers[::2]:
        layer.W, layer.b = layer.W.astype(np.float32), layer.b.astype(np.float32)


def two_dtypes(net):
    net.layers[2].W = net.layers[2].W.astype(np.float32)


def a_transposed_parameter(net):
    net.layers[0].W = np.asfortranarray(net.layers[0].W)


def a_subclass_of_array(net):
    net.layers[0].W = net.layers[0].W.view(type("Sub", (np.ndarray,), {}))


def a_method_of_a_layer(net):
    forward = net.layers[1].forward
    net.layers[1].forward = lambda x: 2 * forward(x)


def a_class_of_a_layer(net):
    net.layers[1].__class__ = type("Twice", (fl.Relu,), {"forward": lambda self, x: 2 * fl.Relu.forward(self, x)})


def a_method_of_the_network(net):
    gradient = net.gradient
    net.gradient = lambda x, t, w=None: (5.0, gradient(x, t, w)[1])


def handed_out(net):
    net.grads  # noqa: B018


def a_weight_of_the_loss(net):
    net.loss_layer.weight = np.array([1.0, 2.0, 3.0])


def images_by_hand(net):
    net.layers[0].forward(X.reshape(7, 2, 2))


def images(net):
    net.forward(X.reshape(7, 2, 2))
    assert net.backward(np.ones((7, 3))).shape == (7, 2, 2)


@pytest.mark.parametrize(
    "change",
    [
        other_parameters,
        in_place,
        a_longer_list,
        another_layer,
        another_list,
        another_loss,
        an_option,
        no_bias,
        narrower,
        two_dtypes,
        a_transposed_parameter,
        a_subclass_of_array,
        a_method_of_a_layer,
        a_class_of_a_layer,
        a_method_of_the_network,
        handed_out,
        a_weight_of_the_loss,
        images_by_hand,
        images,
    ],
)
def test_what_changes_between_calls_is_seen(compiled, change, monkeypatch):
    found = []
    for fuses in (True, False):
        monkeypatch.setattr(backend, "fuses", fuses)
        net, optimizer = network(np.random.default_rng(0)), fl.SGD(0.1)
        net.train_step(X, T, optimizer), net.predict(X), net.predict(X[:1]), net.forward(X)
        change(net)
        found.append([net.predict(X), net.predict(X[:1]), net.train_step(X, T, optimizer), *net.params, net.predict(X)])
        y = net.forward(X)
        found[-1].append(net.backward(np.ones_like(y)))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_class_that_changes_is_seen(compiled, monkeypatch):
    net = network(np.random.default_rng(0), activations=[fl.Tanh])
    before = net.forward(X)
    forward = fl.Tanh.forward
    monkeypatch.setattr(fl.Tanh, "forward", lambda self, x: 2 * forward(self, x))
    assert not np.array_equal(net.forward(X), before)
    assert net.compiled.reason == "layer 1, Tanh, has a forward of its own"
    monkeypatch.undo()


def test_a_loss_whose_class_changes_is_seen(compiled, monkeypatch):
    net, forward = network(np.random.default_rng(0)), fl.SoftmaxWithLoss.forward
    net.gradient(X, T)
    before = net.gradient(X, T)[0]  # of a program that stays
    monkeypatch.setattr(fl.SoftmaxWithLoss, "forward", lambda self, x, t: 2 * forward(self, x, t))
    assert net.gradient(X, T)[0] == 2 * before


def test_another_backend_is_seen(compiled):
    net = network(np.random.default_rng(0))
    net.predict(X)
    kernels, backend.kernels = backend.kernels, backend._DECLINES
    try:
        assert net.compiled.reason == "the reference is in use"
        np.testing.assert_allclose(net.predict(X), network(np.random.default_rng(0)).predict(X), rtol=1e-13)
        assert type(net._program).__name__ != "Program"
    finally:
        backend.kernels = kernels
    net.predict(X)
    assert type(net._program).__name__ == "Program"


@pytest.mark.parametrize("name", ["v", "lr", "t"])
def test_what_an_optimizer_has_lost_is_missed_as_layer_by_layer(compiled, name, monkeypatch):
    for fuses in (True, False):
        monkeypatch.setattr(backend, "fuses", fuses)
        net, optimizer = network(np.random.default_rng(0)), fl.Momentum(0.1)
        net.train_step(X, T, optimizer)
        before = [param.copy() for param in net.params]
        delattr(optimizer, name)
        if name == "t":  # a class has one to begin with
            net.train_step(X, T, optimizer)
            assert optimizer.t == 1
        else:
            with pytest.raises(AttributeError, match=f"'Momentum' object has no attribute '{name}'"):
                net.train_step(X, T, optimizer)
            np.testing.assert_array_equal(net.params[0], before[0])


class Own:
    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (lambda: fl.Sequential([fl.Affine(np.ones((4, 2))), Own()]), "layer 1, Own, is not a layer of this package"),
        (lambda: fl.Sequential([type("Mine", (fl.Relu,), {})()]), "layer 0, Mine, is not a layer of this package"),
        (lambda: fl.Sequential([]), "there are no layers"),
        (
            lambda: fl.Sequential([fl.Parallel([fl.Relu(), fl.Sequential([Own()])])]),
            "layer 0.1.0, Own, is not a layer of this package",
        ),
        (
            lambda: fl.Sequential([type("Net", (fl.Sequential,), {"predict": lambda self, x: x})([fl.Relu()])]),
            "layer 0, Net, has a predict of its own",
        ),
        (lambda: fl.Sequential([fl.Relu() for _ in range(65)]), "there are 65 layers, and at most 64 are run as one"),
        (
            lambda: fl.Sequential(
                [fl.Sequential([fl.Affine(np.ones((4, 2), np.float32))]), fl.Affine(np.ones((2, 3)))]
            ),
            "there are networks within it, and parameters of other dtypes than one, float32 or float64",
        ),
        (
            lambda: fl.Sequential([fl.reference.Relu()]),
            "layer 0, Relu, is bound to other functions than the package's own",
        ),
        (
            lambda: type("Net", (fl.Sequential,), {"forward": lambda self, x: x})([fl.Relu()]),
            "Net has a forward of its own",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:layer .*the network computes in float")
def test_why_not(compiled, net, reason):
    net = net()
    net.predict(X)
    assert not net.compiled
    assert net.compiled.reason == reason
    assert repr(net.compiled) == f"not compiled: {reason}"


def test_more_parameters_than_are_run_as_one(compiled):
    net = fl.Sequential([fl.TimeRNN(np.ones((1, 1)), np.ones((1, 1)), np.ones(1)) for _ in range(43)])
    assert net.compiled.reason == "there are 129 parameters, and at most 128 are run as one"
    assert net.predict(np.ones((2, 3, 1))).shape == (2, 3, 1)


def test_compiled_is_shown(compiled):
    net = network(np.random.default_rng(0))
    assert net.compiled
    assert net.compiled.reason is None
    assert repr(net.compiled) == "compiled"
