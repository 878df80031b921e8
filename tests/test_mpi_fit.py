"""`DataParallel.fit`: what several ranks of threads fit together is what one fits alone."""

import numpy as np
import pytest
from parallel_cases import CLASS_WEIGHTS, CLASSES, FEATURES, IGNORED
from ranks import on_ranks, results_on_ranks

import fastlayers as fl
from fastlayers.mpi import DataParallel, RankError

pytestmark = [pytest.mark.usefixtures("without_mpi4py"), pytest.mark.thread_unsafe(reason="has threads of its own")]
X, T = np.random.default_rng(4).standard_normal((53, FEATURES)), np.random.default_rng(4).integers(0, CLASSES, 53)
VALIDATION = X[:9] + 0.1, T[:9]
WEIGHTS = np.where(np.arange(53) < 12, 0.0, np.linspace(0.1, 2, 53))  # of the first batch and more nothing counts
NUMBERS = "loss", "validation_loss", "validation_accuracy", "lr"


def network(loss=None):
    rng = np.random.default_rng(0)
    first, last = rng.standard_normal((FEATURES, 6)), rng.standard_normal((6, CLASSES))
    return fl.Sequential([fl.Affine(first, np.zeros(6)), fl.Relu(), fl.Affine(last)], loss or fl.SoftmaxWithLoss())


FITS = {
    "plain": {},
    "large batches": {"batch_size": 100},
    "small batches": {"batch_size": 2},
    "in order": {"shuffle": False},
    "weights": {"sample_weight": WEIGHTS, "shuffle": False, "batch_size": 8},
    "weights, shuffled": {"sample_weight": WEIGHTS, "batch_size": 3},
    "Adam": {"optimizer": None},
}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("options", FITS)
def test_ranks_fit_what_one_fits(options, size):
    def fit(net, rng):
        given = {"epochs": 4, "batch_size": 10, "optimizer": fl.Momentum(lr=0.05), "validation_data": VALIDATION}
        history = net.fit(X, T, rng=rng, **(given | FITS[options]))
        assert net.history is history
        return net.params, history

    params, history = fit(network(), 7)
    # Rank 0's generator decides.
    for got, got_history in results_on_ranks(size, lambda comm: fit(DataParallel(network(), comm), 7 + comm.rank)):
        for one, expected in zip(got, params, strict=True):
            np.testing.assert_allclose(one, expected, rtol=1e-10, atol=1e-12)
        for name in NUMBERS:
            np.testing.assert_allclose(getattr(got_history, name), getattr(history, name), rtol=1e-10)


def test_weights_of_classes_and_ignored_labels():
    t = np.where(np.arange(53) % 4 == 0, IGNORED, T)

    def fit(net):
        history = net.fit(X, t, epochs=3, batch_size=9, optimizer=fl.SGD(0.1), rng=1)
        return net.params, history.loss

    def loss():
        return fl.SoftmaxWithLoss(weight=CLASS_WEIGHTS, ignore_index=IGNORED)

    params, losses = fit(network(loss()))
    for got, got_losses in results_on_ranks(2, lambda comm: fit(DataParallel(network(loss()), comm))):
        np.testing.assert_allclose(got_losses, losses, rtol=1e-12)
        for one, expected in zip(got, params, strict=True):
            np.testing.assert_allclose(one, expected, rtol=1e-11, atol=1e-13)


def test_callbacks_decide_alike_and_one_rank_writes(tmp_path):
    def fit(comm):
        net = DataParallel(network(), comm)
        path = tmp_path / f"of rank {comm.rank}.npz"
        callbacks = [fl.callbacks.EarlyStopping(patience=2), fl.callbacks.Checkpoint(path)]
        history = net.fit(
            X,
            T,
            epochs=60,
            batch_size=10,
            optimizer=fl.SGD(1.0),
            validation_data=VALIDATION,
            callbacks=callbacks,
            rng=3,
        )
        return history.epochs, history.validation_loss, [param.tobytes() for param in net.params]

    first, *others = results_on_ranks(3, fit)
    assert first[0] < 60
    assert all(other == first for other in others)
    assert [path.name for path in tmp_path.iterdir()] == ["of rank 0.npz"]


def test_an_argument_that_is_wrong_raises_on_every_rank():
    def fit(comm):
        with pytest.raises(ValueError, match="batch_size"):
            DataParallel(network(), comm).fit(X, T, batch_size=0)

    results_on_ranks(2, fit)


