"""Data-parallel training, on ranks of threads: what several do together is what one does alone."""

import itertools

import numpy as np
import pytest
from parallel_cases import (
    CASES,
    LABELS,
    OPTIMIZERS,
    PARTITIONS,
    T,
    X,
    assert_same_training,
    batches,
    network,
    trained_alone,
    trained_together,
)
from ranks import Counted, one_rank, results_on_ranks

import fastlayers as fl
from fastlayers.mpi import DataParallel, share

pytestmark = [pytest.mark.usefixtures("without_mpi4py"), pytest.mark.thread_unsafe(reason="has threads of its own")]


# Training


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("case", CASES)
def test_ranks_give_what_one_gives(case, size, partition):
    expected = trained_alone(CASES[case], "Momentum")
    for together in results_on_ranks(size, lambda comm: trained_together(comm, CASES[case], "Momentum", partition)):
        assert_same_training(together, expected)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_every_optimizer_and_implementation(optimizer):
    expected = trained_alone(LABELS, optimizer)
    for together in results_on_ranks(2, lambda comm: trained_together(comm, LABELS, optimizer, "unevenly")):
        assert_same_training(together, expected)


def test_networks_of_the_reference():
    layers = [fl.reference.Affine(X[:5].copy(), np.zeros(5)), fl.reference.Relu(), fl.reference.Affine(X[5:10, :4])]
    net = fl.Sequential(layers, fl.reference.SoftmaxWithLoss())
    loss, grads = net.gradient(X, T)

    def work(comm):
        copies = [fl.reference.Affine(layers[0].W, layers[0].b), fl.reference.Relu(), fl.reference.Affine(layers[2].W)]
        together = DataParallel(fl.Sequential(copies, fl.reference.SoftmaxWithLoss()), comm)
        return together.gradient(*together.shard(X, T))

    for got, got_grads in results_on_ranks(3, work):
        assert got == pytest.approx(loss, rel=1e-14)
        for one, expected in zip(got_grads, grads, strict=True):
            np.testing.assert_allclose(one, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_other_dtypes(dtype):
    digits = np.finfo(dtype).eps
    expected = trained_alone(LABELS, "SGD", steps=10, dtype=dtype)
    for params, losses in results_on_ranks(
        2, lambda comm: trained_together(comm, LABELS, "SGD", "evenly", steps=10, dtype=dtype)
    ):
        assert [param.dtype for param in params] == [dtype] * 3
        np.testing.assert_allclose(losses, expected[1], rtol=20 * max(digits, 1e-16))
        for got, wanted in zip(params, expected[0], strict=True):
            np.testing.assert_allclose(got, wanted, rtol=50 * digits, atol=50 * digits)


def test_x_is_read_in_the_parameters_dtype():
    """As gradients have places of that dtype."""

    def work(comm):
        net = DataParallel(network(LABELS, dtype=np.float32), comm)
        return net.gradient(*net.shard(X, T))

    expected, _ = network(LABELS, dtype=np.float32).gradient(X.astype(np.float32), T)
    for loss, grads in results_on_ranks(2, work):
        assert loss == pytest.approx(expected, rel=1e-6)
        assert {grad.dtype for grad in grads} == {np.dtype(np.float32)}


@pytest.mark.filterwarnings("ignore:layer .*the network computes in float")
def test_a_network_of_two_dtypes():
    def made():
        return fl.Sequential(
            [fl.Affine(X[:5].astype(np.float32)), fl.Sigmoid(), fl.Affine(X[5:10, :4].copy(), np.zeros(4))],
            fl.SoftmaxWithLoss(),
        )

    def work(comm):
        counted = Counted(comm)
        net = DataParallel(made(), counted)
        counted.calls.clear()
        return *net.gradient(*net.shard(X, T)), counted.calls

    loss, grads = made().gradient(X, T)
    for got, got_grads, calls in results_on_ranks(2, work):
        assert got == pytest.approx(loss, rel=1e-12)
        assert calls == {"Allreduce": 2}
        for grad, expected, dtype in zip(got_grads, grads, [np.float32, np.float64, np.float64], strict=True):
            assert grad.dtype == dtype
            np.testing.assert_allclose(grad, expected, rtol=1e-6)


def test_a_step_is_one_exchange_of_all_gradients():
    def work(comm):
        counted, optimizer = Counted(comm), fl.SGD()
        net = DataParallel(network(LABELS), counted)
        counted.calls.clear()
        for x, t in batches(LABELS):
            net.train_step(*net.shard(x, t), optimizer)
        first, _, last = net.network.layers
        return counted.calls, first, last

    for calls, first, last in results_on_ranks(2, work):
        assert calls == {"Allreduce": 4}
        assert first.dW.base is first.db.base is last.dW.base is not None


def test_gradients_that_were_given_out_stay():
    net = DataParallel(network(LABELS), one_rank())
    _, grads = net.gradient(X, T)
    before = [grad.copy() for grad in grads]
    net.gradient(-X, T)
    for grad, kept in zip(grads, before, strict=True):
        np.testing.assert_array_equal(grad, kept)


def test_without_any_sample_nothing_is_learned():
    def work(comm):
        net = DataParallel(network(LABELS), comm)
        before = [param.copy() for param in net.params]
        loss = net.train_step(X[:0], T[:0], fl.SGD(lr=1.0))
        return loss, before, net.params

    for loss, before, params in results_on_ranks(2, work):
        assert np.isnan(loss)
        for param, kept in zip(params, before, strict=True):
            np.testing.assert_array_equal(param, kept)


def test_the_loss_keeps_its_reduction():
    net = DataParallel(network(LABELS), one_rank())
    net.gradient(X, T)
    assert net.network.loss_layer.reduction == "mean"
    with pytest.raises(ValueError, match="label 77"):
        net.gradient(X, np.full(12, 77))
    assert net.network.loss_layer.reduction == "mean"


def test_a_network_without_parameters():
    def work(comm):
        net = DataParallel(fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()), comm)
        return net.gradient(*net.shard(X, T))

    loss, _ = fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()).gradient(X, T)
    assert results_on_ranks(3, work) == [(pytest.approx(loss), [])] * 3


