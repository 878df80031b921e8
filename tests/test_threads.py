"""The kernels' own threads: the same bits for any number of them, at any place in the array, and from run to run."""

import numpy as np
import pytest
import zoo

LARGE = [(1 << 19, 2), ((1 << 20) + 7, 1), (1021, 1027), (3, 1 << 18)]


def parts(level, name, args, threads=1):
    """A kernel's results as arrays, the loss among them, without what comes of a product."""
    level.set_num_threads(threads)
    need_dx = (False,) if name == "affine_backward" else ()
    result = getattr(level, name)(*args, *need_dx)
    assert result is not NotImplemented
    return [np.array(p) for p in (result[2:] if name == "affine_backward" else zoo.flat(result))]


def large_call(name, dtype, shape):
    """A large common call, quickly made; for affine one of few products: what matters is the bias and its gradient."""
    n, m = shape
    x, dout = (np.resize(zoo.numbers((10_007,), dtype, seed), shape) for seed in (0, 1))
    column, W, b = np.ones((n, 1), dtype), zoo.numbers((1, m), dtype), zoo.numbers((m,), dtype, 1)
    loss, pairs = (x, np.arange(n) % m), (x, (dout > 0).astype(np.int64))
    return {
        "relu": (x,),
        "relu_forward": (x,),
        "relu_backward": (dout, x <= 0),
        "leaky_relu_forward": (x,),
        "leaky_relu_backward": (dout, x <= 0),
        "dropout_forward": (x, np.resize(np.random.default_rng(0).random(10_007, np.float32), shape)),
        "dropout_backward": (dout, x > 0),
        "sigmoid_forward": (x,),
        "sigmoid_backward": (dout, np.abs(x)),
        "tanh_forward": (x,),
        "tanh_backward": (dout, x),
        "affine_forward": (column, W, b),
        "affine_backward": (dout, column, W),
        "softmax": (x,),
        "softmax_cross_entropy": loss,
        "softmax_with_loss": loss,
        "mean_squared_error": (x, dout),
        "sigmoid_cross_entropy": pairs,
        "sigmoid_with_loss": pairs,
    }[name]


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("name", zoo.KERNELS)
def test_the_same_bits_for_any_number_of_threads(level, name, dtype):
    for shape in LARGE:
        args = large_call(name, dtype, shape)
        one = parts(level, name, args)
        for threads in (1, 2, 3):
            for a, b in zip(one, parts(level, name, args, threads), strict=True):
                assert a.tobytes() == b.tobytes(), (shape, threads)


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("rules", [zoo.RULES, zoo.FULL_RULES], ids=["plain", "full"])
@pytest.mark.parametrize("name", zoo.RULES)
def test_the_same_updates_for_any_number_of_threads(level, name, rules, dtype):
    seen = set()
    for threads in (1, 2, 3):
        level.set_num_threads(threads)
        args = zoo.rule_call(name, dtype, [((1 << 19) + 7, 3), (5,)], rules)
        assert getattr(level, name)(*args) is None
        seen.add(b"".join(a.tobytes() for part in args if isinstance(part, list) for a in part))
    assert len(seen) == 1


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("name", ["sigmoid_forward", "sigmoid_backward", "relu_forward", "relu_backward"])
def test_the_same_bits_at_any_place_in_the_array(level, name, dtype):
    """In the vector body, in the tail, at any alignment, alone."""
    for value in (-20.0, -1.234, -1e-3, 0.3, 1.7, 15.0):
        whole = np.full(200, value, dtype)
        args = {"relu_backward": (whole, whole <= 0), "sigmoid_backward": (whole, 1 / (1 + np.abs(whole)))}.get(
            name, (whole,)
        )
        seen = set()
        for start in range(18):
            for size in (1, 2, 3, 5, 15, 16, 17, 33, 100, 150):
                for part in parts(level, name, [a[start : start + size] for a in args])[:1]:
                    seen |= {v.tobytes() for v in part}
        assert len(seen) == 1


@pytest.mark.parametrize("dtype", zoo.FAST)
@pytest.mark.parametrize("classes", [1, 3, 10, 16, 33, 130])
def test_the_same_bits_for_a_row_wherever_it_stands(level, dtype, classes):
    row, labels = zoo.numbers((classes,), dtype), np.zeros(50, int)
    rows = np.tile(row, (50, 1))
    alone_y = level.softmax(row[None])
    alone_loss, alone_dx = level.softmax_cross_entropy(row[None], labels[:1])
    zoo.assert_same(level.softmax(rows), np.tile(alone_y, (50, 1)))
    zoo.assert_same(level.softmax(rows[1:]), np.tile(alone_y, (49, 1)))
    _, dx = level.softmax_cross_entropy(rows[:32], labels[:32])  # a division by 32 is exact
    zoo.assert_same(dx, np.tile(alone_dx / 32, (32, 1)))
    loss, y, dx = level.softmax_with_loss(row[None], labels[:1])
    assert loss == alone_loss
    zoo.assert_same(dx, alone_dx)
    np.testing.assert_allclose(y, alone_y, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", zoo.KERNELS)
def test_runs_are_repeatable(level, name):
    args = large_call(name, np.float32, (70_001, 10))
    first = parts(level, name, args, 3)
    for _ in range(20):
        for a, b in zip(first, parts(level, name, args, 3), strict=True):
            assert a.tobytes() == b.tobytes()
