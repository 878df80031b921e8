"""The kernels' own threads: the same bits for any number of them, at any place in the array, and from run to run."""

import copy

import families
import kit
import numpy as np
import pytest
from family import Arrays

LARGE = [(1 << 19, 2), ((1 << 20) + 7, 1), (1021, 1027), (3, 1 << 18)]
SHORT = [(6007, 10), (101, 603)]


def parts(level, name, args, threads=1):
    """A kernel's results as arrays, the loss among them, without what comes of a product."""
    level.set_num_threads(threads)
    entry = families.FUNCTION[name]
    result = kit.flat(kit.of(level, name)(*args, *entry.before_out))
    assert result[0] is not NotImplemented
    return [np.array(p) for p in (result[-1:] if entry.sums == "products" else result)]


def large_call(name, dtype, shape):
    """A large common call, quickly made; of products what matters is the bias and its gradient."""
    entry = families.FUNCTION[name]
    return (entry.large or entry.arguments)(Arrays(dtype, shape))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", families.KERNELS)
def test_the_same_bits_for_any_number_of_threads(level, name, dtype):
    for shape in LARGE:
        args = large_call(name, dtype, shape)
        one = parts(level, name, args)
        for threads in (2, 3):
            for a, b in zip(one, parts(level, name, args, threads), strict=True):
                assert a.tobytes() == b.tobytes(), (shape, threads)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", families.KERNELS)
def test_the_same_bits_of_what_only_threads_that_are_awake_share(level, name, dtype):
    """Several calls in a row have them woken, and then kept awake."""
    for shape in SHORT:
        args = large_call(name, dtype, shape)
        one = parts(level, name, args)
        for threads in (2, 4):
            for _ in range(12):
                for a, b in zip(one, parts(level, name, args, threads), strict=True):
                    assert a.tobytes() == b.tobytes(), (shape, threads)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("updates", [families.UPDATES, families.FULL_UPDATES], ids=["plain", "full"])
@pytest.mark.parametrize("name", families.UPDATES)
def test_the_same_updates_for_any_number_of_threads(level, name, updates, dtype):
    seen, given = set(), families.update_call(name, dtype, [((1 << 19) + 7, 3), (5,)], updates)
    for threads in (1, 2, 3):
        level.set_num_threads(threads)
        args = copy.deepcopy(given)
        assert getattr(level, name)(*args) is None
        seen.add(b"".join(a.tobytes() for part in args if isinstance(part, list) for a in part))
    assert len(seen) == 1


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", families.ELEMENTWISE)
def test_the_same_bits_at_any_place_in_the_array(level, name, dtype):
    """In the vector body, in the tail, at any alignment, alone."""
    for value in (-20.0, -1.234, -1e-3, 0.3, 1.7, 15.0):
        args = families.FUNCTION[name].arguments(Arrays(x=np.full(200, value, dtype)))
        args = [np.full_like(a, a[0]) for a in args]
        seen = set()
        for start in range(18):
            for size in (1, 2, 3, 5, 15, 16, 17, 33, 100, 150):
                for part in parts(level, name, [a[start : start + size] for a in args])[:1]:
                    seen |= {v.tobytes() for v in part}
        assert len(seen) == 1


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("classes", [1, 3, 10, 16, 33, 130])
def test_the_same_bits_for_a_row_wherever_it_stands(level, dtype, classes):
    row, labels = kit.numbers((classes,), dtype), np.zeros(50, int)
    rows = np.tile(row, (50, 1))
    alone_y = level.softmax(row[None])
    alone_loss, alone_dx = level.softmax_cross_entropy(row[None], labels[:1])
    kit.assert_same(level.softmax(rows), np.tile(alone_y, (50, 1)))
    kit.assert_same(level.softmax(rows[1:]), np.tile(alone_y, (49, 1)))
    dout = kit.numbers((1, classes), dtype, 1)
    alone_back = level.softmax_backward(dout, alone_y)
    kit.assert_same(level.softmax_backward(dout.repeat(50, 0), alone_y.repeat(50, 0)), alone_back.repeat(50, 0))
    _, dx = level.softmax_cross_entropy(rows[:32], labels[:32])  # a division by 32 is exact
    kit.assert_same(dx, np.tile(alone_dx / 32, (32, 1)))
    loss, y, dx = level.softmax_with_loss(row[None], labels[:1])
    assert loss == alone_loss
    kit.assert_same(dx, alone_dx)
    np.testing.assert_allclose(y, alone_y, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", families.KERNELS)
def test_runs_are_repeatable(level, name):
    args = large_call(name, np.float32, (70_001, 10))
    first = parts(level, name, args, 3)
    for _ in range(20):
        for a, b in zip(first, parts(level, name, args, 3), strict=True):
            assert a.tobytes() == b.tobytes()
