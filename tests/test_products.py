"""Products in tiles: right at every size and order, the same bits wherever and however they are computed.

`product` is the kernels' own, without what decides between it and BLAS; what `affine` makes of it is in
``test_affine.py``.
"""

import itertools

import kit
import numpy as np
import pytest
from test_addresses import hold_equal, packed

OURS = "ours"
SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 13, 16, 17, 24, 25, 31, 32, 33, 40, 48, 49, 50, 64, 65, 70)
ORDERS = ("CC", "CF", "FC", "FF")  # of both operands
# Beyond one slice of the inner dimension, one block of rows, what is read where it lies; rows a page apart.
LARGE = (
    (130, 400, 70), (3, 130, 140), (20, 770, 10), (50, 5, 700), (520, 20, 70), (530, 20, 260), (100, 600, 900),
    (30, 20, 1024),
)  # fmt: skip


def operands(m, k, n, dtype, orders="CC"):
    a, b = (kit.numbers(shape, dtype, seed) for seed, shape in enumerate([(m, k), (k, n)]))
    return np.array(a, order=orders[0]), np.array(b, order=orders[1])


def hold(y, exact, sizes, dtype):
    """Within what the roundings of a sum of products of these sizes allow."""
    np.testing.assert_array_less(np.abs(y - exact), 8 * np.finfo(dtype).eps * sizes + np.finfo(dtype).tiny)


def hold_product(level, m, k, n, dtype, orders):
    a, b = operands(m, k, n, dtype, orders)
    bias, y = kit.numbers((n,), dtype, 2), kit.numbers((m, n), dtype, 3)
    exact, sizes = (np.dot(f(a.astype(float)), f(b.astype(float))) for f in (np.array, np.abs))
    for added, expected in ((None, exact), (bias, exact + bias)):
        into = np.full_like(y, np.nan)
        assert level.product(a, b, into, added, False, False, OURS) is True
        hold(into, expected, sizes + (0 if added is None else np.abs(bias)), dtype)
    expected = y + exact
    sizes = sizes + np.abs(y)
    assert level.product(a, b, y, None, True, False, OURS) is True
    hold(y, expected, sizes, dtype)
    rectified = np.empty_like(y)
    assert level.product(a, b, rectified, bias, False, True, OURS) is True
    level.product(a, b, y, bias, False, False, OURS)
    np.testing.assert_array_equal(rectified, np.maximum(y, 0))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("orders", ORDERS)
def test_products_of_every_size(level, dtype, orders):
    rng = np.random.default_rng(0)
    shapes = [tuple(rng.permutation(size)[:3]) for size in [SIZES] * 60]
    for m, k, n in [*shapes, *itertools.product((0, 1, 5), repeat=3)]:
        hold_product(level, m, k, n, dtype, orders)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("orders", ORDERS)
def test_products_beyond_one_block(level, dtype, orders):
    for m, k, n in LARGE:
        hold_product(level, m, k, n, dtype, orders)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("orders", ORDERS)
def test_a_number_does_not_depend_on_what_else_is_computed(level, dtype, orders):
    """Other tiles, other panels, the same bits."""
    a, b = operands(70, 60, 70, dtype, orders)
    whole = np.empty((70, 70), dtype)
    level.product(a, b, whole, None, False, False, OURS)
    for m, n in ((1, 70), (2, 33), (5, 10), (9, 50), (70, 1), (69, 17), (70, 66)):
        part = np.empty((m, n), dtype)
        for i, j in ((0, 0), (70 - m, 70 - n)):
            rows, columns = (np.array(x, order=o) for x, o in zip((a[i : i + m], b[:, j : j + n]), orders, strict=True))
            level.product(rows, columns, part, None, False, False, OURS)
            assert part.tobytes() == whole[i : i + m, j : j + n].tobytes()


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("orders", ORDERS)
def test_products_for_any_number_of_threads(level, dtype, orders):
    for m, k, n in ((128, 400, 200), (600, 100, 20), (3, 500, 900)):
        a, b = operands(m, k, n, dtype, orders)
        seen = set()
        for threads in (1, 2, 4):
            level.set_num_threads(threads)
            y = np.empty((m, n), dtype)
            level.product(a, b, y, None, False, False, OURS)
            seen.add(y.tobytes())
        assert len(seen) == 1


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("orders", ORDERS)
def test_products_wherever_arrays_lie(level, dtype, orders):
    for m, k, n in ((1, 7, 64), (5, 32, 32), (6, 40, 10), (17, 33, 50), (9, 3, 25)):
        a, b = (x.T if order == "F" else x for x, order in zip(operands(m, k, n, dtype), orders, strict=True))
        a, b = operands(m, k, n, dtype)
        arrays = [np.ascontiguousarray(x.T) if order == "F" else x for x, order in zip((a, b), orders, strict=True)]
        results = []
        for seed in range(0, 64, 3):
            *placed, y = packed([*arrays, np.zeros((m, n), dtype)], seed)
            left, right = (x.T if order == "F" else x for x, order in zip(placed, orders, strict=True))
            level.product(left, right, y, None, False, False, OURS)
            results.append(y.tobytes())
        hold_equal(results, f"{m, k, n}")


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, "overflow"])
def test_what_is_not_finite_is_told(level, dtype, odd):
    """In each tile, in the last column too; so affine leaves it to NumPy, which warns as its user has it."""
    largest = np.finfo(dtype).max
    for m, k, n in ((9, 5, 50), (70, 33, 10), (3, 700, 40)):
        for i, j in ((0, 0), (m - 1, n - 1), (m // 2, n // 2)):
            for turned in (False, True):
                a, b = np.ones((m, k), dtype), np.ones((k, n), dtype)
                a[i, -1], b[-1, j] = (largest, largest) if odd == "overflow" else (odd, 1)
                y = np.empty((m, n), dtype)
                arrays = (np.array(a, order="F"), np.array(b, order="F")) if turned else (a, b)
                assert level.product(*arrays, y, None, False, False, OURS) is False
                a[i, -1] = 1
                b[-1, j] = 1
                arrays = (np.array(a, order="F"), np.array(b, order="F")) if turned else (a, b)
                assert level.product(*arrays, y, None, False, False, OURS) is True


def test_an_overflow_of_what_is_added_is_told(level):
    for dtype in kit.FAST:
        largest = np.finfo(dtype).max
        y = np.full((9, 10), largest)
        assert (
            level.product(np.ones((40, 9), dtype).T, np.full((40, 10), largest / 80), y, None, True, False, OURS)
            is False
        )


@pytest.mark.parametrize("dtype", kit.FAST)
def test_products_decline_what_does_not_fit(level, dtype):
    a, b = operands(4, 5, 6, dtype)
    y = np.zeros((4, 6), dtype)
    for call in [
        (a, a, y),
        (a, b, y.T),
        (a, b[:, ::2], y[:, ::2]),
        (a, b, a),
        (a, b, None),
        (a[0], b, y),
        (a, b, b[:4]),
    ]:
        assert level.product(*call, None, False, False, OURS) is NotImplemented
    assert level.product(a, b, y, np.ones(5, dtype), False, False, OURS) is NotImplemented
    assert not y.any()
