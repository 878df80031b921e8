"""Softmax of each row by itself, and its gradient: values, dtypes, axes, layouts, special values, accuracy."""

import decimal
import functools

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

ROWS = ((1,), (7,), (3, 5), (1, 1), (5, 1), (2, 3, 4), (2, 3, 1, 5), (0,), (0, 4), (4, 0), (2, 0, 3))


def expected_softmax(x, axis=-1):
    wide = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        e = np.exp(wide - wide.max(axis=axis, keepdims=True, initial=-np.inf))
        return e / e.sum(axis=axis, keepdims=True)


@pytest.mark.parametrize("dtype", kit.REAL)
def test_softmax_of_every_shape_over_every_axis(dtype):
    for shape in ROWS:
        x = kit.numbers(shape, dtype)
        for axis in range(-len(shape), len(shape)):
            y = fl.softmax(x, axis=axis)
            assert y.dtype == np.exp(x).dtype
            kit.assert_close(y, expected_softmax(x, axis), ulps=40)
        kit.assert_same(fl.softmax(x), fl.softmax(x, axis=len(shape) - 1))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("rows", [1, 3])
def test_softmax_of_sizes_round_the_vector_width(dtype, rows):
    for size in kit.SIZES:
        x = kit.numbers((rows, size), dtype)
        kit.assert_close(fl.softmax(x), expected_softmax(x), ulps=40)


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_softmax_of_layouts(dtype, layout):
    for shape in ROWS:
        plain = kit.numbers(shape, dtype)
        x = kit.LAYOUTS[layout](plain)
        for axis in range(len(shape)):
            y = fl.softmax(x, axis=axis)
            kit.assert_close(y, expected_softmax(plain, axis), ulps=40)
            kit.assert_layout(y, x)


@pytest.mark.parametrize("dtype", kit.FLOATS)
@pytest.mark.parametrize("size", [1, 3, 40])
def test_softmax_of_rows_with_special_values(dtype, size):
    """A row by itself: +inf, nan, or -inf alone spoil their own row and no other."""
    x = kit.numbers((7, size), dtype)
    good = fl.softmax(x)
    x[1, size // 2], x[3, -1], x[5] = np.inf, np.nan, -np.inf
    y = fl.softmax(x)
    assert np.isnan(y[1::2]).all()
    kit.assert_same(y[::2], good[::2])


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_softmax_of_extremes(dtype):
    """Nothing overflows, in no difference either; -inf among numbers is a probability of 0."""
    largest = np.finfo(dtype).max
    kit.assert_same(fl.softmax(np.array([largest, -largest], dtype)), np.array([1, 0], dtype))
    kit.assert_same(fl.softmax(np.array([largest, largest], dtype)), np.array([0.5, 0.5], dtype))
    kit.assert_same(fl.softmax(np.array([-np.inf, -largest, -np.inf], dtype)), np.array([0, 1, 0], dtype))


def test_softmax_of_lists():
    kit.assert_same(fl.softmax([[1, 1], [-5, -5]]), np.full((2, 2), 0.5))
    kit.assert_same(fl.softmax([3]), np.array([1.0]))


@functools.cache
def exact_rows(dtype):
    """Rows of scores from narrow to wide, and their softmax to 60 digits."""
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((90, 9)) * 10 ** rng.uniform(-2, 1.5, (90, 1))).astype(dtype)
    with decimal.localcontext(prec=60):
        y = []
        for row in x:
            values = [decimal.Decimal(float(v)) for v in row]
            e = [(v - max(values)).exp() for v in values]
            y.append([v / sum(e) for v in e])
    return x, y


@pytest.mark.parametrize("dtype", kit.FAST)
def test_softmax_accuracy(dtype):
    x, exact = exact_rows(dtype)
    tiny, y = float(np.finfo(dtype).tiny), fl.softmax(x)
    for i, j in np.ndindex(x.shape):
        if exact[i][j] >= tiny:
            off = abs(float(decimal.Decimal(float(y[i, j])) - exact[i][j])) / float(
                np.spacing(dtype(float(exact[i][j])))
            )
            assert off <= 4 + float(x[i].max() - x[i, j])


