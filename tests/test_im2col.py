"""Patches of images as a matrix and back: against the definition by loops, and each as the other's transpose."""

import itertools

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

OPTIONS = [
    {"stride": stride, "pad": pad, "dilation": dilation}
    for stride, pad, dilation in itertools.product((1, 2, (2, 3)), (0, 1, (2, 1)), (1, (1, 2)))
]


def by_loops(x, filter_h, filter_w, stride, pad, dilation):
    """Each number of each patch by itself."""
    (down, right), (top, left), (tall, wide) = (np.broadcast_to(option, 2) for option in (stride, pad, dilation))
    n, channels, height, width = x.shape
    rows = (height + 2 * top - tall * (filter_h - 1) - 1) // down + 1
    columns = (width + 2 * left - wide * (filter_w - 1) - 1) // right + 1
    col = np.zeros((n, rows, columns, channels, filter_h, filter_w), x.dtype)
    for place in np.ndindex(col.shape):
        image, row, column, channel, i, j = place
        y, z = row * down - top + i * tall, column * right - left + j * wide
        if 0 <= y < height and 0 <= z < width:
            col[place] = x[image, channel, y, z]
    return col.reshape(n * rows * columns, -1)


@pytest.mark.parametrize("dtype", [*kit.FAST, np.float16, np.int16, np.bool_])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_patches_are_those_of_the_definition(options, dtype):
    x = kit.numbers((2, 3, 6, 7), dtype)
    for filter_h, filter_w in ((1, 1), (2, 3), (3, 2)):
        kit.assert_same(fl.im2col(x, filter_h, filter_w, **options), by_loops(x, filter_h, filter_w, **options))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_col2im_sums_where_im2col_takes_from(options, dtype):
    """Numbers for which sums are exact."""
    x = np.zeros((2, 3, 6, 7), dtype)
    places = by_loops(np.arange(1.0, x.size + 1).reshape(x.shape), 2, 3, **options).astype(int)
    col = np.arange(places.size, dtype=dtype).reshape(places.shape) % 32
    expected = np.bincount(places.ravel(), col.ravel(), x.size + 1)[1:].reshape(x.shape).astype(dtype)
    kit.assert_same(fl.col2im(col, x.shape, 2, 3, **options), expected)
    out = np.full_like(x, np.nan)
    assert fl.col2im(col.tolist(), [*x.shape], 2, 3, **options, out=out if dtype is float else None) is not None


def test_no_images():
    x = np.zeros((0, 2, 4, 4), np.float32)
    col = fl.im2col(x, 3, 3)
    assert (col.shape, col.dtype) == ((0, 18), np.float32)
    assert fl.col2im(col, x.shape, 3, 3).shape == x.shape
    assert fl.im2col(np.zeros((2, 0, 4, 4)), 3, 3).shape == (8, 0)


def test_the_same_bits_for_any_number_of_threads(level):
    x = kit.numbers((40, 8, 20, 20), np.float32)
    results = []
    for threads in (1, 2, 3):
        level.set_num_threads(threads)
        col = level.im2col(x, 3, 3, 1, 1)
        results.append((col.tobytes(), level.col2im(col, x.shape, 3, 3, 1, 1).tobytes()))
    assert results[0] == results[1] == results[2]


X = np.zeros((1, 2, 4, 5))


@pytest.mark.parametrize(
    ("name", "args", "error", "words"),
    [
        ("im2col", (X[0], 2, 2), ValueError, ("input_data of shape (2, 4, 5)", "(N, C, H, W)")),
        ("im2col", (X, 5, 2), ValueError, ("(5, 2)", "(1, 2, 4, 5)")),
        ("im2col", (X, 0, 2), ValueError, ("filter_h must be 1 or more, not 0",)),
        ("im2col", (X, 2, 2.0), TypeError, ("filter_w must be an integer, not float 2.0",)),
        ("im2col", (X, 2, 2, 0), ValueError, ("stride must be 1 or more, not 0",)),
        ("im2col", (X, 2, 2, 1, -1), ValueError, ("pad must be 0 or more, not -1",)),
        ("im2col", (X, 2, 2, 1, 2**62), ValueError, ("more numbers than memory can hold",)),
        ("im2col", (X, 2, 2, 1, 2**80), ValueError, ("more numbers than memory can hold",)),
        ("im2col", (X, 2**62, 2, 1, 0), ValueError, ("does not fit",)),
        ("im2col", (X, 2, 2, (1, 2, 3)), ValueError, ("stride", "3 of them")),
        ("im2col", (X.astype(complex), 2, 2), TypeError, ("input_data", "complex128")),
        ("col2im", (np.zeros((12, 8)), (1, 2, 4), 2, 2), ValueError, ("input_shape of shape (1, 2, 4)",)),
        ("col2im", (np.zeros((12, 9)), (1, 2, 4, 5), 2, 2), ValueError, ("(12, 9)", "(1, 2, 4, 5)", "(12, 8)")),
        ("col2im", (np.zeros((12, 8)), 4, 2, 2), TypeError, ("input_shape must be a tuple", "int")),
        ("col2im", (np.zeros((12, 8)), (1, 2, 4, -5), 2, 2), ValueError, ("input_shape must be 0 or more, not -5",)),
        ("col2im", (np.zeros((12, 8)), (2**40, 2**40, 4, 5), 2, 2), ValueError, ("more numbers than memory can hold",)),
    ],
)
def test_what_is_refused(name, args, error, words):
    kit.Bad(name, args, error, words).check()
