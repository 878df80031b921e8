"""Callbacks: what is called, when, and with what; and what is refused before anything is trained."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from fitting import LABELS, X, network, same

import fastlayers as fl
from fastlayers.callbacks import Callback, Checkpoint, EarlyStopping, ReduceOnPlateau, Training

pytestmark = pytest.mark.usefixtures("implementation")

VALIDATION = X[:20], np.roll(LABELS[:20], 1)  # what is learned is no help there


# What is called


def test_all_is_called_in_its_place():
    calls = []

    class Listener(Callback):
        def on_fit_begin(self, training):
            calls.append(("begin", training.step, training.history.epochs, training.loss))

        def on_step_end(self, training):
            calls.append(("step", training.step, training.epoch))

        def on_epoch_end(self, training):
            calls.append(("epoch", training.step, training.epoch, training.history.epochs))

        def on_fit_end(self, training):
            calls.append(("end", training.step, training.epoch, training.history.epochs))

    network().fit(X, LABELS, 2, 20, callbacks=[Listener()])
    assert calls == [
        ("begin", 0, 0, None),
        *[("step", n, 0) for n in (1, 2, 3)],
        ("epoch", 3, 0, 1),
        *[("step", n, 1) for n in (4, 5, 6)],
        ("epoch", 6, 1, 2),
        ("end", 6, 1, 2),
    ]


def test_what_a_callback_sees():
    net, adam, losses = network(), fl.Adam(), []

    def at_step(training):
        losses.append(training.loss)

    def at_epoch(training):
        assert type(training) is Training
        assert training.network is net
        assert training.optimizer is adam
        assert training.history is net.history
        assert training.recorded == {"loss", "lr", "seconds"}
        assert training.history.loss[-1] == pytest.approx(np.mean(losses[-2:]), rel=1e-14)

    net.fit(X, LABELS, 3, 25, optimizer=adam, callbacks=iter([SimpleNamespace(on_step_end=at_step), at_epoch]))
    assert len(losses) == 6


def test_nothing_is_called_that_only_the_base_class_has(monkeypatch):
    for name in ("on_fit_begin", "on_step_end", "on_fit_end"):
        monkeypatch.setattr(Callback, name, lambda *_: pytest.fail("called"))

    class Listener(Callback):
        def on_epoch_end(self, training):
            self.called = True

    listener = Listener()
    network().fit(X, LABELS, 1, callbacks=[listener])
    assert listener.called


def stop(training):
    training.stop = True


@pytest.mark.parametrize(
    ("hook", "epochs", "steps"), [("on_fit_begin", 0, 0), ("on_step_end", 1, 1), ("on_epoch_end", 1, 4)]
)
def test_stop(hook, epochs, steps):
    """In the midst of an epoch it makes a short one, which is recorded, validated, and ends as any other."""
    adam, ends = fl.Adam(), []
    callbacks = [
        SimpleNamespace(**{hook: stop}),
        lambda t: ends.append(t.step),
        SimpleNamespace(on_fit_end=ends.append),
    ]
    history = network().fit(X, LABELS, 9, 15, optimizer=adam, rng=1, validation_data=VALIDATION, callbacks=callbacks)
    assert history.epochs == len(history.validation_loss) == epochs
    assert adam.t == steps
    assert len(ends) == epochs + 1
    if hook == "on_step_end":
        batch = np.random.default_rng(1).permutation(50)[:15]
        assert history.loss[0] == network().loss(X[batch], LABELS[batch])


def test_say(capsys):
    network().fit(X, LABELS, 2, callbacks=[lambda training: training.say(f"epoch {training.epoch}")])
    assert capsys.readouterr() == ("epoch 0\nepoch 1\n", "")


# What is refused


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: EarlyStopping("accuracy"),
            ValueError,
            r"one of loss, validation_loss, .* not 'accuracy'",
        ),
        (lambda: EarlyStopping(3), ValueError, r"monitor must be one of .* not 3"),
        (lambda: EarlyStopping(patience=0), ValueError, "patience must be 1 or more, not 0"),
        (lambda: EarlyStopping(patience=1.5), TypeError, "patience must be an integer, not float"),
        (lambda: EarlyStopping(min_delta=-1), ValueError, "min_delta must be finite, and 0 or more, not -1"),
        (lambda: EarlyStopping(min_delta="a"), TypeError, "min_delta must hold real numbers"),
        (lambda: ReduceOnPlateau(factor=1), ValueError, r"factor must lie in \(0, 1\), not 1.0"),
        (lambda: ReduceOnPlateau(factor=np.nan), ValueError, r"factor must lie in \(0, 1\), not nan"),
        (lambda: ReduceOnPlateau(patience=0), ValueError, "patience must be 1 or more, not 0"),
        (lambda: ReduceOnPlateau(min_lr=-1.0), ValueError, "min_lr must be finite, and 0 or more, not -1.0"),
        (lambda: Checkpoint(3), TypeError, "int"),
        (lambda: Checkpoint("m", monitor="lr"), ValueError, "monitor must be one of"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "callback",
    [EarlyStopping(), ReduceOnPlateau(), Checkpoint("m", best_only=True), EarlyStopping("validation_accuracy")],
)
def test_what_is_watched_must_be_recorded(callback):
    net = network()
    before = copy.deepcopy(net)
    with pytest.raises(ValueError, match=rf"{type(callback).__name__} watches \w+, which needs validation_data"):
        net.fit(X, LABELS, callbacks=[callback])
    assert same(net, before)
