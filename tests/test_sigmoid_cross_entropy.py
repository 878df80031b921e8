"""Binary cross-entropy of logits and its gradient: values, accuracy, reductions, weights, targets, refusals."""

import kit
import numpy as np
import pytest
from mpmath import mp

import fastlayers as fl
from fastlayers.testing import check_gradients, numerical_gradient

pytestmark = pytest.mark.usefixtures("implementation")

REDUCTIONS = ("mean", "sum", "none")
SHAPES = tuple(shape for shape in kit.SHAPES if 0 not in shape)


def expected(x, t, weights=None, reduction="mean"):
    """In long double."""
    x, t = x.astype(np.longdouble), np.reshape(t, x.shape).astype(np.longdouble)
    weights = np.ones(x.shape[:1]) if weights is None else weights
    w = np.broadcast_to(weights.astype(np.longdouble).reshape(x.shape[:1] + (1,) * (x.ndim - 1)), x.shape)
    divisor = w.sum() if reduction == "mean" else 1
    other = np.where(x > 0, 1 - t, t)
    e = np.exp(-np.abs(x))
    losses = w * (np.abs(x) * other + np.log1p(e))
    dx = np.where(x > 0, other - e / (1 + e), e / (1 + e) - other) * w / divisor
    return losses if reduction == "none" else losses.sum() / divisor, np.asarray(dx)


def check(x, t, **options):
    weights = options.get("sample_weight")
    true_loss, true_dx = expected(np.asarray(x), np.asarray(t), weights, options.get("reduction", "mean"))
    loss, dx = fl.sigmoid_cross_entropy(x, t, **options)
    eps = float(np.finfo(dx.dtype).eps)
    assert dx.shape == true_dx.shape
    np.testing.assert_allclose(dx.astype(float), true_dx.astype(float), rtol=8 * eps, atol=4 * eps)
    assert dx.dtype == np.exp(x).dtype
    if options.get("reduction") == "none":
        assert loss.shape == np.shape(t)
        kit.assert_close(loss, np.asarray(true_loss).reshape(np.shape(t)))
    else:
        assert type(loss) is float
        assert loss == pytest.approx(float(true_loss), rel=4 * eps)


def targets(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).random(shape))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", kit.REAL)
def test_every_shape(dtype, reduction):
    for shape in SHAPES:
        x = kit.numbers(shape, dtype)
        check(x, targets(shape).astype(np.exp(x).dtype), reduction=reduction)
        check(x, targets(shape) > 0.5, reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_chunks(dtype, reduction):
    for size in (*kit.SIZES[1:], 511, 512, 513, 131_073):
        check(kit.numbers((size,), dtype), targets(size).astype(dtype), reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("shape", [(7,), (7, 1), (7, 300), (3, 2, 4), (600, 3)])
def test_sample_weights(shape, dtype, reduction):
    x, t = kit.numbers(shape, dtype), targets(shape) > 0.5
    check(x, t, sample_weight=np.abs(kit.numbers(shape[:1], dtype, seed=2)), reduction=reduction)
    check(x, t, sample_weight=np.arange(shape[0]), reduction=reduction)


@pytest.mark.parametrize("kind", kit.REAL)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_targets_of_every_dtype_and_without_the_last_axis(dtype, kind):
    x, t = kit.numbers((9, 1), dtype), (targets(9) > 0.5).astype(kind)
    for reduction in REDUCTIONS:
        check(x, t, reduction=reduction)
        check(x, t[:, np.newaxis], reduction=reduction)


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.int16])
def test_layouts(dtype, layout):
    for shape in SHAPES[1:]:
        x, t = kit.numbers(shape, dtype), targets(shape)
        ours, true = (fl.sigmoid_cross_entropy(*map(change, (x, t))) for change in (kit.LAYOUTS[layout], np.array))
        assert ours[0] == pytest.approx(true[0], rel=1e-12 if dtype is not np.float32 else 1e-6)
        kit.assert_same(ours[1], true[1])


# Accuracy


