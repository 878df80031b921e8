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


# In place


def gradients(dtype):
    return [kit.numbers((4, 3), dtype), np.asfortranarray(kit.numbers((3, 5), dtype, 1)), kit.numbers((3,), dtype, 2)]


@on_every_implementation
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("max_norm", [0.25, 1, 1e4])
def test_clip_grads_is_the_books(dtype, max_norm):
    grads, before = gradients(dtype), gradients(dtype)
    before[1] = 1.0 * before[1]
    rate = max_norm / (math.sqrt(sum(float((g.astype(np.longdouble) ** 2).sum()) for g in before)) + 1e-6)
    assert (rate < 1) == (max_norm < 1e4)
    assert fl.clip_grads(grads, max_norm) is None
    for grad, old in zip(grads, before, strict=True):
        rtol = max(2 * float(np.finfo(dtype).eps), 1e-15)
        np.testing.assert_allclose(grad, min(rate, 1) * old.astype(np.longdouble), rtol=rtol)
        assert rate < 1 or np.array_equal(grad, old)


@on_every_implementation
@pytest.mark.parametrize("again", [lambda g: g, lambda g: g[:], lambda g: g.T, lambda g: g.view(kit.Tagged)])
def test_a_gradient_that_is_there_twice_is_one(again):
    (one, *others), (alone, *rest) = gradients(np.float64), gradients(np.float64)
    fl.clip_grads([alone, *rest], 0.5)
    fl.clip_grads([one, *others, again(one)], 0.5)
    kit.assert_same(one, alone)
    kit.assert_same(others[1], rest[1])
    apart = np.arange(12.0).reshape(3, 4)
    fl.clip_grads([apart[:, ::2], apart[:, 1::2], apart[:, ::2].T, np.zeros((0, 2)), np.zeros(0)], 1.0)
    np.testing.assert_allclose(np.sqrt((apart**2).sum()), 1, rtol=1e-6)


@on_every_implementation
def test_clip_grads_without_a_finite_norm():
    for bad, expected in ((np.nan, [np.nan] * 3), (np.inf, [0, 0, np.nan])):
        grad, other = np.array([1, 0, bad]), np.ones(1, np.float32)
        with np.errstate(all="raise"):
            fl.clip_grads([grad, other], 1.0)
        np.testing.assert_array_equal(grad, expected)
        np.testing.assert_array_equal(other, np.array(expected[:1], np.float32))
    fl.clip_grads([], 1.0)


LOCKED = np.full(3, 9.0)
LOCKED.flags.writeable = False
OVERLAPPING = np.full(4, 9.0)
REFUSED = {
    "no norm": ([], None, TypeError, "max_norm must hold real numbers, not object"),
    "a norm of 0": ([], 0, ValueError, "max_norm must be finite, and more than 0, not 0"),
    "integers": ([np.ones(3, int)], 1.0, TypeError, "gradient 1 must be an ndarray of floats to be scaled in place"),
    "a list": ([[1.0]], 1.0, TypeError, "gradient 1 must be an ndarray of floats to be scaled in place, not list"),
    "read-only": ([LOCKED], 1.0, ValueError, "gradient 1 is read-only"),
    "overlapping": (
        [OVERLAPPING[:3], OVERLAPPING[1:]],
        1.0,
        ValueError,
        "gradients 1 and 2 share a part of their memory",
    ),
}


@on_every_implementation
@pytest.mark.parametrize(("grads", "max_norm", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_clip_grads_refuses_is_not_written_to(grads, max_norm, error, message):
    first = np.full(3, 9.0)
    with pytest.raises(error, match=message):
        fl.clip_grads([first, *grads], max_norm)
    kit.assert_same(first, np.full(3, 9.0))
    kit.assert_same(OVERLAPPING, np.full(4, 9.0))


def test_clip_grads_declines_only_what_is_odd(level):
    grads = gradients(np.float32)
    assert level.clip_grads(grads, 0.5) is None
    for odd in ([*grads, grads[0]], [grads[0][::2]], [grads[0].astype(np.float16)], None):
        assert level.clip_grads(odd, 0.5) is NotImplemented
    for max_norm in (None, 1, 0.0, np.inf):
        assert level.clip_grads(grads, max_norm) is NotImplemented
