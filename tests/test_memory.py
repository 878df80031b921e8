"""A layer's memory: used again where it is free and as it was, left to its layer, and never written beyond."""

import contextlib
import copy
import gc
import pickle
import weakref

import families
import kit
import numpy as np
import pytest
from steps import LABELS, LAYERS, X, backward, forward, inputs, make

import fastlayers as fl
from fastlayers._core.memory import Recycler, recycler

recycles = pytest.mark.skipif(
    Recycler.__module__ == "fastlayers._core.memory" or kit.FREE_THREADED,
    reason="a build without kernels, or without the GIL, recycles nothing",
)


@recycles
def test_free_memory_is_used_again(level, monkeypatch):
    monkeypatch.setattr(fl._core.backend, "kernels", level)
    for name in LAYERS:
        if name in ("Flatten", "GlobalAveragePooling"):  # which copy
            continue
        layer = make(name)
        for step in (forward, backward):
            addresses = {step(layer, scale).ctypes.data for scale in range(1, 9)}
            assert len(addresses) <= 2, (name, step)


@recycles
def test_a_network_trains_in_the_memory_of_its_first_steps(level, monkeypatch):
    monkeypatch.setattr(fl._core.backend, "kernels", level)
    network = fl.Sequential([make("Affine"), fl.Relu(), make("Affine")], fl.SoftmaxWithLoss())
    optimizer = fl.SGD()
    arrays = set()
    for _ in range(8):
        network.train_step(X, LABELS, optimizer)
        arrays |= {array.ctypes.data for array in network.gradient(X, LABELS)[1]}
    assert len(arrays) <= 2 * len(network.params)


def test_attributes_belong_to_their_layer(layer):
    other = copy.deepcopy(layer)
    before = {name: np.copy(value) for name, value in vars(layer).items() if isinstance(value, np.ndarray)}
    for scale in (2, 3):
        forward(other, scale)
        backward(other, scale)
    assert before or type(layer).__name__ in ("AveragePooling", "GlobalAveragePooling", "Flatten")  # keep no array
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(layer, name), value, err_msg=name)


def test_pickles_hold_no_spare_memory(layer, step):
    expected = step(layer).copy()
    size = len(pickle.dumps(make(type(layer).__name__)))
    assert len(pickle.dumps(recycler())) < 200
    again = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(step(again), expected)
    kept = {"sequence": 40}.get(families.LAYER[type(layer).__name__].kind, 8)  # of all gates, and larger gradients
    assert len(pickle.dumps(again)) < size + kept * X.nbytes


def test_a_failing_call_leaves_the_layer_as_it_was(layer):
    attributes = {name: value for name, value in vars(layer).items() if isinstance(value, np.ndarray)}
    copies = {name: value.copy() for name, value in attributes.items()}
    for bad in ("text", np.zeros((40, 30), complex), None):
        with pytest.raises((TypeError, ValueError)):
            layer.forward(bad, *inputs(layer, X)[1:])
    for name, value in attributes.items():
        assert getattr(layer, name) is value
        np.testing.assert_array_equal(value, copies[name])


# What a holder, or a callback in the midst of a call, may do to an array


def test_what_a_holder_did_to_a_result_is_not_handed_on(layer, step):
    expected = step(layer).copy()
    first = step(layer)
    first.resize((first.size,), refcheck=False)
    first.flags.writeable = False
    del first
    again = step(layer)
    assert again.flags.writeable
    assert again.shape == expected.shape
    np.testing.assert_array_equal(again, expected)


SMALL, MIDDLE, LARGE = (np.full(n, n / 100, np.float32) for n in (16, 40, 64))


@pytest.mark.parametrize("name", ["Relu", "Sigmoid"])
@pytest.mark.parametrize("watch", [weakref.ref, weakref.finalize], ids=["ref", "finalize"])
@pytest.mark.parametrize("other", [SMALL, LARGE, np.full(7, 0.5, np.float32)], ids=len)
def test_a_callback_that_runs_the_layer_when_a_result_is_dropped(implementation, name, watch, other):
    """It runs in the midst of the next call, which must not be led to memory of another size or owner."""
    layer, expected = getattr(fl, name)(), getattr(fl.reference, name)()
    inner = []
    first = layer.forward(MIDDLE)
    watcher = watch(first, lambda *_: inner.append(layer.forward(other)))
    del first
    held = layer.forward(SMALL)
    for x in (LARGE, MIDDLE, LARGE):
        np.testing.assert_array_equal(layer.forward(x), expected.forward(x))
        np.testing.assert_array_equal(held, expected.forward(SMALL))
    for result in inner:
        np.testing.assert_array_equal(result, expected.forward(other))
    del watcher


