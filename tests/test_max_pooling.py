"""Max pooling: each window by itself, ties, nan, margins, indices that come from elsewhere; and the book's layer."""

import functools

import kit
import numpy as np
import pytest
from pooling import SIZES, by_loops

import fastlayers as fl
from fastlayers._core import backend

X = np.zeros((1, 2, 4, 5))
INDICES = np.zeros((1, 2, 2, 2), np.uint8)


def pool(x, window, stride, pad, **more):
    return fl.max_pooling_forward(x, *window, stride=stride, pad=pad, **more)


def unpool(dout, arg_max, shape, window, stride, pad, **more):
    return fl.max_pooling_backward(dout, arg_max, shape, *window, stride=stride, pad=pad, **more)


def images(size, dtype, n=2):
    """Few different numbers, so that there are ties, nan and infinities among them; not the same in every window."""
    rng = np.random.default_rng([*size, n])
    x = rng.integers(-2, 3, (n, 3, *size)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[rng.random(x.shape) < 0.2] = -np.inf
        x[rng.random(x.shape) < 0.03] = np.nan
    return x


def expected(x, window, stride, pad):
    """Of the numbers of a window the first nan, or the first of the largest."""
    shape, windows = by_loops(x, window, stride, pad)
    y, arg_max = np.zeros(shape, x.dtype), np.zeros(shape, np.uint8 if window[0] * window[1] <= 256 else np.intp)
    for place, cells in windows.items():
        values = [x[at] for at, _ in cells]
        nan = [np.isnan(value) for value in values]
        chosen = nan.index(True) if any(nan) else values.index(max(values))
        y[place], arg_max[place] = values[chosen], cells[chosen][1]
    return y, arg_max


@functools.cache
def window_by_window(size, window, stride, pad, dtype):
    """Images, what pooling makes of them, a gradient of that, and what becomes of it."""
    x = images(size, dtype, n=1 if np.prod(size) * np.prod(window) > 10_000 else 2)
    y, arg_max = expected(x, window, stride, pad)
    dout = kit.numbers(y.shape, dtype if np.dtype(dtype).kind == "f" else np.float32)
    dx = np.zeros(x.shape, dout.dtype)
    for place, cells in by_loops(x, window, stride, pad)[1].items():  # in the order of the windows, in dout's dtype
        dx[next(at for at, index in cells if index == arg_max[place])] += dout[place]
    return x, (y, arg_max), dout, dx


@pytest.mark.parametrize("dtype", [*kit.FAST, np.float16, np.int16, np.bool_])
@pytest.mark.parametrize(("size", "window", "stride", "pad"), SIZES)
def test_each_window_by_itself(implementation, size, window, stride, pad, dtype):
    x, true, dout, dx = window_by_window(size, window, stride, pad, dtype)
    y, arg_max = pool(x, window, stride, pad)
    for a, b in zip((y, arg_max), true, strict=True):
        kit.assert_same(a, b)
    kit.assert_same(unpool(dout, arg_max, x.shape, window, stride, pad), dx)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("columns", range(1, 70))
def test_every_number_of_windows_in_a_row(implementation, columns, dtype):
    """Of windows of two by two, with and without a number behind the last; nothing behind the arrays is touched."""
    for extra in (0, 1):
        x = images((4 + extra, 2 * columns + extra), dtype)
        x[0] = np.arange(x[0].size).reshape(x[0].shape)  # no nan and no tie in the first
        y, arg_max = pool(x, (2, 2), 2, 0)
        for ours, true in zip((y, arg_max), expected(x, (2, 2), (2, 2), (0, 0)), strict=True):
            kit.assert_same(ours, true)
        dx = unpool(y, arg_max, x.shape, (2, 2), 2, 0)
        kept = dx[:, :, :4, : 2 * columns]
        windows = kept.reshape(2, 3, 2, 2, columns, 2).swapaxes(3, 4).reshape(*y.shape, 4)
        kit.assert_same(np.take_along_axis(windows, arg_max[..., np.newaxis].astype(int), -1)[..., 0], y)
        assert np.count_nonzero(dx) == np.count_nonzero(y)


def test_the_first_of_equal_numbers_and_the_first_nan_are_taken(implementation):
    nan = np.nan
    x = np.array([[[[1.0, 1.0, -0.0, 0.0, 2.0, nan, nan, nan], [1.0, 1.0, 0.0, 0.0, nan, 9.0, 7.0, 8.0]]]])
    for dtype in kit.FAST:
        y, arg_max = pool(x.astype(dtype), (2, 2), 2, 0)
        np.testing.assert_array_equal(y, [[[[1, 0, nan, nan]]]])
        assert np.signbit(y[0, 0, 0, 1])
        np.testing.assert_array_equal(arg_max, [[[[0, 0, 1, 0]]]])


def test_no_margin_is_ever_taken(implementation):
    """Where all of a window's numbers are as low as they can be, the first of them is."""
    for dtype, low in ((np.float32, -np.inf), (np.float64, -np.inf), (np.int8, -128), (np.bool_, False)):
        x = np.full((1, 1, 4, 4), low, dtype)
        y, arg_max = pool(x, (2, 2), 2, 1)
        kit.assert_same(y, np.full((1, 1, 3, 3), low, dtype))
        np.testing.assert_array_equal(arg_max[0, 0], [[3, 2, 2], [1, 0, 0], [1, 0, 0]])
        np.testing.assert_array_equal(unpool(np.ones(y.shape), arg_max, x.shape, (2, 2), 2, 1).sum(), 9)


def test_the_same_bits_for_any_number_of_threads_where_windows_overlap(level):
    x, window = kit.numbers((40, 8, 20, 20), np.float32), (3, 3, (1, 2), 1)
    results = set()
    for threads in (1, 2, 3):
        level.set_num_threads(threads)
        y, arg_max = level.max_pooling_forward(x, *window)
        results.add(
            b"".join(a.tobytes() for a in (y, arg_max, level.max_pooling_backward(y, arg_max, x.shape, *window)))
        )
    assert len(results) == 1


def test_no_images(implementation):
    for shape in ((0, 3, 4, 4), (2, 0, 4, 4)):
        y, arg_max = pool(np.zeros(shape, np.float32), (2, 2), 2, 0)
        assert (y.shape, y.dtype, arg_max.shape, arg_max.dtype) == ((*shape[:2], 2, 2), np.float32, y.shape, np.uint8)
        kit.assert_same(unpool(y, arg_max, shape, (2, 2), 2, 0), np.zeros(shape, np.float32))


@pytest.mark.parametrize("dtype", kit.INTEGERS)
def test_indices_of_any_integer_dtype_and_layout(implementation, dtype):
    x = images((6, 6), np.float64)
    y, arg_max = pool(x, (2, 2), 2, 0)
    dx = unpool(y, arg_max, x.shape, (2, 2), 2, 0)
    for layout in kit.LAYOUTS.values():
        kit.assert_same(unpool(layout(y), layout(arg_max.astype(dtype)), [*x.shape], (2, 2), 2, 0), dx)


@pytest.mark.parametrize(("where", "dtype"), [(4, np.uint8), (-1, np.int64), (2**63, np.uint64), (255, np.uint8)])
def test_indices_that_lead_out_of_a_window(implementation, where, dtype):
    """They are told of, with their place, before anything is written."""
    indices, out = INDICES.astype(dtype), np.full(X.shape, 7.0)
    indices[0, 1, 1, 0] = where
    args = (np.ones(INDICES.shape), indices, X.shape, 2, 2)
    kit.Bad(
        "max_pooling_backward", args, ValueError, (f"arg_max has {where} at index (0, 1, 1, 0)",), {"out": out}
    ).check()
    assert (out == 7).all()


def test_indices_that_lead_into_the_margin(implementation):
    y, arg_max = pool(X, (2, 2), 2, 1)
    arg_max[0, 0, 0, 1] = 1
    args = (y, arg_max, X.shape, 2, 2)
    kit.Bad("max_pooling_backward", args, ValueError, ("arg_max has 1 at index (0, 0, 0, 1)",), {"pad": 1}).check()


HUGE = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (2**20, 2**20, 1, 2), (0, 0, 0, 0))


