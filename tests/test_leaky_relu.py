"""Leaky ReLU: x where it is positive, else the slope times x; values, mask, dtypes, layouts, slopes."""

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

SLOPES = (0.01, 0.0, 0.25, 1.0, -0.5, 3)


def expected(x, mask, slope):
    """In the dtype itself: one product, rounded once."""
    with np.errstate(all="ignore"):
        return np.asarray(np.where(mask, x.dtype.type(slope) * x, x))


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("dtype", kit.REAL)
def test_every_shape(dtype, slope):
    for shape in kit.SHAPES:
        x, dout = kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1)
        y, mask = fl.leaky_relu_forward(x, slope)
        kit.assert_same(mask, np.asarray(x <= 0))
        floating = x.astype(np.exp(x).dtype)
        kit.assert_same(y, expected(floating, mask, slope))
        kit.assert_same(fl.leaky_relu_backward(dout, mask, slope), expected(dout.astype(floating.dtype), mask, slope))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_vector_width(dtype):
    for size in kit.SIZES:
        x = kit.numbers((size,), dtype)
        y, mask = fl.leaky_relu_forward(x, 0.25)
        kit.assert_same(y, expected(x, x <= 0, 0.25))
        kit.assert_same(fl.leaky_relu_backward(x, mask, 0.25), y)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_special_values(dtype, slope):
    x = np.tile(kit.specials(dtype), 5)
    y, mask = fl.leaky_relu_forward(x, slope)
    kit.assert_same(y, expected(x, x <= 0, slope))
    dout = x[::-1].copy()  # whose nan stand behind the mask
    kit.assert_same(fl.leaky_relu_backward(dout, mask, slope), expected(dout, mask, slope))


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.int16])
def test_layouts(dtype, layout):
    for shape in kit.SHAPES:
        plain = kit.numbers(shape, dtype)
        x, floating = kit.LAYOUTS[layout](plain), plain.astype(np.exp(plain).dtype)
        y, mask = fl.leaky_relu_forward(x, 0.1)
        kit.assert_same(y, expected(floating, plain <= 0, 0.1))
        kit.assert_layout(y, x)
        kit.assert_layout(mask, x)
        dx = fl.leaky_relu_backward(x, kit.LAYOUTS[layout](np.array(plain <= 0)), 0.1)
        kit.assert_same(dx, expected(floating, plain <= 0, 0.1))
        kit.assert_layout(dx, x)


A, B, MASK = np.ones((2, 3)), np.ones((3, 2)), np.ones((2, 3), bool)
BAD = {
    "shapes differ": kit.Bad("leaky_relu_backward", (B, MASK), ValueError, ("(2, 3)", "(3, 2)")),
    "no mask": kit.Bad("leaky_relu_backward", (A, A), TypeError, ("mask must be of dtype bool, not float64",)),
    "two slopes": kit.Bad("leaky_relu_forward", (A, [0.1, 0.2]), ValueError, ("negative_slope must be one number",)),
    "no slope": kit.Bad("leaky_relu_forward", (A, None), TypeError, ("negative_slope must hold real numbers",)),
    "a text": kit.Bad("leaky_relu_backward", (A, MASK, "0.1"), TypeError, ("negative_slope", "str")),
    "too large": kit.Bad("leaky_relu_backward", (A, MASK, 10**400), ValueError, ("negative_slope is too large",)),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_calls(bad):
    bad.check()


def test_the_layer():
    layer, x = fl.LeakyRelu(0.2), kit.numbers((5, 4), np.float32)
    assert layer.mask is None
    y = layer.forward(x)
    kit.assert_same(layer.mask, x <= 0)
    kit.assert_same(y, expected(x, x <= 0, 0.2))
    kit.assert_same(layer.predict(x), y)
    kit.assert_same(layer.backward(x), y)
    layer.negative_slope = 0.5
    kit.assert_same(layer.forward(x), expected(x, x <= 0, 0.5))
    assert fl.LeakyRelu().negative_slope == 0.01
    with pytest.raises(TypeError, match="negative_slope must hold real numbers, not str96"):
        fl.LeakyRelu("0.1")
