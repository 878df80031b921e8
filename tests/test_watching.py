"""Callbacks that watch the history: stopping early at the best, the learning rate, checkpoints."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, Noise, Squares, X, network, same

import fastlayers as fl
from fastlayers.callbacks import Checkpoint, EarlyStopping, ReduceOnPlateau

pytestmark = pytest.mark.usefixtures("implementation")

VALIDATION = X[:20], np.roll(LABELS[:20], 1)  # what is learned is no help there


class Scripted:
    """A loss whose validation loss is what a script says, epoch by epoch; of a batch of training it is 1."""

    def __init__(self, *values):
        self.values = [0.0, *values]  # the first is asked for before the training

    def forward(self, x, t):
        self.shape = x.shape
        return self.values.pop(0) if len(x) == 1 else 1.0

    def backward(self):
        return np.ones(self.shape)


def scripted(values, callback, epochs=None, optimizer=None):
    """A training with these validation losses, and the parameters after each of its epochs."""
    net, params = fl.Sequential([fl.Affine(np.zeros((4, 1)))], Scripted(*values)), []
    keep = [lambda _: params.append(net.params[0].copy())]
    optimizer = fl.SGD(1.0) if optimizer is None else optimizer
    net.fit(
        X, LABELS, epochs or len(values), optimizer=optimizer, validation_data=(X[:1], [0]), callbacks=[callback, *keep]
    )
    return net, params


# EarlyStopping


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ((3, 2, 4, 5, 1, 0), {"patience": 2}, 4, 1),
        ((3, 2, 4, 1, 5, 5, 5), {"patience": 2}, 6, 3),
        ((3, 3, 3, 3), {"patience": 3}, 4, 0),
        ((3, 2.9, 2.8, 2.7, 2.6), {"patience": 3, "min_delta": 0.25}, 5, 3),
        ((np.nan, 2, np.nan, np.nan, 1), {"patience": 2}, 4, 1),
        ((np.nan, np.nan, np.nan), {"patience": 2}, 2, None),
        ((np.inf, np.inf, 5, 6), {"patience": 3}, 4, 2),
        ((-np.inf, 3, 4, -np.inf), {"patience": 2}, 4, 1),
        ((5, 4, 3), {"patience": 2}, 3, 2),
        ((3, 4, 5), {}, 3, 0),
    ],
)
@pytest.mark.parametrize("restore_best", [True, False])
def test_early_stopping(values, options, epochs, best, restore_best):
    stopping = EarlyStopping(restore_best=restore_best, **options)
    net, params = scripted(values, stopping)
    assert len(params) == net.history.epochs == epochs
    assert stopping.best_epoch == best
    assert stopping.best == (None if best is None else values[best])
    restored = params[best if restore_best and best is not None else -1]
    np.testing.assert_array_equal(net.params[0], restored)
    assert len(np.unique(params)) > len(params)


def test_early_stopping_restores_what_was_best_in_place():
    net = network()
    arrays = net.params
    stopping = EarlyStopping(patience=3)
    history = net.fit(X, LABELS, 200, optimizer=fl.Adam(0.05), rng=0, validation_data=VALIDATION, callbacks=[stopping])
    assert history.epochs < 200
    assert all(ours is theirs for ours, theirs in zip(net.params, arrays, strict=True))
    assert net.loss(*VALIDATION) == stopping.best == min(history.validation_loss)
    assert history.best_epoch == stopping.best_epoch == history.epochs - 4


@pytest.mark.parametrize("monitor", ["loss", "validation_accuracy"])
def test_early_stopping_watches_what_it_is_told_to(monitor):
    stopping = EarlyStopping(monitor, patience=2)
    lr = 0 if monitor == "loss" else 0.01
    history = network().fit(
        X, LABELS, 50, optimizer=fl.SGD(lr), validation_data=VALIDATION, callbacks=[stopping], rng=0
    )
    values = getattr(history, monitor)
    best = min(values) if monitor == "loss" else max(values)
    assert stopping.best == best
    assert stopping.best_epoch == values.index(best) == history.epochs - 3


def test_a_callback_may_serve_again():
    stopping = EarlyStopping(patience=1)
    for _ in range(2):
        net, params = scripted((1, 2, 0), stopping)
        assert len(params) == 2
        assert stopping.best_epoch == 0
        np.testing.assert_array_equal(net.params[0], params[0])


# ReduceOnPlateau


@pytest.mark.parametrize(
    ("values", "options", "lr"),
    [
        ((3, 3, 3, 3, 3), {"factor": 0.5, "patience": 1}, [8, 8, 4, 2, 1]),
        ((3, 3, 3, 3, 3), {"factor": 0.5, "patience": 1, "min_lr": 3}, [8, 8, 4, 3, 3]),
        ((3, 3, 3, 3), {"factor": 0.5, "patience": 1, "min_lr": 9}, [8, 8, 8, 8]),
        ((3, 4, 2, 3, 4, 1), {"factor": 0.25, "patience": 2}, [8, 8, 8, 8, 8, 2]),
        ((3, 2.5, 2, 1.5), {"factor": 0.5, "patience": 1, "min_delta": 0.5}, [8, 8, 4, 4]),
        ((np.nan, np.nan, 1), {"patience": 1, "factor": 0.5}, [8, 4, 2]),
    ],
)
def test_reduce_on_plateau(values, options, lr):
    net, _ = scripted(values, ReduceOnPlateau(**options), optimizer=fl.SGD(8.0))
    assert net.history.lr == lr


@pytest.mark.parametrize("lr", [lambda step: 0.1, None])
def test_reduce_on_plateau_needs_a_number(lr):
    optimizer = SimpleNamespace(lr=lr, update=lambda params, grads: pytest.fail("trained"))
    with pytest.raises(TypeError, match=r"needs an optimizer whose lr is a number, not (function|NoneType)"):
        network().fit(X, LABELS, optimizer=optimizer, callbacks=[ReduceOnPlateau("loss")])


# Checkpoint


def test_checkpoint_after_each_epoch(tmp_path):
    path, seen = tmp_path / "m.npz", []
    net = network()
    callbacks = [Checkpoint(path), lambda training: seen.append(same(fl.Sequential.load(path), net))]
    net.fit(X, LABELS, 3, callbacks=callbacks)
    assert seen == [True] * 3
    assert list(tmp_path.iterdir()) == [path]


def test_checkpoint_of_the_best(tmp_path):
    path, params = str(tmp_path / "m.npz"), []
    net, checkpoint = network(), Checkpoint(path, best_only=True)
    keep = [lambda _: params.append(copy.deepcopy(net))]
    history = net.fit(
        X, LABELS, 40, optimizer=fl.Adam(0.05), rng=0, validation_data=VALIDATION, callbacks=[checkpoint, *keep]
    )
    assert checkpoint.best_epoch == history.best_epoch < 39
    assert same(fl.Sequential.load(path), params[history.best_epoch])


def test_checkpoint_fails_before_the_training(tmp_path):
    net = network()
    before = copy.deepcopy(net)
    with pytest.raises(FileNotFoundError, match=r"missing.m\.npz"):
        net.fit(X, LABELS, callbacks=[Checkpoint(tmp_path / "missing" / "m.npz")])
    assert same(net, before)


UNSAVEABLE = {
    "a layer of one's own": (
        lambda net: net.layers.append(Noise()),
        TypeError,
        "a model file holds .*, not fitting.Noise",
    ),
    "a loss of one's own": (lambda net: setattr(net, "loss_layer", Squares()), TypeError, "not fitting.Squares"),
    "two dtypes": (lambda net: setattr(net.layers[2], "W", net.layers[2].W.astype("f")), TypeError, "share one dtype"),
    "an option": (lambda net: setattr(net.loss_layer, "reduction", "most"), ValueError, "reduction='most'"),
}


@pytest.mark.parametrize(("spoil", "error", "message"), UNSAVEABLE.values(), ids=UNSAVEABLE)
@pytest.mark.parametrize("there", [True, False])
def test_checkpoint_finds_out_at_once_what_cannot_be_saved(spoil, error, message, there, tmp_path):
    """And nothing is left behind; what the file held stays."""
    net, path = network(), tmp_path / "m.npz"
    if there:
        net.save(path)
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    spoil(net)
    before = copy.deepcopy(net)
    t = ONE_HOT if isinstance(net.loss_layer, Squares) else LABELS
    with pytest.raises(error, match=message):
        net.fit(X, t, callbacks=[Checkpoint(path)])
    assert same(net, before)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == files


def test_checkpoint_asks_a_subclass_that_saves_by_itself_for_nothing(tmp_path):
    class Own(fl.Sequential):
        def save(self, path):
            saved.append(path)

    saved = []
    net = Own([*network().layers, Noise()], fl.SoftmaxWithLoss())
    net.fit(X, LABELS, 3, callbacks=[Checkpoint(tmp_path / "m.npz")])
    assert saved == [str(tmp_path / "m.npz")] * 3


def test_checkpoint_keeps_the_last_network_that_was_finite(tmp_path):
    net, path, params = network(), tmp_path / "m.npz", []

    def ruin(training):
        params.append(copy.deepcopy(net))
        if training.epoch == 1:
            net.layers[0].W[1, 1] = np.nan

    with np.errstate(all="ignore"):
        history = net.fit(X, LABELS, 4, callbacks=[Checkpoint(path), ruin], on_nonfinite="ignore")
    assert np.isnan(history.loss).tolist() == [False, False, True, True]
    assert same(fl.Sequential.load(path), params[1])
