"""What Sequential.fit refuses, before anything is trained; and what may end a training early."""

import copy
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, WEIGHTS, Squares, X, by_hand, network, same

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

# What is refused

BAD = {
    "t": (
        {"t": LABELS[:49]},
        ValueError,
        r"t of shape \(49,\) does not fit x of shape \(50, 4\): it must have an entry",
    ),
    "a label": ({"t": np.r_[LABELS[1:], 3]}, ValueError, r"label 3 at row 49 is outside \[0, 3\)"),
    "t, a number": ({"t": 3}, ValueError, "t is 0-dimensional: it must have an entry for each sample"),
    "x, a number": ({"x": 3}, ValueError, "x is 0-dimensional"),
    "x, masked": ({"x": np.ma.masked_less(X, 0)}, ValueError, "x has masked entries"),
    "no samples": ({"x": X[:0], "t": LABELS[:0]}, ValueError, r"x of shape \(0, 4\) has no samples"),
    "weights": ({"sample_weight": WEIGHTS[1:]}, ValueError, r"sample_weight of shape \(49,\) does not fit x of shape"),
    "one weight": ({"sample_weight": 2.0}, ValueError, r"sample_weight of shape \(\) does not fit x of shape"),
    "complex weights": ({"sample_weight": WEIGHTS * 1j}, TypeError, "sample_weight must hold real numbers"),
    "epochs": ({"epochs": 0}, ValueError, "epochs must be 1 or more, not 0"),
    "half an epoch": ({"epochs": 0.5}, TypeError, "epochs must be an integer, not float"),
    "batch_size": ({"batch_size": -3}, ValueError, "batch_size must be 1 or more, not -3"),
    "batch_size, text": ({"batch_size": "8"}, TypeError, "batch_size must be an integer, not str"),
    "optimizer": (
        {"optimizer": 0.1},
        TypeError,
        r"optimizer must have update\(params, grads\), as SGD\(\) has, not float",
    ),
    "optimizer, a class": ({"optimizer": fl.SGD}, TypeError, "not the class SGD itself"),
    "rng": ({"rng": -1}, ValueError, "non-negative"),
    "callbacks": (
        {"callbacks": fl.callbacks.EarlyStopping("loss")},
        TypeError,
        "must be a list of callbacks, not Early",
    ),
    "callback": (
        {"callbacks": [print, 3]},
        TypeError,
        r"callbacks\[1\] must be a function or have one of on_fit_begin",
    ),
    "callback, a class": ({"callbacks": [fl.callbacks.EarlyStopping]}, TypeError, "not the class EarlyStopping itself"),
    "callback without a hook": ({"callbacks": [fl.callbacks.Callback()]}, TypeError, "not Callback"),
    "validation, an array": (
        {"validation_data": X},
        TypeError,
        r"must be \(x, t\) or \(x, t, sample_weight\), not ndarray",
    ),
    "validation, x alone": ({"validation_data": (X,)}, TypeError, "not 1 of them"),
    "validation t": (
        {"validation_data": (X, LABELS[1:])},
        ValueError,
        r"validation t of shape \(49,\) does not fit vali",
    ),
    "validation weights": (
        {"validation_data": (X, LABELS, [1])},
        ValueError,
        r"validation sample_weight of shape \(1,\)",
    ),
    "validation x": ({"validation_data": (X[:, :3], LABELS)}, ValueError, r"x of shape \(50, 3\) does not fit W"),
    "validation labels": ({"validation_data": (X, np.r_[LABELS[1:], 3])}, ValueError, "label 3 at row 49"),
}


@pytest.mark.parametrize(("arguments", "error", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(arguments, error, message):
    """Nothing is trained, and the history of the training before is still there."""
    net, adam = network(), fl.Adam()
    history = net.fit(X, LABELS, 1)
    before = copy.deepcopy(net)
    with pytest.raises(error, match=message):
        net.fit(**{"x": X, "t": LABELS, "optimizer": adam, "rng": 0, **arguments})
    assert same(net, before)
    assert net.history is history
    assert adam.t == 0


def test_a_loss_that_knows_of_no_weights():
    net = network(loss=Squares())
    before = copy.deepcopy(net)
    for arguments in ({"sample_weight": WEIGHTS}, {"validation_data": (X, ONE_HOT, WEIGHTS)}):
        with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
            net.fit(X, ONE_HOT, **arguments)
        assert same(net, before)


# What ends a training early


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_goes_through(error):
    """The history has the epochs that were over, and the network can be used and trained on."""

    def fail(training):
        if training.epoch == 2:
            raise error

    net = network()
    with pytest.raises(error):
        net.fit(X, LABELS, 5, callbacks=[fail])
    assert net.history.epochs == 3
    assert np.isfinite(net.loss(X, LABELS))
    assert net.fit(X, LABELS, 1).epochs == 1


@pytest.fixture
def heeds_ctrl_c():
    """A process that a shell began in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.thread_unsafe(reason="signals go to the main thread")
@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_in_the_midst_of_an_epoch():
    ours, hand = network(), network()

    def interrupt(training):
        if training.step == 6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        ours.fit(X, LABELS, 5, 16, rng=1, optimizer=fl.SGD(), callbacks=[SimpleNamespace(on_step_end=interrupt)])
    assert ours.history.epochs == 1
    generator = np.random.default_rng(1)
    for steps in (4, 2):
        order = generator.permutation(50)[: 16 * steps]
        by_hand(hand, X[order], LABELS[order], 1, 16, fl.SGD())
    assert same(ours, hand)
