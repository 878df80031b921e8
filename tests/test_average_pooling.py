"""Average pooling: each window by itself, what its sum is divided by, sums without loss; global pooling, Flatten."""

import math

import kit
import numpy as np
import pytest
from pooling import SIZES, by_loops

import fastlayers as fl

X = np.zeros((1, 2, 4, 5))
DOUT = np.zeros((1, 2, 2, 2))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("counts_pad", [True, False])
@pytest.mark.parametrize(("size", "window", "stride", "pad"), SIZES)
def test_each_window_by_itself(implementation, size, window, stride, pad, counts_pad, dtype):
    x = kit.numbers((1 if np.prod(size) * np.prod(window) > 10_000 else 2, 2, *size), dtype)
    shape, windows = by_loops(x, window, stride, pad)
    count = {place: math.prod(window) if counts_pad else len(cells) for place, cells in windows.items()}
    y = np.zeros(shape)
    for place, cells in windows.items():
        y[place] = math.fsum(float(x[at]) for at, _ in cells) / count[place]
    options = {"stride": stride, "pad": pad, "count_include_pad": counts_pad}
    kit.assert_close(fl.average_pooling_forward(x, *window, **options), y, ulps=1)
    dout, dx = kit.numbers(shape, dtype), np.zeros(x.shape, dtype)
    for place, cells in windows.items():  # in the order of the windows, in dout's dtype
        for at, _ in cells:
            dx[at] += dout[place] / dtype(count[place])
    kit.assert_same(fl.average_pooling_backward(dout, x.shape, *window, **options), dx)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("size", [(1, 3), (3, 5), (70, 300)])
