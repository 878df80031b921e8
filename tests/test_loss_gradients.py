"""What a loss's backward hands out: forward's gradient itself, and after that what it computes again."""

import copy
import itertools
import pickle
import threading
import tracemalloc

import families
import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

LOSSES = [name for name, entry in families.LAYER.items() if entry.is_loss]
KEPT = ["SigmoidWithLoss", "TimeSigmoidWithLoss"]  # which copies, since its gradient cannot be told from y
every_loss = pytest.mark.parametrize("name", LOSSES)
computed_again = pytest.mark.parametrize("name", [name for name in LOSSES if name not in KEPT])


def inputs(name, shape=(40, 30), dtype=np.float64):
    """Scores and targets; of labels, one half are classes that dominate."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    if "Softmax" not in name:
        return x, (x < 0.5).astype(dtype)
    t = rng.integers(0, shape[1], shape[0])
    x[np.arange(shape[0])[::2], t[::2]] += 9
    return x, t


def assert_apart(arrays):
    assert not any(np.shares_memory(one, other) for one, other in itertools.combinations(arrays, 2))


@computed_again
@pytest.mark.parametrize("dout", [1, 2.0])
def test_the_first_backward_copies_nothing(name, dout):
    layer, (x, t) = getattr(fl, name)(), inputs(name, (400, 300))
    layer.forward(x, t)
    tracemalloc.start()
    try:
        layer.backward(dout)
        assert tracemalloc.get_traced_memory()[1] < x.nbytes / 8
    finally:
        tracemalloc.stop()


OPTIONS = ({}, {"weight": True}, {"ignore_index": 1}, {"reduction": "sum"}, {"reduction": "none"})
SHAPES = (
    (1, 1),
    (3, 5),
    (40, 10),
    (33, 31),
    (5, 32),
    (7, 100),
    (2, 1500),
)  # narrow rows, side by side and alone; long ones


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@computed_again
def test_a_later_backward_has_the_same_bits(name, options, dtype):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        given = dict(options)
        if "weight" in given:
            given["weight"] = rng.uniform(0.5, 2, shape[1])
        if name != "SoftmaxWithLoss" and not given.keys() <= {"reduction"}:
            pytest.skip("an option of labels")
        x, t = inputs(name, shape, dtype)
        for sample_weight in (None, rng.uniform(0.5, 2, shape[0])):
            layer = getattr(fl, name)(**given)
            layer.forward(x, t, sample_weight)
            for option in given:
                setattr(layer, option, getattr(getattr(fl, name)(), option))  # what was set at forward counts
            first = layer.backward()
            expected = first.copy()
            handed_out = [first, layer.backward(), layer.backward(2.0), layer.backward()]
            for dx, scale in zip(handed_out, (1, 1, 2, 1), strict=True):
                kit.assert_same(dx, expected * dtype(scale))
                dx[...] = 99
            kit.assert_same(layer.backward(), expected)
            assert_apart([*handed_out, layer.backward(), x])


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}], ids=["targets", "smoothing"])
def test_what_is_not_told_to_the_bit_is_kept(options):
    x, t = inputs("SoftmaxWithLoss")
    layer = fl.SoftmaxWithLoss(**options)
    layer.forward(x, t if options else np.eye(30)[t])
    handed_out = [layer.backward(), layer.backward(), layer.backward(3.0)]
    for dx, scale in zip(handed_out, (1, 1, 3), strict=True):
        kit.assert_same(dx, layer.backward() * scale)
    assert_apart(handed_out)


def test_a_later_backward_follows_y_and_t():
    """As the book's does: (y - t) / N, of what these hold."""
    x, t = inputs("SoftmaxWithLoss")
    layer = fl.SoftmaxWithLoss()
    layer.forward(x, t)
    first = layer.backward()
    for change in (lambda: t.__setitem__(3, (t[3] + 1) % 30), lambda: setattr(layer, "y", np.full((40, 30), 1 / 30))):
        change()
        dx = layer.backward()
        assert not np.array_equal(dx, first)
        np.testing.assert_allclose(dx, (layer.y - np.eye(30)[t]) / 40, rtol=1e-9, atol=1e-15)
    t[2] = 30
    with pytest.raises(ValueError, match=r"label 30 at row 2 is outside \[0, 30\)"):
        layer.backward()
    layer.t = np.eye(30)[0 * t]
    np.testing.assert_allclose(layer.backward(), (layer.y - layer.t) / 40, rtol=1e-9, atol=1e-15)


