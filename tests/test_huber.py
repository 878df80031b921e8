"""The Huber loss and its gradient: values, reductions, weights, dtypes, what is large or no number, refusals."""

import itertools

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import check_gradients, numerical_gradient

pytestmark = pytest.mark.usefixtures("implementation")

REDUCTIONS = ("mean", "sum", "none")
DELTAS = (1.0, 0.1, 2, np.float32(0.3))
Y, T = np.array([[0.3], [-1.0], [2.5], [0.75], [-4.0]]), np.array([0.0, 0.0, 0.5, 1.0, -1.0])
# Of Y and T, by delta: each loss, their mean, and its gradient, by PyTorch 2.13.
OF_PYTORCH = {
    "HuberLoss": {
        1.0: ([0.045, 0.5, 1.5, 0.03125, 2.5], 0.91525, [0.06, -0.2, 0.2, -0.05, -0.2]),
        0.5: ([0.045, 0.375, 0.875, 0.03125, 1.375], 0.54025, [0.06, -0.1, 0.1, -0.05, -0.1]),
    },
    "SmoothL1Loss": {
        1.0: ([0.045, 0.5, 1.5, 0.03125, 2.5], 0.91525, [0.06, -0.2, 0.2, -0.05, -0.2]),
        0.5: ([0.09, 0.75, 1.75, 0.0625, 2.75], 1.0805, [0.12, -0.2, 0.2, -0.1, -0.2]),
    },
}


def expected(y, t, delta=1.0, weights=None, reduction="mean"):
    """In long double."""
    y, t, delta = (np.asarray(a, np.longdouble) for a in (y, np.reshape(t, y.shape), float(delta)))
    weights = np.ones(y.shape[:1]) if weights is None else weights
    w = np.broadcast_to(weights.astype(np.longdouble).reshape(y.shape[:1] + (1,) * (y.ndim - 1)), y.shape)
    divisor, d = w.sum() if reduction == "mean" else 1, np.abs(y - t)
    losses = w * np.where(d <= delta, d * d / 2, delta * (d - delta / 2))
    dx = np.asarray(w * np.clip(y - t, -delta, delta) / divisor)
    return losses if reduction == "none" else losses.sum() / divisor, dx


def check(y, t, **options):
    of_formula = {"weights" if name == "sample_weight" else name: value for name, value in options.items()}
    true_loss, true_dx = expected(y, t, **of_formula)
    loss, dx = fl.huber_loss(y, t, **options)
    kit.assert_close(dx, true_dx)
    assert dx.dtype == np.exp(y).dtype
    if options.get("reduction") == "none":
        assert loss.shape == np.shape(t)
        kit.assert_close(loss, np.asarray(true_loss).reshape(np.shape(t)))
    else:
        assert type(loss) is float
        assert loss == pytest.approx(float(true_loss), rel=4 * float(np.finfo(dx.dtype).eps))


@pytest.mark.parametrize("dtype", kit.REAL)
def test_every_shape(dtype):
    for shape, delta, reduction in itertools.product(kit.SHAPES, DELTAS, REDUCTIONS):
        if 0 not in shape:
            check(kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1), delta=delta, reduction=reduction)
    y, t = kit.numbers((9, 1), dtype), kit.numbers((9,), dtype, seed=1)
    for reduction in REDUCTIONS:
        check(y, t, delta=0.5, reduction=reduction, sample_weight=np.arange(9))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_chunks(dtype):
    for size, reduction in itertools.product((*kit.SIZES[1:], 511, 513, 140_000), REDUCTIONS):
        check(kit.numbers((size,), dtype), kit.numbers((size,), dtype, seed=1), delta=0.5, reduction=reduction)


@pytest.mark.parametrize("delta", [1.0, 0.5])
@pytest.mark.parametrize("name", OF_PYTORCH)
def test_values_of_pytorch_and_the_factor_between(name, delta):
    factor = 1 if name == "HuberLoss" else delta
    losses, mean, dx = OF_PYTORCH[name][delta]
    assert fl.huber_loss(Y, T, delta=delta)[0] == pytest.approx(factor * mean, rel=1e-14)
    np.testing.assert_allclose(fl.huber_loss(Y, T, delta=delta)[1].ravel(), np.multiply(factor, dx), rtol=1e-14)
    np.testing.assert_allclose(fl.huber_loss(Y, T, delta=delta, reduction="none")[0], np.multiply(factor, losses))


