"""ReLU: ``y = max(x, 0)`` with its mask, and the gradient through it. Exact on every path."""

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


def expected_forward(x):
    mask = x <= 0
    return np.where(mask, x.dtype.type(0), x), mask


@pytest.mark.parametrize("dtype", kit.REAL)
def test_forward_of_every_shape(dtype):
    for shape in kit.SHAPES:
        x = kit.numbers(shape, dtype)
        y, mask = fl.relu_forward(x)
        expected_y, expected_mask = expected_forward(x)
        kit.assert_same(y, expected_y)
        kit.assert_same(mask, np.asarray(expected_mask))


@pytest.mark.parametrize("dtype", kit.REAL)
def test_backward_of_every_shape(dtype):
    for shape in kit.SHAPES:
        dout, mask = kit.numbers(shape, dtype), np.asarray(kit.numbers(shape, np.float64, seed=1) <= 0)
        kit.assert_same(fl.relu_backward(dout, mask), np.where(mask, dout.dtype.type(0), dout))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_sizes_round_the_vector_width(dtype):
    for size in kit.SIZES:
        x, dout = kit.numbers((size,), dtype), kit.numbers((size,), dtype, seed=1)
        y, mask = fl.relu_forward(x)
        expected_y, expected_mask = expected_forward(x)
        kit.assert_same(y, expected_y)
        kit.assert_same(mask, expected_mask)
        kit.assert_same(fl.relu_backward(dout, mask), np.where(mask, dtype(0), dout))


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_special_values(dtype):
    """NaN passes through, -0.0 becomes +0.0, subnormals stay; in the vector body and in the tail."""
    x = np.tile(kit.specials(dtype), 5)
    y, mask = fl.relu_forward(x)
    with np.errstate(invalid="ignore"):
        expected_y, expected_mask = expected_forward(x)
    kit.assert_same(y, expected_y)
    kit.assert_same(mask, expected_mask)
    assert not np.signbit(y[mask]).any()
    kit.assert_same(fl.relu_backward(x, mask), np.where(mask, dtype(0), x))
    kit.assert_same(fl.relu_backward(x, ~mask), np.where(mask, x, dtype(0)))


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.int16])
def test_layouts(dtype, layout):
    for shape in kit.SHAPES:
        plain, plain_dout = kit.numbers(shape, dtype), kit.numbers(shape, dtype, seed=1)
        x, dout = kit.LAYOUTS[layout](plain), kit.LAYOUTS[layout](plain_dout)
        y, mask = fl.relu_forward(x)
        expected_y, expected_mask = expected_forward(plain)
        kit.assert_same(y, expected_y)
        kit.assert_same(mask, np.asarray(expected_mask))
        dx = fl.relu_backward(dout, mask)
        kit.assert_same(dx, np.where(expected_mask, plain.dtype.type(0), plain_dout))
        for result in (y, mask, dx):
            kit.assert_layout(result, x)


def test_gradient_of_fortran_arrays_beside_c_arrays():
    """A kernel that walked both through memory alike would give wrong gradients here, silently."""
    dout, mask = kit.numbers((7, 9), np.float32), kit.numbers((7, 9), np.float32, seed=1) <= 0
    expected = np.where(mask, np.float32(0), dout)
    for order_dout in "CF":
        for order_mask in "CF":
            dx = fl.relu_backward(np.array(dout, order=order_dout), np.array(mask, order=order_mask))
            kit.assert_same(dx, expected)


def test_lists_and_scalars():
    y, mask = fl.relu_forward([[1, -2], [3, 0]])
    kit.assert_same(y, np.array([[1, 0], [3, 0]]))
    kit.assert_same(mask, np.array([[False, True], [False, True]]))
    y, mask = fl.relu_forward(-2.5)
    kit.assert_same(y, np.array(0.0))
    kit.assert_same(mask, np.array(True))
    kit.assert_same(fl.relu_backward(3, False), np.array(3))
    kit.assert_same(fl.relu_backward([1.5, 2.5], [True, False]), np.array([0.0, 2.5]))


def test_input_is_not_written_to():
    x, mask = kit.numbers((4, 5), np.float64), kit.numbers((4, 5), np.float64) <= 0
    before = x.copy()
    fl.relu_forward(x)
    fl.relu_backward(x, mask)
    kit.assert_same(x, before)


A, B, MASK = np.ones((2, 3)), np.ones((3, 2)), np.zeros((2, 3), bool)
BAD = {
    "shapes differ": kit.Bad("relu_backward", (B, MASK), ValueError, ("(3, 2)", "(2, 3)")),
    "nothing broadcasts": kit.Bad("relu_backward", (A, MASK[:1]), ValueError, ("(2, 3)", "(1, 3)")),
    "a scalar does not broadcast": kit.Bad("relu_backward", (1.0, MASK), ValueError, ("()", "(2, 3)")),
    "float mask": kit.Bad("relu_backward", (A, A), TypeError, ("mask", "bool", "float64")),
    "uint8 mask": kit.Bad("relu_backward", (A, MASK.view(np.uint8)), TypeError, ("mask", "bool", "uint8")),
    "int list mask": kit.Bad("relu_backward", ([1.0], [1]), TypeError, ("mask", "bool", "int64", "list")),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input(bad):
    bad.check()
