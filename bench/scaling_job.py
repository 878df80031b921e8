"""What ``scaling.py`` runs on every rank of its job: the times of exchanges and of training steps; rank 0 prints them.

One rank alone and all of them take turns in one job, since a machine that drifts is then as slow for both.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

import fastlayers
from fastlayers import datasets
from fastlayers.command import cases
from fastlayers.mpi import DataParallel

WORLD = MPI.COMM_WORLD
BATCH_SECONDS = 0.02  # of one turn, beside which a barrier costs nothing
POLL = 1e-3


def fastest(calls: dict[str, tuple[Callable[[], Any], bool]], seconds: float) -> dict[str, float]:
    """Seconds a call of each, by rank 0's clock: the fastest of many turns. A call is one of all ranks, or not."""
    counts = dict.fromkeys(calls, 1)
    best = dict.fromkeys(calls, float("inf"))
    spent, rounds = 0.0, 0
    while rounds < 3 or spent < seconds * len(calls):
        for name, (call, of_all) in calls.items():
            took = turn(call, counts[name]) if of_all or WORLD.rank == 0 else 0.0
            took = wait_for_first(took)
            if rounds == 0:
                counts[name] = max(int(BATCH_SECONDS / took), 1)
            else:
                best[name] = min(best[name], took / counts[name])
            spent += took
        rounds += 1
    return best


def turn(call: Callable[[], Any], number: int) -> float:
    call()  # finds code and data in the caches again
    start = time.perf_counter()
    for _ in range(number):
        call()
    return time.perf_counter() - start


def wait_for_first(took: float) -> float:
    """What rank 0 has measured; the others sleep until then, where MPI would keep their cores and memory busy."""
    number = np.array([took])
    request = WORLD.Ibcast(number, root=0)
    while not request.Test():
        time.sleep(POLL)
    WORLD.Barrier()
    return float(number[0])


def exchanges(sizes: list[int], seconds: float) -> dict[int, float]:
    """Of an ``Allreduce`` in place of so many bytes of float32."""
    found = {}
    for nbytes in sizes:
        buffer = np.zeros(nbytes // 4, np.float32)
        call = {"it": (lambda buffer=buffer: WORLD.Allreduce(MPI.IN_PLACE, buffer), True)}
        found[nbytes] = fastest(call, seconds)["it"]
    return found


def made(widths: tuple[int, ...]) -> fastlayers.Sequential:
    network = cases.Network(widths, 1).step(fastlayers, "float32").function.__self__
    assert isinstance(network, fastlayers.Sequential)
    return network


def samples(widths: tuple[int, ...], n: int, idx: str | None) -> tuple[Any, Any]:
    """Images where they fit and a folder of them is given, else random numbers."""
    if idx is not None and widths[0] == 784 and widths[-1] == 10:
        train = datasets.load_idx(Path(idx), "float32").train
        return train.x[:n].copy(), train.t[:n].copy()
    rng = np.random.default_rng(0)
    return rng.random((n, widths[0]), np.float32), rng.integers(0, widths[-1], n)


def steps(widths: tuple[int, ...], batch: int, idx: str | None, seconds: float) -> dict[str, float]:
    """A step of one rank on the whole batch, of all ranks on their shares, and of one on a share by itself."""
    x, t = samples(widths, batch, idx)
    optimizer, alone, together = fastlayers.SGD(lr=0.01), made(widths), DataParallel(made(widths))
    own = [np.ascontiguousarray(array) for array in together.shard(x, t)]
    check(alone, made(widths), x, t, own)
    return fastest(
        {
            "one": (lambda: alone.train_step(x, t, optimizer), False),
            "all": (lambda: together.train_step(*own, optimizer), True),
            "share": (lambda: alone.train_step(*own, optimizer), False),
        },
        seconds,
    ) | {"parameters": sum(param.size for param in alone.params)}


def check(alone: fastlayers.Sequential, other: fastlayers.Sequential, x: Any, t: Any, own: list[Any]) -> None:
    """A wrong result is not worth timing."""
    loss, grads = alone.gradient(x, t)
    shared, shared_grads = DataParallel(other).gradient(*own)
    np.testing.assert_allclose(shared, loss, rtol=1e-5)
    for got, expected in zip(shared_grads, grads, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


def compute(widths: tuple[int, ...], batches: list[int], idx: str | None, seconds: float) -> dict[int, float]:
    """A step of one rank alone, by the size of its batch."""
    network, optimizer = made(widths), fastlayers.SGD(lr=0.01)
    found = {}
    for n in batches:
        x, t = samples(widths, n, idx)
        found[n] = fastest({"it": (lambda x=x, t=t: network.train_step(x, t, optimizer), False)}, seconds)["it"]
    return found


def main(job: dict[str, Any]) -> dict[str, Any]:
    seconds, idx = job["seconds"], job["idx"]
    measured = [steps(tuple(widths), batch, idx, 4 * seconds) for widths, batch in job["networks"]]
    return {
        "ranks": WORLD.size,
        "mpi": MPI.Get_library_version().partition(",")[0],
        "steps": measured,
        "exchanges": exchanges(job["sizes"], seconds),
        "compute": compute(tuple(job["networks"][0][0]), job["batches"], idx, seconds),
    }


if __name__ == "__main__":
    answer = main(json.loads(sys.argv[1]))
    if WORLD.rank == 0:
        print(json.dumps(answer))
