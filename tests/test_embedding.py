"""Rows by their indices and what is added up to them: every integer dtype, places, accuracy; and the book's layer."""

import math

import kit
import numpy as np
import pytest

import fastlayers as fl

V, D = 11, 5
W = kit.numbers((V, D), np.float64)
SHAPES = ((), (1,), (0,), (7,), (3, 4), (2, 0, 3), (2, 1, 3, 2))
OF_ROWS = ((5,), (), (2, 3), (0,), (1, 2, 2))


def indices(shape, dtype=np.int64, seed=0):
    return np.asarray(np.random.default_rng(seed).integers(0, V, shape), dtype)


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", kit.INTEGERS)
def test_indices_of_any_dtype_layout_and_shape(implementation, dtype, layout):
    for shape in SHAPES:
        if shape == () and layout == "reversed":
            continue
        plain = indices(shape, dtype)
        idx = kit.LAYOUTS[layout](plain)
        kit.assert_same(fl.embedding_forward(idx, W), np.array(W[plain]))
        dout = kit.numbers((*shape, D), np.float64, 1)
        expected = np.zeros((V, D))
        np.add.at(expected, plain, dout)  # as the book does it
        np.testing.assert_allclose(fl.embedding_backward(dout, idx, V), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", kit.INTEGERS)
@pytest.mark.parametrize("place", [(0, 0), (1, 2)])
def test_an_index_outside_the_table_is_told_with_its_place(implementation, dtype, place):
    limits = np.iinfo(dtype)
    for wrong in {limits.min, limits.max, -1, V}:
        if limits.min <= wrong <= limits.max and not 0 <= wrong < V:
            idx, row = np.zeros((2, 3), dtype), np.zeros(4, dtype)
            idx[place] = row[3] = wrong
            words = (f"idx has {wrong} at index {place}", f"outside [0, {V})")
            kit.Bad("embedding_forward", (idx, W), ValueError, words).check()
            kit.Bad("embedding_forward", (row, W), ValueError, (f"idx has {wrong} at row 3",)).check()
            kit.Bad("embedding_backward", (np.ones((2, 3, D)), idx, V), ValueError, words).check()


@pytest.mark.parametrize("idx", [[True, False], [1.0], np.float32(2), np.ones(2, bool)])
def test_what_is_no_integer_is_no_index(implementation, idx):
    words = ("idx must hold integers, not", np.asarray(idx).dtype.name)
    kit.Bad("embedding_forward", (idx, W), TypeError, words).check()
    kit.Bad("embedding_backward", (np.ones((*np.shape(idx), D)), idx, V), TypeError, words).check()
    assert fl.embedding_forward([], W).shape == (0, D)  # which NumPy makes float64


@pytest.mark.parametrize("of_a_row", OF_ROWS)
def test_rows_of_any_shape(implementation, of_a_row):
    idx, table = indices((3, 4)), kit.numbers((V, *of_a_row), np.float64)
    kit.assert_same(fl.embedding_forward(idx, table), table[idx])
    dout, expected = kit.numbers((3, 4, *of_a_row), np.float64, 1), np.zeros(table.shape)
    np.add.at(expected, idx, dout)
    np.testing.assert_allclose(fl.embedding_backward(dout, idx, V), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [*kit.REAL])
def test_a_table_of_any_dtype(implementation, dtype):
    table = kit.numbers((V, D), dtype)
    kit.assert_same(fl.embedding_forward(indices((7,)), table), table[indices((7,))])


def test_a_column_of_a_matrix_is_read_where_it_is(level):
    """As the book's CBOW gives its contexts, one column to each layer."""
    contexts, dout = indices((20, 4), np.int32), kit.numbers((20, D), np.float64)
    for column in contexts.T:
        kit.assert_same(level.embedding_forward(column, W), W[column])
        kit.assert_same(level.embedding_backward(dout, column, V), level.embedding_backward(dout, column.copy(), V))


def test_shapes_that_do_not_fit(implementation):
    words = ("dout of shape (2, 4, 5)", "idx of shape (2, 3)", "(2, 3, ...)")
    kit.Bad("embedding_backward", (np.ones((2, 4, D)), np.zeros((2, 3), int), V), ValueError, words).check()
    kit.Bad("embedding_backward", (1.0, [0], V), ValueError, ("dout of shape ()", "idx of shape (1,)")).check()
    kit.Bad("embedding_forward", ([0], 1.0), ValueError, ("W is 0-dimensional",)).check()
    for rows, error in ((-1, ValueError), (2.0, TypeError), (True, TypeError)):
        kit.Bad("embedding_backward", (np.ones((1, D)), [0], rows), error, ("rows",)).check()


def test_tables_of_no_row_and_of_no_column(implementation):
    assert fl.embedding_forward(np.zeros((0, 2), int), np.ones((0, 3))).shape == (0, 2, 3)
    assert fl.embedding_forward([1, 2], np.ones((3, 0))).shape == (2, 0)
    assert fl.embedding_backward(np.ones((0, 3)), [], 0).shape == (0, 3)
    assert fl.embedding_backward(np.ones((2, 0)), [1, 2], 3).shape == (3, 0)
    kit.assert_same(fl.embedding_backward(np.ones((0, 3)), [], 2), np.zeros((2, 3)))
    kit.Bad("embedding_forward", ([0], np.ones((0, 3))), ValueError, ("idx has 0 at row 0", "[0, 0)")).check()


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_what_is_added_is_not_lost_however_often_an_index_occurs(implementation, dtype):
    """One number more changes nothing of a sum in its own dtype."""
    wide = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
    if dtype == np.longdouble or (dtype == np.float64 and not wide and implementation == "reference"):
        pytest.skip("there is no wider dtype")
    limit = 2 ** (np.finfo(dtype).nmant + 1)
    dout = np.ones((2001, 3), dtype)
    dout[7] = limit
    idx = np.ones(len(dout), np.int16)
    idx[::400] = 0
    exact = float(limit + int(np.count_nonzero(idx)) - 1)
    kit.assert_same(fl.embedding_backward(dout, idx, 3), np.array([[6] * 3, [exact] * 3, [0] * 3]).astype(dtype))


@pytest.mark.parametrize("columns", [1, 3, 7, 8, 9, 15, 16, 17, 100, 511, 512, 513, 1100])
@pytest.mark.parametrize("dtype", kit.FAST)
def test_sums_are_exact_in_rows_of_any_length(implementation, dtype, columns):
    idx = np.array([2, 0, 2, 2, 4, 0])
    dout = kit.numbers((6, columns), dtype)
    dW = fl.embedding_backward(dout, idx, 5)
    terms = [[[float(dout[n, j]) for n in np.flatnonzero(idx == row)] for j in range(columns)] for row in range(5)]
    kit.assert_close(dW, np.array([[math.fsum(each) for each in row] for row in terms]), ulps=1)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_many_rows_have_the_same_bits_on_any_number_of_threads(level, dtype):
    idx = np.random.default_rng(0).zipf(1.3, 30_000) % 5000
    dout, table = kit.numbers((len(idx), 33), dtype), kit.numbers((5000, 33), dtype)
    seen = set()
    for threads in (1, 2, 3):
        level.set_num_threads(threads)
        results = level.embedding_forward(idx, table), level.embedding_backward(dout, idx, 5000)
        seen.add(tuple(result.tobytes() for result in results))
    assert len(seen) == 1


# The layer


def test_the_layer_as_the_book_has_it(implementation):
    table, idx = W.copy(), indices((4, 3))
    layer = fl.Embedding(table)
    assert (layer.idx, layer.dW) == (None, None)
    (param,), (grad,) = layer.params, layer.grads
    assert param is layer.W is table
    kit.assert_same(grad, np.zeros((V, D)))
    kit.assert_same(layer.forward(idx), W[idx])
    assert layer.idx is idx
    dout = kit.numbers((4, 3, D), np.float64, 1)
    for times in (1, 3):
        grad[...] = 99  # what is written into it in between
        assert layer.backward(times * dout) is None
        assert layer.grads[0] is layer.dW is grad
        kit.assert_same(grad, fl.embedding_backward(times * dout, idx, V))
    assert layer.backward(dout, need_dx=False) is None
    table += 1
    kit.assert_same(layer.predict(2), table[2])
    assert layer.idx is idx


def test_a_gradient_of_another_dtype_is_cast_to_what_was_handed_out(implementation):
    layer = fl.Embedding(W.astype(np.float32))
    layer.forward([3, 3])
    layer.backward(np.full((2, D), 0.5))
    assert layer.dW.dtype == np.float64
    (grad,) = layer.grads
    layer.backward(np.full((2, D), 0.25))
    assert layer.dW is grad
    kit.assert_same(grad, (np.arange(V)[:, np.newaxis] == 3) * np.full(D, 0.5, np.float32))


def test_what_was_handed_out_and_then_locked_is_let_go(implementation):
    layer = fl.Embedding(W)
    (grad,) = layer.grads
    grad.flags.writeable = False
    layer.forward([1])
    layer.backward(np.ones((1, D)))
    assert not grad.any()
    assert layer.dW[1].all()


def test_a_table_has_two_axes():
    for shape in ((3,), (2, 3, 4)):
        with pytest.raises(ValueError, match=r"W must have shape \(V, D\), not"):
            fl.Embedding(np.ones(shape))
