"""Arrays of more elements than 31 bits count. Each test takes 10 GB and minutes: ``FASTLAYERS_TEST_LARGE=1 pytest``."""

import os

import numpy as np
import pytest

from fastlayers import reference

pytestmark = pytest.mark.skipif(os.environ.get("FASTLAYERS_TEST_LARGE") != "1", reason="FASTLAYERS_TEST_LARGE is not 1")

LARGE = 2**31 + 16


def around(array):
    """Both ends, and where 31 bits end."""
    return np.concatenate([array[i : i + 8] for i in (0, 2**31 - 4, array.size - 8)])


def test_elementwise_on_more_than_31_bits(level):
    x = np.full(LARGE, -1, np.float32)
    x[[0, 2**31, -1]] = 1
    assert level.relu(x, x) is x
    assert np.count_nonzero(x) == around(x).sum() == 3
    level.sigmoid_forward(x, x)
    assert set(np.round(around(x), 4)) == {np.float32(0.5), np.float32(0.7311)}
    level.sgd_update([x], [x], 0.5)
    assert set(np.round(around(x), 4)) == {np.float32(0.25), np.float32(0.3655)}


@pytest.mark.parametrize("shape", [(1, LARGE), (LARGE // 2, 2), (2**16 + 1, 2**15)])
def test_softmax_with_loss_on_more_than_31_bits(level, shape):
    """Of scores that are 0 but for the last, which is that of the last label."""
    x = np.zeros(shape, np.float32)
    x[-1, -1] = 1
    t = np.zeros(shape[0], np.int64 if shape[1] > 2**15 else np.int16)
    t[-1] = shape[1] - 1
    loss, dx = level.softmax_cross_entropy(x, t, x)
    last = np.exp(1) / (np.exp(1) + shape[1] - 1)
    losses = np.log(shape[1]) * (shape[0] - 1) - np.log(last)
    assert loss == pytest.approx(losses / shape[0], rel=1e-6)
    assert dx[-1, -1] == pytest.approx((last - 1) / shape[0], rel=1e-6)
    assert dx[-1, -2] == pytest.approx(last / np.exp(1) / shape[0], rel=1e-6)


def test_reference_on_more_than_31_bits():
    x = np.full(LARGE, -1, np.int8)
    x[[0, 2**31, -1]] = 1
    y, mask = reference.relu_forward(x)
    assert np.count_nonzero(y) == around(y).sum() == np.count_nonzero(~mask) == 3
    assert np.array_equal(around(x) < 0, around(mask))


def test_gradients_of_more_than_31_bits_of_samples(level):
    """The same array is input and gradient: 0 but for three entries."""
    x = np.zeros((LARGE, 1), np.float32)
    x[[0, 2**31, -1]] = 1
    _, dW, db = level.affine_backward(x, x, np.ones((1, 1), np.float32), False)
    assert (dW.item(), db.item()) == (3, 3)
