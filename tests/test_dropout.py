"""Dropout: what is kept and what is dropped, the scale, the layer's draws, prediction."""

import copy
import pickle

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import numerical_gradient

pytestmark = pytest.mark.usefixtures("implementation")

PS = (0.5, 0.0, 0.1, 0.999, 1.0)


def draws_for(shape):
    return np.random.default_rng(0).random(shape, np.float32)


def expected(x, mask, p):
    """In the dtype itself: one product, rounded once."""
    with np.errstate(all="ignore"):
        return np.asarray(np.where(mask, x * x.dtype.type(1 / (1 - p) if p < 1 else 0), x.dtype.type(0)))


@pytest.mark.parametrize("p", PS)
@pytest.mark.parametrize("dtype", kit.REAL)
def test_every_shape(dtype, p):
    for shape in kit.SHAPES:
        x, draws = kit.numbers(shape, dtype), np.asarray(draws_for(shape))
        y, mask = fl.dropout_forward(x, draws, p)
        kit.assert_same(mask, np.asarray(draws >= np.float32(p)))
        floating = x.astype(np.exp(x).dtype)
        kit.assert_same(y, expected(floating, mask, p))
        kit.assert_same(fl.dropout_backward(x, mask, p), expected(floating, mask, p))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_vector_width(dtype):
    for size in kit.SIZES:
        x = kit.numbers((size,), dtype)
        y, mask = fl.dropout_forward(x, draws_for(size), 0.3)
        kit.assert_same(y, expected(x, draws_for(size) >= np.float32(0.3), 0.3))
        kit.assert_same(fl.dropout_backward(x, mask, 0.3), y)


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_what_is_dropped_is_0_whatever_it_was(dtype):
    x = kit.specials(dtype)
    y, mask = fl.dropout_forward(x, np.zeros(x.shape, np.float32), 0.5)
    assert not mask.any()
    kit.assert_same(y, np.zeros_like(x))
    kit.assert_same(fl.dropout_backward(x, mask, 0.5), np.zeros_like(x))
    y, mask = fl.dropout_forward(x, np.full(x.shape, 0.5, np.float32), 0.5)
    kit.assert_same(y, expected(x, mask, 0.5))


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_layouts(dtype, layout):
    for shape in kit.SHAPES:
        plain, plain_draws = kit.numbers(shape, dtype), np.asarray(draws_for(shape))
        x, draws = kit.LAYOUTS[layout](plain), kit.LAYOUTS[layout](plain_draws)
        y, mask = fl.dropout_forward(x, draws, 0.25)
        kit.assert_same(y, expected(plain, plain_draws >= 0.25, 0.25))
        kit.assert_layout(y, x)
        kit.assert_layout(mask, x)


def test_draws_of_any_dtype():
    x = np.ones(4)
    for draws in ([0, 1, 0, 1], np.array([0.1, 0.9, 0.2, 0.5]), np.array([False, True, False, True])):
        y, _ = fl.dropout_forward(x, draws, 0.5)
        kit.assert_same(y, np.array([0.0, 2, 0, 2]))


A, MASK = np.ones((2, 3)), np.ones((2, 3), bool)
BAD = {
    "draws of another shape": kit.Bad("dropout_forward", (A, A.T), ValueError, ("draws of shape (3, 2)", "(2, 3)")),
    "mask of another shape": kit.Bad("dropout_backward", (A, MASK.T), ValueError, ("(3, 2)", "(2, 3)")),
    "no mask": kit.Bad("dropout_backward", (A, A), TypeError, ("mask must be of dtype bool, not float64",)),
    "p above 1": kit.Bad("dropout_forward", (A, A, 1.5), ValueError, ("p must lie in [0, 1], not 1.5",)),
    "p below 0": kit.Bad("dropout_backward", (A, MASK, -1), ValueError, ("p must lie in [0, 1], not -1",)),
    "p nan": kit.Bad("dropout_forward", (A, A, float("nan")), ValueError, ("p must lie in [0, 1], not nan",)),
    "no p": kit.Bad("dropout_forward", (A, A, None), TypeError, ("p must hold real numbers",)),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_calls(bad):
    bad.check()


# The layer


def test_the_layer_drops_a_share_of_p_and_keeps_the_mean():
    x, layer = np.ones(200_000, np.float32), fl.Dropout(0.3, rng=0)
    y = layer.forward(x)
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.005)
    assert np.mean(y) == pytest.approx(1, abs=0.01)
    kit.assert_same(layer.mask, y != 0)
    kit.assert_same(layer.backward(x), y)


