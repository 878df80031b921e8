"""Leaky ReLU: x where it is positive, else the slope times x; values, mask, dtypes, layouts, slopes."""

import numpy as np
import pytest
import zoo

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

SLOPES = (0.01, 0.0, 0.25, 1.0, -0.5, 3)


def expected(x, mask, slope):
    """In the dtype itself: one product, rounded once."""
    with np.errstate(all="ignore"):
        return np.asarray(np.where(mask, x.dtype.type(slope) * x, x))


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("dtype", zoo.REAL)
def test_every_shape(dtype, slope):
    for shape in zoo.SHAPES:
        x, dout = zoo.numbers(shape, dtype), zoo.numbers(shape, dtype, seed=1)
        y, mask = fl.leaky_relu_forward(x, slope)
        zoo.assert_same(mask, np.asarray(x <= 0))
        floating = x.astype(np.exp(x).dtype)
        zoo.assert_same(y, expected(floating, mask, slope))
        zoo.assert_same(fl.leaky_relu_backward(dout, mask, slope), expected(dout.astype(floating.dtype), mask, slope))


@pytest.mark.parametrize("dtype", zoo.FAST)
def test_sizes_round_the_vector_width(dtype):
    for size in zoo.SIZES:
        x = zoo.numbers((size,), dtype)
        y, mask = fl.leaky_relu_forward(x, 0.25)
        zoo.assert_same(y, expected(x, x <= 0, 0.25))
        zoo.assert_same(fl.leaky_relu_backward(x, mask, 0.25), y)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("dtype", zoo.FLOATS)
def test_special_values(dtype, slope):
    x = np.tile(zoo.specials(dtype), 5)
    y, mask = fl.leaky_relu_forward(x, slope)
    zoo.assert_same(y, expected(x, x <= 0, slope))
    zoo.assert_same(fl.leaky_relu_backward(x, mask, slope), y)


@pytest.mark.parametrize("layout", zoo.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.int16])
def test_layouts(dtype, layout):
    for shape in zoo.SHAPES:
        plain = zoo.numbers(shape, dtype)
        x, floating = zoo.LAYOUTS[layout](plain), plain.astype(np.exp(plain).dtype)
        y, mask = fl.leaky_relu_forward(x, 0.1)
        zoo.assert_same(y, expected(floating, plain <= 0, 0.1))
        zoo.assert_layout(y, x)
        zoo.assert_layout(mask, x)
        dx = fl.leaky_relu_backward(x, zoo.LAYOUTS[layout](np.array(plain <= 0)), 0.1)
        zoo.assert_same(dx, expected(floating, plain <= 0, 0.1))
        zoo.assert_layout(dx, x)


A, B, MASK = np.ones((2, 3)), np.ones((3, 2)), np.ones((2, 3), bool)
BAD = {
    "shapes differ": zoo.Bad("leaky_relu_backward", (B, MASK), ValueError, ("(2, 3)", "(3, 2)")),
    "no mask": zoo.Bad("leaky_relu_backward", (A, A), TypeError, ("mask must be of dtype bool, not float64",)),
    "two slopes": zoo.Bad("leaky_relu_forward", (A, [0.1, 0.2]), ValueError, ("negative_slope must be one number",)),
    "no slope": zoo.Bad("leaky_relu_forward", (A, None), TypeError, ("negative_slope must hold real numbers",)),
    "a text": zoo.Bad("leaky_relu_backward", (A, MASK, "0.1"), TypeError, ("negative_slope", "str")),
    "too large": zoo.Bad("leaky_relu_backward", (A, MASK, 10**400), ValueError, ("negative_slope is too large",)),
    **{f"{kind} {i}": bad for kind, i, bad in zoo.bad_numbers("leaky_relu_forward", A)},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_calls(bad):
    bad.check()


def test_the_layer():
    layer, x = fl.LeakyRelu(0.2), zoo.numbers((5, 4), np.float32)
    assert layer.mask is None
    y = layer.forward(x)
    zoo.assert_same(layer.mask, x <= 0)
    zoo.assert_same(y, expected(x, x <= 0, 0.2))
    zoo.assert_same(layer.predict(x), y)
    zoo.assert_same(layer.backward(x), y)
    layer.negative_slope = 0.5
    zoo.assert_same(layer.forward(x), expected(x, x <= 0, 0.5))
    assert fl.LeakyRelu().negative_slope == 0.01
    with pytest.raises(TypeError, match="negative_slope must hold real numbers, not str96"):
        fl.LeakyRelu("0.1")
