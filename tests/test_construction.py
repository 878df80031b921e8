"""What a network is not made of: each is refused where it is made, by a sentence that shows what to write instead."""

import kit
import numpy as np
import pytest
from families import LAYER, LOSSES
from own_layers import Scaled, X, affine

import fastlayers as fl

IN_LISTS = [name for name, entry in LAYER.items() if entry.in_network and not entry.is_loss]


def layers():
    return [affine(4, 8), fl.Relu(), affine(8, 3, 2)]


@pytest.mark.parametrize("name", LAYER)
def test_a_class_in_place_of_a_layer(name):
    kind = getattr(fl, name)
    with pytest.raises(TypeError, match=rf"layer 1 is the class {name}: .* an instance, as {name}\("):
        fl.Sequential([affine(4, 8), kind])
    with pytest.raises(TypeError, match=rf"layer 0 is the class {name}"):
        fl.Parallel([kind])
    with pytest.raises(TypeError, match=rf"loss is the class {name}: .* an instance, as {name}\("):
        fl.Sequential([affine(4, 8)], kind)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_among_the_layers(name):
    loss = LAYER[name].make()
    with pytest.raises(TypeError, match=rf"layer 3 is a {name}, which is a loss: .*Sequential\(layers, {name}\(\)\)"):
        fl.Sequential([*layers(), loss])
    with pytest.raises(TypeError, match=rf"layer 0 is a {name}, which is a loss"):
        fl.Parallel([loss])


@pytest.mark.parametrize("name", IN_LISTS)
def test_a_layer_outside_of_the_list(name):
    layer = LAYER[name].make()
    with pytest.raises(TypeError, match=rf"layers must be a list of layers, not {name}: .* Sequential\(\["):
        fl.Sequential(layer, layer)
    with pytest.raises(TypeError, match=rf"loss is {name}, which is a layer: put all layers in one list"):
        fl.Sequential(layers(), layer)


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ({"a": fl.Relu()}, r"not a dict: give its values\(\)"),
        (None, "layers must be a list of layers, not NoneType"),
        ([fl.relu], r"layer 0 must be a layer with forward\(x\) and backward\(dout\), not function"),
        ([fl.Relu(), "Relu"], "layer 1 must be a layer .* not str 'Relu'"),
        ([fl.Relu(), [fl.Relu()]], "layer 1 must be a layer .* not list"),
        ([fl.SGD()], "layer 0 must be a layer"),
    ],
)
def test_what_is_no_list_of_layers(layers, why):
    for network in (fl.Sequential, fl.Parallel):
        with pytest.raises(TypeError, match=why):
            network(layers)


@pytest.mark.parametrize("loss", [fl.softmax_cross_entropy, "mse", 3])
def test_what_is_no_loss(loss):
    with pytest.raises(TypeError, match=r"loss must have forward\(x, t\) and backward\(\), as SoftmaxWithLoss\(\) has"):
        fl.Sequential(layers(), loss)


@pytest.mark.parametrize(
    ("last", "loss", "function"),
    [
        (fl.Softmax, fl.SoftmaxWithLoss, "softmax"),
        (fl.Softmax, fl.TimeSoftmaxWithLoss, "softmax"),
        (fl.Sigmoid, fl.SigmoidWithLoss, "sigmoid"),
        (fl.Sigmoid, fl.TimeSigmoidWithLoss, "sigmoid"),
    ],
)
def test_a_last_layer_that_the_loss_contains(last, loss, function):
    for end in ([last()], [fl.Sequential([last()])]):
        with pytest.raises(ValueError, match=rf"layer 3.* is a {last.__name__}, but \w+ applies {function} itself"):
            fl.Sequential([*layers(), *end], loss())
    fl.Sequential([*layers(), last()], fl.MeanSquaredError())


@pytest.mark.parametrize("name", IN_LISTS)
def test_a_layer_that_does_not_fit_the_one_before(name):
    """Whatever lies between that keeps the width; behind one of which the output is not known, nothing is refused."""
    between = LAYER[name].make()
    keeps = LAYER[name].kind in ("activation", "rows")
    found = [affine(4, 8), between, affine(7, 2)]
    if keeps:
        for wrong in (found, [fl.Sequential(found[:2]), found[2]], [found[0], fl.Parallel([fl.Relu(), found[2]])]):
            with pytest.raises(ValueError, match=r"layer \d.*\(7, 2\).*expected W \(8, M\)"):
                fl.Sequential(wrong)
    fl.Sequential([affine(4, 8), Scaled(8), affine(7, 2)])


@pytest.mark.parametrize("kind", [fl.Sequential, fl.Parallel])
def test_a_network_is_called_as_it_predicts(kind):
    net = kind([affine(4, 8), fl.Relu()] if kind is fl.Sequential else [affine(4, 8), affine(4, 2, 2)])
    kit.assert_same(net(X), net.predict(X))


@pytest.mark.usefixtures("implementation")
def test_lists_that_a_subclass_assigns_replace_the_declaration():
    """As volume 2 writes its networks and layers."""

    class Network(fl.Sequential):
        def __init__(self):
            super().__init__(layers(), fl.SoftmaxWithLoss())
            self.params, self.grads = [], []
            for layer in self.layers:
                self.params += layer.params
                self.grads += layer.grads

    class Layer(fl.Relu):
        def __init__(self):
            super().__init__()
            self.params, self.grads = [np.ones(8)], [np.zeros(8)]

        def forward(self, x):
            self.x = x
            return super().forward(x * self.params[0])

        def backward(self, dout):
            dx = super().backward(dout)
            self.grads[0][...] = (dx * self.x).sum(axis=0)
            return dx * self.params[0]

    t = np.arange(len(X)) % 3
    plain, net = fl.Sequential(layers(), fl.SoftmaxWithLoss()), Network()
    assert net.fit(X, t, 3, 4, rng=0).loss == plain.fit(X, t, 3, 4, rng=0).loss
    for param, expected in zip(net.params, plain.params, strict=True):
        kit.assert_same(param, expected)
    own = fl.Sequential([affine(4, 8), Layer(), affine(8, 3, 2)], fl.SoftmaxWithLoss())
    before = [param.copy() for param in own.params]
    assert len(before) == 5
    own.fit(X, t, 1, optimizer=fl.SGD(0.1))
    assert all((param != old).any() for param, old in zip(own.params, before, strict=True))
    nested = fl.Sequential([Network()])
    assert len(nested.params) == len(nested.grads) == 4
    with pytest.raises(AttributeError, match="params of Affine cannot be assigned"):
        affine(4, 8).params = []


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("layers", [[affine(4, 3)], [fl.Relu()]])
def test_fit_of_nothing_to_train(layers):
    net = fl.Sequential(layers, fl.SoftmaxWithLoss()).freeze()
    with pytest.raises(ValueError, match=r"this Sequential has nothing to train: .*(unfreeze\(\)|no layer)"):
        net.fit(X, np.arange(len(X)) % 3)
