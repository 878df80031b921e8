"""Training and prediction: what layers are told, and what becomes of statistics that run beside the training."""

import copy
import pickle

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import check_gradients

RNG = np.random.default_rng(0)
X, T = RNG.standard_normal((30, 4)), np.arange(30) % 3
modes = []


class Told:
    """A user's own layer, as volume 1's are told the mode."""

    def forward(self, x, train_flg=None):
        modes.append(train_flg)
        return np.asarray(x)

    def backward(self, dout):
        return dout


class Noisy(fl.Dropout):
    def forward(self, x, train_flg=True):
        return super().forward(x, train_flg) + 0.0


class Watched(fl.BatchNormalization):
    def forward(self, x, train_flg=True):
        return super().forward(x, train_flg)


def network(*middle, normalization=fl.BatchNormalization):
    rng = np.random.default_rng(1)
    W, V = rng.standard_normal((4, 5)), rng.standard_normal((5, 3))
    layers = [fl.Affine(W, np.zeros(5)), normalization(np.ones(5), np.zeros(5)), *middle, fl.Affine(V, np.zeros(3))]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


def statistics(net):
    layer = next(layer for layer in net.layers if isinstance(layer, fl.BatchNormalization))
    return layer.running_mean, layer.running_var


PREDICTING = {
    "predict": lambda net: net.predict(X),
    "loss": lambda net: net.loss(X, T),
    "accuracy": lambda net: net.accuracy(X, T),
}
TRAINING = {
    "forward": lambda net: net.forward(X),
    "gradient": lambda net: net.gradient(X, T),
    "train_step": lambda net: net.train_step(X, T, fl.SGD(0.01)),
    "fit": lambda net: net.fit(X, T, epochs=1, batch_size=30, optimizer=fl.SGD(0.01)),
}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("call", [*PREDICTING, *TRAINING])
def test_a_users_layer_is_told_the_mode(call, nested):
    modes.clear()
    net = network(fl.Sequential([Told()]) if nested else Told())
    (PREDICTING | TRAINING)[call](net)
    assert set(modes) == {call in TRAINING}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("normalization", [fl.BatchNormalization, Watched])
@pytest.mark.parametrize("call", [*PREDICTING, *TRAINING])
def test_statistics_run_in_training_alone(call, normalization):
    net = network(normalization=normalization)
    net.forward(X)
    before = statistics(net)
    (PREDICTING | TRAINING)[call](net)
    assert all((a is b) == (call in PREDICTING) for a, b in zip(before, statistics(net), strict=True))


@pytest.mark.usefixtures("implementation")
def test_a_layer_made_from_dropout_predicts_without_dropping():
    net = network(Noisy(0.5, 0))
    assert net.loss(X, T) == net.loss(X, T)
    assert net.gradient(X, T)[0] != net.gradient(X, T)[0]


@pytest.mark.usefixtures("implementation")
def test_a_gradient_check_trains_and_puts_the_statistics_back():
    net = fl.Sequential(network().layers[1:])  # a bias below it has no gradient
    x = RNG.standard_normal((6, 5))
    net.forward(x)
    before = [array.copy() for array in statistics(net)]
    assert check_gradients(net, x) < 1e-6
    assert check_gradients(net.layers[0], x) < 1e-6
    np.testing.assert_array_equal(statistics(net), before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_has_statistics_of_its_own(copied):
    net = network()
    net.forward(X)
    other = copied(net)
    kit.assert_same(other.predict(X), net.predict(X))
    before = other.predict(X)
    for _ in range(3):
        net.forward(X * 2)
    kit.assert_same(other.predict(X), before)


def test_early_stopping_puts_the_best_statistics_back():
    """And those of the last epoch are not left with the parameters of the best."""
    net = network()
    kept = []

    class Keep(fl.callbacks.Callback):
        def on_epoch_end(self, training):
            kept.append((net.loss(X, T), [array.copy() for array in statistics(net)]))

    net.fit(
        X, T, epochs=5, batch_size=10, optimizer=fl.SGD(50.0), rng=0, validation_data=(X, T),
        callbacks=[Keep(), fl.callbacks.EarlyStopping(patience=4, restore_best=True)], on_nonfinite="ignore",
    )  # fmt: skip
    _, expected = min(kept, key=lambda pair: pair[0])
    np.testing.assert_array_equal(statistics(net), expected)
