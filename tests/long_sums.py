"""Long sums, to measure their accuracy: of rows of a million classes, and over batches of a million rows.

A few thousand of the numbers are distinct, so that exact results are had in no time.
"""

import functools

import exact
import numpy as np
import points

MILLION = 2**20  # by which division is exact
LONG_ROWS = {
    "random": lambda rng: 3 * rng.standard_normal(points.DISTINCT)[rng.integers(0, points.DISTINCT, MILLION)],
    "equal": lambda rng: np.full(MILLION, -3.7),
    "one above equal ones": lambda rng: np.where(np.arange(MILLION) == 700_000, 0, np.log(0.7)),
    "one far above": lambda rng: np.where(np.arange(MILLION) == 3, 40, np.round(rng.standard_normal(MILLION), 2)),
}
LONG_BATCHES = {
    "random": lambda rng: (3 * rng.standard_normal((points.DISTINCT, 3)), rng.integers(0, 3, points.DISTINCT)),
    "equal": lambda rng: (np.array([[0.1, 0.2, 0.4]]), np.array([1])),
    "right by far": lambda rng: (
        np.linspace(1, 60, points.DISTINCT)[:, np.newaxis] * [1, 0, -1],
        np.zeros(points.DISTINCT, int),
    ),
}
LONG_SUMS = {
    "random": lambda rng: rng.standard_normal(MILLION),
    "positive": lambda rng: rng.random(MILLION),
    "equal": lambda rng: np.full(MILLION, 0.1),
}


@functools.cache
def long_row(dtype, kind):
    return points.Batch(LONG_ROWS[kind](np.random.default_rng(4)).astype(dtype)[np.newaxis])


@functools.cache
def long_batch(dtype, kind):
    """Some distinct rows and labels, which of them each row is, and the exact mean loss and gradients."""
    rng = np.random.default_rng(5)
    x, labels = LONG_BATCHES[kind](rng)
    x = x.astype(dtype)
    which = rng.integers(0, len(x), MILLION)
    rows = [exact.Row(row) for row in x]
    losses = [row.loss(label) for row, label in zip(rows, labels, strict=True)]
    mean = exact.mp.fsum(n * loss for n, loss in zip(np.bincount(which).tolist(), losses, strict=True)) / MILLION
    slopes = exact.Exact.of([row.slope(label) for row, label in zip(rows, labels, strict=True)])
    gradient = exact.with_slopes(exact.stack([row.probabilities() for row in rows]), labels, slopes)
    flushed = max(row.flushed for row in rows)
    return x, labels, which, exact.Exact.of([mean]), gradient / MILLION, flushed


def long_batch_errors(function, dtype, kind):
    """The error of the mean loss, and those of the gradients."""
    x, labels, which, mean, gradient, flushed = long_batch(dtype, kind)
    loss, dx = function(x[which], labels[which])
    ends = np.r_[: points.DISTINCT, MILLION - points.DISTINCT : MILLION]
    off = exact.ulps(dx[ends], gradient[which[ends]], dtype, flushed / MILLION)
    return exact.ulps([loss], mean, dtype, flushed), off


@functools.cache
def long_sum(dtype, kind, columns):
    """A batch's gradient, its exact sums, and the sums of its magnitudes."""
    rng = np.random.default_rng(6)
    dout = np.stack([LONG_SUMS[kind](rng) for _ in range(columns)], axis=1).astype(dtype)
    return dout, exact.sums(dout), np.abs(dout).sum(axis=0, dtype=float)


def bias_gradient_errors(function, dtype, kind, columns):
    """The errors in ulp, and what of each is beyond 1 ulp, in float64 ulp of the sum of magnitudes."""
    dout, true, magnitude = long_sum(dtype, kind, columns)
    x, W = np.zeros((len(dout), 1), dtype), np.zeros((1, columns), dtype)
    *_, db = function(dout, x, W, need_dx=False)
    off = exact.ulps(db, true, dtype)
    beyond = np.maximum(off - 1, 0) * exact.ulp(true.head, dtype) / exact.ulp(magnitude, float)
    return off, beyond
