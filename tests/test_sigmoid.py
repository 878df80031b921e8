"""Sigmoid: ``y = 1 / (1 + exp(-x))`` and ``dx = dout y (1 - y)``; values, dtypes, layouts, accuracy."""

import decimal
import functools

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


def expected_forward(x):
    """In long double, with the sign chosen so that nothing cancels and nothing overflows."""
    wide = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(wide))
        return np.asarray(np.where(wide >= 0, 1, e) / (1 + e))


def expected_backward(dout, y):
    wide_dout, wide_y = dout.astype(np.longdouble), y.astype(np.longdouble)
    return np.asarray(wide_dout * wide_y * (1 - wide_y))


@pytest.mark.parametrize("dtype", kit.REAL)
def test_forward_of_every_shape(dtype):
    for shape in kit.SHAPES:
        x = kit.numbers(shape, dtype)
        y = fl.sigmoid_forward(x)
        assert y.dtype == np.exp(x).dtype
        kit.assert_close(y, expected_forward(x))


@pytest.mark.parametrize("dtype", kit.REAL)
def test_backward_of_every_shape(dtype):
    for shape in kit.SHAPES:
        dout, y = kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1)
        if np.dtype(dtype).kind == "f":
            dx = fl.sigmoid_backward(dout, y)
            assert dx.dtype == dtype
            kit.assert_close(dx, expected_backward(dout, y))
        else:  # the sigmoids among the integers are 0 and 1, where the slope is 0
            dx = fl.sigmoid_backward(dout, (y % 2).astype(dtype) if dtype is not np.bool_ else y)
            kit.assert_same(dx, np.zeros(shape, np.int8 if dtype is np.bool_ else dtype))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_vector_width(dtype):
    for size in kit.SIZES:
        x, dout = kit.numbers((size,), dtype), kit.numbers((size,), dtype, seed=1)
        y = fl.sigmoid_forward(x)
        kit.assert_close(y, expected_forward(x))
        kit.assert_close(fl.sigmoid_backward(dout, y), expected_backward(dout, y))


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_special_values(dtype):
    x = np.tile(kit.specials(dtype), 5)
    y = fl.sigmoid_forward(x)
    kit.assert_close(y, expected_forward(x))
    assert (y[x == np.inf] == 1).all()
    assert (y[x == -np.inf] == 0).all()
    assert np.isnan(y[np.isnan(x)]).all()
    number = y[~np.isnan(y)]
    assert not np.signbit(number).any()
    assert (number <= 1).all()


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.int16])
def test_layouts(dtype, layout):
    for shape in kit.SHAPES:
        x, dout = kit.LAYOUTS[layout](kit.numbers(shape, dtype)), kit.LAYOUTS[layout](kit.numbers(shape, dtype, seed=1))
        y = fl.sigmoid_forward(x)
        kit.assert_close(y, expected_forward(kit.numbers(shape, dtype)))
        kit.assert_layout(y, x)
        if np.dtype(dtype).kind == "f":
            y = kit.LAYOUTS[layout](y)
            dx = fl.sigmoid_backward(dout, y)
            kit.assert_close(dx, expected_backward(dout, y))
            kit.assert_layout(dx, x)


@pytest.mark.parametrize("order_dout", "CF")
@pytest.mark.parametrize("order_y", "CF")
def test_backward_of_mixed_orders(order_dout, order_y):
    dout, y = kit.numbers((7, 9), np.float32), fl.sigmoid_forward(kit.numbers((7, 9), np.float32, seed=1))
    dx = fl.sigmoid_backward(np.array(dout, order=order_dout), np.array(y, order=order_y))
    kit.assert_close(dx, expected_backward(dout, y))


@pytest.mark.parametrize(
    ("dout", "y", "dtype"),
    [
        (np.float32, np.float64, np.float64),
        (np.float64, np.float32, np.float64),
        (np.float16, np.float32, np.float32),
        (np.int32, np.float32, np.float64),
        (np.bool_, np.float32, np.float32),
        (np.float32, np.bool_, np.float32),
        (np.longdouble, np.float64, np.longdouble),
    ],
)
def test_backward_promotes_as_numpy_does(dout, y, dtype):
    assert fl.sigmoid_backward(np.ones(3, dout), np.ones(3, y)).dtype == dtype


def test_lists_and_scalars():
    kit.assert_same(fl.sigmoid_forward([[0, 0]]), np.array([[0.5, 0.5]]))
    kit.assert_same(fl.sigmoid_forward(0), np.array(0.5))
    kit.assert_same(fl.sigmoid_backward(8, 0.5), np.array(2.0))
    kit.assert_same(fl.sigmoid_backward([4.0], [0.5]), np.array([1.0]))


# Accuracy


@functools.cache
def exact_points(dtype):
    """Points over the whole range and their sigmoids, to 40 digits."""
    edge = -float(np.log(np.finfo(dtype).tiny))
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-edge, edge, 1500), rng.uniform(-4, 4, 1000), 10.0 ** rng.uniform(-30, 0, 300)])
    x = x.astype(dtype)
    with decimal.localcontext(prec=40):
        return x, [1 / (1 + (-decimal.Decimal(float(v))).exp()) for v in x]


@pytest.mark.parametrize("dtype", kit.FAST)
def test_within_4_ulp(dtype):
    x, exact = exact_points(dtype)
    y = fl.sigmoid_forward(x)
    info = np.finfo(dtype)
    for value, ours, true in zip(x, y, exact, strict=True):
        if true >= float(info.tiny):
            ulp = float(np.spacing(dtype(float(true))))
            assert abs(float(decimal.Decimal(float(ours)) - true)) <= 4 * ulp, value


def test_float32_within_4_ulp_at_many_points():
    x = np.linspace(-87, 30, 400_001, dtype=np.float32)
    exact = expected_forward(x)
    ulp = np.spacing(exact.astype(np.float32)).astype(np.longdouble)
    assert (np.abs(fl.sigmoid_forward(x) - exact) / ulp).max() <= 4


A, B = np.ones((2, 3)), np.ones((3, 2))
BAD = {
    "shapes differ": kit.Bad("sigmoid_backward", (A, B), ValueError, ("(2, 3)", "(3, 2)")),
    "nothing broadcasts": kit.Bad("sigmoid_backward", (A, A[0]), ValueError, ("(2, 3)", "(3,)")),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input(bad):
    bad.check()
