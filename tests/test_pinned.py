"""While a kernel works without the GIL, no other thread can move an array's memory: NumPy refuses to resize it."""

import contextlib
import gc
import sys
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
        if set(resize_meanwhile(kit.of(level, name), make())) == {"refused"}:
            return
    pytest.fail("the other thread never ran during the call, or it resized an array")


@pytest.mark.parametrize("name", families.KERNELS)
def test_afterwards_it_is_free_again(level, name):
    args = [arg.copy() for arg in families.common_call(name, np.float64, rows=300, columns=200)]
    kit.of(level, name)(*args)
    for array in args:
        array.resize(array.size + 1, refcheck=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(kit.FREE_THREADED, reason="without a GIL, another thread may change them before they are looked at")
@pytest.mark.parametrize(
    "name", [name for name in families.KERNELS if name.endswith(("_cross_entropy", "_loss", "_error"))]
)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_targets_that_become_another_type_while_they_are_read_count_as_they_were(level, no_switching, name, reduction):
    function = getattr(level, name)
    x, t = families.common_call(name, np.float32, rows=6000, columns=200)
    expected = function(x, t, reduction=reduction)
    for _ in range(200):
        begun, targets = threading.Event(), t.copy()

        def change(begun=begun, targets=targets):
            begun.wait()
            targets.dtype = f"V{targets.itemsize}"

        other = threading.Thread(target=change)
        other.start()
        begun.set()
        result = function(x, targets, reduction=reduction)
        changed = targets.dtype != t.dtype
        other.join()
        if changed and result is not NotImplemented:  # else it was changed too late, or too early
            for array, other_array in zip(result, expected, strict=True):
                np.testing.assert_array_equal(array, other_array)
            return
    pytest.fail("the other thread never ran during the call")


class Garbage:
    """What resizes an array when it is collected."""

    def __init__(self, array):
        self.array, self.cycle = array, self

    def __del__(self):
        with contextlib.suppress(ValueError):
            self.array.resize((1, 1), refcheck=False)


@pytest.mark.parametrize("name", ["relu_forward", "softmax", "embedding_forward", "sgd_update", "recurrent_forward"])
def test_no_array_is_read_that_a_finalizer_has_resized(level, name):
    """Garbage may be collected within a call, for the references that hold arrays where they are."""
    before, refused = gc.get_threshold(), 0
    for threshold in range(1, 12):
        x = np.ones((1000, 1000), np.float32)
        args = {
            "embedding_forward": (np.arange(1000), x),
            "sgd_update": ([x], [np.ones_like(x)], 0.1),
            "recurrent_forward": (x[:1, :1, None].copy(), x[:1].copy(), x, x[0].copy(), x[:1].copy()),
        }.get(name, (x,))
        gc.collect(0)
        Garbage(x)
        gc.set_threshold(threshold)
        try:
            getattr(level, name)(*args)
        except RuntimeError as error:
            assert "an array was resized while it was being read" in str(error)  # noqa: PT017
            refused += 1
        finally:
            gc.set_threshold(*before)
    assert refused or sys.version_info >= (3, 12)  # which collects between instructions alone