@pytest.mark.parametrize(
    ("name", "args", "options", "error", "words"),
    [
        ("forward", (X[0], 2, 2), {}, ValueError, ("x must have shape (N, C, H, W), not (2, 4, 5)",)),
        ("forward", (X, 5, 2), {}, ValueError, ("(5, 2)", "(1, 2, 4, 5)", "does not fit")),
        ("forward", (X[:, :, :0], 2, 2), {"pad": 1}, ValueError, ("(1, 2, 0, 5)", "no numbers")),
        ("forward", (X, 0, 2), {}, ValueError, ("pool_h must be 1 or more, not 0",)),
        ("forward", (X, 2, 2.0), {}, TypeError, ("pool_w must be an integer, not float 2.0",)),
        ("forward", (X, True, 2), {}, TypeError, ("pool_h must be an integer, not bool True",)),
        ("forward", (X, 2, 2), {"stride": 0}, ValueError, ("stride must be 1 or more, not 0",)),
        ("forward", (X, 2, 2), {"stride": (1, 2, 3)}, ValueError, ("stride", "3 of them")),
        ("forward", (X, 2, 2), {"stride": "2"}, TypeError, ("stride must be an integer or a pair", "str '2'")),
        ("forward", (X, 2, 2), {"pad": -1}, ValueError, ("pad must be 0 or more, not -1",)),
        (
            "forward",
            (X, 2, 2),
            {"pad": (1, 2)},
            ValueError,
            ("pad must be less than the window (2, 2), not (1, 2)",),
        ),
        ("forward", (X, 2**63, 2**63), {"pad": 2**62}, ValueError, ("more numbers than memory can hold",)),
        ("forward", (HUGE, 2**24, 2**24), {"pad": 2**23}, ValueError, ("more numbers than memory can hold",)),
        ("forward", (X.astype(complex), 2, 2), {}, TypeError, ("x", "complex128")),
        ("backward", (X, INDICES, X.shape, 2, 2), {}, ValueError, ("(1, 2, 4, 5)", "(1, 2, 2, 2)")),
        ("backward", (INDICES, X, X.shape, 2, 2), {}, TypeError, ("arg_max must hold integers, not float64",)),
        ("backward", (INDICES, INDICES > 0, X.shape, 2, 2), {}, TypeError, ("arg_max must hold integers, not bool",)),
        ("backward", (INDICES, INDICES[0], X.shape, 2, 2), {}, ValueError, ("arg_max of shape", "(1, 2, 2, 2)")),
        ("backward", (INDICES, INDICES, 4, 2, 2), {}, TypeError, ("input_shape must be a tuple", "int")),
        ("backward", (INDICES, INDICES, (1, 2, 4), 2, 2), {}, ValueError, ("images must have shape", "(1, 2, 4)")),
        (
            "backward",
            (INDICES, INDICES, (1, 2, 4, -5), 2, 2),
            {},
            ValueError,
            ("input_shape must be 0 or more, not -5",),
        ),
        ("backward", (INDICES, INDICES, (2**40, 2**40, 4, 4), 2, 2), {}, ValueError, ("more numbers than memory",)),
    ],
)
def test_what_is_refused(implementation, name, args, options, error, words):
    kit.Bad(f"max_pooling_{name}", args, error, words, options).check()


