"""What Sequential.fit refuses, before anything is trained; and what may end a training early."""

import copy
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, WEIGHTS, Squares, X, by_hand, network, same, with_one

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
    "a weight, nan": (
        {"sample_weight": with_one(WEIGHTS, 7, np.nan)},
        ValueError,
        "sample_weight must be finite, and 0 or more, not nan at row 7",
    ),
    "a weight, negative": ({"sample_weight": with_one(WEIGHTS, 7, -0.5)}, ValueError, "0 or more, not -0.5 at row 7"),
    "a weight, infinite": ({"sample_weight": with_one(WEIGHTS, 7, np.inf)}, ValueError, "0 or more, not inf at row 7"),
    "no weight": ({"sample_weight": np.zeros(50)}, ValueError, "sample_weight is 0 for each of the 50 samples"),
    "weights for each output": (
        {"sample_weight": np.ones((50, 3))},
        ValueError,
        r"sample_weight of shape \(50, 3\) does not fit t of shape \(50,\): it must have shape \(50,\)",
    ),
    "nan in x": (
        {"x": with_one(X, (17, 3), np.nan)},
        ValueError,
        r"x of shape \(50, 4\) holds nan in row 17, at index \(17, 3\): it must be finite",
    ),
    "infinity in lists": ({"x": with_one(X, (5, 0), -np.inf).tolist()}, ValueError, r"holds -inf in row 5, at index"),
    "infinity in t": (
        {"t": with_one(ONE_HOT, (9, 1), np.inf)},
        ValueError,
        r"t of shape \(50, 3\) holds inf in row 9, at index \(9, 1\)",
    ),
    "x": (
        {"x": X[:, :3]},
        ValueError,
        r"x of shape \(50, 3\) does not fit W of shape \(4, 6\): a sample must have W's",
    ),
    "x, a vector": (
        {"x": X[:, 0]},
        ValueError,
        r"x of shape \(50,\) must have a row for each sample, of 4 numbers",
    ),
    "targets": (
        {"t": ONE_HOT[:, :2]},
        ValueError,
        r"t of shape \(50, 2\) does not fit outputs of shape \(50, 3\): t must be labels of shape \(50,\) or targets",
    ),
    "epochs": ({"epochs": 0}, ValueError, "epochs must be 1 or more, not 0"),
    "half an epoch": ({"epochs": 0.5}, TypeError, "epochs must be an integer, not float"),
    "epochs, a truth": ({"epochs": True}, TypeError, "epochs must be an integer, not bool True"),
    "batch_size, a float": ({"batch_size": 2.0}, TypeError, r"batch_size must be an integer, not float 2\.0"),
    "shuffle": ({"shuffle": "no"}, TypeError, "shuffle must be True or False, not str 'no'"),
    "progress": ({"progress": "no"}, TypeError, "progress must be True, False or None, not str 'no'"),
    "on_nonfinite": (
        {"on_nonfinite": "stop"},
        ValueError,
        "on_nonfinite must be one of raise, warn, ignore, not 'stop'",
    ),
    "lr, nan": ({"optimizer": fl.SGD(np.nan)}, ValueError, "lr must be finite, and 0 or more, not nan"),
    "lr, infinite": ({"optimizer": fl.Adam(np.inf)}, ValueError, "lr must be finite, and 0 or more, not inf"),
    "lr, negative": ({"optimizer": fl.AdamW(-0.1)}, ValueError, "lr must be finite, and 0 or more, not -0.1"),
    "lr, a text": ({"optimizer": fl.Momentum("0.1")}, TypeError, "lr must hold real numbers"),
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
    "validation x, nan": (
        {"validation_data": (with_one(X, (17, 3), np.nan), LABELS)},
        ValueError,
        r"validation x of shape \(50, 4\) holds nan in row 17",
    ),
    "validation t, nan": (
        {"validation_data": (X, with_one(ONE_HOT, (4, 2), np.nan))},
        ValueError,
        "validation t of .* holds nan in row 4",
    ),
    "validation weights, negative": (
        {"validation_data": (X, LABELS, -WEIGHTS)},
        ValueError,
        "validation sample_weight must be finite, and 0 or more",
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


def test_a_schedule_that_leads_nowhere_is_refused_at_its_step():
    ours, hand, optimizer = network(), network(), fl.Momentum(lambda step: 0.1 if step < 3 else -0.5)
    with pytest.raises(
        ValueError, match=r"lr must be finite, and 0 or more, not -0.5, which .*<lambda> gave after 3 up"
    ):
        ours.fit(X, LABELS, batch_size=10, shuffle=False, optimizer=optimizer)
    by_hand(hand, X[:30], LABELS[:30], 1, 10, fl.Momentum(0.1))
    assert same(ours, hand)
    assert optimizer.t == 3


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