def test_a_seed_gives_the_same_draws_on_both_paths_and_every_forward_others():
    x = np.ones((20, 30))
    ours, pure = fl.Dropout(0.5, rng=3), fl.reference.Dropout(0.5, rng=np.random.default_rng(3))
    first = ours.forward(x)
    kit.assert_same(first, pure.forward(x))
    second = ours.forward(x)
    kit.assert_same(second, pure.forward(x))
    assert not np.array_equal(first, second)
    assert not np.array_equal(fl.Dropout().forward(x), fl.Dropout().forward(x))


def test_prediction_gives_the_input_itself_and_keeps_nothing():
    layer, x = fl.Dropout(0.5, rng=0), kit.numbers((5, 4), np.float32)
    assert layer.predict(x) is x
    kit.assert_same(layer.predict([1.0, 2.0]), np.array([1.0, 2.0]))
    assert layer.mask is None


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_go_on_where_the_layer_was(duplicate):
    layer, x = fl.Dropout(0.5, rng=0), np.ones((20, 30))
    layer.forward(x)
    twin = duplicate(layer)
    kit.assert_same(twin.backward(x), layer.backward(x))
    if twin.rng is not layer.rng:
        kit.assert_same(twin.forward(x), layer.forward(x))


def test_gradient():
    """Of the same draws again and again."""
    layer, x, dout = fl.Dropout(0.4), kit.numbers((5, 4), np.float64), kit.numbers((5, 4), np.float64, 1)

    def objective(x):
        layer.rng = np.random.default_rng(1)
        return float(np.sum(layer.forward(x) * dout))

    objective(x)
    np.testing.assert_allclose(layer.backward(dout), numerical_gradient(objective, x), rtol=1e-7, atol=1e-9)


def test_the_layer_refuses_what_is_no_probability():
    for p, error in ((1.5, ValueError), (-0.1, ValueError), ("0.5", TypeError), (None, TypeError)):
        with pytest.raises(error, match="dropout_ratio must"):
            fl.Dropout(p)


def test_a_network_drops_in_training_alone():
    W, x, t = np.ones((4, 3)), np.ones((6, 4)), np.arange(6) % 3
    network = fl.Sequential([fl.Dropout(0.5, rng=0), fl.Affine(W)], fl.SoftmaxWithLoss())
    kit.assert_same(network.predict(x), np.full((6, 3), 4.0))
    assert network.loss(x, t) == pytest.approx(np.log(3))
    network.gradient(x, t)
    assert (network.layers[1].x == 0).any()


def test_the_ratio_has_two_names():
    layer = fl.Dropout(p=0.2, rng=0)
    assert (layer.dropout_ratio, layer.p, repr(layer)) == (0.2, 0.2, "Dropout(dropout_ratio=0.2)")
    layer.p = 0.0
    assert layer.dropout_ratio == 0.0
    np.testing.assert_array_equal(layer.forward(np.ones(20)), np.ones(20))
    layer.dropout_ratio = 1.0
    assert layer.p == 1.0
    np.testing.assert_array_equal(layer.forward(np.ones(20)), np.zeros(20))
    with pytest.raises(ValueError, match="p must lie in"):
        fl.Dropout(p=2.0)
    with pytest.raises(ValueError, match="dropout_ratio must lie in"):
        fl.Dropout(2.0)


def test_a_pickle_of_before_has_the_ratio_by_its_other_name():
    layer = fl.Dropout.__new__(fl.Dropout)
    layer.__setstate__({"p": 0.25, "rng": np.random.default_rng(0), "mask": None})
    assert layer.dropout_ratio == 0.25
    assert pickle.loads(pickle.dumps(layer)).p == 0.25


def test_a_pass_without_training_leaves_backward_alone():
    layer, x = fl.Dropout(0.5, rng=0), kit.numbers((4, 5), np.float32)
    layer.forward(x)
    dx = layer.backward(np.ones_like(x))
    kit.assert_same(layer.forward(x[:2], False), x[:2])
    kit.assert_same(layer.backward(np.ones_like(x)), dx)