@pytest.mark.parametrize("dtype", kit.FAST)
def test_within_4_ulp_on_either_side(dtype):
    """Losses from next to nothing, where the right side dominates, to hundreds, where the other does."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-80, 80, 1500), rng.uniform(-3, 3, 500), 10.0 ** rng.uniform(-20, 0, 200)])
    x, t = x.astype(dtype), rng.integers(0, 2, x.size)
    losses, dx = fl.sigmoid_cross_entropy(x, t, reduction="none")
    with mp.workprec(400):
        for ours, own_dx, value, label in zip(losses, dx, x, t, strict=True):
            score = mp.mpf(float(value)) * (-1 if label else 1)
            for got, true in ((ours, mp.log1p(mp.exp(score))), (abs(own_dx), 1 / (1 + mp.exp(-score)))):
                ulp = float(np.spacing(dtype(float(true))))
                assert abs(float(mp.mpf(float(got)) - true)) <= 4 * ulp, (value, label)


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_extreme_logits(dtype):
    big = float(np.finfo(dtype).max)
    x = np.array([np.inf, -np.inf, np.inf, -np.inf, big, -big, np.nan, 0.0], dtype)
    t = [1, 0, 0, 1, 1, 0, 1, 1]
    with np.errstate(all="raise"):
        losses, dx = fl.sigmoid_cross_entropy(x, t, reduction="none")
    np.testing.assert_array_equal(losses[:6], [0, 0, np.inf, np.inf, 0, 0])
    np.testing.assert_array_equal(dx[:6], [0, 0, 1, -1, 0, 0])
    assert np.isnan([losses[6], dx[6]]).all()
    assert dx[7] == -0.5


@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0)])
def test_of_nothing(shape):
    x = np.ones(shape, np.float32)
    for reduction, expected_loss in (("mean", np.nan), ("sum", 0)):
        loss, dx = fl.sigmoid_cross_entropy(x, x, reduction=reduction)
        assert loss == pytest.approx(expected_loss, nan_ok=True)
        kit.assert_same(dx, x)


# The layer


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_of_the_layer(reduction):
    x, t = kit.numbers((5, 4), np.float64), targets((5, 4))
    layer, weights = fl.SigmoidWithLoss(reduction=reduction), np.arange(1.0, 6)
    assert check_gradients(layer, x, t) < 1e-7
    layer.forward(x, t, weights)
    for dout in (1, -2.5):
        true = dout * numerical_gradient(lambda x: fl.SigmoidWithLoss(reduction=reduction).forward(x, t, weights), x)
        np.testing.assert_allclose(layer.backward(dout), true, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_attributes_of_the_layer(dtype):
    x, t, layer = kit.numbers((50, 40), dtype), targets((50, 40)) > 0.5, fl.SigmoidWithLoss()
    assert layer.loss is layer.y is layer.t is None
    loss = layer.forward(x, t)
    assert layer.loss == loss == fl.sigmoid_cross_entropy(x, t)[0]
    assert layer.t is t
    kit.assert_close(layer.y, fl.sigmoid_forward(x).astype(np.longdouble))
    kit.assert_same(layer.backward(), fl.sigmoid_cross_entropy(x, t)[1])


def test_accuracy():
    layer = fl.SigmoidWithLoss()
    assert layer.accuracy([[2.0], [-1.0], [0.5], [-0.5]], [1, 0, 0, 1]) == 0.5
    assert layer.accuracy(np.array([[2.0, -1.0]]), np.array([[0.9, 0.2]])) == 1
    assert np.isnan(layer.accuracy(np.ones((0, 1)), np.ones(0)))
    with pytest.raises(ValueError, match=r"target 2 at row 1 is outside \[0, 1\]"):
        layer.accuracy([[1.0], [1.0]], [1, 2])


A, HALF = np.ones((2, 3)), np.full((2, 3), 0.5)
NAME = "sigmoid_cross_entropy"
BAD = {
    "shapes differ": kit.Bad(NAME, (A, A.T), ValueError, ("t of shape (3, 2)", "x of shape (2, 3)")),
    "nothing broadcasts": kit.Bad(NAME, (A, A[:, :1]), ValueError, ("(2, 1)", "(2, 3)")),
    "label 2": kit.Bad(NAME, (A, [[0, 1, 1], [1, 2, 0]]), ValueError, ("target 2 at index (1, 1) is outside [0, 1]",)),
    "label -1": kit.Bad(NAME, (A[:, 0], [1, -1]), ValueError, ("target -1 at row 1 is outside [0, 1]",)),
    "target nan": kit.Bad(NAME, (A, A * np.nan), ValueError, ("target nan at index (0, 0) is outside [0, 1]",)),
    "above 1": kit.Bad(NAME, (A, A + 1e-10), ValueError, ("target 1.0000000001 at index (0, 0) is outside",)),
    "reduction": kit.Bad(NAME, (A, HALF), ValueError, ("mean, sum, none", "'max'"), {"reduction": "max"}),
    "weights": kit.Bad(NAME, (A, HALF), ValueError, ("(3,)", "(2,)"), {"sample_weight": [1, 2, 3]}),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_calls(bad):
    bad.check()