@pytest.mark.parametrize("delta", [4.0, 1e39, 1e308])  # the larger are no float32
@pytest.mark.parametrize("dtype", kit.FAST)
def test_up_to_delta_it_is_half_the_squared_error(dtype, delta):
    y, t = kit.numbers((600,), dtype), kit.numbers((600,), dtype, seed=1)
    y = np.where(np.abs(y - t) > 4, t, y)
    y[7], t[7] = 5, 1
    for reduction in REDUCTIONS:
        for ours, true in zip(
            fl.huber_loss(y, t, delta=delta, reduction=reduction),
            fl.mean_squared_error(y, t, reduction=reduction),
            strict=True,
        ):
            np.testing.assert_array_equal(2 * ours, true)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_what_is_large_or_no_number(dtype):
    """An infinite error has an infinite loss, and the gradient of any other beyond delta; nan is both's."""
    y = np.array([np.inf, -np.inf, np.nan, 3e38, 0] * 8, dtype)
    t = np.array([0, 0, 0, -3e38, np.nan] * 8, dtype)
    losses, dx = fl.huber_loss(y, t, delta=0.25, reduction="none")
    np.testing.assert_array_equal(losses[:3], [np.inf, np.inf, np.nan])
    np.testing.assert_allclose(losses[3:5], [1.5e38, np.nan], rtol=1e-6)  # where the difference is no float32
    np.testing.assert_array_equal(dx, np.array([0.25, -0.25, np.nan, 0.25, np.nan] * 8, dtype))
    if dtype is np.float64:
        assert fl.huber_loss([1.5e308], [0.0], delta=0.25)[0] == pytest.approx(3.75e307)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_of_the_layer(reduction):
    y, t = kit.numbers((5, 4), np.float64), kit.numbers((5, 4), np.float64, 1)
    layer, weights = fl.HuberLoss(0.5, reduction=reduction), np.arange(1.0, 6)
    assert check_gradients(layer, y, t) < 1e-7
    loss = layer.forward(y, t, weights)
    assert (layer.loss, layer.delta) == (loss, 0.5)
    assert layer.y is y
    assert layer.t is t
    layer.delta = 3.0  # for the next forward
    true = numerical_gradient(lambda y: fl.HuberLoss(0.5, reduction=reduction).forward(y, t, weights), y)
    for dout in (1, -2.5):  # the second is computed again
        np.testing.assert_allclose(layer.backward(dout), dout * true, rtol=1e-6, atol=1e-8)
    assert layer.forward(y, t) == fl.huber_loss(y, t, delta=3, reduction=reduction)[0]


def test_a_network_follows_its_delta():
    """As one call, too, though a step has been taken with another."""
    net = fl.Sequential([fl.Affine(np.eye(4), np.zeros(4))], fl.HuberLoss())
    x, t = kit.numbers((9, 4), np.float64), kit.numbers((9, 4), np.float64, 1)
    for delta in (1.0, 0.1, 2):
        net.loss_layer.delta = delta
        loss, (dW, _) = net.gradient(x, t)
        true_loss, dx = fl.huber_loss(x, t, delta=delta)
        assert loss == true_loss
        np.testing.assert_allclose(dW, x.T @ dx, rtol=1e-12, atol=1e-15)
    net.loss_layer.delta = -1
    with pytest.raises(ValueError, match=r"delta must be finite, and more than 0, not -1\.0"):
        net.gradient(x, t)


A = np.ones((2, 3))
MORE_THAN_0 = "delta must be finite, and more than 0, not"
BAD = {
    "shapes differ": kit.Bad("huber_loss", (A, A.T), ValueError, ("t of shape (3, 2)", "y of shape (2, 3)")),
    "no delta": kit.Bad("huber_loss", (A, A), ValueError, (f"{MORE_THAN_0} 0.0",), {"delta": 0}),
    "infinite": kit.Bad("huber_loss", (A, A), ValueError, (f"{MORE_THAN_0} inf",), {"delta": np.inf}),
    "nan": kit.Bad("huber_loss", (A, A), ValueError, (f"{MORE_THAN_0} nan",), {"delta": float("nan")}),
    "several": kit.Bad("huber_loss", (A, A), ValueError, ("delta must be one number",), {"delta": [1.0, 2.0]}),
    "a text": kit.Bad("huber_loss", (A, A), TypeError, ("delta must",), {"delta": "1"}),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_calls(bad):
    bad.check()
    if "delta" in bad.kwargs:
        with pytest.raises(bad.error):
            fl.HuberLoss(bad.kwargs["delta"])
