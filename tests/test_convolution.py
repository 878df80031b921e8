"""Convolution: against SciPy and the definition, options, sizes round a vector's width, and what the layer keeps."""

import itertools

import kit
import numpy as np
import pytest
from test_im2col import by_loops

import fastlayers as fl
from fastlayers.testing import check_gradients

pytestmark = pytest.mark.usefixtures("implementation")

RTOL = {np.float32: 2e-6, np.float64: 1e-13}


def by_definition(dout, x, W, b, *, stride=1, pad=0, dilation=1, groups=1):
    """y, dx, dW and db in float64, a number of a filter at a time; dout None for ones."""
    (down, right), (top, left), (tall, wide) = (np.broadcast_to(option, 2) for option in (stride, pad, dilation))
    x, W = x.astype(float), W.astype(float)
    padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
    dpadded, dW = np.zeros_like(padded), np.zeros_like(W)
    filters, channels, height, width = W.shape
    rows = (padded.shape[2] - tall * (height - 1) - 1) // down + 1
    columns = (padded.shape[3] - wide * (width - 1) - 1) // right + 1
    y = np.zeros((len(x), filters, rows, columns)) + b[:, np.newaxis, np.newaxis]
    dout = np.ones_like(y) if dout is None else dout.astype(float)
    for f, c, i, j in np.ndindex(W.shape):
        channel = f // (filters // groups) * channels + c
        at = slice(i * tall, i * tall + down * rows, down), slice(j * wide, j * wide + right * columns, right)
        y[:, f] += W[f, c, i, j] * padded[:, channel, *at][:, :rows, :columns]
        dW[f, c, i, j] = (dout[:, f] * padded[:, channel, *at]).sum()
        dpadded[:, channel, *at] += W[f, c, i, j] * dout[:, f]
    dx = dpadded[:, :, top : top + x.shape[2], left : left + x.shape[3]]
    return y, dx, dW, dout.sum(axis=(0, 2, 3))


def assert_right(x, W, b, **options):
    """All four results, held to the size of the terms of each sum."""
    true = by_definition(None, x, W, b, **options)
    dout = kit.numbers(true[0].shape, x.dtype, 4)
    true = by_definition(dout, x, W, b, **options)
    sizes = by_definition(*map(np.abs, (dout, x, W, b)), **options)
    ours = fl.convolution_forward(x, W, b, **options), *fl.convolution_backward(dout, x, W, **options)
    for a, b, size in zip(ours, true, sizes, strict=True):
        assert a.dtype == x.dtype
        assert a.shape == b.shape
        assert (np.abs(a - b) <= RTOL[x.dtype.type] * size + 1e-30).all()


