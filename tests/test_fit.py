"""Sequential.fit is a loop of train_step over shuffled batches, to the last bit."""

import copy

import kit
import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, RNG, WEIGHTS, Noise, Spy, Squares, X, by_hand, network, same

import fastlayers as fl
from fastlayers import reference
from fastlayers.training import batches

pytestmark = pytest.mark.usefixtures("implementation")


def with_layers(*more):
    net = network()
    net.layers[:0] = more
    return net


CASES = {
    "labels": (network, X, LABELS),
    "one-hot": (network, X, ONE_HOT),
    "lists": (network, X.tolist(), LABELS.tolist()),
    "float32": (lambda: network(dtype=np.float32), X.astype(np.float32), LABELS.astype(np.int32)),
    "N-d": (network, X.reshape(50, 2, 1, 2), LABELS),
    "fortran": (network, np.asfortranarray(X), np.asfortranarray(ONE_HOT)),
    "reversed": (network, X[::-1], LABELS[::-1]),
    "byte-swapped": (network, X.astype(X.dtype.newbyteorder()), LABELS),
    "reference": (lambda: network(reference), X, LABELS),
    "dropout": (lambda: with_layers(fl.Tanh(), fl.Dropout(0.3, rng=1), fl.LeakyRelu()), X, LABELS),
    "real targets": (lambda: network(loss=fl.MeanSquaredError()), X, X[:, :3]),
    "yes or no": (lambda: network(loss=fl.SigmoidWithLoss()), X, ONE_HOT),
    "own loss": (lambda: network(loss=Squares()), X, ONE_HOT),
    "own layers": (lambda: with_layers(Spy(), Noise()), X, LABELS),
}
OPTIMIZERS = {"SGD": lambda: fl.SGD(0.1), "Momentum": lambda: fl.Momentum(0.01), "Adam": fl.Adam}


@pytest.mark.parametrize(("make", "x", "t"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("shuffle", [True, False])
def test_it_is_the_loop_of_train_step(make, x, t, shuffle):
    ours, hand = make(), make()
    history = ours.fit(x, t, epochs=3, batch_size=16, optimizer=fl.SGD(0.1), rng=7, shuffle=shuffle)
    losses = by_hand(hand, x, t, 3, 16, fl.SGD(0.1), 7 if shuffle else None)
    assert same(ours, hand)
    assert not same(ours, make())
    np.testing.assert_allclose(history.loss, np.array(losses) @ [0.32, 0.32, 0.32, 0.04], rtol=1e-14)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("gathered", [0, 700, 1 << 20])
@pytest.mark.parametrize("batch_size", [1, 7, 49, 50, 1000])
def test_however_much_is_gathered_at_once(optimizer, gathered, batch_size, monkeypatch):
    monkeypatch.setattr(batches, "GATHERED", gathered)
    ours, hand = network(), network()
    ours.fit(X, LABELS, 2, batch_size, optimizer=optimizer(), rng=1)
    by_hand(hand, X, LABELS, 2, batch_size, optimizer(), 1)
    assert same(ours, hand)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("layout", ["contiguous", "fortran", "reversed", "every second", "unaligned", "byte-swapped"])
def test_batches_are_what_the_kernels_take(layout, shuffle, monkeypatch):
    monkeypatch.setattr(batches, "GATHERED", 700)
    net = fl.Sequential([Spy(), *network().layers], fl.SoftmaxWithLoss())
    net.fit(kit.LAYOUTS[layout](X), LABELS, 2, 16, shuffle=shuffle)
    seen = net.layers[0].seen
    assert [len(x) for x in seen] == [16, 16, 16, 2] * 2
    assert all(x.flags.c_contiguous and x.flags.aligned and x.dtype.isnative for x in seen)
    # A batch that is still held is not written to when the next ones are gathered.
    for epoch in (seen[:4], seen[4:]):
        rows = np.concatenate(epoch)
        kit.assert_same(np.sort(rows, axis=0), np.sort(X, axis=0))
        assert np.array_equal(rows, X) == (not shuffle)


def test_the_defaults():
    """Ten epochs of batches of 32, a new Adam."""
    ours, hand = network(), network()
    history = ours.fit(X, LABELS, rng=2)
    by_hand(hand, X, LABELS, 10, 32, fl.Adam(), 2)
    assert same(ours, hand)
    assert history.epochs == 10
    assert history.lr == [0.001] * 10


@pytest.mark.parametrize("rng", [lambda: 11, lambda: np.random.default_rng(11), lambda: np.random.SeedSequence(11)])
def test_the_order_is_drawn_from_rng(rng):
    nets = [network() for _ in range(3)]
    histories = [net.fit(X, LABELS, 3, 8, rng=seed) for net, seed in zip(nets, (rng(), rng(), 12), strict=True)]
    assert same(*nets[:2])
    assert histories[0].loss == histories[1].loss
    assert not same(*nets[1:])


def test_without_rng_no_two_trainings_are_alike():
    nets = [network(), network()]
    for net in nets:
        net.fit(X, LABELS, 3, 8)
    assert not same(*nets)


def test_a_generator_goes_on_where_it_is():
    ours, hand, generator = network(), network(), np.random.default_rng(4)
    for _ in range(2):
        ours.fit(X, LABELS, 1, 8, optimizer=fl.SGD(), rng=generator)
    by_hand(hand, X, LABELS, 2, 8, fl.SGD(), 4)
    assert same(ours, hand)


def test_what_was_given_is_not_written_to():
    given = X, ONE_HOT, WEIGHTS
    before = copy.deepcopy(given)
    network().fit(X, ONE_HOT, sample_weight=WEIGHTS, validation_data=given)
    for array, true in zip(given, before, strict=True):
        kit.assert_same(array, true)


def test_it_learns():
    x = RNG.standard_normal((300, 4))
    t = (x @ RNG.standard_normal((4, 3))).argmax(axis=1)
    net = network()
    history = net.fit(x, t, epochs=60, optimizer=fl.Adam(0.01), validation_data=(x, t), rng=0)
    assert history.loss[-1] < 0.2 < history.loss[0]
    assert history.validation_accuracy[-1] == net.accuracy(x, t) > 0.95


# Weights


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS.tolist(), np.arange(50)])
def test_sample_weights_are_the_losss_own(weights):
    ours, hand = network(), network()
    history = ours.fit(X, LABELS, 2, 16, optimizer=fl.SGD(), rng=7, sample_weight=weights)
    losses = by_hand(hand, X, LABELS, 2, 16, fl.SGD(), 7, np.asarray(weights))
    assert same(ours, hand)
    generator = np.random.default_rng(7)
    for loss, steps in zip(history.loss, losses, strict=True):
        shares = [w.sum() for w in np.split(np.asarray(weights)[generator.permutation(50)], [16, 32, 48])]
        assert loss == pytest.approx(np.average(steps, weights=shares), rel=1e-13)


def test_a_batch_of_no_weight_is_passed_over():
    """Its mean loss would be 0 / 0, and the network nan from then on."""
    weights = np.r_[np.zeros(16), WEIGHTS[16:]]
    ours, hand, adam = network(), network(), fl.Adam()
    history = ours.fit(X, LABELS, 1, 8, optimizer=adam, sample_weight=weights, shuffle=False)
    (losses,) = by_hand(hand, X[16:], LABELS[16:], 1, 8, fl.Adam(), None, weights[16:])
    assert same(ours, hand)
    assert adam.t == len(losses) == 5
    shares = np.add.reduceat(weights[16:], range(0, 34, 8))
    assert history.loss[0] == pytest.approx(np.average(losses, weights=shares), rel=1e-13)