# Sharing out


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 6, 7, 100])
def test_shares_are_everything_once(n, size):
    parts = [share(n, rank, size) for rank in range(size)]
    lengths = [part.stop - part.start for part in parts]
    assert list(itertools.chain(*(range(n)[part] for part in parts))) == list(range(n))
    assert max(lengths) - min(lengths) <= 1


def test_shards_are_views():
    for rank, (x, t) in enumerate(results_on_ranks(3, lambda comm: DataParallel(network(LABELS), comm).shard(X, T))):
        np.testing.assert_array_equal(x, X[4 * rank : 4 * rank + 4])
        np.testing.assert_array_equal(t, T[4 * rank : 4 * rank + 4])
        assert x.base is not None
    assert DataParallel(network(LABELS), one_rank()).shard([1, 2]).tolist() == [1, 2]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_are_those_of_one_rank(size, shuffle):
    """Each has another generator, and the first one's decides."""
    x, weights = np.arange(23), np.arange(23) / 2

    def work(comm):
        net = DataParallel(network(LABELS), comm)
        rng = np.random.default_rng(comm.rank)
        return [list(net.batches(x, weights, batch_size=5, rng=rng, shuffle=shuffle)) for _ in range(2)]

    rng, found = np.random.default_rng(0), results_on_ranks(size, work)
    for epoch in range(2):
        order = rng.permutation(23) if shuffle else np.arange(23)
        expected = [order[start : start + 5] for start in range(0, 23, 5)]
        for i, batch in enumerate(expected):
            parts = [found[rank][epoch][i] for rank in range(size)]
            np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), batch)
            np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), batch / 2)
        assert all(len(found[rank][epoch]) == len(expected) for rank in range(size))
