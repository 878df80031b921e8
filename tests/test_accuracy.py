"""What is promised of accuracy: within so many ulp of the exact result, in float32 and in float64.

What an ulp is, and what may be flushed to zero, stands in ``exact.py``; where it is measured, in
``points.py`` and ``long_sums.py``; ``bench/accuracy.py`` draws it.
"""

import exact
import families
import kit
import long_sums
import mpmath
import numpy as np
import points
import pytest

import fastlayers as fl

LIMIT = 4
SOFTMAX_LIMIT = 5  # however far below the largest score
DTYPES = pytest.mark.parametrize("dtype", kit.FAST)
CLASSES = pytest.mark.parametrize("classes", points.ROWS)
SHORT = pytest.mark.parametrize("classes", [n for n in points.ROWS if n < 32])


def assert_within(limit, off, at=0.0):
    """`off` in ulp; `at` tells where."""
    at = np.broadcast_to(at, off.shape)
    worst = np.argmax(off)  # nan, if there is one
    assert off.flat[worst] <= limit, f"{off.flat[worst]:.4g} ulp at {at.flat[worst]}"


def with_targets(x, labels):
    """The loss, with the labels written as targets."""
    return fl.softmax_cross_entropy(x, (np.arange(x.shape[1]) == labels[:, np.newaxis]).astype(x.dtype))


def side_by_side(x, t):
    """The loss of a row, as one of 32."""
    loss, dx = fl.softmax_cross_entropy(np.tile(x, (32, 1)), np.tile(t, (32, 1)), reduction="sum")
    return loss / 32, dx[-1]


# Every exponent, and random points


PROMISED = [name for name in families.FUNCTIONS if families.FUNCTION[name].accuracy]


@DTYPES
@pytest.mark.parametrize("name", PROMISED)
def test_elementwise(implementation, name, dtype):
    limit, errors = families.FUNCTION[name].accuracy
    at, off = errors(getattr(fl, name), dtype)
    assert_within(limit, off, at)


def test_gelu_where_its_tail_has_all_of_its_error(implementation):
    """Near 0, at the numbers of most error that a search of millions found."""
    x = np.array([0.0077485242, 0.0004418552271, 0.00043824870954, 0.0019430636894, 0.00387723907, 0.003887968], "f4")
    true = exact.each(lambda v: v * exact.normal(v))
    at, off = points.measured(true, lambda dtype: np.concatenate([x, -x]))(fl.gelu_forward, np.float32)
    assert_within(LIMIT, off, at)


@DTYPES
def test_binary_loss_and_its_gradient(implementation, dtype):
    x, off, gradient_off = points.binary_loss_errors(fl.sigmoid_cross_entropy, dtype)
    assert_within(LIMIT, off, x)
    assert_within(LIMIT, gradient_off, x)


@DTYPES
@CLASSES
def test_softmax(implementation, dtype, classes):
    found = points.batch(dtype, classes)
    gap, off = points.softmax_errors(fl.softmax, found)
    assert_within(SOFTMAX_LIMIT, off, gap)
    assert_within(SOFTMAX_LIMIT, points.sums_off(fl.softmax(found.x)))


@DTYPES
@SHORT
def test_softmax_of_a_few_rows(implementation, dtype, classes):
    """Which the kernels do one by one, and 16 or more side by side."""
    gap, off = points.softmax_errors(fl.softmax, points.batch(dtype, classes), 15)
    assert_within(SOFTMAX_LIMIT, off, gap)


@DTYPES
@CLASSES
def test_loss_and_its_gradient(implementation, dtype, classes):
    at, off, gradient_off = points.loss_errors(fl.softmax_cross_entropy, points.batch(dtype, classes))
    assert_within(LIMIT, off, at)
    assert_within(SOFTMAX_LIMIT, gradient_off, at)


@DTYPES
@SHORT
def test_loss_of_rows_side_by_side(implementation, dtype, classes):
    every = 50 if implementation == "reference" else 3
    at, off, gradient_off = points.loss_errors(fl.softmax_cross_entropy, points.batch(dtype, classes), 32, every)
    assert_within(LIMIT, off, at)
    assert_within(SOFTMAX_LIMIT, gradient_off, at)


@DTYPES
@CLASSES
def test_loss_of_one_hot_targets(implementation, dtype, classes):
    at, off, gradient_off = points.loss_errors(with_targets, points.batch(dtype, classes), every=7)
    assert_within(LIMIT, off, at)
    assert_within(SOFTMAX_LIMIT, gradient_off, at)


@DTYPES
@CLASSES
def test_loss_of_soft_targets(implementation, dtype, classes):
    off, gradient_off = points.soft_target_errors(fl.softmax_cross_entropy, dtype, classes)
    assert_within(LIMIT, off)
    assert_within(SOFTMAX_LIMIT, gradient_off)


@DTYPES
@SHORT
def test_loss_of_soft_targets_side_by_side(implementation, dtype, classes):
    off, gradient_off = points.soft_target_errors(side_by_side, dtype, classes)
    assert_within(LIMIT, off)
    assert_within(SOFTMAX_LIMIT, gradient_off)


@DTYPES
def test_rows_that_were_sought(implementation, dtype):
    """The rows of most error that a search of millions found."""
    for found in points.sought(dtype):
        gap, off = points.softmax_errors(fl.softmax, found)
        assert_within(SOFTMAX_LIMIT, off, gap)
        at, off, gradient_off = points.loss_errors(fl.softmax_cross_entropy, found)
        assert_within(LIMIT, off, at)
        assert_within(SOFTMAX_LIMIT, gradient_off, at)


# Long sums


