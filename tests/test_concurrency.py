"""Many Python threads at once: the same bits as one thread alone, whatever else the process does meanwhile."""

import functools
import itertools
import os
import sys
import threading
from contextlib import contextmanager

import families
import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import backend

THREADS = int(os.environ.get("FASTLAYERS_TEST_THREADS", "8"))
needs_gil = pytest.mark.skipif(kit.FREE_THREADED, reason="there is no GIL to release")


@pytest.fixture(autouse=True)
def settings_put_back():
    """The backend and the number of threads as they were; meanwhile three, and Python's take turns all the time."""
    interval, threads, kernels = sys.getswitchinterval(), fl.get_num_threads(), backend.kernels
    sys.setswitchinterval(1e-6)
    fl.set_num_threads(3)
    yield
    sys.setswitchinterval(interval)
    fl.set_num_threads(threads)
    backend.kernels = kernels


def together(*jobs, timeout=60):
    """Run each job on a thread of its own, all let loose at once; their results in order. One that hangs fails."""
    results, barrier = [None] * len(jobs), threading.Barrier(len(jobs))

    def run(i):
        try:
            barrier.wait(timeout)
            results[i] = jobs[i]()
        except BaseException as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a thread hangs"
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def bits(*results):
    """Results as what can be compared to the last bit."""
    return [part.tobytes() if isinstance(part, np.ndarray) else part for result in results for part in kit.flat(result)]


def calls(dtype, rows, columns):
    """Every function with its arguments: whole numbers, whose products are exact however BLAS splits them."""
    for name in families.FUNCTIONS:
        arrays = families.common_call(name, dtype, rows, columns)
        yield kit.of(fl, name), [np.rint(a) if a.dtype == dtype else a for a in arrays]
    x, labels = families.common_call("softmax_cross_entropy", dtype, rows, columns)
    yield fl.cross_entropy_error, (fl.softmax(x), labels)


