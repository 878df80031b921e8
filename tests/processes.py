"""The programs of `test_processes`: ``python processes.py NAME`` says "right" where all that its children did is."""

import functools
import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import families
import kit
import numpy as np

import fastlayers as fl

THREADS = 3  # of a kernel, this one included
TASKS = Path("/proc/self/task")  # a process's threads, on Linux


@functools.cache
def calls():
    """Every function's arguments, large enough to be shared among threads.

    They hold whole numbers: however BLAS splits their products, the bits are the same.
    """
    found = {name: families.common_call(name, np.float32, 512, 600) for name in families.FUNCTIONS}
    return {name: [np.rint(a) if a.dtype == np.float32 else a for a in args] for name, args in found.items()}


def answers():
    """Every function's results, as bytes."""
    fl.set_num_threads(THREADS)
    return [part.tobytes() for name, args in calls().items() for part in kit.arrays(kit.call(name, *args))]


def training(seed):
    """A network and its optimizer."""
    rng = np.random.default_rng(seed)
    layers = [
        fl.Affine(rng.standard_normal((20, 16)), np.zeros(16)),
        fl.Sigmoid(),
        fl.Affine(rng.standard_normal((16, 8)), np.zeros(8)),
        fl.Relu(),
        fl.Affine(rng.standard_normal((8, 3))),
    ]
    return fl.Sequential(layers, fl.SoftmaxWithLoss()), (fl.SGD, fl.Momentum, fl.Adam)[seed](0.05)


def train(net, optimizer):
    """Both of them, a few steps on."""
    rng = np.random.default_rng(9)
    x, t = rng.standard_normal((30, 20)), rng.integers(0, 3, 30)
    for _ in range(20):
        net.train_step(x, t, optimizer)
    return net, optimizer


def params_after_more(net, optimizer):
    return [param.tobytes() for param in train(net, optimizer)[0].params]


def check(starmap):
    """The results of a pool's workers, after threaded work here; networks that they train come back and train on."""
    expected = answers()
    assert all(result == expected for result in starmap(answers, [()] * 3))
    seeds = range(3)
    trained = starmap(train, [training(seed) for seed in seeds])
    for seed, pair in zip(seeds, trained, strict=True):
        assert params_after_more(*pair) == params_after_more(*train(*training(seed)))


def pool_of_processes(method):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:

        def starmap(function, calls):
            return [future.result() for future in [pool.submit(function, *args) for args in calls]]

        check(starmap)


def pool_of_joblib(backend):
    from joblib import Parallel, delayed

    check(lambda function, calls: Parallel(n_jobs=2, backend=backend)(delayed(function)(*args) for args in calls))


# Fork by itself


def new_threads():
    """How many threads a large call starts."""
    before = len(list(TASKS.iterdir()))
    fl.sigmoid_forward(np.zeros(400_000, np.float32))
    return len(list(TASKS.iterdir())) - before


def check_in_child(expected, generations=2):
    """A child, and one of its own, start anew: each has none of its parent's threads, and gets its own."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if TASKS.exists() and fl.get_backend() == "cython":
                assert new_threads() == THREADS - 1
            assert answers() == expected
            if generations > 1:
                check_in_child(expected, generations - 1)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def fork_after_threaded_work():
    expected = answers()
    for _ in range(3):
        check_in_child(expected)
    assert answers() == expected


def fork_while_workers_look_out():
    """They do so for 100 us after a call."""
    expected, x = answers(), np.zeros(400_000, np.float32)
    for _ in range(6):
        fl.sigmoid_forward(x, out=x)
        check_in_child(expected, generations=1)
    assert answers() == expected


def idle_after_threaded_work():
    """The kernels' threads soon sleep: a process that does nothing uses no processor."""
    x = np.zeros(400_000, np.float32)
    fl.set_num_threads(2)
    for _ in range(5):
        fl.sigmoid_forward(x, out=x)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1


def fork_in_the_middle_of_a_call():
    """Another thread has the pool: this one has its turn when that one's kernel has released the GIL."""
    expected, done = answers(), threading.Event()
    x = np.zeros(4_000_000, np.float32)

    def call():
        while not done.is_set():
            fl.sigmoid_forward(x, out=x)

    other = threading.Thread(target=call)
    sys.setswitchinterval(100)
    other.start()
    try:
        for _ in range(5):
            check_in_child(expected, generations=1)
    finally:
        done.set()
        other.join()
    assert answers() == expected


PROGRAMS = {
    "fork after threaded work": fork_after_threaded_work,
    "fork while workers look out": fork_while_workers_look_out,
    "idle after threaded work": idle_after_threaded_work,
    "fork in the middle of a call": fork_in_the_middle_of_a_call,
    **{method: functools.partial(pool_of_processes, method) for method in multiprocessing.get_all_start_methods()},
    **{backend: functools.partial(pool_of_joblib, backend) for backend in ("loky", "threading")},
}

if __name__ == "__main__":
    from processes import PROGRAMS  # the same again, by the name that its children know it by

    PROGRAMS[sys.argv[1]]()
    print("right")
