"""Affine: ``y = x W + b`` and its three gradients; some products are BLAS's, so values are held to a tolerance."""

import itertools

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

SIZES = (
    (1, 1, 1),
    (2, 3, 4),
    (7, 1, 5),
    (5, 9, 1),
    (33, 17, 65),
    (64, 129, 10),
    (0, 3, 4),
    (2, 0, 4),
    (2, 3, 0),
    (0, 0, 0),
)


def operands(n, d, m, dtype):
    return (kit.numbers(shape, dtype, seed) for seed, shape in enumerate([(n, d), (d, m), (m,), (n, m)]))


def assert_near(actual, expected, dtype, terms):
    """Within what `terms` roundings of a dot product allow."""
    assert type(actual) is np.ndarray
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    assert actual.flags.c_contiguous
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(actual.astype(float), expected.astype(float), rtol=8 * eps, atol=40 * (terms + 1) * eps)


@pytest.mark.parametrize("dtype", kit.FLOATS)
@pytest.mark.parametrize(("n", "d", "m"), SIZES)
@pytest.mark.parametrize("bias", [True, False])
def test_forward(n, d, m, dtype, bias):
    x, W, b, _ = operands(n, d, m, dtype)
    exact = np.dot(x.astype(np.longdouble), W.astype(np.longdouble)) + (b if bias else 0)
    assert_near(fl.affine_forward(x, W, b if bias else None), exact, dtype, d)


@pytest.mark.parametrize("dtype", kit.FLOATS)
@pytest.mark.parametrize(("n", "d", "m"), SIZES)
def test_backward(n, d, m, dtype):
    x, W, _, dout = operands(n, d, m, dtype)
    dx, dW, db = fl.affine_backward(dout, x, W)
    wide_dout, wide_x, wide_W = (a.astype(np.longdouble) for a in (dout, x, W))
    assert_near(dx, np.dot(wide_dout, wide_W.T), dtype, m)
    assert_near(dW, np.dot(wide_x.T, wide_dout), dtype, n)
    assert_near(db, wide_dout.sum(axis=0), dtype, n)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_backward_without_dx(dtype):
    x, W, _, dout = operands(5, 4, 3, dtype)
    _, dW, db = fl.affine_backward(dout, x, W)
    no_dx, lone_dW, lone_db = fl.affine_backward(dout, x, W, need_dx=False)
    assert no_dx is None
    kit.assert_same(lone_dW, dW)
    kit.assert_same(lone_db, db)