# (1024, 600) is shared among the kernels' own threads, of which the reference has none; it alone takes float16.
@pytest.mark.parametrize(
    ("dtype", "shape", "times"), [(np.float32, (6, 5), 40), (np.float64, (1024, 600), 1), (np.float16, (6, 5), 10)]
)
def test_every_function_on_shared_inputs(implementation, dtype, shape, times):
    rows, columns = shape
    jobs = list(calls(dtype, max(rows // 8, 6) if implementation == "reference" else rows, columns))
    expected = [bits(function(*args)) for function, args in jobs]

    def answers(first):
        """All of them, `times` times; each thread begins with another one."""
        order = [*range(first % len(jobs), len(jobs)), *range(first % len(jobs))]
        for i in order * times:
            function, args = jobs[i]
            assert bits(function(*args)) == expected[i], function

    together(*[lambda first=first: answers(first) for first in range(THREADS)])


# Layers, networks, optimizers

OPTIMIZERS = (fl.SGD, fl.Momentum, functools.partial(fl.AdamW, clip_norm=0.5))


def network(seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    layers = []
    for d, m, activation in ((20, 16, fl.Relu), (16, 12, fl.Sigmoid), (12, 3, None)):
        layers.append(fl.Affine(rng.standard_normal((d, m)).astype(dtype), np.zeros(m, dtype)))
        layers += [activation()] if activation else []
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


def data(seed, dtype=np.float32):
    rng = np.random.default_rng([seed, 1])
    return rng.standard_normal((30, 20)).astype(dtype), rng.integers(0, 3, 30)


def trained(seed):
    """The losses of a training, and the parameters it ends with."""
    net, optimizer, (x, t) = network(seed), OPTIMIZERS[seed % 3](0.1), data(seed)
    losses = [net.train_step(x, t, optimizer) for _ in range(30)]
    return bits(tuple(losses), tuple(net.params), net.predict(x), net.accuracy(x, t))


def test_each_thread_trains_a_network_of_its_own(implementation):
    expected = [trained(seed) for seed in range(THREADS)]
    assert together(*[lambda seed=seed: trained(seed) for seed in range(THREADS)]) == expected


def test_threads_predict_with_a_network_while_another_takes_its_gradients(implementation):
    net, (x, t), (other_x, other_t) = network(0), data(0), data(1)
    loss, grads = net.gradient(x, t)
    expected, gradient = bits(net.predict(other_x), net.accuracy(other_x, other_t)), bits(loss, tuple(grads))

    def predict():
        assert all(bits(net.predict(other_x), net.accuracy(other_x, other_t)) == expected for _ in range(300))

    def differentiate():
        for _ in range(300):
            loss, grads = net.gradient(x, t)
            assert bits(loss, tuple(grads)) == gradient

    together(differentiate, *[predict] * (THREADS - 1))


def test_threads_share_a_layer(implementation):
    """Its state is that of whichever call was the last; what a call returns is its caller's own."""
    W, b = (np.rint(kit.numbers(shape, np.float32)) for shape in ((8, 20), (20,)))
    layers = [fl.Relu(), fl.Sigmoid(), fl.Affine(W, b)]
    inputs = [np.rint(kit.numbers((5, 8), np.float32, seed)) for seed in range(THREADS)]
    expected = [bits(*[layer.forward(x) for layer in layers]) for x in inputs]

    def check(i):
        assert all(bits(*[layer.forward(inputs[i]) for layer in layers]) == expected[i] for _ in range(300))

    together(*[lambda i=i: check(i) for i in range(THREADS)])


# The settings of the process, changed meanwhile


@contextmanager
def meanwhile(job):
    """Run the job over and over on another thread until the block ends."""
    done = threading.Event()

    def run():
        while not done.is_set():
            job()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"


@pytest.mark.skipif(not kit.LEVELS, reason="there is one backend")
@pytest.mark.parametrize(("shape", "times"), [((6, 5), 40), ((1024, 600), 1)])
def test_the_settings_change_while_others_call(shape, times):
    """Whichever backend answers a call, on however many threads, the result is that backend's."""
    jobs, right = list(calls(np.float32, *shape)), []
    for name in ("cython", "reference"):
        with fl.use_backend(name):
            right.append([bits(function(*args)) for function, args in jobs])

    def call():
        for _ in range(times):
            for i, (function, args) in enumerate(jobs):
                assert bits(function(*args)) in (right[0][i], right[1][i]), function

    def change(threads):
        with fl.use_backend("reference"):
            fl.set_num_threads(threads)
            assert fl.get_num_threads() in (1, 4)
        fl.set_backend("cython")

    with meanwhile(lambda: change(1)), meanwhile(lambda: change(4)):
        together(*[call] * THREADS)


# The larger wakes the kernels' threads, the smaller is shared with those that are awake.
@pytest.mark.parametrize(("size", "times"), [(300_000, 25), (40_000, 200)])
@pytest.mark.parametrize("level", kit.BEST, indirect=True)
def test_the_number_of_threads_changes_while_kernels_run(level, size, times):
    x, numbers = kit.numbers((size,), np.float32), itertools.cycle((1, 2, 3, 4))
    expected = bits(level.sigmoid_forward(x))

    def call():
        assert all(bits(level.sigmoid_forward(x)) == expected for _ in range(times))

    with meanwhile(lambda: level.set_num_threads(next(numbers))):
        together(*[call] * 4)


@pytest.mark.parametrize("told_first", [True, False])
def test_two_threads_set_the_number_of_threads_at_once(told_first, monkeypatch):
    """One comes between the steps of the other: the kernels are left with the number that the process has."""

    class Kernels:
        def set_num_threads(self, n):
            if n == 2 and not told_first:
                fl.set_num_threads(3)
            self.threads = n
            if n == 2 and told_first:
                fl.set_num_threads(3)

    monkeypatch.setattr(backend, "_compiled", Kernels())
    fl.set_num_threads(2)
    assert backend._compiled.threads == fl.get_num_threads()


# The GIL


@needs_gil
@pytest.mark.parametrize("name", [*families.KERNELS, *families.UPDATES])
def test_a_large_call_leaves_the_interpreter_to_others(level, no_switching, name):
    """Another thread, which waits for the GIL, has run before the call is over; one of a few tries shows it."""
    if name in families.UPDATES:
        args = families.update_call(name, np.float64, [(6000, 1000)])
    else:  # longer than a turn on a lone core
        args = families.common_call(name, np.float64, 6000, 1000)
    for _ in range(200):
        begun, ran = threading.Event(), threading.Event()
        other = threading.Thread(target=lambda begun=begun, ran=ran: begun.wait() and ran.set())
        other.start()
        begun.set()
        assert kit.of(level, name)(*args) is not NotImplemented
        meanwhile = ran.is_set()
        other.join()
        if meanwhile:
            return
    pytest.fail("the other thread never ran during the call")