def test_rank_0s_generator_goes_on():
    """From epoch to epoch, and from one fit to the next, as it does where one process trains."""

    def orders(comm):
        net, rng = DataParallel(network(), comm), np.random.default_rng(3)
        rows = np.arange(53.0)[:, np.newaxis] * np.ones(FEATURES)
        return [[x[:, 0].tolist() for x, _ in net.batches(rows, T, batch_size=10, rng=rng)] for _ in range(3)]

    for first, second, third in results_on_ranks(2, orders):
        assert first != second != third != first


DIFFERENT = {
    "parts of the data": (lambda rank: {"x": X[: 20 + rank], "t": T[: 20 + rank]}, "samples=21, rank 0 20"),
    "batch size": (lambda rank: {"batch_size": 8 + rank}, "batch_size=9, rank 0 8"),
    "epochs": (lambda rank: {"epochs": 2 + rank}, "epochs=3, rank 0 2"),
    "on_nonfinite": (lambda rank: {"on_nonfinite": "warn" if rank else "raise"}, "on_nonfinite='warn', rank 0 'raise'"),
    "validation": (
        lambda rank: {"validation_data": (X[:3], T[:3]) if rank else None},
        "validation samples=3, rank 0 0",
    ),
}


@pytest.mark.parametrize(("given", "words"), DIFFERENT.values(), ids=DIFFERENT)
def test_ranks_that_are_asked_for_different_things_all_say_so(given, words):
    def fit(comm):
        return DataParallel(network(), comm).fit(**({"x": X, "t": T, "epochs": 1, "batch_size": 8} | given(comm.rank)))

    for error in on_ranks(2, fit):
        assert isinstance(error, ValueError)
        assert words in str(error)


def test_data_that_is_wrong_on_one_rank_is_told_on_all():
    def fit(comm):
        return DataParallel(network(), comm).fit(X, T[: 53 - comm.rank])

    right, wrong = on_ranks(2, fit)
    assert isinstance(right, RankError)
    assert isinstance(wrong, ValueError)


# Numbers that are not finite


def spoiled(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("row", [3, 25, 52])
def test_data_that_are_not_finite_are_refused_alike(row):
    """Each rank looks at its part of them."""

    def fit(comm):
        return DataParallel(network(), comm).fit(spoiled(X, (row, 1), np.nan), T)

    errors = on_ranks(3, fit)
    assert {type(error) for error in errors} == {ValueError}
    assert {str(error) for error in errors} == {
        f"x of shape (53, {FEATURES}) holds nan in row {row}, at index ({row}, 1): it must be finite, "
        "unless on_nonfinite is 'warn' or 'ignore'"
    }


@pytest.mark.usefixtures("implementation")
def test_every_rank_stops_before_the_step_at_the_same_loss():
    """Whichever rank has the sample; and the parameters are what one process would have by then."""
    x = spoiled(X, (40, 1), 1e308)

    def made():
        net = network()
        net.layers[0].W[1] = 9
        return net

    def fit(net, adam):
        with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
            net.fit(x, T, 3, 10, optimizer=adam, rng=3)
        return str(caught.value), net.params, adam.t, adam.m

    message, params, t, m = fit(made(), fl.Adam())
    assert "first of row 40 of x and t" in message
    assert t == np.flatnonzero(np.random.default_rng(3).permutation(53) == 40)[0] // 10
    for got in results_on_ranks(3, lambda comm: fit(DataParallel(made(), comm), fl.Adam())):
        assert got[0] == message
        assert got[2] == t
        for one, expected in zip([*got[1], *got[3].values()], [*params, *m.values()], strict=True):
            np.testing.assert_allclose(one, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2])
def test_one_rank_warns_for_all(size):
    def fit(comm):
        return DataParallel(network(), comm).fit(spoiled(X, (40, 1), np.nan), T, 2, on_nonfinite="warn").loss

    with pytest.warns(RuntimeWarning, match=r"holds nan in row 40, .*; the training goes on") as warned:
        losses = results_on_ranks(size, fit)
    assert len(warned) == 1
    assert np.isnan(losses).all()


def test_a_rank_with_another_optimizer_is_told_on_all():
    def fit(comm):
        return DataParallel(network(), comm).fit(X, T, optimizer=fl.SGD(np.nan if comm.rank else 0.1))

    right, wrong = on_ranks(2, fit)
    assert (type(right), type(wrong)) == (RankError, ValueError)
    assert "lr must be finite, and 0 or more, not nan" in str(wrong)