def test_means_lose_nothing(implementation, size, dtype):
    """A small number between two large ones that cancel, wherever the sum is cut."""
    x = np.zeros((1, 2, *size), dtype)
    x[0, :, 0, :3] = (
        [[1e17, 1, -1e17], [1, 1e-3, 1e-3]] if dtype is np.float64 else [[1e4, 1e-3, -1e4], [1, 1e-3, 1e-3]]
    )
    exact = [math.fsum(map(float, plane.ravel())) / plane.size for plane in x[0]]
    for y in (fl.GlobalAveragePooling().forward(x), fl.average_pooling_forward(x, *size)[:, :, 0, 0]):
        np.testing.assert_allclose(y[0], exact, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_infinity_and_nan(implementation, dtype):
    x = np.array([[[[np.inf, 1.0, np.inf, -np.inf, np.nan, 0.0]] * 2]], dtype)
    with np.errstate(all="raise"):
        y = fl.average_pooling_forward(x, 2, 2)
    np.testing.assert_array_equal(y, [[[[np.inf, np.nan, np.nan]]]])


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("columns", [4, 5, 12, 13])
def test_windows_side_by_side_have_the_bits_of_one_alone(level, columns, dtype):
    """Those of two by two go together where a row has a few of them, large terms that cancel and -0 among them."""
    large = 1e17 if dtype is np.float64 else 1e4
    draw = np.random.default_rng(columns).choice([large, -large, 1.0, 1e-3, -1e-3, -0.0, np.inf, np.nan], (2, 3, 5, 27))
    x = np.ascontiguousarray(draw[..., : 2 * columns + columns % 2], dtype)
    y = level.average_pooling_forward(x, 2, 2)
    dout = np.where(np.isnan(y), dtype(-0.0), y)
    dx = np.zeros(x.shape, dtype)
    for k in range(columns):
        at, place = np.s_[:, :, :, 2 * k : 2 * k + 2], np.s_[..., k : k + 1]
        one, share = np.ascontiguousarray(x[at]), np.ascontiguousarray(dout[place])
        kit.assert_same(y[place], level.average_pooling_forward(one, 2, 2))
        dx[at] = level.average_pooling_backward(share, one.shape, 2, 2)
    kit.assert_same(level.average_pooling_backward(dout, x.shape, 2, 2), dx)


def test_what_is_divided_by(implementation):
    """PyTorch counts a margin's zeros, ONNX does not."""
    x = np.ones((1, 1, 2, 2), np.float32)
    np.testing.assert_array_equal(fl.average_pooling_forward(x, 2, 2, pad=1), np.full((1, 1, 2, 2), 0.25))
    alone = fl.AveragePooling(2, 2, 2, 1, count_include_pad=False)
    np.testing.assert_array_equal(alone.forward(x), np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(alone.backward(x), np.ones((1, 1, 2, 2)))


def test_integers_become_floating(implementation):
    x = np.arange(16).reshape(1, 1, 4, 4)
    kit.assert_same(fl.average_pooling_forward(x, 2, 2), np.array([[[[2.5, 4.5], [10.5, 12.5]]]]))
    assert fl.average_pooling_forward(x.astype(np.float16), 2, 2).dtype == np.float16


def test_the_same_bits_for_any_number_of_threads_where_windows_overlap(level):
    x, window = kit.numbers((40, 8, 20, 20), np.float32), (3, 3, (1, 2), 1, False)
    results = set()
    for threads in (1, 2, 3):
        level.set_num_threads(threads)
        y = level.average_pooling_forward(x, *window)
        results.add(y.tobytes() + level.average_pooling_backward(y, x.shape, *window).tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_no_images(implementation, shape):
    x = np.zeros(shape, np.float32)
    for layer in (fl.AveragePooling(2, 2), fl.GlobalAveragePooling(), fl.Flatten()):
        y = layer.forward(x)
        assert y.shape[0] == len(x)
        kit.assert_same(layer.backward(y), x)


@pytest.mark.parametrize(
    ("name", "args", "options", "error", "words"),
    [
        ("forward", (X[0], 2, 2), {}, ValueError, ("x must have shape (N, C, H, W), not (2, 4, 5)",)),
        ("forward", (X, 5, 2), {}, ValueError, ("(5, 2)", "(1, 2, 4, 5)", "does not fit")),
        ("forward", (X, 2, 2), {"pad": 2}, ValueError, ("pad must be less than the window (2, 2), not 2",)),
        ("forward", (X, 2, 2), {"count_include_pad": 1}, TypeError, ("count_include_pad must be True or False",)),
        ("forward", (X.astype(object), 2, 2), {}, TypeError, ("x", "object")),
        ("backward", (X, X.shape, 2, 2), {}, ValueError, ("(1, 2, 4, 5)", "(1, 2, 2, 2)")),
        ("backward", (DOUT, "1234", 2, 2), {}, TypeError, ("input_shape must be a tuple", "str")),
        ("backward", (DOUT, (1, 2, 4, 2.0), 2, 2), {}, TypeError, ("input_shape must be an integer, not float 2.0",)),
        ("backward", (DOUT, (1, 2, 4, 2**62), 2, 2), {}, ValueError, ("more numbers than memory can hold",)),
    ],
)
def test_what_is_refused(implementation, name, args, options, error, words):
    kit.Bad(f"average_pooling_{name}", args, error, words, options).check()


# Global average pooling and Flatten


@pytest.mark.parametrize("dtype", kit.FAST)
def test_global_average_pooling(implementation, dtype):
    x, layer = kit.numbers((3, 4, 5, 7), dtype), fl.GlobalAveragePooling()
    y = layer.forward(x)
    kit.assert_close(y, x.astype(np.longdouble).mean(axis=(2, 3)), ulps=1)
    kit.assert_same(layer.predict(x), y)
    dx = layer.backward(y)
    kit.assert_same(dx, np.broadcast_to((y / dtype(35))[:, :, np.newaxis, np.newaxis], x.shape))
    assert not np.signbit(layer.backward(np.full(y.shape, -0.0, dtype))).any()  # it is what is added to 0
    with pytest.raises(ValueError, match=r"dout of shape \(3, 5\) does not fit y of shape \(3, 4\)"):
        layer.backward(np.ones((3, 5)))
    for wrong in (x[0], x[:, :, :0]):
        with pytest.raises(ValueError, match="x "):
            layer.forward(wrong)


@pytest.mark.parametrize("dtype", kit.REAL)
def test_flatten_copies(implementation, dtype):
    x, layer = kit.numbers((3, 2, 4), dtype), fl.Flatten()
    for layout in kit.LAYOUTS.values():
        given = layout(x)
        y = layer.forward(given)
        kit.assert_same(y, x.reshape(3, 8))
        assert y.flags.writeable
        assert not np.shares_memory(y, given)
    dx = layer.backward(layout(kit.numbers((3, 8), np.float32)))
    kit.assert_same(dx, kit.numbers((3, 8), np.float32).reshape(3, 2, 4))


def test_what_flatten_refuses(implementation):
    layer = fl.Flatten()
    for wrong in (np.ones(3), 1.0):
        with pytest.raises(ValueError, match=r"x must be a batch \(N, ...\)"):
            layer.forward(wrong)
    for what in kit.NOT_REAL.values():
        with pytest.raises(TypeError, match="x must hold real numbers"):
            layer.forward(what)
    layer.forward(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match=r"dout of shape \(2, 3, 4\) does not fit y of shape \(2, 12\)"):
        layer.backward(np.ones((2, 3, 4)))
