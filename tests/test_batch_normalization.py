"""Batch normalization: the book's layer, by number and by channel, and what runs beside its training."""

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import check_gradients

pytestmark = pytest.mark.usefixtures("implementation")
SHAPES = [((9, 5), 5), ((4, 3, 2, 5), 3), ((4, 3, 2, 5), 30), ((3, 40), 40), ((70, 130), 130), ((2, 2, 30, 20), 2)]
shapes = pytest.mark.parametrize(("shape", "channels"), SHAPES)
dtypes = pytest.mark.parametrize("dtype", kit.FAST)


class Book:
    """Volume 1's own, of float64 as it is, for the numbers of a batch; eps inside the root."""

    def __init__(self, gamma, beta, momentum, eps):
        self.gamma, self.beta, self.momentum, self.eps = gamma, beta, momentum, eps
        self.running_mean = self.running_var = 0

    def forward(self, x):
        self.shape = x.shape
        x = self.of_channels(x)
        mu = x.mean(axis=0)
        self.xc = x - mu
        var = np.mean(self.xc**2, axis=0)
        self.std = np.sqrt(var + self.eps)
        self.xn = self.xc / self.std
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        return self.back(self.gamma * self.xn + self.beta)

    def backward(self, dout):
        dout = self.of_channels(dout)
        n = len(dout)
        self.dbeta, self.dgamma = dout.sum(axis=0), np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dxc += (2.0 / n) * self.xc * (0.5 * dstd / self.std)
        return self.back(dxc - np.sum(dxc, axis=0) / n)

    def of_channels(self, x):
        """``(N, C)``: of images by channel, one row for each place."""
        if len(self.gamma) == np.prod(self.shape[1:]):
            return x.reshape(len(x), -1)
        return np.moveaxis(x, 1, -1).reshape(-1, len(self.gamma))

    def back(self, y):
        if len(self.gamma) == np.prod(self.shape[1:]):
            return y.reshape(self.shape)
        n, c, *image = self.shape
        return np.moveaxis(y.reshape(n, *image, c), -1, 1)


def made(shape, channels, dtype=np.float64, **options):
    """A layer, x and dout."""
    gamma, beta = kit.numbers((channels,), dtype, 1), kit.numbers((channels,), dtype, 2)
    return (
        fl.BatchNormalization(gamma, beta, **options),
        kit.numbers(shape, dtype, 3) * 2 + 1,
        kit.numbers(shape, dtype, 4),
    )


@shapes
@dtypes
def test_it_is_the_books(shape, channels, dtype):
    layer, x, dout = made(shape, channels, dtype, momentum=0.7, eps=1e-3)
    book = Book(layer.gamma.astype(float), layer.beta.astype(float), 0.7, 1e-3)
    tolerance = {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}
    for scale in (1, 3):
        ours, theirs = layer.forward(x * dtype(scale)), book.forward(x.astype(float) * scale)
        np.testing.assert_allclose(ours, theirs, **tolerance)
        np.testing.assert_allclose(layer.backward(dout), book.backward(dout.astype(float)), **tolerance)
        for name in ("dgamma", "dbeta", "running_mean", "running_var"):
            ours, theirs = getattr(layer, name), getattr(book, name)
            assert (ours.dtype, ours.shape) == (dtype, (channels,))
            np.testing.assert_allclose(ours, theirs, rtol=tolerance["rtol"], atol=np.size(x) * tolerance["atol"] / 10)
    y, normalised = layer.predict(x), (book.of_channels(x) - book.running_mean) / np.sqrt(book.running_var + 1e-3)
    np.testing.assert_allclose(y, book.back(book.gamma * normalised + book.beta), **tolerance)
    kit.assert_same(layer.forward(x, train_flg=False), y)


@shapes
def test_gradients(shape, channels):
    layer, x, _ = made(shape, channels)
    check_gradients(layer, x[:4], rng=np.random.default_rng(0))


