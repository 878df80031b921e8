"""Threads: the same bits for any number of them and at any place in the array; fork; many callers at once."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zoo

LARGE = [(1 << 19, 2), ((1 << 20) + 7, 1), (1021, 1027), (3, 1 << 18)]
fork_beside_threads = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def parts(level, name, args, threads=1):
    """A kernel's results as arrays, the loss among them, without what comes of a product."""
    level.set_num_threads(threads)
    need_dx = (False,) if name == "affine_backward" else ()
    result = getattr(level, name)(*args, *need_dx)
    assert result is not NotImplemented
    return [np.array(p) for p in (result[2:] if name == "affine_backward" else zoo.flat(result))]


def large_call(name, dtype, shape):
    """A large common call, quickly made; for affine one of few products: what matters is the bias and its gradient."""
    n, m = shape
    x, dout = (np.resize(zoo.numbers((10_007,), dtype, seed), shape) for seed in (0, 1))
    column, W, b = np.ones((n, 1), dtype), zoo.numbers((1, m), dtype), zoo.numbers((m,), dtype, 1)
    loss = (x, np.arange(n) % m)
    return {
        "relu": (x,),
        "relu_forward": (x,),
        "relu_backward": (dout, x <= 0),
        "sigmoid_forward": (x,),
        "sigmoid_backward": (dout, np.abs(x)),
        "affine_forward": (column, W, b),
        "affine_backward": (dout, column, W),
        "softmax": (x,),
        "softmax_cross_entropy": loss,
        "softmax_with_loss": loss,
    }[name]


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("name", zoo.KERNELS)
def test_the_same_bits_for_any_number_of_threads(level, name, dtype):
    for shape in LARGE:
        args = large_call(name, dtype, shape)
        one = parts(level, name, args)
        for threads in (1, 2, 3):
            for a, b in zip(one, parts(level, name, args, threads), strict=True):
                assert a.tobytes() == b.tobytes(), (shape, threads)


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("name", zoo.RULES)
def test_the_same_updates_for_any_number_of_threads(level, name, dtype):
    seen = set()
    for threads in (1, 2, 3):
        level.set_num_threads(threads)
        args = zoo.rule_call(name, dtype, [((1 << 18) + 7, 3), (5,)])
        assert getattr(level, name)(*args) is None
        seen.add(b"".join(a.tobytes() for part in args if isinstance(part, list) for a in part))
    assert len(seen) == 1


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("name", ["sigmoid_forward", "sigmoid_backward", "relu_forward", "relu_backward"])
def test_the_same_bits_at_any_place_in_the_array(level, name, dtype):
    """In the vector body, in the tail, at any alignment, alone."""
    for value in (-20.0, -1.234, -1e-3, 0.3, 1.7, 15.0):
        whole = np.full(200, value, dtype)
        args = {"relu_backward": (whole, whole <= 0), "sigmoid_backward": (whole, 1 / (1 + np.abs(whole)))}.get(
            name, (whole,)
        )
        seen = set()
        for start in range(18):
            for size in (1, 2, 3, 5, 15, 16, 17, 33, 100, 150):
                for part in parts(level, name, [a[start : start + size] for a in args])[:1]:
                    seen |= {v.tobytes() for v in part}
        assert len(seen) == 1


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("classes", [1, 3, 10, 16, 33, 130])
def test_the_same_bits_for_a_row_wherever_it_stands(level, dtype, classes):
    row, labels = zoo.numbers((classes,), dtype), np.zeros(50, int)
    rows = np.tile(row, (50, 1))
    alone_y = level.softmax(row[None])
    alone_loss, alone_dx = level.softmax_cross_entropy(row[None], labels[:1])
    zoo.assert_same(level.softmax(rows), np.tile(alone_y, (50, 1)))
    zoo.assert_same(level.softmax(rows[1:]), np.tile(alone_y, (49, 1)))
    _, dx = level.softmax_cross_entropy(rows[:32], labels[:32])  # a division by 32 is exact
    zoo.assert_same(dx, np.tile(alone_dx / 32, (32, 1)))
    loss, y, dx = level.softmax_with_loss(row[None], labels[:1])
    assert loss == alone_loss
    zoo.assert_same(dx, alone_dx)
    np.testing.assert_allclose(y, alone_y, rtol=4 * np.finfo(dtype).eps)


def test_runs_are_repeatable(level):
    args = zoo.common_call("softmax_with_loss", np.float32, 1000, 37)
    first = parts(level, "softmax_with_loss", args, 2)
    for _ in range(20):
        for a, b in zip(first, parts(level, "softmax_with_loss", args, 2), strict=True):
            assert a.tobytes() == b.tobytes()


# Fork


def work(level, threads=2):
    """Every kernel once, large enough for a second thread."""
    return [
        part.tobytes()
        for name in zoo.KERNELS
        for part in parts(level, name, large_call(name, np.float32, (70_001, 5)), threads)
    ]


def child_of_a_fork(level, expected, threads):
    os._exit(0 if work(level, threads) == expected else 1)


@fork_beside_threads
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_kernels_work_in_a_forked_child_after_threaded_work(level, threads):
    expected = work(level)
    children = [
        multiprocessing.get_context("fork").Process(target=child_of_a_fork, args=(level, expected, threads))
        for _ in range(3)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(20)
        hung = child.is_alive()
        if hung:
            child.kill()
            child.join()
        assert not hung, "the child hangs"
        assert child.exitcode == 0
    assert work(level) == expected


# Many callers


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(64, 10), (40_000, 5)])
def test_many_threads_call_at_once(level, threads, shape):
    jobs = [(name, large_call(name, np.float32, (shape[0] + i, shape[1]))) for i in range(3) for name in zoo.KERNELS]
    expected = [[p.tobytes() for p in parts(level, name, args, threads)] for name, args in jobs]
    level.set_num_threads(threads)

    def answer(i):
        name, args = jobs[i]
        need_dx = (False,) if name == "affine_backward" else ()
        result = getattr(level, name)(*args, *need_dx)
        kept = result[2:] if name == "affine_backward" else zoo.flat(result)
        return [np.array(p).tobytes() for p in kept] == expected[i]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(answer, list(range(len(jobs))) * 4, timeout=60))


def test_the_number_of_threads_may_change_while_kernels_run(level):
    x = zoo.numbers((300_000,), np.float32)
    expected, stop = level.sigmoid_forward(x).tobytes(), threading.Event()

    def change():
        n = 0
        while not stop.is_set():
            n = n % 4 + 1
            level.set_num_threads(n)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda _: level.sigmoid_forward(x).tobytes() == expected, range(100), timeout=60))
    finally:
        stop.set()
        changer.join()


@pytest.mark.parametrize("name", ["sigmoid_forward", "softmax", "softmax_cross_entropy", "relu_backward"])
def test_large_calls_leave_the_interpreter_free(level, name):
    """Another thread goes on in the middle of the call; it had its chance if one of a few tries shows it."""
    args = large_call(name, np.float64, (6_000_000, 1))
    stop, ticks = threading.Event(), []

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        for _ in range(10):
            start = time.perf_counter()
            getattr(level, name)(*args)
            took = time.perf_counter() - start
            if any(start + 0.3 * took < t < start + 0.6 * took for t in list(ticks)):
                return
    finally:
        stop.set()
        ticker.join()
    pytest.fail("no other thread ran while the kernel did")