@pytest.mark.parametrize("shape", [(4, 6), (4, 2, 3), (4, 1, 2, 3), (0, 2, 3), (6,)])
@pytest.mark.parametrize("dtype", kit.FAST)
def test_samples_of_any_shape(shape, dtype):
    """``(N, ...)`` is read as ``(N, D)``; one sample ``(D,)`` gives ``(M,)``; dx has x's shape."""
    x, W, b = kit.numbers(shape, dtype), kit.numbers((6, 3), dtype, 1), kit.numbers((3,), dtype, 2)
    rows = x.reshape(-1, 6)
    y = fl.affine_forward(x, W, b)
    expected = np.dot(rows.astype(float), W.astype(float)) + b
    assert_near(y, expected.reshape((*shape[: len(shape) > 1], 3)), dtype, 6)
    dout = kit.numbers(y.shape, dtype, 3)
    dx, dW, db = fl.affine_backward(dout, x, W)
    wide_dout = dout.reshape(-1, 3).astype(float)
    assert_near(dx, np.dot(wide_dout, W.T.astype(float)).reshape(shape), dtype, 3)
    assert_near(dW, np.dot(rows.T.astype(float), wide_dout), dtype, len(rows))
    assert_near(db, wide_dout.sum(axis=0), dtype, len(rows))


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_layouts(dtype, layout):
    """Whatever the layout of one operand or of all, the results are those of contiguous ones."""
    arrange = kit.LAYOUTS[layout]
    plain = list(operands(5, 4, 3, dtype))
    x, W, b, dout = plain
    y, gradients = fl.affine_forward(x, W, b), fl.affine_backward(dout, x, W)
    for odd in [{0}, {1}, {2}, {3}, {0, 1, 2, 3}]:
        x, W, b, dout = (arrange(a) if i in odd else a for i, a in enumerate(plain))
        results = fl.affine_forward(x, W, b), *fl.affine_backward(dout, x, W)
        for result, expected in zip(results, (y, *gradients), strict=True):
            assert result.flags.c_contiguous
            assert result.dtype == expected.dtype
            np.testing.assert_allclose(result, expected, rtol=1e-5 if dtype is np.float32 else 1e-13, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("dtype", kit.FAST)
def test_columns_cut_from_a_wider_matrix(rows, dtype):
    """Slices of a batch and of a weight matrix are what users pass most often after whole arrays."""
    wide = kit.numbers((rows, 20), dtype)
    W = kit.numbers((4, 9), dtype, 1)[:, 2:5]
    x = wide[:, 3:7]
    assert_near(fl.affine_forward(x, W), np.dot(x.astype(float), W.astype(float)), dtype, 4)


@pytest.mark.parametrize(
    ("x", "W", "b", "dtype"),
    [
        (np.float32, np.float64, np.float32, np.float64),
        (np.float32, np.float32, np.float64, np.float64),
        (np.float16, np.float32, np.float32, np.float32),
        (np.int64, np.float32, np.float32, np.float64),
        (np.int8, np.int16, np.uint8, np.int16),
        (np.bool_, np.float32, np.float32, np.float32),
        (np.longdouble, np.float64, np.float64, np.longdouble),
    ],
)
def test_forward_promotes_as_numpy_does(x, W, b, dtype):
    y = fl.affine_forward(np.ones((2, 3), x), np.ones((3, 2), W), np.ones(2, b))
    kit.assert_same(y, np.full((2, 2), 4, dtype))


@pytest.mark.parametrize("dout", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("x", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("W", [np.float32, np.float64, np.uint8])
def test_backward_promotes_as_numpy_does(dout, x, W):
    dx, dW, db = fl.affine_backward(np.ones((4, 2), dout), np.ones((4, 3), x), np.ones((3, 2), W))
    kit.assert_same(dx, np.full((4, 3), 2, np.result_type(dout, W)))
    kit.assert_same(dW, np.full((3, 2), 4, np.result_type(dout, x)))
    kit.assert_same(db, np.full(2, 4, dout))


def test_lists():
    kit.assert_same(fl.affine_forward([[1.0, 2.0]], [[3.0], [4.0]], [5.0]), np.array([[16.0]]))
    kit.assert_same(fl.affine_forward([1, 2], [[3], [4]]), np.array([11]))


def test_nan_and_infinity_stay():
    x = np.array([[1.0, np.nan], [np.inf, 1.0], [1.0, 1.0]])
    with np.errstate(invalid="ignore"):  # NumPy's own product may warn here
        y = fl.affine_forward(x, np.eye(2) + 1, np.zeros(2))
    assert np.isnan(y[0]).all()
    assert np.isposinf(y[1]).all()
    kit.assert_same(y[2], np.array([3.0, 3.0]))


def test_bias_gradient_of_a_batch_longer_than_float32_counts():
    """Added one after another in float32, 2**24 ones are where the sum stands still."""
    n = 2**24 + 8
    dout, x, W = np.ones((n, 1), np.float32), np.zeros((n, 1), np.float32), np.zeros((1, 1), np.float32)
    *_, db = fl.affine_backward(dout, x, W, need_dx=False)
    kit.assert_same(db, np.array([n], np.float32))


@pytest.mark.parametrize("columns", [1, 3, 64])
def test_bias_gradient_of_cancelling_terms(columns):
    dout = np.full((4097, columns), 1e-3, np.float32)
    dout[0], dout[-1] = 1e4, -1e4
    *_, db = fl.affine_backward(dout, np.zeros((4097, 1), np.float32), np.zeros((1, columns), np.float32))
    np.testing.assert_allclose(db, 4095 * float(np.float32(1e-3)), rtol=1e-6)


X, W, B, DOUT = np.ones((2, 3)), np.ones((3, 4)), np.ones(4), np.ones((2, 4))
BAD = {
    "columns": kit.Bad("affine_forward", (X, W.T), ValueError, ("(2, 3)", "(4, 3)")),
    "columns of an N-d x": kit.Bad(
        "affine_forward", (np.ones((2, 2, 2)), W), ValueError, ("(2, 2, 2)", "(3, 4)", "3 numbers")
    ),
    "length of one sample": kit.Bad("affine_forward", (np.ones(2), W), ValueError, ("(2,)", "(3, 4)")),
    "0-d x": kit.Bad("affine_forward", (1.0, W), ValueError, ("x", "0-dimensional")),
    "1-d W": kit.Bad("affine_forward", (X, np.ones(3)), ValueError, ("W", "(D, M)", "(3,)")),
    "3-d W": kit.Bad("affine_forward", (X, np.ones((3, 4, 1))), ValueError, ("W", "(3, 4, 1)")),
    "length of b": kit.Bad("affine_forward", (X, W, B[:3]), ValueError, ("(3,)", "(3, 4)", "(4,)")),
    "b of one": kit.Bad("affine_forward", (X, W, B[:1]), ValueError, ("(1,)", "(3, 4)")),
    "0-d b": kit.Bad("affine_forward", (X, W, 1.0), ValueError, ("b of shape ()", "(3, 4)")),
    "2-d b": kit.Bad("affine_forward", (X, W, B[None]), ValueError, ("(1, 4)", "(3, 4)")),
    "back: columns": kit.Bad("affine_backward", (DOUT, X, W.T), ValueError, ("(2, 3)", "(4, 3)")),
    "back: rows of dout": kit.Bad("affine_backward", (DOUT[:1], X, W), ValueError, ("(1, 4)", "(2, 3)", "(3, 4)")),
    "back: columns of dout": kit.Bad("affine_backward", (X, X, W), ValueError, ("dout of shape (2, 3)", "(2, 4)")),
    "back: dout of one sample": kit.Bad("affine_backward", (DOUT, X[0], W), ValueError, ("(2, 4)", "(3,)")),
    "back: 1-d dout": kit.Bad("affine_backward", (DOUT[0], X, W), ValueError, ("(4,)", "(2, 3)")),
    "back: 1-d W": kit.Bad("affine_backward", (DOUT, X, W[0]), ValueError, ("W", "(4,)")),
    "back: 0-d x": kit.Bad("affine_backward", (DOUT, 1.0, W), ValueError, ("0-dimensional",)),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input(bad):
    bad.check()


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("inputs", [0, 1, 3, 4, 5, 64, 785])
def test_one_sample_of_every_width(implementation, dtype, inputs):
    """One sample has a loop of its own, in tiles of columns that reach back at the end."""
    for columns in (0, 1, 2, 7, 8, 9, 15, 16, 31, 32, 33, 50, 63, 64, 65):
        x, W, b = (kit.numbers(shape, dtype) for shape in ((inputs,), (inputs, columns), (columns,)))
        terms = np.abs(x) @ np.abs(W) + np.abs(b)
        tolerance = 8 * np.finfo(dtype).eps * terms.astype(float)
        expected = x.astype(np.longdouble) @ W.astype(np.longdouble)
        for bias in (b, None):
            true = expected if bias is None else expected + b
            for sample in (x, x[np.newaxis]):
                y = fl.affine_forward(sample, W, bias)
                assert y.dtype == dtype
                assert y.shape == (*sample.shape[:-1], columns)
                assert (np.abs(y - true) <= tolerance).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("odd", [np.inf, np.nan, 3e38])
def test_one_sample_that_is_not_finite(implementation, odd, order):
    x, W = np.ones((1, 5), np.float32), np.asarray(np.ones((5, 9)), np.float32, order=order)
    x[0, 2] = odd
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(fl.affine_forward(x, 2 * W, W[0]), fl.reference.affine_forward(x, 2 * W, W[0]))


# Most products have tiles of their own: a few rows by some lanes, fewer of both at the end.
TILES = [1, 2, 3, 4, 5, 9, 16], [0, 1, 7, 24, 25, 31, 32, 33, 50, 64, 96]


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("inputs", TILES[1])
def test_small_products_of_every_size(implementation, dtype, inputs):
    for rows, columns in itertools.product(*TILES):
        x, W, b, dout = operands(rows, inputs, columns, dtype)
        wide_x, wide_W, wide_dout = (a.astype(np.longdouble) for a in (x, W, dout))
        assert_near(fl.affine_forward(x, W, b), wide_x @ wide_W + b, dtype, inputs)
        assert_near(fl.affine_forward(x, W), wide_x @ wide_W, dtype, inputs)
        dx, dW, db = fl.affine_backward(dout, x, W)
        assert_near(dx, wide_dout @ wide_W.T, dtype, columns)
        assert_near(dW, wide_x.T @ wide_dout, dtype, rows)
        assert_near(db, wide_dout.sum(axis=0), dtype, rows)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, 3e38])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_small_products_that_are_not_finite(implementation, odd, place):
    """They are NumPy's own, and so are the warnings."""
    x, W, dout = (4 * a for a in operands(9, 32, 64, np.float32) if a.ndim == 2)
    (x, W, dout)[place][-1, -1] = odd
    for name, args in {"affine_forward": (x, W), "affine_backward": (dout, x, W)}.items():
        with np.errstate(all="ignore"):
            for a, b in zip(kit.flat(kit.call(name, *args)), kit.flat(kit.reference(name, *args)), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)
        with np.errstate(over="raise", invalid="raise"):
            ours, true = kit.outcome(kit.call, name, *args), kit.outcome(kit.reference, name, *args)
        raised = [isinstance(o, tuple) and isinstance(o[0], type) and o for o in (ours, true)]
        assert raised[0] == raised[1]


def test_products_for_any_number_of_threads(level):
    """The tiles are shared out once there are enough of them; each number is summed in one order whoever does it."""
    ours = level.__name__.endswith(("_v3", "_v4"))  # elsewhere BLAS does it
    for dtype, (n, d, m) in itertools.product(kit.FAST, [(128, 128, 128), (300, 256, 100), (100, 784, 50)]):
        x, W, b, dout = operands(n, d, m, dtype)
        seen = set()
        for threads in (1, 2, 4):
            level.set_num_threads(threads)
            results = level.affine_forward(x, W, b), *level.affine_backward(dout, x, W)
            seen.add(b"".join(a.tobytes() for a in results))
        level.set_num_threads(1)
        assert len(seen) == 1 or not ours