def test_a_later_backward_of_squares_follows_y_and_t():
    y, t = inputs("MeanSquaredError")
    layer = fl.MeanSquaredError()
    layer.forward(y, t)
    layer.backward()
    y[0] += 1
    t[1] -= 1
    np.testing.assert_allclose(layer.backward(), 2 * (y - t) / y.size, rtol=1e-14)


@computed_again
def test_the_first_gradient_is_that_of_the_numbers_then(name):
    layer, (x, t) = getattr(fl, name)(), inputs(name)
    layer.forward(x.copy(), t)
    expected = layer.backward()
    layer.forward(x, t)
    x[...] = t[...] = 0
    kit.assert_same(layer.backward(), expected)


@every_loss
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_no_copy_of_a_layer_hands_out_the_same_array(name, duplicate):
    layer = getattr(fl, name)()
    layer.forward(*inputs(name))
    for twin in (duplicate(layer), layer, duplicate(layer), duplicate(duplicate(layer))):
        handed_out = [layer.backward(), twin.backward(), twin.backward()]
        for dx in handed_out[1:]:
            kit.assert_same(dx, handed_out[0])
        assert_apart(handed_out)


@every_loss
def test_a_dout_that_does_not_fit_loses_nothing(name):
    layer = getattr(fl, name)(reduction="none")
    layer.forward(*inputs(name))
    expected = layer.backward()
    layer.forward(*inputs(name))
    with pytest.raises(ValueError, match="dout"):
        layer.backward(np.ones(3))
    kit.assert_same(layer.backward(), expected)


@every_loss
def test_what_was_handed_out_stays(name):
    """Through the next forward and backward, which may take memory that was given back."""
    layer, (x, t) = getattr(fl, name)(), inputs(name)
    layer.forward(x, t)
    first = layer.backward()
    expected = first.copy()
    for scale in (2, 3, 4):
        layer.forward(x * scale, t)
        assert_apart([first, layer.backward(), layer.backward()])
    kit.assert_same(first, expected)


@every_loss
@pytest.mark.parametrize("sample_weight", [None, np.linspace(1, 2, 40)], ids=["", "weighted"])
def test_after_a_networks_call_its_loss_has_the_gradient(name, sample_weight):
    x, t = inputs(name)
    net = fl.Sequential([fl.Affine(np.eye(30))], getattr(fl, name)())
    alone = getattr(fl, name)()
    alone.forward(x, t, sample_weight)
    expected = alone.backward()
    optimizer = fl.SGD(lr=0.0)
    for run in (lambda: net.gradient(x, t, sample_weight), lambda: net.train_step(x, t, optimizer, sample_weight)):
        run()
        handed_out = [net.loss_layer.backward(), net.loss_layer.backward()]
        assert_apart(handed_out)
        for dx in handed_out:
            np.testing.assert_allclose(dx, expected, rtol=1e-9, atol=1e-15)
        kit.assert_same(*handed_out)


@every_loss
def test_threads_are_given_arrays_of_their_own(name):
    layer, handed_out = getattr(fl, name)(), []
    layer.forward(*inputs(name))
    start = threading.Barrier(4)

    def run():
        start.wait()
        handed_out.extend(layer.backward() for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_apart(handed_out)
    for dx in handed_out:
        kit.assert_same(dx, handed_out[0])
