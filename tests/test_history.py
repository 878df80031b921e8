"""What Sequential.fit records of each epoch."""

import pickle

import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, WEIGHTS, Noise, Spy, Squares, X, network, same

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_loss_is_that_of_a_sample_whatever_the_layer_reduces_it_to(reduction):
    net = network(loss=fl.SoftmaxWithLoss(reduction=reduction))
    history = net.fit(
        X, LABELS, 2, 16, optimizer=fl.SGD(0), validation_data=(X, LABELS, WEIGHTS), sample_weight=WEIGHTS
    )
    each = network(loss=fl.SoftmaxWithLoss(reduction="none")).loss(X, LABELS)
    true = [np.average(each, weights=WEIGHTS)] * 2
    assert history.loss == pytest.approx(true, rel=1e-12)
    assert history.validation_loss == pytest.approx(true, rel=1e-12)


@pytest.mark.parametrize(
    "options", [{"weight": [1, 9, 2]}, {"ignore_index": 1}, {"weight": [1, 9, 2], "ignore_index": 0}]
)
def test_the_loss_counts_classes_as_the_loss_layer_does(options):
    t = np.where(np.arange(len(X)) < 16, options.get("ignore_index", 0), np.arange(len(X)) % 3)
    net = network(loss=fl.SoftmaxWithLoss(**options))
    for weights in (None, WEIGHTS):
        given = {"optimizer": fl.SGD(0), "shuffle": False, "sample_weight": weights}
        history = net.fit(X, t, 2, 16, validation_data=(X, t), **given)
        assert history.loss == pytest.approx([net.loss(X, t, weights)] * 2, rel=1e-12)
        assert history.validation_loss == pytest.approx([net.loss(X, t)] * 2, rel=1e-12)


def test_validation_is_what_the_network_says_of_the_data():
    net, seen = network(), []
    x, t, weights = X[:20], LABELS[:20], WEIGHTS[:20]
    history = net.fit(
        X,
        LABELS,
        3,
        validation_data=[x, t, weights],
        callbacks=[lambda training: seen.append((net.loss(x, t, weights), net.accuracy(x, t)))],
    )
    assert history.validation_loss == [loss for loss, _ in seen]
    assert history.validation_accuracy == [accuracy for _, accuracy in seen]
    assert len(set(history.validation_loss)) == 3


@pytest.mark.parametrize("samples", [1, 1024, 1025, 5000])
def test_validation_of_any_number_of_samples(samples):
    rng = np.random.default_rng(0)
    x, t, net = rng.standard_normal((samples, 4)), rng.integers(0, 3, samples), network()
    history = net.fit(X, LABELS, 1, validation_data=(x, t))
    assert history.validation_loss[0] == pytest.approx(net.loss(x, t), rel=1e-12)
    assert history.validation_accuracy[0] == net.accuracy(x, t)


def test_validation_leaves_the_training_as_it_is():
    """Layers are asked for predictions there, and draw nothing."""
    nets = [fl.Sequential([*network().layers, Noise()], fl.SoftmaxWithLoss()) for _ in range(2)]
    relu, masks, validation = nets[0].layers[1], [], (X[:9], LABELS[:9])
    keep = [lambda _: masks.append(relu.mask.shape)]
    history = nets[0].fit(X, LABELS, 2, 50, rng=1, validation_data=validation, callbacks=keep)
    nets[1].fit(X, LABELS, 2, 50, rng=1)
    assert same(*nets)
    assert masks == [(50, 6)] * 2
    assert history.validation_loss[-1] == nets[1].loss(*validation)


def test_accuracy_is_recorded_where_the_loss_classifies():
    assert network(loss=Squares()).fit(X, ONE_HOT, 2, validation_data=(X, ONE_HOT)).validation_accuracy == []
    asked = Squares()
    asked.accuracy = lambda scores, t: len(scores) / 4
    assert network(loss=asked).fit(X, ONE_HOT, 2, validation_data=(X, ONE_HOT)).validation_accuracy == [12.5] * 2
    yes_or_no = network(loss=fl.SigmoidWithLoss())
    history = yes_or_no.fit(X, ONE_HOT, 2, validation_data=(X, ONE_HOT))
    assert history.validation_accuracy[-1] == np.mean((yes_or_no.predict(X) > 0) == ONE_HOT)
    ignoring, labels = network(loss=fl.SoftmaxWithLoss(ignore_index=-1)), np.where(np.arange(50) < 9, -1, LABELS)
    history = ignoring.fit(X, labels, 2, 16, validation_data=(X, labels))
    assert history.validation_accuracy[-1] == ignoring.accuracy(X[9:], LABELS[9:])
    # Scores of pixels have no one largest class.
    pixels = fl.Sequential([Spy()], fl.SoftmaxWithLoss())
    pixels.layers[0].W, pixels.layers[0].dW = np.ones(1), np.zeros(1)  # something to train
    assert pixels.fit(
        X[:, :, None], LABELS[:, None], 1, validation_data=(X[:, :, None], LABELS[:, None])
    ).as_dict().keys() == {
        "loss",
        "validation_loss",
        "lr",
        "seconds",
    }


def test_the_learning_rate_is_that_of_the_last_step():
    class Own:
        def update(self, params, grads):
            pass

    class Scheduled(Own):
        lr = staticmethod(lambda step: 1 / (1 + step))

    assert network().fit(X, LABELS, 2, 16, optimizer=Own()).lr == []
    assert network().fit(X, LABELS, 2, 16, optimizer=Scheduled()).lr == [1 / 4, 1 / 8]
    counting = Scheduled()
    counting.t = 100
    assert network().fit(X, LABELS, 2, 16, optimizer=counting).lr == [1 / 100, 1 / 100]


def test_history():
    net = network()
    assert net.history is None
    history = net.fit(X, LABELS, 3, validation_data=(X, LABELS))
    assert net.history is history
    assert isinstance(history, fl.History)
    lists = history.as_dict()
    assert list(lists) == ["loss", "validation_loss", "validation_accuracy", "lr", "seconds"]
    assert {len(values) for values in lists.values()} == {3}
    assert {type(value) for values in lists.values() for value in values} == {float}
    assert all(seconds > 0 for seconds in history.seconds)
    assert repr(history).startswith("History(epochs=3, best_epoch=")
    lists["loss"].clear()
    assert history.epochs == 3
    assert pickle.loads(pickle.dumps(net)).history == history
    assert net.fit(X, LABELS, 1) is net.history is not history


def test_the_best_epoch():
    nan = float("nan")
    assert fl.History().best_epoch is None
    assert fl.History(loss=[nan, nan]).best_epoch is None
    assert fl.History(loss=[3.0, nan, 1.0, 1.0]).best_epoch == 2
    assert fl.History(loss=[3.0, 2.0, 1.0], validation_loss=[1.0, 2.0, 3.0]).best_epoch == 0
    assert repr(fl.History()) == "History(epochs=0, best_epoch=None)"
