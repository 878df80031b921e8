"""Initial weights: their variance, their bounds, their stream, and what they refuse."""

import math

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers import initializers
from fastlayers.initializers import affine, convolution, he_normal, he_uniform, xavier_normal, xavier_uniform

DEVIATIONS = {
    he_normal: lambda d, m: math.sqrt(2 / d),
    he_uniform: lambda d, m: math.sqrt(2 / d),
    xavier_normal: lambda d, m: math.sqrt(2 / (d + m)),
    xavier_uniform: lambda d, m: math.sqrt(2 / (d + m)),
}
every_initializer = pytest.mark.parametrize("init", DEVIATIONS, ids=lambda init: init.__name__)


def test_every_initializer_is_here():
    assert {init.__name__ for init in DEVIATIONS} | {"affine", "convolution"} == set(initializers.__all__)


@every_initializer
@pytest.mark.parametrize(
    ("shape", "fans"), [((400, 100), (400, 100)), ((100, 400), (100, 400)), ((80, 20, 5, 5), (500, 2000))]
)
def test_deviation(init, shape, fans):
    """Of 40,000 numbers the deviation is known to 0.4 %, and the mean to 0.5 % of it; four times that is allowed."""
    weights = init(shape, rng=3, dtype=np.float64)
    deviation = DEVIATIONS[init](*fans)
    assert weights.std() == pytest.approx(deviation, rel=0.016)
    assert abs(weights.mean()) < 0.02 * deviation
    bound = math.sqrt(3) * deviation
    outside = np.mean(np.abs(weights) > bound)
    if init in (he_uniform, xavier_uniform):
        assert outside == 0
        assert np.abs(weights).max() > 0.99 * bound
    else:
        assert outside == pytest.approx(math.erfc(math.sqrt(1.5)), abs=0.006)


@every_initializer
@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_a_seed_gives_the_same_numbers_in_every_dtype(init, dtype):
    exact, weights = init((7, 3), rng=5, dtype=np.float64), init((7, 3), rng=5, dtype=dtype)
    kit.assert_same(weights, exact.astype(dtype))
    assert weights.flags.c_contiguous
    assert weights.flags.writeable


@every_initializer
def test_rng(init):
    rng = np.random.default_rng(9)
    first, second = init((4, 3), rng=rng), init((4, 3), rng=rng)
    kit.assert_same(first, init((4, 3), rng=np.random.default_rng(9)))
    kit.assert_same(first, init((4, 3), rng=np.random.SeedSequence(9)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(init((4, 3)), init((4, 3)))
    assert init((4, 3)).dtype == np.float32


@every_initializer
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), [2, 3], (np.int8(2), 3)])
def test_sizes(init, shape):
    assert init(shape, rng=0).shape == tuple(shape)


@every_initializer
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"shape": (3,)},
            ValueError,
            r"shape must be \(inputs, outputs\) or .*, not \(3,\)",
        ),
        ({"shape": 3}, ValueError, r"shape must be \(inputs, outputs\) or .*, not 3"),
        (
            {"shape": (1, 2, 3)},
            ValueError,
            r"shape must be \(inputs, outputs\) or .*, not \(1, 2, 3\)",
        ),
        ({"shape": (-1, 2)}, ValueError, "inputs must be 0 or more, not -1"),
        ({"shape": (2, 1.5)}, TypeError, "outputs must be an integer, not float"),
        ({"shape": (2, 3, 5, -1)}, ValueError, "width must be 0 or more, not -1"),
        ({"shape": (2, 3), "dtype": int}, TypeError, "dtype must be a floating one, not int64"),
        ({"shape": (2, 3), "dtype": complex}, TypeError, "dtype must be a floating one, not complex128"),
        ({"shape": (2, 3), "rng": -1}, ValueError, "non-negative"),
    ],
)
def test_what_they_refuse(init, arguments, error, message):
    with pytest.raises(error, match=message):
        init(**arguments)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_affine(dtype):
    W, b = affine(6, 4, init=xavier_normal, rng=2, dtype=dtype)
    kit.assert_same(W, xavier_normal((6, 4), rng=2, dtype=dtype))
    kit.assert_same(b, np.zeros(4, dtype))
    layer = fl.Affine(*affine(6, 4, bias=False, rng=2, dtype=dtype))
    kit.assert_same(layer.W, he_normal((6, 4), rng=2, dtype=dtype))
    assert layer.b is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((6.0, 4), TypeError, "inputs must be an integer, not float"),
        ((6, -4), ValueError, "outputs must be 0 or more, not -4"),
    ],
)
def test_what_affine_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        affine(*arguments)
    with pytest.raises(TypeError, match="bias must be True or False, not int 1"):
        affine(2, 3, bias=1)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_convolution(dtype):
    W, b = convolution(6, 4, (3, 5), groups=2, init=xavier_normal, rng=2, dtype=dtype)
    kit.assert_same(W, xavier_normal((4, 3, 3, 5), rng=2, dtype=dtype))
    kit.assert_same(b, np.zeros(4, dtype))
    W, b = convolution(6, 4, 3, bias=False)
    assert W.shape == (4, 6, 3, 3)
    assert b is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((6.0, 4, 3), TypeError, "channels must be an integer, not float"),
        ((6, -4, 3), ValueError, "filters must be 0 or more, not -4"),
        ((6, 4, (3,)), TypeError, "height must be an integer, not tuple"),
        ((6, 4, 3, 4), ValueError, "groups must divide channels and filters, not be 4 for 6 and 4"),
        ((6, 4, 3, 0), ValueError, "groups must be 1 or more, not 0"),
    ],
)
def test_what_convolution_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        convolution(*arguments[:3], **({"groups": arguments[3]} if len(arguments) > 3 else {}))


def test_a_signal_keeps_its_size_through_ten_layers():
    """Behind ReLU with He's weights; with Xavier's it loses half of its variance in each."""
    rng = np.random.default_rng(0)
    sizes = {}
    for init in (he_normal, he_uniform, xavier_normal):
        x = rng.standard_normal((200, 256))
        for _ in range(10):
            x = fl.relu(x @ init((256, 256), rng=rng, dtype=np.float64))
        sizes[init] = float(np.mean(x * x))
    assert 0.5 < sizes[he_normal] < 2
    assert 0.5 < sizes[he_uniform] < 2
    assert sizes[xavier_normal] < 0.01
