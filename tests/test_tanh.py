"""Hyperbolic tangent: ``y = tanh(x)`` and ``dx = dout (1 - y**2)``; values, dtypes, layouts, accuracy."""

import kit
import numpy as np
import pytest
from mpmath import mp

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


def expected_forward(x):
    with np.errstate(all="ignore"):
        return np.asarray(np.tanh(x.astype(np.longdouble)))


def expected_backward(dout, y):
    wide_dout, wide_y = dout.astype(np.longdouble), y.astype(np.longdouble)
    return np.asarray(wide_dout * ((1 - wide_y) * (1 + wide_y)))


@pytest.mark.parametrize("dtype", kit.REAL)
def test_every_shape(dtype):
    for shape in kit.SHAPES:
        x, dout = kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1)
        y = fl.tanh_forward(x)
        assert y.dtype == np.exp(x).dtype
        kit.assert_close(y, expected_forward(x))
        dx = fl.tanh_backward(dout, y)
        assert dx.dtype == np.result_type(np.exp(dout), y)
        kit.assert_close(dx, expected_backward(dout, y))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_vector_width(dtype):
    for size in kit.SIZES:
        x, dout = kit.numbers((size,), dtype), kit.numbers((size,), dtype, seed=1)
        y = fl.tanh_forward(x)
        kit.assert_close(y, expected_forward(x))
        kit.assert_close(fl.tanh_backward(dout, y), expected_backward(dout, y))


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_special_values(dtype):
    x = np.tile(kit.specials(dtype), 5)
    y = fl.tanh_forward(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    number = ~np.isnan(x)
    kit.assert_close(y[number], expected_forward(x[number]))
    np.testing.assert_array_equal(np.signbit(y[number]), np.signbit(x[number]))
    assert (np.abs(y[number]) <= 1).all()
    assert (y[np.isinf(x)] == np.sign(x[np.isinf(x)])).all()


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.int16])
def test_layouts(dtype, layout):
    for shape in kit.SHAPES:
        x, dout = kit.LAYOUTS[layout](kit.numbers(shape, dtype)), kit.LAYOUTS[layout](kit.numbers(shape, dtype, seed=1))
        y = fl.tanh_forward(x)
        kit.assert_close(y, expected_forward(kit.numbers(shape, dtype)))
        kit.assert_layout(y, x)
        y = kit.LAYOUTS[layout](y)
        dx = fl.tanh_backward(dout, y)
        kit.assert_close(dx, expected_backward(dout, y))
        kit.assert_layout(dx, x)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_forward_within_4_ulp(dtype):
    rng = np.random.default_rng(0)
    edge = 10 if dtype is np.float32 else 20
    x = np.concatenate([rng.uniform(-edge, edge, 1500), rng.uniform(-1, 1, 1000), 10.0 ** rng.uniform(-30, 0, 500)])
    x = x.astype(dtype)
    with mp.workprec(200):
        exact = [mp.tanh(mp.mpf(float(value))) for value in x]
        errors = [abs(mp.mpf(float(ours)) - true) for ours, true in zip(fl.tanh_forward(x), exact, strict=True)]
        ulps = [float(e) / float(np.spacing(dtype(float(abs(t))))) for e, t in zip(errors, exact, strict=True)]
    assert max(ulps) <= 4


@pytest.mark.parametrize("dtype", kit.FAST)
def test_the_slope_keeps_its_digits_near_1(dtype):
    y = dtype(1) - np.finfo(dtype).eps * np.arange(1, 50, dtype=dtype)
    kit.assert_close(fl.tanh_backward(np.ones_like(y), y), expected_backward(np.ones_like(y), y), ulps=2)


A, B = np.ones((2, 3)), np.ones((3, 2))
BAD = {
    "shapes differ": kit.Bad("tanh_backward", (A, B), ValueError, ("(2, 3)", "(3, 2)")),
    "nothing broadcasts": kit.Bad("tanh_backward", (A, A[0]), ValueError, ("(2, 3)", "(3,)")),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_calls(bad):
    bad.check()


def test_the_layer():
    layer, x = fl.Tanh(), kit.numbers((5, 4), np.float32)
    assert layer.out is None
    y = layer.forward(x)
    kit.assert_same(layer.out, y)
    kit.assert_same(layer.predict(x), y)
    kit.assert_same(layer.backward(x), fl.tanh_backward(x, y))