def arrays(dtype, n, channels, height, width, filters, *size, groups=1):
    W = kit.numbers((filters, channels // groups, *size), dtype, 1)
    return kit.numbers((n, channels, height, width), dtype), W, kit.numbers((filters,), dtype, 2)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("pad", [0, 1, (2, 0)])
def test_against_scipy(dtype, pad):
    signal = pytest.importorskip("scipy.signal")
    x, W, b = arrays(dtype, 2, 3, 9, 11, 4, 3, 2)
    down, right = np.broadcast_to(pad, 2)
    padded = np.pad(x, ((0, 0), (0, 0), (down, down), (right, right))).astype(float)
    true = [[signal.correlate(image, filters.astype(float), "valid")[0] for filters in W] for image in padded]
    true = np.array(true) + b[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(fl.convolution_forward(x, W, b, pad=pad), true, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 4), (5, 1)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_options(dtype, size, groups):
    x, W, b = arrays(dtype, 3, 6, 9, 10, 12, *size, groups=groups)
    for stride, pad, dilation in itertools.product((1, 2, (1, 3)), (0, (1, 2)), (1, 2)):
        assert_right(x, W, b, stride=stride, pad=pad, dilation=dilation, groups=groups)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_every_number_of_pixels_round_a_vectors_width(dtype):
    """In a row, and in a square; alone, and with those of other images beside them."""
    for pixels in range(1, 71):
        for n in (1, 4):
            assert_right(*arrays(dtype, n, 2, 1, pixels, 5, 1, 1))
    for side, (n, filters) in itertools.product(range(1, 13), ((1, 3), (3, 9), (17, 2))):
        assert_right(*arrays(dtype, n, 2, side, side, filters, 3, 3), pad=1)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_every_number_of_filters_round_a_tiles_height(dtype):
    """And of numbers in a filter round its width; of few pixels and of many, of which dW is summed in other ways."""
    for filters, channels, side in itertools.product(range(1, 18), (1, 2, 3), (5, 13)):
        assert_right(*arrays(dtype, 2, channels, side, side + 2, filters, 2, 3))
    for filters, groups in itertools.product((1, 4, 6), (2, 3)):
        x, W, b = arrays(dtype, 3, groups, 17, 19, filters * groups, 3, 3, groups=groups)
        assert_right(x, W, b, groups=groups, pad=1)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 500, 6, 7, 3, 3, 3), {"pad": 1}),  # more channels than a product has at a time
        ((2, 2, 5, 5, 400, 3, 3), {}),  # more filters
        ((1, 3, 1, 2000, 3, 1, 5), {"pad": (0, 2)}),  # a row in pieces
        ((1, 40, 3, 500, 3, 3, 3), {"pad": 1}),
        ((2, 16, 70, 60, 3, 3, 3), {"dilation": 3}),  # rows in pieces
        ((2, 16, 20, 20, 30, 5, 5), {}),  # many more pixels of x than of y
        ((2, 9, 8, 70, 8, 3, 3), {"pad": (0, 2)}),  # as many
        ((2, 2, 8, 8, 3, 3, 3), {"stride": 9, "pad": 30}),  # mostly of margins
    ],
    ids=str,
)
def test_large_in_one_way(dtype, shape, options):
    assert_right(*arrays(dtype, *shape), **options)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_what_is_not_finite_is_the_same_on_both_paths(dtype):
    """Also in the margin's products, and minus infinity."""
    for i, value, channels in itertools.product(range(3), (np.inf, -np.inf, np.nan), (2, 9)):
        args = arrays(dtype, 2, channels, 5, 6, 3, 3, 3)
        args[i].flat[1] = value
        with np.errstate(all="raise"):
            ours, true = (f.convolution_forward(*args, pad=1) for f in (fl, fl.reference))
            dout = np.ascontiguousarray(ours)
            ours, true = (
                (y, *f.convolution_backward(dout, *args[:2], pad=1)) for f, y in ((fl, ours), (fl.reference, true))
            )
        for a, b in zip(ours, true, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_db_of_many_pixels_is_as_accurate_as_of_few():
    dout = np.full((3, 1, 400, 400), 0.1, np.float32)
    x, W = np.zeros((3, 1, 400, 400), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    *_, db = fl.convolution_backward(dout, x, W, need_dx=False)
    np.testing.assert_allclose(db, dout.size * float(np.float32(0.1)), rtol=1e-7)


def test_the_same_bits_for_any_number_of_threads(level):
    x, W, b = arrays(np.float32, 33, 16, 14, 14, 24, 3, 3)
    results = []
    for threads in (1, 2, 3, 7):
        level.set_num_threads(threads)
        y = level.convolution_forward(x, W, b, 1, 1)
        results.append([a.tobytes() for a in (y, *level.convolution_backward(y, x, W, 1, 1))])
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("pad", [0, 1])
def test_no_images(pad):
    x, W, b = arrays(np.float32, 0, 2, 4, 4, 3, 3, 3)
    y = fl.convolution_forward(x, W, b, pad=pad)
    assert (y.shape, y.dtype) == ((0, 3, 2 + 2 * pad, 2 + 2 * pad), np.float32)
    dx, dW, db = fl.convolution_backward(y, x, W, pad=pad)
    assert dx.shape == x.shape
    assert not dW.any()
    assert not db.any()


def test_dtypes_promote_as_numpys():
    x, W, b = arrays(np.float32, 2, 2, 4, 4, 3, 3, 3)
    y = fl.convolution_forward(x, W.astype(float), b)
    assert y.dtype == float
    np.testing.assert_allclose(y, fl.convolution_forward(x.astype(float), W.astype(float), b.astype(float)))
    dx, dW, db = fl.convolution_backward(y, x, W)
    assert dx.dtype == dW.dtype == db.dtype == float
    assert fl.convolution_forward(x.astype(np.int8), W.astype(np.int16)).dtype == np.int16


X, FILTERS = np.zeros((1, 4, 5, 6)), np.zeros((6, 4, 3, 3))


@pytest.mark.parametrize(
    ("args", "options", "error", "words"),
    [
        ((X[0], FILTERS), {}, ValueError, ("x of shape (4, 5, 6)", "W of shape (6, 4, 3, 3)", "(N, C, H, W)")),
        (
            (X, FILTERS[0]),
            {},
            ValueError,
            ("W of shape (4, 3, 3)", "x of shape (1, 4, 5, 6)", "(FN, C / groups, FH, FW)"),
        ),
        ((X, FILTERS[:, :3]), {}, ValueError, ("(1, 4, 5, 6)", "(6, 3, 3, 3)", "3 channels")),
        ((X, FILTERS[:, :2]), {"groups": 4}, ValueError, ("(1, 4, 5, 6)", "(6, 2, 3, 3)", "8 channels")),
        ((X, FILTERS[:, :1]), {"groups": 4}, ValueError, ("(6, 1, 3, 3)", "4 groups")),
        ((X, FILTERS[:, :, :0]), {}, ValueError, ("(6, 4, 0, 3)", "a number or more")),
        ((X, FILTERS, np.zeros(5)), {}, ValueError, ("b of shape (5,)", "(6, 4, 3, 3)", "(6,)")),
        ((X, FILTERS), {"dilation": 3}, ValueError, ("(3, 3)", "(1, 4, 5, 6)", "does not fit")),
        ((X, FILTERS), {"stride": 0}, ValueError, ("stride must be 1 or more, not 0",)),
        ((X, FILTERS), {"stride": (1, 0)}, ValueError, ("stride must be 1 or more, not 0",)),
        ((X, FILTERS), {"pad": -1}, ValueError, ("pad must be 0 or more, not -1",)),
        ((X, FILTERS), {"pad": 2**61}, ValueError, ("more numbers than memory can hold",)),
        ((X, FILTERS), {"pad": 2**100, "stride": 2**99}, ValueError, ("more numbers than memory can hold",)),
        ((X, FILTERS), {"groups": 0}, ValueError, ("groups must be 1 or more, not 0",)),
        ((X, FILTERS), {"stride": 1.5}, TypeError, ("stride", "integer", "float 1.5")),
        ((X, FILTERS), {"pad": True}, TypeError, ("pad", "integer", "bool")),
    ],
    ids=str,
)
def test_what_is_refused(args, options, error, words):
    kit.Bad("convolution_forward", args, error, words, options).check()
    if len(args) == 2:
        kit.Bad("convolution_backward", (np.zeros((1, 6, 3, 4)), *args), error, words, options).check()


def test_a_dout_that_does_not_fit():
    words = "dout of shape (1, 6, 4, 4)", "(1, 4, 5, 6)", "(6, 4, 3, 3)", "(1, 6, 3, 4)"
    kit.Bad("convolution_backward", (np.zeros((1, 6, 4, 4)), X, FILTERS), ValueError, words).check()


# The layer


def test_attributes_are_the_books():
    x, W, b = arrays(np.float32, 2, 3, 6, 5, 4, 3, 2)
    layer = fl.Convolution(W, b, 2, 1)
    assert (layer.stride, layer.pad, layer.dilation, layer.groups) == (2, 1, 1, 1)
    assert layer.x is layer.col is layer.dW is layer.db is None
    y = layer.forward(x)
    assert layer.W is W
    assert layer.b is b
    assert layer.x is x
    kit.assert_same(layer.col, by_loops(x, 3, 2, 2, 1, 1))
    kit.assert_same(layer.col_W, W.reshape(4, -1).T)
    by_book = (layer.col @ layer.col_W + b).reshape(2, 3, 3, 4).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(y, by_book, rtol=1e-4, atol=1e-4)
    layer.backward(y)
    assert layer.dW.shape == W.shape
    assert layer.db.shape == b.shape


def test_the_bias_may_be_a_number_or_none():
    x, W, _ = arrays(np.float32, 2, 3, 6, 5, 4, 3, 2)
    plain = fl.Convolution(W)
    y = plain.forward(x)
    assert plain.backward(y).shape == x.shape
    assert plain.b is plain.db is None
    layer = fl.Convolution(W.copy(), 1.5)
    kit.assert_same(layer.b, np.full(4, 1.5, np.float32))
    np.testing.assert_allclose(layer.forward(x), y + 1.5, rtol=1e-5, atol=1e-5)
    layer.backward(y)
    fl.SGD(lr=0.5).update(layer.params, layer.grads)
    kit.assert_same(layer.b, (1.5 - 0.5 * layer.db).astype(np.float32))
    layer.W, layer.b = W, 2
    np.testing.assert_allclose(layer.forward(x), y + 2, rtol=1e-5, atol=1e-5)
    kit.assert_same(layer.b, np.full(4, 2, np.float32))
    for number in (2, 2.0, np.float32(2), np.array(2, np.int8)):
        shifted = fl.convolution_forward(x, W, number)
        assert shifted.dtype == np.float32
        np.testing.assert_allclose(shifted, y + 2, rtol=1e-5, atol=1e-5)
    assert fl.convolution_forward(x, W, np.float64(2)).dtype == float


def test_weights_and_options_may_be_set_anew():
    x, W, b = arrays(np.float64, 2, 3, 6, 5, 4, 3, 2)
    layer = fl.Convolution(W, b)
    y = layer.forward(x)
    layer.stride, layer.pad = 2, (1, 0)
    dx = layer.backward(y)  # still that of the last forward
    kit.assert_same(dx, fl.convolution_backward(y, x, W)[0])
    layer.W = W[:2] * 2
    layer.b = None
    kit.assert_same(layer.forward(x), fl.convolution_forward(x, W[:2] * 2, stride=2, pad=(1, 0)))
    layer.backward(layer.forward(x))
    assert layer.dW.shape == (2, 3, 3, 2)


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "pad": 1}, {"dilation": 2, "pad": (1, 2)}, {"groups": 3}], ids=str
)
def test_gradients(options):
    x, W, b = arrays(np.float64, 2, 3, 6, 5, 3, 3, 2, groups=options.get("groups", 1))
    assert check_gradients(fl.Convolution(W, b, **options), x) < 1e-7


