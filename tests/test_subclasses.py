"""Networks and layers of subclasses: what they override is used by everything that computes or trains."""

import copy
import pickle

import kit
import numpy as np
import pytest
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers.mpi import DataParallel

pytestmark = pytest.mark.usefixtures("implementation")
X, T = kit.numbers((6, 4), np.float64), np.arange(6) % 3


def affine(inputs, outputs, seed=0):
    return fl.Affine(kit.numbers((inputs, outputs), np.float64, seed), kit.numbers((outputs,), np.float64, seed + 1))


class Doubled(fl.Sequential):
    """A network that computes twice what its layers compute."""

    def forward(self, x):
        return 2 * super().forward(x)

    def backward(self, dout, need_dx=True, accumulate=False):
        return super().backward(2 * dout, need_dx, accumulate)


def doubled():
    return Doubled([affine(4, 5), fl.Dropout(0.5, rng=0), fl.Sequential([affine(5, 3, 2)])], fl.SoftmaxWithLoss())


def by_differences(loss, param):
    found = np.zeros_like(param)
    for i in np.ndindex(param.shape):
        before = param[i]
        param[i] = before + 1e-5
        above = loss()
        param[i] = before - 1e-5
        found[i] = (above - loss()) / 2e-5
        param[i] = before
    return found


def on_one_rank(net):
    return results_on_ranks(1, lambda comm: DataParallel(net, comm).gradient(X, T))[0]


