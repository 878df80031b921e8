"""Mean squared error and its gradient: values, reductions, weights, shapes, dtypes, layouts, refusals."""

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import check_gradients, numerical_gradient

pytestmark = pytest.mark.usefixtures("implementation")

REDUCTIONS = ("mean", "sum", "none")
SHAPES = tuple(shape for shape in kit.SHAPES if 0 not in shape)


def expected(y, t, weights=None, reduction="mean"):
    """In long double."""
    y, t = y.astype(np.longdouble), np.reshape(t, y.shape).astype(np.longdouble)
    weights = np.ones(y.shape[:1]) if weights is None else weights
    w = np.broadcast_to(weights.astype(np.longdouble).reshape(y.shape[:1] + (1,) * (y.ndim - 1)), y.shape)
    divisor = w.sum() if reduction == "mean" else 1
    losses = w * (y - t) ** 2
    return losses if reduction == "none" else losses.sum() / divisor, np.asarray(2 * w * (y - t) / divisor)


def check(y, t, **options):
    weights = options.get("sample_weight")
    true_loss, true_dx = expected(np.asarray(y), np.asarray(t), weights, options.get("reduction", "mean"))
    loss, dx = fl.mean_squared_error(y, t, **options)
    kit.assert_close(dx, true_dx)
    assert dx.dtype == np.exp(y).dtype
    assert dx.flags.c_contiguous
    if options.get("reduction") == "none":
        assert loss.shape == np.shape(t)
        kit.assert_close(loss, np.asarray(true_loss).reshape(np.shape(t)))
    else:
        assert type(loss) is float
        assert loss == pytest.approx(float(true_loss), rel=4 * float(np.finfo(dx.dtype).eps))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", kit.REAL)
def test_every_shape(dtype, reduction):
    for shape in SHAPES:
        check(kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1), reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_chunks(dtype, reduction):
    for size in (*kit.SIZES[1:], 511, 512, 513, 131_071, 131_073, 140_000):
        check(kit.numbers((size,), dtype), kit.numbers((size,), dtype, seed=1), reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("shape", [(7,), (7, 1), (7, 300), (3, 2, 4), (600, 3)])
def test_sample_weights(shape, dtype, reduction):
    y, t = kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1)
    check(y, t, sample_weight=np.abs(kit.numbers(shape[:1], dtype, seed=2)), reduction=reduction)
    check(y, t, sample_weight=np.arange(shape[0]), reduction=reduction)


@pytest.mark.parametrize("kind", kit.REAL)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_targets_of_every_dtype_and_without_the_last_axis(dtype, kind):
    y, t = kit.numbers((9, 1), dtype), kit.numbers((9,), kind)
    for reduction in REDUCTIONS:
        check(y, t, reduction=reduction)
        check(y, t[:, np.newaxis], reduction=reduction)
    largest = np.array([np.iinfo(kind).max] * 9, kind) if np.dtype(kind).kind in "iu" else t
    check(y, largest)


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.int16])
def test_layouts(dtype, layout):
    for shape in SHAPES[1:]:
        y, t = kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1)
        ours, true = (fl.mean_squared_error(*map(change, (y, t))) for change in (kit.LAYOUTS[layout], np.array))
        assert ours[0] == pytest.approx(true[0], rel=1e-12 if dtype is not np.float32 else 1e-6)
        kit.assert_same(ours[1], true[1])


def test_float32_neither_overflows_nor_rounds_in_the_square():
    y, t = np.array([3e30, 1 + 2**-23], np.float32), np.array([-3e30, 1], np.float32)
    loss, _ = fl.mean_squared_error(y, t, reduction="none")
    assert loss.tolist() == [np.inf, float(np.float32(2.0**-46))]
    assert fl.mean_squared_error(y, t, reduction="sum")[0] == pytest.approx(3.6e61)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0)])
def test_of_nothing(shape):
    y = np.ones(shape, np.float32)
    for reduction, expected_loss in (("mean", np.nan), ("sum", 0)):
        loss, dx = fl.mean_squared_error(y, y, reduction=reduction)
        assert loss == pytest.approx(expected_loss, nan_ok=True)
        kit.assert_same(dx, y)
    kit.assert_same(fl.mean_squared_error(y, y, reduction="none")[0], y)


def test_of_no_weight():
    loss, dx = fl.mean_squared_error([[1.0], [2.0]], [0, 0], sample_weight=[0, 0])
    assert np.isnan(loss)
    assert np.isnan(dx).all() or np.isinf(dx).any()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_of_the_layer(reduction):
    y, t = kit.numbers((5, 4), np.float64), kit.numbers((5, 4), np.float64, 1)
    layer, weights = fl.MeanSquaredError(reduction=reduction), np.arange(1.0, 6)
    assert check_gradients(layer, y, t) < 1e-7
    layer.forward(y, t, weights)
    for dout in (1, -2.5):
        true = dout * numerical_gradient(lambda y: fl.MeanSquaredError(reduction=reduction).forward(y, t, weights), y)
        np.testing.assert_allclose(layer.backward(dout), true, rtol=1e-6, atol=1e-8)


def test_gradient_of_each_loss():
    y, t, dout = (kit.numbers((5, 1), np.float64, seed) for seed in (1, 2, 3))
    for targets in (t, t[:, 0]):
        layer = fl.MeanSquaredError(reduction="none")
        assert layer.forward(y, targets).shape == targets.shape
        np.testing.assert_allclose(layer.backward(dout.reshape(targets.shape)), 2 * dout * (y - t))


def test_attributes_of_the_layer():
    y, t, layer = kit.numbers((5, 4), np.float32), kit.numbers((5, 4), np.float32, 1), fl.MeanSquaredError()
    assert layer.loss is layer.y is layer.t is None
    loss = layer.forward(y, t)
    assert layer.loss == loss
    assert layer.y is y
    assert layer.t is t


def test_gradient_of_each_loss_of_several_axes():
    y, t = kit.numbers((4, 3, 1), np.float64), kit.numbers((4, 3), np.float64, 1)
    layer, dout = fl.MeanSquaredError(reduction="none"), np.arange(12.0).reshape(4, 3)
    assert layer.forward(y, t).shape == (4, 3)
    np.testing.assert_allclose(layer.backward(dout)[..., 0], 2 * dout * (y[..., 0] - t))


A = np.ones((2, 3))
BAD = {
    "shapes differ": kit.Bad("mean_squared_error", (A, A.T), ValueError, ("t of shape (3, 2)", "y of shape (2, 3)")),
    "nothing broadcasts": kit.Bad("mean_squared_error", (A, A[:, :1]), ValueError, ("(2, 1)", "(2, 3)")),
    "a row for a column": kit.Bad("mean_squared_error", (A[:, :1], A[0]), ValueError, ("shape (2, 1) or (2,)",)),
    "reduction": kit.Bad("mean_squared_error", (A, A), ValueError, ("mean, sum, none", "'max'"), {"reduction": "max"}),
    "weights": kit.Bad("mean_squared_error", (A, A), ValueError, ("(3,)", "(2,)"), {"sample_weight": [1, 2, 3]}),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_calls(bad):
    bad.check()