@dtypes
@pytest.mark.parametrize("shape", [(1000, 20), (50, 20, 7, 7)])
def test_a_large_mean_takes_no_digits(dtype, shape):
    """Against exact arithmetic on what the arrays hold; the mean of squares less the squared mean would lose all."""
    rng = np.random.default_rng(0)
    x = (1e4 + rng.standard_normal(shape)).astype(dtype)
    gamma, beta = rng.standard_normal((2, 20)).astype(dtype)
    true = kit.reference("batch_normalization_forward", x.astype(np.longdouble), gamma, beta)
    y, mean, var, *_ = fl.batch_normalization_forward(x, gamma, beta)
    rtol = 1e-6 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(y, true[0].astype(float), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(mean, true[1].astype(float), rtol=rtol * 1e-4)
    np.testing.assert_allclose(var, true[2].astype(float), rtol=rtol)


@dtypes
@pytest.mark.parametrize("scale", [1, 1e27])
@pytest.mark.parametrize("shape", [(64000, 2), (20000, 2, 2, 2), (64, 2, 10, 20)])
def test_the_first_rows_may_be_far_from_all_others(dtype, scale, shape):
    """Squares about their mean would lose to the square of how far that is off; and of some, float32 has none."""
    x = (np.random.default_rng(0).standard_normal(shape) + 1e4).astype(dtype)
    x[: min(32, len(x) // 8)] = 0
    x *= dtype(scale)
    gamma, beta = np.ones((2, shape[1]), dtype)
    true = kit.reference("batch_normalization_forward", x.astype(np.longdouble), gamma, beta)
    y, mean, var, *_ = fl.batch_normalization_forward(x, gamma, beta)
    rtol = 2e-6 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(y, true[0].astype(float), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(mean, true[1].astype(float), rtol=rtol)
    np.testing.assert_allclose(var, true[2].astype(float), rtol=rtol)


@shapes
def test_squares_that_float32_has_not(shape, channels):
    layer, x, dout = made(shape, channels, np.float32)
    x = x * np.float32(1e30)
    statistics = fl.batch_normalization_forward(x, layer.gamma, layer.beta)[1:3]
    exact = made(shape, channels)[0]
    exact.gamma, exact.beta = layer.gamma.astype(float), layer.beta.astype(float)
    np.testing.assert_allclose(layer.forward(x), exact.forward(x.astype(float)), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(statistics, (exact.mean, exact.var), rtol=2e-6, atol=1e24)
    dx = exact.backward(dout.astype(float))
    np.testing.assert_allclose(layer.backward(dout), dx, rtol=2e-5, atol=2e-5 * abs(dx).max())
    np.testing.assert_allclose(layer.dgamma, exact.dgamma, rtol=2e-5, atol=1e-6 * x.size)


@dtypes
def test_equal_numbers_have_no_variance(dtype):
    x = np.full((37, 3), dtype(1000.1))
    y, mean, var, *_ = fl.batch_normalization_forward(x, np.ones(3, dtype), np.full(3, dtype(0.5)))
    assert mean.tolist() == [float(dtype(1000.1))] * 3
    assert var.tolist() == [0] * 3
    np.testing.assert_array_equal(y, dtype(0.5))


def test_the_running_statistics():
    given = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    before = [array.copy() for array in given]
    layer = fl.BatchNormalization(np.ones(2), np.zeros(2), 0.5, *given)
    layer.forward(np.array([[0.0, 0.0], [2.0, 4.0]]))
    assert layer.running_mean.tolist() == [1, 2]
    assert layer.running_var.tolist() == [2, 4]
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_before_any_batch_the_statistics_are_zeros_as_in_the_book():
    layer = fl.BatchNormalization(np.ones(2), np.zeros(2))
    assert layer.running_mean is layer.running_var is None
    np.testing.assert_allclose(layer.predict(np.array([[1.0, -2.0]])), [[1000, -2000]], rtol=1e-12)
    assert layer.running_mean is layer.running_var is None


def test_a_pass_without_training_leaves_backward_alone():
    layer, x, dout = made((6, 4), 4)
    layer.forward(x)
    dx, dgamma = layer.backward(dout), layer.dgamma
    running = layer.running_mean, layer.running_var
    layer.forward(x[:1] * 5, train_flg=False)
    assert (layer.running_mean, layer.running_var) == running
    kit.assert_same(layer.backward(dout), dx)
    kit.assert_same(layer.dgamma, dgamma)


@pytest.mark.parametrize("channels", [3, 12])
def test_an_empty_batch_changes_nothing_that_runs(channels):
    layer, x, _ = made((5, 3, 2, 2), channels)
    layer.forward(x)
    running = layer.running_mean.copy(), layer.running_var.copy()
    empty = np.empty((0, 3, 2, 2))
    assert layer.forward(empty).shape == layer.backward(empty).shape == empty.shape
    assert not layer.dgamma.any()
    assert not layer.dbeta.any()
    np.testing.assert_array_equal((layer.running_mean, layer.running_var), running)
    assert layer.predict(empty).shape == empty.shape


def test_what_does_not_fit():
    layer = fl.BatchNormalization(np.ones(3), np.zeros(3))
    for x in (np.ones(3), np.ones((2, 3, 4)), np.ones(()), np.ones((2, 3, 1, 1, 1))):
        for method in (layer.forward, layer.predict):
            with pytest.raises(ValueError, match=r"x must have shape \(N, D\) or \(N, C, H, W\), not"):
                method(x)
    with pytest.raises(
        ValueError,
        match=r"gamma of shape \(3,\) does not fit x of shape \(2, 4, 1, 3\): gamma must have "
        r"shape \(4,\) or \(12,\)",
    ):
        layer.forward(np.ones((2, 4, 1, 3)))
    with pytest.raises(ValueError, match=r"beta of shape \(2,\) does not fit gamma of shape \(3,\)"):
        fl.BatchNormalization(np.ones(3), np.zeros(2)).forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match="eps must be finite, and more than 0, not 0"):
        fl.BatchNormalization(np.ones(3), np.zeros(3), eps=0)
    with pytest.raises(ValueError, match=r"momentum must lie in \[0, 1\], not 1.5"):
        fl.BatchNormalization(np.ones(3), np.zeros(3), 1.5)
    assert layer.running_mean is None


def test_running_statistics_may_go_where_they_were():
    layer, x, _ = made((6, 4), 4)
    mean, var = kit.numbers((4,), np.float64, 5), np.ones(4)
    fresh = fl.batch_normalization_forward(x, layer.gamma, layer.beta, mean, var)
    fl.batch_normalization_forward(x, layer.gamma, layer.beta, mean, var, out=(None, None, None, mean, var))
    kit.assert_same(mean, fresh[3])
    kit.assert_same(var, fresh[4])