def test_a_network_of_images_learns_as_one_call(implementation):
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((20, 1, 8, 8), np.float32), rng.integers(0, 3, 20)
    W = (rng.standard_normal((4, 1, 3, 3)) / 3).astype(np.float32)
    affine = fl.Affine((rng.standard_normal((144, 3)) / 12).astype(np.float32), np.zeros(3, np.float32))
    net = fl.Sequential([fl.Convolution(W, 0.0), fl.Relu(), affine], fl.SoftmaxWithLoss())
    losses = [net.train_step(x, t, fl.SGD(lr=0.1)) for _ in range(30)]
    assert losses[-1] < losses[0] / 3
    assert bool(net.compiled) == (implementation != "reference")
    assert net.layers[0].dW.shape == W.shape


def test_shapes_and_operations():
    layer = fl.Convolution(np.zeros((6, 2, 3, 3)), np.zeros(6), 2, 1, groups=2)
    assert layer._output_shape((4, 5, 8)) == (6, 3, 4)
    assert layer._output_shape((4, None, 8)) == (6, None, None)
    assert layer._output_shape(None) == (6, None, None)
    assert layer._flops((4, 5, 8), (6, 3, 4)) == 12 * 2 * 6 * 18
    for shape, words in (((4, 5), r"^takes images \(C, H, W\)"), ((3, 5, 8), "^has "), ((4, 0, 8), "^has ")):
        with pytest.raises(ValueError, match=words):
            layer._output_shape(shape)


@pytest.mark.parametrize("made", [(np.zeros((3, 3)),), (np.zeros((1, 1, 3, 3)), None, 0), (FILTERS, 0.0, 1, -1)])
def test_what_no_layer_is_made_with(made):
    with pytest.raises(ValueError, match=r"W must have shape|must be (0|1) or more"):
        fl.Convolution(*made)