SPOILED = {
    "byte order": lambda a: setattr(a, "dtype", a.dtype.newbyteorder()),
    "metadata": lambda a: setattr(a, "dtype", np.dtype(a.dtype, metadata={"a": 1})),
    "alignment": lambda a: setattr(a.flags, "aligned", False),
    "writing": lambda a: setattr(a.flags, "writeable", False),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_result_that_its_holder_spoiled_is_not_handed_on(layer, step, spoil):
    expected = step(layer).copy()
    for _ in range(3):
        result = step(layer)
        spoil(result)
        del result
        layer.out = None  # what Sigmoid keeps may be spoiled, and its backward needs it
        forward(layer)
    for _ in range(3):
        result = step(layer)
        assert result.dtype == expected.dtype
        assert result.dtype.isnative
        assert not result.dtype.metadata
        assert result.flags.aligned
        assert result.flags.writeable
        np.testing.assert_array_equal(result, expected)


def test_a_subclass_that_does_not_call_init(implementation):
    class Relu(fl.Relu):
        def __init__(self):
            self.mask = None

    class Affine(fl.Affine):
        def __init__(self):
            self.W, self.b, self.x = np.eye(2), None, None

    class Loss(fl.SoftmaxWithLoss):
        def __init__(self):
            self._dx = None

    net = fl.Sequential([Affine(), Relu()], Loss())
    _, (dW,) = net.gradient([[1.0, -2.0]], [0])
    same = fl.Sequential([fl.Affine(np.eye(2)), fl.Relu()], fl.SoftmaxWithLoss())
    np.testing.assert_array_equal(dW, same.gradient([[1.0, -2.0]], [0])[1][0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["Relu", "Sigmoid", "SoftmaxWithLoss"])
def test_a_callback_that_changes_the_input_meanwhile(implementation, name):
    """The input is made to look four times as large after it was looked at: nothing may be written beyond results."""
    layer = getattr(fl, name)()
    labels = np.zeros(4, int)

    def run(x):
        return layer.forward(x, labels) if name == "SoftmaxWithLoss" else layer.forward(x)

    for columns in (40, 12, 36, 8, 28):
        run(np.ones((4, columns), np.float32))
        x = np.ones((4, columns + 1), np.float32)
        kept = [layer.y] if name == "SoftmaxWithLoss" else [run(np.ones((4, columns), np.float32))]
        finalizer = weakref.finalize(kept.pop(), setattr, x, "dtype", np.int8)
        layer.y = None
        for _ in range(3):
            run(np.ones((4, columns + 1), np.float32))
            try:
                run(x)
            except (TypeError, ValueError):
                assert x.dtype == np.int8
        finalizer.detach()
    gc.collect()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", families.ACTIVATIONS)
@pytest.mark.usefixtures("implementation")
def test_an_input_that_a_callback_makes_another_type(name):
    """In the midst of a call: as many numbers as before, in half of their memory."""
    layer, n = getattr(fl, name)(), 1_000_000
    x = np.ones(n)

    def change(_):
        x.dtype = np.float32
        x.resize(n, refcheck=False)

    first = layer.forward(np.ones(10))
    watcher = weakref.ref(first, change)
    del first
    layer.out = None  # what Sigmoid and Tanh hold
    layer.forward(np.ones(11))
    layer.out = None
    assert layer.forward(x).shape == (n,)
    del watcher


@pytest.mark.usefixtures("implementation")
def test_gradient_buffers_that_a_callback_resizes():
    """Nothing is written where they were."""
    n = 500_000
    layer, dW, db = fl.Affine(np.ones((1, n)), np.ones(n)), np.zeros((1, n)), np.zeros(n)
    layer.put_gradients_in(dW, db)
    layer.forward(np.ones((2, 1)))
    dx = layer.backward(np.ones((2, n)))
    watcher = weakref.ref(dx, lambda _: db.resize(1, refcheck=False))
    del dx
    for rows in (3, 1):
        layer.forward(np.ones((rows, 1)))
        layer.db = None
        with contextlib.suppress(ValueError):  # db no longer fits
            layer.backward(np.ones((rows, n)))
    assert db.size == 1
    del watcher
