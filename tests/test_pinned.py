"""While a kernel works without the GIL, no other thread can move an array's memory: NumPy refuses to resize it."""

import contextlib
import gc
import threading

import families
import kit
import numpy as np
import pytest


def large_calls():
    """The kernels' common calls and the optimizers' updates, at a size that takes longer than a turn on a lone core."""
    for name in families.KERNELS:
        yield name, lambda name=name: families.common_call(name, np.float64, rows=6000, columns=1000)
    yield "softmax_cross_entropy", lambda: families.common_call("softmax_cross_entropy", np.float32, 1_500_000, 4)
    for name in families.UPDATES:
        for updates in (families.UPDATES, families.FULL_UPDATES):
            yield (
                name,
                lambda name=name, updates=updates: families.update_call(
                    name, np.float64, ((6000, 1000), (1000,)), updates
                ),
            )


def arrays_of(args):
    """Every array among the arguments, in lists too."""
    for arg in args:
        for array in arg if isinstance(arg, list) else [arg]:
            if isinstance(array, np.ndarray):
                yield array


def resize_meanwhile(function, args):
    """Call it, and have another thread resize its arrays as soon as that gets the GIL; what became of each."""
    answers = []
    begun = threading.Event()

    def resize():
        begun.wait()
        for array in arrays_of(args):
            try:
                array.resize(array.size // 2, refcheck=False)
            except ValueError:
                answers.append("refused")
            else:
                answers.append("resized")

    other = threading.Thread(target=resize)
    other.start()
    begun.set()
    result = function(*args)
    other.join()
    assert result is not NotImplemented
    return answers


@pytest.mark.skipif(kit.FREE_THREADED, reason="without a GIL, NumPy leaves it to users not to resize what others read")
@pytest.mark.parametrize(("name", "make"), list(large_calls()))
def test_no_array_is_resized_while_it_is_read(level, no_switching, name, make):
    for _ in range(200):
        if set(resize_meanwhile(getattr(level, name), make())) == {"refused"}:
            return
    pytest.fail("the other thread never ran during the call, or it resized an array")


class Resizes:
    """Garbage that resizes an array when it is collected."""

    def __init__(self, array):
        self.me, self.array = self, array

    def __del__(self):
        with contextlib.suppress(ValueError):
            self.array.resize(10, refcheck=False)


@pytest.mark.skipif(kit.FREE_THREADED, reason="as above")
@pytest.mark.thread_unsafe(reason="sets when garbage is collected")
@pytest.mark.parametrize("objects", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["relu", "mean_squared_error", "sigmoid_cross_entropy", "sgd_update"])
def test_no_garbage_is_collected_before_arrays_are_pinned(level, name, objects):
    """Before Python 3.12 a new object may begin a collection, so many of them after the last."""
    x, t = np.ones(1_000_000), np.zeros(1_000_000)
    args = {"relu": [x], "sgd_update": [[x], [t], 0.1]}.get(name, [x, t])
    gc.collect()
    before = gc.get_threshold()
    Resizes(x)
    gc.set_threshold(objects, 1000, 1000)
    try:
        getattr(level, name)(*args)
    finally:
        gc.set_threshold(*before)


@pytest.mark.parametrize("name", families.KERNELS)
def test_afterwards_it_is_free_again(level, name):
    args = [arg.copy() for arg in families.common_call(name, np.float64, rows=300, columns=200)]
    getattr(level, name)(*args)
    for array in args:
        array.resize(array.size + 1, refcheck=False)
