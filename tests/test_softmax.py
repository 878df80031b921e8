"""Softmax of each row by itself: values, dtypes, axes, layouts, special values, accuracy."""

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
