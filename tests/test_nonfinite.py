"""What fit does about numbers that are not finite: it stops before they are learned, warns once, or goes on.

What it is given is refused, as `test_fit_refuses.py` has it; here is what comes of finite numbers.
"""

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, WEIGHTS, Noise, Squares, X, by_hand, network, same, with_one

import fastlayers as fl
from fastlayers.training import guard

pytestmark = pytest.mark.usefixtures("implementation")

LOSSES = fl.SoftmaxWithLoss, lambda: fl.SoftmaxWithLoss(reduction="none"), fl.MeanSquaredError
OPTIMIZERS = {"SGD": fl.SGD, "Momentum": fl.Momentum, "Adam": fl.Adam}


def state(optimizer):
    return copy.deepcopy(vars(optimizer))


def assert_same_state(optimizer, before):
    assert vars(optimizer).keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_equal(vars(optimizer)[name], value)


NAN_X, INF_X = with_one(X, (17, 3), np.nan), with_one(X, (5, 0), -np.inf)


def test_a_bounded_activation_hides_nothing():
    """The loss of infinite input would be finite there, and the gradient not."""
    net = fl.Sequential([fl.Affine(np.ones((4, 3)), np.zeros(3)), fl.Sigmoid(), fl.Affine(np.eye(3))], Squares())
    with pytest.raises(ValueError, match="holds -inf in row 5"):
        net.fit(INF_X, ONE_HOT)
    assert np.isfinite(net.params[0]).all()


def test_parameters_and_state_that_are_so_from_the_start():
    net, momentum = network(), fl.Momentum()
    net.train_step(X, LABELS, momentum)
    momentum.v[2][1, 1] = np.inf
    with pytest.raises(ValueError, match="v of Momentum holds inf: it must be finite"):
        net.fit(X, LABELS, optimizer=momentum)
    net.layers[2].b[1] = np.nan
    with pytest.raises(ValueError, match=r"b of layer 2 holds nan at index \(1,\)"):
        net.fit(X, LABELS)


def test_what_a_first_layer_of_ones_own_is_given_is_its_own_affair():
    class Words:
        def forward(self, x):
            return np.array([np.eye(3, 4)["abc".index(word)] for word in x])

        def backward(self, dout):
            return None

    for words in (np.array(list("abc" * 10)), np.array(list("abc" * 10), object)):
        net = fl.Sequential([Words(), *network().layers], fl.SoftmaxWithLoss())
        assert math.isfinite(net.fit(words, LABELS[:30], 2).loss[-1])


# A loss that is not finite

HUGE_X = with_one(X, (45, 2), 1e308)  # finite, and too large for what is made of it


def of_large_weights(loss=None, kind=fl.Sequential):
    net = network(loss=loss)
    net.layers[0].W[2] = 9
    return kind(net.layers, net.loss_layer)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(
    "loss", [fl.SoftmaxWithLoss, lambda: fl.SoftmaxWithLoss(reduction="none"), fl.MeanSquaredError]
)
def test_the_step_is_not_taken(optimizer, loss):
    """All is as the steps before it left it, to the last bit, and the sample is named."""
    ours, hand, our_optimizer, hands = of_large_weights(loss()), of_large_weights(loss()), optimizer(), optimizer()
    epoch = np.random.default_rng(7).permutation(50).tolist()
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        ours.fit(HUGE_X, ONE_HOT, 2, 4, optimizer=our_optimizer, rng=7)
    batch = epoch.index(45) // 4
    at_fault = (
        f" in epoch 0, batch {batch}: that of 1 of its {len(epoch[4 * batch :][:4])} samples by itself is not finite"
    )
    assert f"{at_fault} either, first of row 45 of x and t (x is up to 1e+308 there, parameters up to " in str(
        caught.value
    )
    assert str(caught.value).endswith("; parameters and optimizer are as they were before this step")
    rows = epoch[: 4 * batch]
    by_hand(hand, X[rows], ONE_HOT[rows], 1, 4, hands)
    assert same(ours, hand)
    assert_same_state(our_optimizer, state(hands))
    assert ours.history.epochs == 0


def test_a_rate_that_is_too_high():
    """As far as the loss was finite, fit has gone; and it is the parameters that are large."""
    ours, hand = network(), network()
    with np.errstate(all="ignore"):
        with pytest.raises(
            FloatingPointError, match=r"batch 1: that of \d of its 10 samples .*, parameters up to .*e\+"
        ):
            ours.fit(X, LABELS, optimizer=fl.SGD(1e200), batch_size=10, shuffle=False)
        losses = []
        while not losses or math.isfinite(losses[-1]):
            before, batch = copy.deepcopy(hand), slice(10 * len(losses), 10 * len(losses) + 10)
            losses.append(hand.train_step(X[batch], LABELS[batch], fl.SGD(1e200)))
    assert len(losses) == 2
    assert same(ours, before)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_update_that_came_out_as_infinity(optimizer):
    """The loss before it was finite, so the beginning of the epoch is put back: parameters, moments and their count."""
    net, used = network(dtype=np.float32), optimizer(lr=1e-3)
    net.fit(X, LABELS, 1, optimizer=used)
    before, moments = copy.deepcopy(net), state(used)

    def raise_the_rate(training):
        if training.step == 2:
            training.optimizer.lr = 1e39

    callbacks = [SimpleNamespace(on_step_end=raise_the_rate)]
    # A ReLU may hide it for another step.
    message = (
        r"the loss is nan in epoch 0, batch [34]: W of layer [02] holds .* as they were at the beginning of epoch 0$"
    )
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=message):
        net.fit(X, LABELS, optimizer=used, batch_size=10, callbacks=callbacks)
    assert same(net, before)
    assert_same_state(used, moments)


