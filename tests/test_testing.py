"""The gradient checks: right about right gradients, and about wrong ones."""

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import check_gradients, numerical_gradient


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0), (2, 2, 2)])
@pytest.mark.parametrize("dtype", [*kit.FAST, np.longdouble])
def test_numerical_gradient_of_a_cubic(shape, dtype):
    x = kit.numbers(shape, dtype)
    before = x.copy()
    grad = numerical_gradient(lambda x: (x.astype(np.longdouble) ** 3).sum(), x)
    assert grad.dtype == np.result_type(dtype, np.float64)
    scale = {np.float32: 1e-3}.get(dtype, 1e-8)
    np.testing.assert_allclose(grad, 3 * x.astype(float) ** 2, rtol=scale, atol=scale)
    kit.assert_same(x, before)


@pytest.mark.parametrize("value", [1e-8, 1.0, 1e8])
def test_the_step_grows_with_the_entry(value):
    grad = numerical_gradient(lambda x: float(x[0] ** 2), np.array([value]))
    assert grad[0] == pytest.approx(2 * value, rel=1e-6, abs=1e-6)


def test_a_step_of_the_callers_own():
    seen = []
    numerical_gradient(lambda x: seen.append(float(x[0])) or 0.0, np.array([1.0]), h=0.25)
    assert seen == [1.25, 0.75]


@pytest.mark.parametrize("layout", [layout for layout in kit.LAYOUTS if layout != "read-only"])
def test_numerical_gradient_of_layouts(layout):
    x = kit.LAYOUTS[layout](kit.numbers((3, 4), np.float64))
    np.testing.assert_allclose(
        numerical_gradient(lambda x: float((x**2).sum()), x), 2 * np.array(x), rtol=1e-7, atol=1e-7
    )


def test_x_is_as_it_was_also_when_f_raises():
    x = np.ones(3)
    calls = iter([0.0, 0.0, 0.0])
    with pytest.raises(StopIteration):
        numerical_gradient(lambda x: next(calls), x)
    kit.assert_same(x, np.ones(3))


@pytest.mark.parametrize(
    ("x", "h", "error", "message"),
    [
        ([1.0], None, TypeError, "ndarray of floats, not list"),
        (np.array([1]), None, TypeError, "not int64"),
        (np.array([1j]), None, TypeError, "not complex128"),
        (kit.LAYOUTS["read-only"](np.ones(2)), None, ValueError, "read-only"),
        (np.ones(2), 0, ValueError, "h must be positive, not 0"),
        (np.ones(2), -1e-3, ValueError, "h must be positive, not -0.001"),
        (np.ones(2), float("nan"), ValueError, "h must be positive, not nan"),
    ],
)
def test_bad_input_of_numerical_gradient(x, h, error, message):
    with pytest.raises(error, match=message):
        numerical_gradient(lambda x: 0.0, x, h=h)


class Wrong:
    """A layer whose gradients can be spoiled: ``y = W x + b`` entry by entry."""

    def __init__(self, spoil):
        self.spoil, self.W, self.b = spoil, np.array([2.0, 3.0]), np.array([1.0, -1.0])

    def forward(self, x):
        self.x = x.copy()
        return self.W * x + self.b

    def backward(self, dout):
        dx, self.dW, self.db = dout * self.W, dout * self.x, dout.copy()
        if self.spoil == "input 0":
            dx[1] *= 1.001
        elif self.spoil is not None:
            getattr(self, "d" + self.spoil)[1] *= 1.001
        return dx


def test_a_right_layer_passes():
    assert 0 <= check_gradients(Wrong(None), np.array([0.5, -1.5])) < 1e-8


@pytest.mark.parametrize("spoil", ["input 0", "W", "b"])
def test_a_wrong_gradient_is_named(spoil):
    with pytest.raises(AssertionError, match=f"the gradient of {spoil} is off by"):
        check_gradients(Wrong(spoil), np.array([0.5, -1.5]))
    assert 1e-5 < check_gradients(Wrong(spoil), np.array([0.5, -1.5]), tolerance=0.01) < 0.01


def test_a_nan_gradient_fails():
    layer = Wrong(None)
    layer.backward = lambda dout: dout * np.nan
    layer.dW, layer.db = np.zeros(2), np.zeros(2)
    with pytest.raises(AssertionError, match="off by nan"):
        check_gradients(layer, np.array([0.5, -1.5]))


def test_a_gradient_of_another_shape_is_named():
    layer = Wrong(None)
    layer.backward = lambda dout: np.ones((2, 1))
    layer.dW, layer.db = np.zeros(2), np.zeros(2)
    with pytest.raises(AssertionError, match=r"input 0 has shape \(2, 1\), but input 0 has shape \(2,\)"):
        check_gradients(layer, np.array([0.5, -1.5]))


def test_a_gradient_too_few_is_told():
    layer = fl.MulLayer()
    layer.backward = lambda dout: dout
    with pytest.raises(AssertionError, match="1 gradients for 2 inputs"):
        check_gradients(layer, np.ones(2), np.ones(2))


def test_a_wrong_loss_fails():
    loss = fl.SoftmaxWithLoss()
    right = loss.backward
    loss.backward = lambda: right() * 1.001
    with pytest.raises(AssertionError, match="input 0 is off"):
        check_gradients(loss, np.array([[0.5, -1.5]]), np.array([1]))


@pytest.mark.parametrize("layer", [fl.MulLayer, fl.AddLayer])
@pytest.mark.parametrize("inputs", [(2.0, 3.0), (np.ones(3), np.full(3, 2.0)), ([1.0, 2.0], [3.0, 4.0])])
def test_nodes_of_two_inputs_on_numbers_and_arrays(layer, inputs):
    assert check_gradients(layer(), *inputs) < 1e-8


def test_inputs_are_left_alone_and_the_same_is_drawn_each_time():
    x = np.array([0.5, -1.5])
    first = check_gradients(fl.Sigmoid(), x)
    kit.assert_same(x, np.array([0.5, -1.5]))
    assert check_gradients(fl.Sigmoid(), x) == first
    assert check_gradients(fl.Sigmoid(), x, rng=np.random.default_rng(7)) < 1e-7


def test_float32_at_a_tolerance_of_its_own():
    assert check_gradients(fl.Sigmoid(), np.linspace(-2, 2, 5, dtype=np.float32), tolerance=1e-2) < 1e-2


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_empty_input(shape):
    assert check_gradients(fl.Sigmoid(), np.empty(shape)) == 0