@pytest.mark.parametrize("gradient", [lambda net: net.gradient(X, T), on_one_rank], ids=["network", "ranks"])
def test_own_forward_and_backward_are_used_by_the_gradient_and_by_predictions(gradient, without_mpi4py):
    net = doubled()
    net.layers[1].dropout_ratio = 0.0
    loss, grads = gradient(net)
    plain = fl.Sequential(net.layers)
    kit.assert_same(net.predict(X), 2 * plain.predict(X))
    kit.assert_same(net.predict(X, batch_size=4), 2 * plain.predict(X, batch_size=4))
    assert loss == pytest.approx(net.loss(X, T), rel=1e-12)
    for param, grad in zip(net.params, grads, strict=True):
        np.testing.assert_allclose(grad, by_differences(lambda: net.loss(X, T), param), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("nest", [lambda net: net, lambda net: fl.Sequential([net, fl.Relu()])])
def test_own_forward_drops_nothing_in_a_prediction_and_leaves_backward_alone(nest):
    inner = doubled()
    net = nest(inner)
    y = net.forward(X)
    expected = net.backward(y)
    kit.assert_same(net.predict(X), net.predict(X))
    kit.assert_same(inner.predict(X), 2 * fl.Sequential(inner.layers).predict(X))
    kit.assert_same(net.backward(y), expected)


def test_a_method_that_a_class_gets_later_is_used():
    class Later(fl.Sequential):
        pass

    net = Later([affine(4, 3)], fl.SoftmaxWithLoss())
    net.gradient(X, T)
    net.predict(X)
    Later.forward = Doubled.forward
    Later.__bases__ = (Doubled,)
    loss, _ = net.gradient(X, T)
    assert not net.compiled
    assert loss == pytest.approx(fl.SoftmaxWithLoss().forward(2 * fl.Sequential(net.layers).predict(X), T))


class OfVolume2(fl.Sequential):
    """A network that makes its lists itself, without the package's constructor."""

    def __init__(self, layers, loss=None):
        self.layers, self.loss_layer = layers, loss
        self.params, self.grads = [], []
        for layer in layers:
            self.params += layer.params
            self.grads += layer.grads


def test_two_networks_of_volume_2_on_one_trunk():
    trunk = [affine(4, 5), fl.Relu()]
    actor, critic = OfVolume2([*trunk, affine(5, 2)]), OfVolume2([*trunk, affine(5, 1)])
    y = actor.forward(X)
    actor.backward(y)
    critic.forward(X)
    with pytest.raises(RuntimeError, match="another network"):
        actor.backward(y)


@pytest.mark.parametrize("of", [OfVolume2, fl.Sequential])
def test_what_is_frozen_is_not_trained_whatever_lists_there_are(of):
    net, optimizer = of([affine(4, 5), fl.Sigmoid(), affine(5, 3, 2)], fl.SoftmaxWithLoss()), fl.AdamW(0.1, 0.5)
    net.train_step(X, T, optimizer)
    net.layers[0].freeze()
    before = net.layers[0].W.copy()
    net.train_step(X, T, optimizer)
    kit.assert_same(net.layers[0].W, before)
    assert len(net.params) == len(net.grads) == 2
    with pytest.raises(ValueError, match="frozen"):
        net.freeze().fit(X, T)
    assert net.params == net.grads == []
    net.unfreeze()
    net.train_step(X, T, optimizer)
    assert not np.any(before == net.layers[0].W)
    assert len(net.params) == len(net.grads) == 4


class OnlyW(fl.Affine):
    """A layer that keeps its bias as it is."""

    params = property(lambda self: [self.W])
    grads = property(lambda self: fl.Affine.grads.fget(self)[:1])


class OnlyLast(fl.Sequential):
    """A network that trains its last layer."""

    params = property(lambda self: self.layers[-1].params)
    grads = property(lambda self: self.layers[-1].grads)


@pytest.mark.parametrize(
    ("net", "trained"),
    [
        (lambda: fl.Sequential([affine(4, 3), OnlyW(np.eye(3), np.zeros(3))], fl.SoftmaxWithLoss()), [0, 1, 2]),
        (lambda: OnlyLast([affine(4, 4), affine(4, 3)], fl.SoftmaxWithLoss()), [2, 3]),
        (lambda: fl.Sequential([OnlyLast([affine(4, 4), affine(4, 3)])], fl.SoftmaxWithLoss()), [2, 3]),
    ],
    ids=["layer", "network", "nested"],
)
@pytest.mark.parametrize("way", ["train_step", "fit"])
def test_own_params_and_grads_say_what_is_trained(net, trained, way):
    net = net()
    layers = getattr(net.layers[0], "layers", net.layers)
    arrays = [array for layer in layers for array in (layer.W, layer.b)]
    before = [array.copy() for array in arrays]
    for _ in range(2):
        if way == "fit":
            net.fit(X, T, epochs=1, optimizer=fl.SGD(0.1))
        else:
            net.train_step(X, T, fl.SGD(0.1))
    assert [i for i in range(4) if not np.array_equal(arrays[i], before[i])] == trained


def test_lists_that_are_assigned_without_the_other_are_explained():
    class Half(fl.Sequential):
        def __init__(self):
            super().__init__([affine(4, 3)])
            self.params = []

    with pytest.raises(AttributeError, match="Half has assigned params and not grads: assign both"):
        _ = Half().grads


def test_a_network_with_a_train_step_of_its_own_is_refused_by_ranks(without_mpi4py):
    class Stepping(fl.Sequential):
        def train_step(self, *args, **kwargs):
            return super().train_step(*args, **kwargs)

    net = Stepping([affine(4, 3)], fl.SoftmaxWithLoss())
    with pytest.raises(TypeError, match="train_step of Stepping"):
        results_on_ranks(1, lambda comm: DataParallel(net, comm))


@pytest.mark.parametrize("change", ["insert", "reverse", "nested"])
@pytest.mark.parametrize("own", [True, False])
def test_backward_after_the_layers_have_changed(change, own):
    layers = [affine(4, 4), fl.Relu(), fl.Sequential([affine(4, 4, 2), fl.Tanh()])]
    net = (Doubled if own else fl.Sequential)(layers)
    for _ in range(2):
        y = net.forward(X)
    if change == "insert":
        net.layers.insert(1, fl.Relu())
    elif change == "reverse":
        net.layers.reverse()
    else:
        net.layers[2].layers.reverse()
    net.predict(X)
    with pytest.raises(RuntimeError, match="layers have changed since"):
        net.backward(y)
    net.forward(X)
    net.backward(y)


def test_a_loop_over_the_parts_of_a_network_goes_back_through_them():
    net = fl.Sequential([fl.Sequential([affine(4, 4), fl.Relu()]), fl.Parallel([affine(4, 3, 2), affine(4, 2, 4)])])
    for _ in range(2):
        y = net.forward(X)
        expected = net.backward(y)
        dout = y
        for layer in reversed(net.layers):
            dout = layer.backward(dout)
        kit.assert_same(dout, expected)


class Packed:
    """A layer of a user's own, whose parameters are views of one array that are made at each call."""

    def __init__(self, inputs, outputs):
        self.shape = inputs, outputs
        self.theta = kit.numbers((inputs * outputs + outputs,), np.float64)
        self.dtheta = np.zeros_like(self.theta)

    def cut(self, array):
        n = self.shape[0] * self.shape[1]
        return [array[:n].reshape(self.shape), array[n:]]

    params = property(lambda self: self.cut(self.theta))
    grads = property(lambda self: self.cut(self.dtheta))
    frozen = False

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ self.params[0].T


@pytest.mark.parametrize("restore", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_copy_resumes_with_parameters_that_are_views_made_at_each_call(restore, is_frozen):
    def trained(at):
        net, optimizer = fl.Sequential([affine(4, 5), Packed(5, 4), affine(4, 3, 2)], fl.SoftmaxWithLoss()), fl.Adam()
        for i in range(6):
            net.layers[1].frozen = is_frozen and i in (2, 3)
            if i == at:
                net, optimizer = restore((net, optimizer))
            net.train_step(X, T, optimizer)
        return [*net.params, np.asarray(optimizer.t)]

    for at in range(1, 6):
        for a, b in zip(trained(at), trained(None), strict=True):
            kit.assert_same(a, b)