class Blind(Squares):
    """A loss that is finite whatever it is given."""

    def forward(self, x, t):
        super().forward(x, t)
        return 1.0


@pytest.mark.parametrize("what", ["parameter", "state"])
@pytest.mark.parametrize(("samples", "found"), [(50, 1), (100, 1), (150, 2), (151, 3)])
def test_what_no_loss_shows_is_seen_at_the_end_of_an_epoch(what, samples, found, monkeypatch):
    """After so many samples, of which an epoch has 50, and after the last epoch, which is number 3."""
    monkeypatch.setattr(guard, "SAMPLES", samples)
    net, adam, kept = network(loss=Blind()), fl.Adam(), [(copy.deepcopy(network()), {})]

    def spoil(training):
        if training.epoch == 1:
            arrays = net.params if what == "parameter" else adam.v
            arrays[0][1, 2] = np.inf

    def keep(training):
        kept.append((copy.deepcopy(net), copy.deepcopy(adam.m)))

    written = "v of Adam holds inf" if what == "state" and found == 1 else "W of layer 0 holds |v of Adam holds "
    since = 1 if samples == 50 else 0
    message = rf"({written}).* after epoch {found}, though each loss was finite; .* at the beginning of epoch {since}$"
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=message):
        net.fit(X, ONE_HOT, 4, 50, optimizer=adam, callbacks=[SimpleNamespace(on_step_end=spoil), keep])
    assert same(net, kept[since][0])
    assert adam.t == since
    np.testing.assert_equal(adam.m, kept[since][1])


def test_samples_that_do_not_count_are_not_blamed():
    """By itself the loss of one that has no weight is 0 / 0."""
    weights = with_one(WEIGHTS, slice(3), 0)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="row 45 of x and t"):
        of_large_weights().fit(HUGE_X, LABELS, batch_size=50, shuffle=False, sample_weight=weights)


def test_a_sum_of_losses_that_overflows_is_no_samples_fault():
    net = network(loss=fl.MeanSquaredError(reduction="sum"))
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="that of each sample by itself is finite"):
        net.fit(X, np.full((50, 3), 7e153), batch_size=50)


def test_a_subclass_with_steps_of_its_own():
    class Own(fl.Sequential):
        steps = 0

        def train_step(self, x, t, optimizer, sample_weight=None):
            self.steps += 1
            return super().train_step(x, t, optimizer, sample_weight)

    net = of_large_weights(kind=Own)
    net.fit(X, LABELS, 1, 10)
    before = copy.deepcopy(net)
    assert net.steps == 5
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"row 45 of x and t .* beginning of epoch 0"),
    ):
        net.fit(HUGE_X, LABELS, 1, 10)
    assert same(net, before)


# What else may be wanted


@pytest.mark.parametrize("x", [NAN_X, HUGE_X], ids=["in x", "in a loss"])
def test_one_warning_and_the_training_goes_on(x):
    ours, hand = of_large_weights(), of_large_weights()
    message = (
        "nan in row 17.*; the training goes on" if np.isnan(x).any() else "row 45 of x and t.*; the training goes on"
    )
    with np.errstate(all="ignore"):
        with pytest.warns(RuntimeWarning, match=message) as warned:
            history = ours.fit(x, LABELS, 3, 10, optimizer=fl.SGD(), shuffle=False, on_nonfinite="warn")
        by_hand(hand, x, LABELS, 3, 10, fl.SGD())
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert np.isnan(history.loss).tolist() == [True] * 3
    for one, other in zip(ours.params, hand.params, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_said_where_that_is_asked_for():
    net = network()
    with np.errstate(all="ignore"):
        history = net.fit(NAN_X, LABELS, 3, on_nonfinite="ignore", validation_data=(NAN_X, LABELS))
    assert np.isnan(history.loss).all()
    assert np.isnan(net.params[0]).any()
    assert net.accuracy(X, LABELS) == 0


@pytest.mark.parametrize("mode", ["raise", "warn", "ignore"])
def test_where_all_is_finite_it_is_the_same_training(mode):
    nets = [fl.Sequential([Noise(), *network().layers], fl.SoftmaxWithLoss()) for _ in range(2)]
    histories = [
        net.fit(X, LABELS, 3, 8, rng=1, **given) for net, given in zip(nets, ({"on_nonfinite": mode}, {}), strict=True)
    ]
    assert same(*nets)
    assert histories[0].loss == histories[1].loss