A = np.ones((2, 3))
BAD = {
    "0-d": kit.Bad("softmax", (1.0,), ValueError, ("0-dimensional",)),
    "0-d with an axis": kit.Bad("softmax", (1.0,), ValueError, ("0-dimensional",), {"axis": 0}),
    "axis too large": kit.Bad("softmax", (A,), np.exceptions.AxisError, ("axis 2", "dimension 2"), {"axis": 2}),
    "axis too small": kit.Bad("softmax", (A,), np.exceptions.AxisError, ("axis -3", "dimension 2"), {"axis": -3}),
    "float axis": kit.Bad("softmax", (A,), TypeError, ("float", "integer"), {"axis": 1.0}),
    "0-d dout": kit.Bad("softmax_backward", (1.0, 1.0), ValueError, ("dout is 0-dimensional",)),
    "another shape": kit.Bad(
        "softmax_backward", (A, A[0]), ValueError, ("dout of shape (2, 3) does not fit y of shape (3,)",)
    ),
    "axis of the gradient": kit.Bad("softmax_backward", (A, A), np.exceptions.AxisError, ("axis 2",), {"axis": 2}),
    "axis None": kit.Bad("softmax", (A,), TypeError, ("NoneType", "integer"), {"axis": None}),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input(bad):
    bad.check()


def test_the_sum_of_a_long_row_is_accurate(implementation):
    # With 4,000 equal terms each sum's rounding errors have one sign, and a plain float64 sum is 6 ulp off.
    x = np.full((1, 4000), np.log(0.7))
    x[0, 0] = 0.0
    y = fl.softmax(x)
    e = np.exp(x.astype(np.longdouble))
    expected = e / e.sum()
    assert float(np.max(np.abs(y - expected) / np.spacing(expected.astype(float)))) <= 4.5


# The gradient


def expected_gradient(dout, y, axis=-1):
    """dx, and how large the terms are that it is the difference of."""
    dout, y = dout.astype(np.longdouble), y.astype(np.longdouble)
    terms = dout * y
    return terms - y * terms.sum(axis, keepdims=True), np.abs(terms) + y * np.abs(terms).sum(axis, keepdims=True)


def assert_gradient(dx, dout, y, axis=-1, ulps=4):
    expected, size = expected_gradient(dout, y, axis)
    assert (dx.shape, dx.dtype) == (y.shape, np.result_type(dout, y))
    assert np.all(np.abs(dx - expected) <= ulps * np.finfo(dx.dtype).eps * size + np.finfo(dx.dtype).tiny)


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_gradient_of_every_shape_over_every_axis(dtype):
    for shape in ROWS:
        dout, x = kit.numbers(shape, dtype, 1), kit.numbers(shape, dtype)
        for axis in range(-len(shape), len(shape)):
            y = fl.softmax(x, axis=axis)
            dx = fl.softmax_backward(dout, y, axis=axis)
            assert_gradient(dx, dout, y, axis)
            odd = fl.softmax_backward(np.asfortranarray(dout), np.asfortranarray(y), axis=axis)
            kit.assert_same(np.ascontiguousarray(odd), dx)
            kit.assert_layout(odd, np.asfortranarray(dout))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_gradient_of_sizes_round_the_vector_width(dtype, rows):
    for size in kit.SIZES:
        dout, y = kit.numbers((rows, size), dtype, 1), fl.softmax(kit.numbers((rows, size), dtype))
        assert_gradient(fl.softmax_backward(dout, y), dout, y)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_gradient_of_a_long_row(dtype):
    """Also where all terms have one sign, so that rounding errors add up."""
    rng = np.random.default_rng(0)
    y = fl.softmax(rng.standard_normal((1, 100_000)).astype(dtype))
    for dout in (rng.standard_normal(y.shape), 1 + rng.random(y.shape)):
        assert_gradient(fl.softmax_backward(dout.astype(dtype), y), dout.astype(dtype), y)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("size", [2, 3, 40, 1000])
def test_gradient_of_the_largest_numbers(dtype, size):
    """The difference of two of these is infinite, what becomes of them is not."""
    largest = np.finfo(dtype).max
    x = np.where(np.arange(size) % 2, largest, -largest).astype(dtype)
    layer = fl.Softmax()
    for scores in (x, np.zeros(size, dtype)):
        layer.forward(scores)
        assert np.isfinite(layer.backward(x)).all()


def test_gradient_of_what_is_not_finite_stays_in_its_row():
    y = fl.softmax(kit.numbers((4, 50), np.float32))
    dout = kit.numbers((4, 50), np.float32, 1)
    good = fl.softmax_backward(dout, y)
    dout[1, 3], dout[2, 40], y = np.inf, np.nan, np.where(np.arange(4)[:, None] == 3, np.float32(np.nan), y)
    dx = fl.softmax_backward(dout, y)
    assert not np.isfinite(dx[1:]).any()
    kit.assert_same(dx[0], good[0])


@pytest.mark.parametrize("dtype", kit.FAST)
def test_the_layer_of_volume_2(dtype):
    layer, x, dout = fl.Softmax(), kit.numbers((4, 6), dtype), kit.numbers((4, 6), dtype, 1)
    assert (layer.params, layer.grads, layer.out) == ([], [], None)
    y = layer.forward(x)
    assert layer.out is y
    before = dout.copy()
    dx = y * dout
    dx -= y * dx.sum(axis=1, keepdims=True)  # the book's
    np.testing.assert_allclose(layer.backward(dout), dx, rtol=1e-5, atol=1e-6)
    kit.assert_same(layer.backward(dout), layer.backward(dout))
    np.testing.assert_array_equal(dout, before)
    np.testing.assert_allclose(layer.backward(np.ones_like(dout)), 0, atol=1e-6)


def test_it_is_no_activation_of_hidden_layers():
    assert "softmax" not in fl.layers.ACTIVATIONS
    shapes = fl.Sequential([fl.Affine(np.ones((4, 3))), fl.Softmax()]).summary((4,))
    assert [layer.flops for layer in shapes.layers] == [21, 9]
