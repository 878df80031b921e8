"""What ``test_mpi_job.py`` runs on every rank of a job: ``mpiexec -n 2 python mpi_job.py NAME...``; rank 0 says so."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI
from parallel_cases import CASES, OPTIMIZERS, PARTITIONS, assert_same_training, network, trained_alone, trained_together
from ranks import Counted

import fastlayers as fl
from fastlayers.mpi import DataParallel, RankError, abort_on_error

WORLD = MPI.COMM_WORLD


def say(*words: object) -> None:
    """Once every rank has come as far."""
    WORLD.Barrier()
    if WORLD.rank == 0:
        print(*words, flush=True)


def same() -> None:
    """Every case, optimizer and way to partition, against one rank alone."""
    for name, case in CASES.items():
        for optimizer in OPTIMIZERS:
            alone = trained_alone(case, optimizer)
            for partition in PARTITIONS:
                together = trained_together(WORLD, case, optimizer, partition)
                assert_same_training(together, alone)
                everywhere = WORLD.allgather([param.tobytes() for param in together[0]])
                assert all(params == everywhere[0] for params in everywhere)
        say("same", name)


def float32() -> None:
    case = CASES["all weights"]
    alone = trained_alone(case, "Adam", dtype=np.float32)
    together = trained_together(WORLD, case, "Adam", "evenly", dtype=np.float32)
    for got, expected in zip(together[0], alone[0], strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)
    say("float32")


def fit() -> None:
    """Each rank brings another seed, and rank 0's decides."""
    x, t = np.random.default_rng(3).standard_normal((50, 5)), np.arange(50) % 4
    nets = network(CASES["labels"]), DataParallel(network(CASES["labels"]))
    given = {"epochs": 5, "batch_size": 12, "validation_data": (x, t)}
    alone, together = (net.fit(x, t, rng=seed, **given) for net, seed in zip(nets, (0, WORLD.rank), strict=True))
    np.testing.assert_allclose(together.validation_loss, alone.validation_loss, rtol=1e-11)
    for got, expected in zip(nets[1].params, nets[0].params, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)
    say("fit")


def exchanges() -> None:
    """A step is one Allreduce, and nothing else."""
    comm = Counted(WORLD)
    net, optimizer = DataParallel(network(CASES["labels"]), comm), fl.SGD()
    comm.calls.clear()
    x, t = np.ones((WORLD.rank, 5)), np.ones(WORLD.rank, int)
    for _ in range(10):
        net.train_step(x, t, optimizer)
    assert comm.calls == {"Allreduce": 10}, comm.calls
    say("one Allreduce a step")


def one_memory() -> None:
    """Sums in memory that ranks have in common are those of an Allreduce, which a wrapped communicator is asked for."""
    x, t = np.random.default_rng(WORLD.rank).standard_normal((9, 5)), np.arange(9) % 4
    found = []
    for comm in WORLD, Counted(WORLD):
        for dtype in np.float32, np.float64:
            net, optimizer = DataParallel(network(CASES["labels"], dtype=dtype), comm), fl.Adam()
            losses = [net.train_step(x, t, optimizer) for _ in range(5)]
            grads = net.gradient(x[: 9 * WORLD.rank], t[: 9 * WORLD.rank])[1]
            found.append([losses, *(array.tolist() for array in (*net.params, *grads, *net.network.grads))])
            assert (net._shared._exchange._shares is not None) == (comm is WORLD)
    assert found[:2] == found[2:]
    say("one memory")


def mismatch() -> None:
    """Networks that differ raise one error on every rank."""
    net = fl.Sequential([fl.Affine(np.ones((3, 2 + (WORLD.rank > 0))))], fl.SoftmaxWithLoss())
    with pytest.raises(ValueError, match="differ") as caught:
        DataParallel(net)
    messages = WORLD.allgather(str(caught.value))
    assert len(set(messages)) == 1
    say(messages[0])


def failing_step() -> None:
    """What goes wrong on one rank in a step is raised on all, who can go on."""
    net, last = DataParallel(network(CASES["labels"])), WORLD.rank == WORLD.size - 1
    x, t = np.ones((4, 5)), np.array([0, 1, 2, 9 if last else 3])
    with pytest.raises(ValueError if last else RankError, match=r"label 9 at row 3 is outside \[0, 4\)"):
        net.train_step(x, t, fl.SGD())
    net.train_step(x, np.zeros(4, int), fl.SGD())
    say("raised on all")


def nonfinite() -> None:
    """Data and a loss that are not finite raise one error on every rank, before anything is learned from them."""
    x, t = np.random.default_rng(3).standard_normal((50, 5)), np.arange(50) % 4
    for value, error in ((np.nan, ValueError), (1e308, FloatingPointError)):
        net, optimizer = DataParallel(network(CASES["squares"])), fl.Adam()
        before = [param.copy() for param in net.params]
        net.layers[0].W[1] = before[0][1] = 9
        x[-1, 1] = value
        with np.errstate(all="ignore"), pytest.raises(error) as caught:
            net.fit(
                x, np.eye(4)[t] if error is ValueError else np.eye(4)[t] * value, optimizer=optimizer, batch_size=50
            )
        assert len(set(WORLD.allgather(str(caught.value)))) == 1
        assert optimizer.t == 0
        for param, kept in zip(net.params, before, strict=True):
            np.testing.assert_array_equal(param, kept)
        say(str(caught.value).partition(":")[0])


def _fail_alone() -> None:
    """One rank fails outside of a step, while the others wait for it."""
    net: Any = DataParallel(network(CASES["labels"]))
    if WORLD.rank == WORLD.size - 1:
        raise ValueError("a fault of one rank's own")
    net.train_step(np.ones((4, 5)), np.zeros(4, int), fl.SGD())
    time.sleep(600)


def failing_rank() -> None:
    _fail_alone()


def uncaught_step() -> None:
    """What goes wrong on one rank in a step is raised on all, and no rank catches it."""
    net, last = DataParallel(network(CASES["labels"])), WORLD.rank == WORLD.size - 1
    net.train_step(np.ones((4, 5)), np.array([0, 1, 2, 9 if last else 3]), fl.SGD())


def failing_callback() -> None:
    """One rank fails in a fit, between two steps."""

    def fail(training: Any) -> None:
        if WORLD.rank == WORLD.size - 1:
            raise ValueError("a fault of one rank's own")

    x, t = np.ones((50, 5)), np.arange(50) % 4
    DataParallel(network(CASES["labels"])).fit(x, t, epochs=9, callbacks=[fail])


def failing_thread() -> None:
    """An exception in a thread ends that thread alone."""
    net = DataParallel(network(CASES["labels"]))
    if WORLD.rank == WORLD.size - 1:
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    net.train_step(np.ones((4, 5)), np.zeros(4, int), fl.SGD())
    say("gone on")


def failing_block() -> None:
    with abort_on_error():
        _fail_alone()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        globals()[name]()
