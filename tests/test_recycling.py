"""A layer uses a result's memory again once nobody can see it: whoever holds one in any way must not see it change."""

import contextlib
import copy
import functools
import gc
import threading
import weakref

import numpy as np
import pytest
from holders import HOLDERS
from steps import STEPS, X, forward, inputs, make

import fastlayers as fl


@pytest.mark.parametrize(("hold", "see"), HOLDERS.values(), ids=HOLDERS.keys())
def test_a_result_that_anyone_holds_does_not_change(layer, hold, see):
    for name, step in STEPS.items():
        result = step(layer)
        expected = see(hold(result))
        holder = hold(result)
        del result
        for scale in (2, -3, 4, -5):
            step(layer, scale)
        np.testing.assert_array_equal(see(holder), expected, name)


def test_any_mixture_of_holders(layer):
    """Each taken and let go at random, while the layer runs on."""
    random = np.random.default_rng(3)
    holders = [pair for name, pair in HOLDERS.items() if "generator" not in name and "capsule" not in name]
    held = []
    for scale in range(1, 200):
        result = STEPS[("forward", "backward")[random.integers(2)]](layer, scale)
        if random.random() < 0.5:
            hold, see = holders[random.integers(len(holders))]
            held.append((hold(result), see, see(hold(result))))
        del result
        if len(held) > 5 or (held and random.random() < 0.2):
            del held[random.integers(len(held))]
        for holder, see, expected in held:
            np.testing.assert_array_equal(see(holder), expected)


def test_every_result_that_is_kept_is_another_array(layer, step):
    kept = [step(layer, scale) for scale in range(1, 8)]
    copies = [array.copy() for array in kept]
    for i, array in enumerate(kept):
        assert not any(np.shares_memory(array, other) for other in kept[:i])
    step(layer, 9)
    for array, expected in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_the_view_of_a_gradient_in_the_shape_of_its_input(implementation):
    """Affine hands out a view where its input was N-d; that alone holds the memory."""
    layer, x = make("Affine"), X.reshape(40, 5, 6)
    layer.forward(x)
    dx = layer.backward(X)
    expected = dx.copy()
    for scale in (2, 3, 4):
        layer.forward(x * scale)
        layer.backward(X * scale)
    np.testing.assert_array_equal(dx, expected)


def test_an_array_that_was_given_for_a_result(layer):
    """It stays the caller's: no layer takes it for its own."""
    outs = [np.empty_like(X) for _ in range(3)]
    fl.relu(X, out=outs[0])
    fl.sigmoid_forward(X, out=outs[1])
    fl.softmax(X, out=outs[2])
    copies = [out.copy() for out in outs]
    results = [forward(layer, scale) for scale in (2, 3, 4)]
    for out, expected in zip(outs, copies, strict=True):
        np.testing.assert_array_equal(out, expected)
        assert not any(np.shares_memory(out, result) for result in results)


def test_a_copy_of_a_layer_shares_nothing_that_changes(layer, step):
    """A shallow one has the same spare memory."""
    other = copy.copy(layer)
    first, second = step(layer, 2), step(other, 3)
    copies = first.copy(), second.copy()
    for scale in (4, 5, 6):
        step(layer, scale)
        step(other, -scale)
    np.testing.assert_array_equal(first, copies[0])
    np.testing.assert_array_equal(second, copies[1])


# Weak references, cycles, exceptions: what can bring a result back


WEAK = {
    "ref": weakref.ref,
    "proxy": lambda a: functools.partial(dead_or_alive, weakref.proxy(a)),
    "dictionary": lambda a: functools.partial(weakref.WeakValueDictionary({0: a}).get, 0),
}


def dead_or_alive(proxy):
    with contextlib.suppress(ReferenceError):
        return proxy.copy()
    return None


@pytest.mark.parametrize("weak", WEAK.values(), ids=WEAK.keys())
def test_a_weak_reference_never_shows_other_values(layer, step, weak):
    result = step(layer)
    see, expected = weak(result), result.copy()
    del result
    for scale in (2, 3, 4):
        step(layer, scale)
        seen = see()
        assert seen is None or np.array_equal(seen, expected)


def test_what_the_garbage_collector_brings_back(layer, step):
    """A cycle that nobody can reach holds the result, until its finalizer hands it out again."""
    back = []

    class Keeper:
        def __init__(self, array):
            self.array, self.itself = array, self

        def __del__(self):
            back.append(self.array)

    gc.disable()
    try:
        expected = Keeper(step(layer)).array.copy()
        for scale in (2, 3, 4):
            step(layer, scale)
    finally:
        gc.enable()
    gc.collect(0)
    for scale in (5, 6, 7):
        step(layer, scale)
    assert len(back) == 1
    np.testing.assert_array_equal(back[0], expected)


def test_a_result_in_a_traceback_does_not_change(layer, step):
    def fail():
        result = step(layer)
        raise LookupError(result.copy())

    with pytest.raises(LookupError) as caught:
        fail()
    for scale in (2, 3, 4):
        step(layer, scale)
    held = caught.traceback[-1].frame.f_locals["result"]
    np.testing.assert_array_equal(held, caught.value.args[0])


def test_calls_that_fail_in_between(layer, step):
    """What is refused writes to nothing that was handed out, and their tracebacks are kept too."""
    held, errors = [step(layer, scale) for scale in (1, 2)], []
    copies = [array.copy() for array in held]
    for bad in (X.astype(complex), "text", X.astype(object)):
        for call in (layer.forward, layer.backward):
            try:
                call(*((bad, *inputs(layer, X)[1:]) if call == layer.forward else (bad,)))
            except (TypeError, ValueError) as error:
                errors.append(error)
        step(layer, 3)
    assert errors
    for array, expected in zip(held, copies, strict=True):
        np.testing.assert_array_equal(array, expected)


# Threads


@pytest.mark.parametrize("rows", [40, 1500], ids=["small", "large enough to let go of the GIL"])
def test_threads_that_hold_results_while_the_layer_runs_on(layer, rows):
    """Another thread may set the layer's attributes meanwhile, but never write into what was handed out."""
    wrong, x = [], np.resize(X, (rows, 30))

    def run(scale):
        result = layer.forward(*inputs(layer, x * scale))
        return result if isinstance(result, np.ndarray) else layer.backward()

    def hold():
        for scale in range(1, 10):
            result = run(scale)
            expected = result.copy()
            for _ in range(3):
                run(-scale)
            if not np.array_equal(result, expected):
                wrong.append(scale)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
