"""The norm that gradients are clipped to: of all of them, accurate, of any size; and where there is none."""

import math

import kit
import numpy as np
import pytest
from families import OPTIMIZERS

import fastlayers as fl

DTYPES = (np.float16, *kit.FAST, np.longdouble)
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
on_every_implementation = pytest.mark.usefixtures("implementation")


@on_every_implementation
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_norm_is_of_all_gradients_and_accurate(dtype):
    """What an update takes off is lr * clip_norm long, to the 1e-6 that the norm is lengthened by."""
    params, grads = [np.zeros(3, dtype), np.zeros((2, 1), dtype)], [np.full(3, 2, dtype), np.full((2, 1), 1, dtype)]
    fl.SGD(1.0, clip_norm=1.0).update(params, grads)
    length = math.sqrt(14) + 1e-6
    for param, grad in zip(params, grads, strict=True):
        rtol = max(4 * float(np.finfo(dtype).eps), 1e-15)
        np.testing.assert_allclose(param.astype(float), -grad.astype(float) / length, rtol=rtol)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_a_long_norm_loses_no_digits(level, dtype):
    """A float32 sum of a million and a half equal terms would stand still, or drift by some thousands of ulp."""
    grad = np.full((1_500_000, 1), 0.1, dtype)
    true = math.sqrt(1_500_000 * float(dtype(0.1)) ** 2)
    for scale in (1.0, 2.0**-40):  # and one that cannot be read from a rounded sum by chance
        param = np.zeros((1, 1), np.float64)
        level.sgd_update([np.zeros_like(grad), param], [grad * dtype(scale), np.ones((1, 1))], 1.0, 0.0, 1e-9)
        length = math.hypot(true * scale, 1) + 1e-6
        np.testing.assert_allclose(param, -1e-9 / length, rtol=4e-16)


@on_every_implementation
@pytest.mark.parametrize("size", [1e154, 1e155, 1e300, 1.7e308])
def test_a_norm_whose_square_is_no_float(size):
    """The norm itself is one; in a squared 1e155 there is not."""
    param, grad = np.zeros(2), np.array([0.6 * size, 0.8 * size])
    fl.SGD(1.0, clip_norm=1e100).update([param], [grad])
    np.testing.assert_allclose(param, [-0.6e100, -0.8e100], rtol=1e-12)


@on_every_implementation
@every_optimizer
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_without_a_finite_norm(name, dtype):
    """As PyTorch: nan spoils all, infinity leaves all but what it is the gradient of; and NumPy is not heard of it."""
    for bad, expected in ((np.nan, [np.nan] * 3), (np.inf, [1, 1, np.nan]), (-np.inf, [1, 1, np.nan])):
        param, other = np.ones(3, dtype), np.ones(1, dtype)
        with np.errstate(all="raise"):
            getattr(fl, name)(0.1, weight_decay=0, clip_norm=1.0).update(
                [param, other], [np.array([1, 0, bad], dtype), np.ones(1, dtype)]
            )
        np.testing.assert_array_equal(param, np.array(expected, dtype))
        np.testing.assert_array_equal(other, np.array(expected[:1], dtype))


@on_every_implementation
@every_optimizer
def test_gradients_of_nothing(name):
    optimizer = getattr(fl, name)(0.1, weight_decay=0.5, clip_norm=1.0)
    optimizer.update([], [])
    params = [np.ones((0, 3)), np.ones(2)]
    getattr(fl, name)(0.1, weight_decay=0.5, clip_norm=1.0).update(params, [np.ones((0, 3)), np.zeros(2)])
    kit.assert_same(params[1], np.ones(2))