@pytest.mark.exhaustive
@DTYPES
@pytest.mark.parametrize("kind", long_sums.LONG_ROWS)
def test_row_of_a_million(implementation, dtype, kind):
    found = long_sums.long_row(dtype, kind)
    gap, off = points.softmax_errors(fl.softmax, found)
    assert_within(SOFTMAX_LIMIT, off, gap)
    assert_within(SOFTMAX_LIMIT, points.sums_off(fl.softmax(found.x)))
    for function, every in ((fl.softmax_cross_entropy, 1), (with_targets, 3)):
        at, off, gradient_off = points.loss_errors(function, found, every=every)
        assert_within(LIMIT, off, at)
        assert_within(SOFTMAX_LIMIT, gradient_off, at)


@pytest.mark.exhaustive
@DTYPES
@pytest.mark.parametrize("kind", long_sums.LONG_BATCHES)
def test_mean_loss_of_a_million_rows(implementation, dtype, kind):
    off, gradient_off = long_sums.long_batch_errors(fl.softmax_cross_entropy, dtype, kind)
    assert_within(LIMIT, off)
    assert_within(SOFTMAX_LIMIT, gradient_off)


@pytest.mark.exhaustive
@DTYPES
@pytest.mark.parametrize("kind", long_sums.LONG_SUMS)
@pytest.mark.parametrize("columns", [1, 3])
def test_bias_gradient_of_a_million_rows(implementation, dtype, kind, columns):
    """Within 4 ulp, of terms of one sign. Where they cancel: 1 ulp, and 3 float64 ulp of the sum of magnitudes."""
    off, beyond = long_sums.bias_gradient_errors(fl.affine_backward, dtype, kind, columns)
    if kind != "random":
        assert_within(LIMIT, off)
    assert_within(LIMIT - 1, beyond)


# The yardstick


@DTYPES
def test_the_yardstick_measures_ulps(dtype):
    info = np.finfo(dtype)
    tiny = float(info.tiny)

    def off(actual, number, **flushed):
        return exact.ulps([actual], exact.Exact.of([exact.mp.mpf(number)]), dtype, **flushed)[0]

    for steps in (0, 1, 3):
        assert off(1 + dtype(steps) * info.eps, 1) == steps
        assert off(1 - dtype(steps) * info.eps, 1) == steps
    assert off(1 - info.epsneg, 1 - exact.mp.mpf(2) ** -100) == pytest.approx(1)  # not half of the ulp of 1
    assert off(info.tiny - info.smallest_subnormal, tiny) == 1
    assert off(0.0, tiny) == 1 / info.eps
    assert off(info.tiny, 0) == 1 / info.eps
    assert off(0.0, tiny / 2) == 0  # flushed
    assert off(tiny, tiny / 4) == 0.5 / info.eps
    assert off(0.75, 1, flushed=0.25) == 0
    assert off(0.5, 1, flushed=0.25) == 0.25 / info.eps
    for wrong in (np.nan, np.inf, -np.inf):
        assert not off(wrong, 1) <= 1e300


def test_the_yardstick_is_exact():
    """Against the plain formulas in 900 digits, where it matters nothing that terms cancel."""
    rng = np.random.default_rng(0)
    mp = mpmath.mp.clone()
    mp.dps = 900

    def assert_equal(found, expected):
        for head, tail, true in zip(found.head, found.tail, expected, strict=True):
            assert abs(mp.mpf(head) + mp.mpf(tail) - true) <= abs(true) * mp.mpf(2) ** -100 + 2.0**-1074

    x, y = np.append(rng.uniform(-740, 740, 30), rng.normal(0, 1e-9, 5)), rng.random(35)
    assert_equal(exact.sigmoid(x), [1 / (1 + mp.exp(-mp.mpf(v))) for v in x])
    assert_equal(exact.tanh(x), [1 - 2 / (1 + mp.exp(2 * mp.mpf(v))) for v in x])
    slopes = [mp.mpf(d) * (1 - mp.mpf(v) ** 2) for d, v in zip(x, y, strict=True)]
    assert_equal(exact.tanh_gradient(x, y), slopes)
    probabilities, labels = [1 / (1 + mp.exp(-mp.mpf(v))) for v in x], np.arange(len(x)) % 2
    losses, slopes = exact.binary_loss(x, labels)
    pairs = list(zip(probabilities, labels.tolist(), strict=True))
    assert_equal(losses, [-mp.log(p if label else 1 - p) for p, label in pairs])
    assert_equal(slopes, [p - label for p, label in pairs])
    products = [mp.mpf(d) * v * (1 - mp.mpf(v)) for d, v in zip(x, y, strict=True)]
    assert_equal(exact.sigmoid_gradient(x, y), products)
    for width in (1, 2, 7):
        rows = np.round(rng.normal(0, 1, (8, width)) * 10.0 ** rng.integers(-3, 3, (8, 1)), 2)
        rows[5:, 0] += [40, 200, 600]
        for x in rows:
            row, e = exact.Row(x), [mp.exp(mp.mpf(v)) for v in x]
            y = [v / mp.fsum(e) for v in e]
            assert_equal(row.probabilities(), y)
            assert_equal(exact.Exact.of([row.loss(i) for i in range(width)]), [-mp.log(v) for v in y])
            assert_equal(exact.Exact.of([row.slope(i) for i in range(width)]), [v - 1 for v in y])
            t = rng.random(width)
            weighted_loss, gradient, larger = row.weighted(t)
            assert_equal(weighted_loss, [mp.fsum(-w * mp.log(v) for w, v in zip(t, y, strict=True))])
            assert_equal(gradient, [v * mp.fsum(map(mp.mpf, t)) - w for w, v in zip(t, y, strict=True)])
            assert np.all(larger >= t)