# The layer


def test_the_layer_is_the_books(implementation):
    layer = fl.Pooling(2, 2)
    assert (layer.pool_h, layer.pool_w, layer.stride, layer.pad, layer.x, layer.arg_max) == (2, 2, 2, 0, None, None)
    x = images((6, 8), np.float64)
    y = layer.forward(x)
    assert layer.x is x
    col = np.moveaxis(x.reshape(2, 3, 3, 2, 4, 2), (0, 2, 4, 1, 3, 5), range(6)).reshape(-1, 4)  # as the book's im2col
    kit.assert_same(layer.arg_max, np.argmax(col, axis=1))
    kit.assert_same(y, np.max(col, axis=1).reshape(2, 3, 4, 3).transpose(0, 3, 1, 2))
    layer.arg_max[:] = 99  # made when it is read
    kit.assert_same(layer.arg_max, np.argmax(col, axis=1))


def test_sizes_stay_as_given_and_may_be_set(implementation):
    layer = fl.Pooling(3, 2, [1, 2], (1, 0))
    assert (layer.stride, layer.pad) == ([1, 2], (1, 0))
    x = kit.numbers((2, 1, 5, 6), np.float32)
    y = layer.forward(x)
    layer.pool_h, layer.pool_w, layer.stride, layer.pad = 2, 2, 2, 0  # backward goes by what forward had
    kit.assert_same(layer.backward(y), unpool(*pool(x, (3, 2), (1, 2), (1, 0)), x.shape, (3, 2), (1, 2), (1, 0)))
    kit.assert_same(layer.forward(x), pool(x, (2, 2), 2, 0)[0])
    for wrong in ((0, 1), (1, 1, 0), (1, 1, 1, -1), (2, 2, 1, 2)):
        with pytest.raises(ValueError, match="must be"):
            fl.Pooling(*wrong)


def test_a_network_of_it_stays_one_call(implementation):
    W, b = kit.numbers((2 * 3 * 4, 3), np.float32), np.zeros(3, np.float32)
    net = fl.Sequential([fl.Pooling(2, 2), fl.Flatten(), fl.Affine(W, b)], fl.SoftmaxWithLoss())
    x, t = kit.numbers((5, 2, 6, 8), np.float32), np.arange(5) % 3
    loss, (dW, db) = net.gradient(x, t)
    rows = pool(x, (2, 2), 2, 0)[0].reshape(5, -1)
    other = fl.Sequential([fl.Affine(W, b)], fl.SoftmaxWithLoss())
    assert loss == other.gradient(rows, t)[0]
    for ours, true in zip((dW, db), other.gradient(rows, t)[1], strict=True):
        kit.assert_same(ours, true)
    assert bool(net.compiled) == (backend.get_backend() == "cython")
