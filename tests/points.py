"""Where accuracy is measured: every exponent of a dtype, the edges of exp, random points; and the measuring.

Exact results are worked out once, whoever asks. Each `*_errors` takes a function to measure, and gives where
it was measured and its errors there, in ulp.
"""

import functools
import math

import exact
import kit
import numpy as np

RANDOM = 100_000
# How many rows of how many classes. With each class of a short row as the label, these are some 100,000 losses;
# up to 31 classes the kernels do rows side by side, longer rows in pieces of 512.
ROWS = {1: 100, 2: 12_000, 3: 8000, 10: 5000, 31: 300, 32: 300, 100: 100, 1000: 20, 32_000: 6}
DISTINCT = 3000  # scores of a long row
OFFSETS = (100, 250, 260, 2000, 2100, 1e4, 1e30)  # exp takes scores as they are up to 256, in float64 2048
# Rows that a search of millions found to be the worst, since their rounding errors add up: a number of classes,
# the largest score, a smaller one, and the one that all others have.
SOUGHT = {
    "float32": [
        (3, -1.1167701482772827, -50.66759490966797, -1.809885025024414),
        (3, 0.19867637753486633, -5.691626071929932, -0.6194376945495605),
        (20, -2.4910829067230225, -9.334476470947266, -2.615387201309204),
        (20, -1.2340818643569946, -16.92530059814453, -1.7913646697998047),
        (180, 0.22621607780456543, -61.80329132080078, -61.80329132080078),
        (200, -2.0194215774536133, -5.841541290283203, -2.0389153957366943),
    ],
    "float64": [
        (4, -1.8082954892298166, -7.293916094488578, -7.293916094488578),
        (10, -0.29022104464010745, -3.832119255841498, -3.832119255841498),
        (200, -0.05345318066982774, -8.631488124043322, -0.7465517427513462),
        (200, -0.1844812756956058, -19.368385350719862, -0.38941933675783624),
        (200, 2.4831480036650273, -16.529206980337513, 2.453837857815113),
    ],
}


def some(number):
    """So many points, or a tenth of them, in the short run a fiftieth."""
    return 6 + number // kit.amount(short=50, rest=10, every=1)


def some_of(array):
    """All that stands along the first axis, or every fourth, in the short run every 16th."""
    return array[:: kit.amount(short=16, rest=4, every=1)]


def exponents(dtype, mantissas):
    """Numbers of every exponent, subnormal ones too: the least, the largest and `mantissas` random ones of each."""
    info = np.finfo(dtype)
    powers = some_of(np.arange(info.minexp - info.nmant, info.maxexp))[:, np.newaxis]
    ends = np.tile([1, 2 - float(info.eps)], (len(powers), 1))
    between = np.random.default_rng(0).uniform(1, 2, (len(powers), mantissas))
    return np.ldexp(np.hstack([ends, between]), powers).astype(dtype).ravel()


def neighbours(x, steps):
    """Each x and the numbers up to so many ulp beside it."""
    return (x[:, np.newaxis] + np.arange(-steps, steps + 1, dtype=x.dtype) * np.spacing(x)[:, np.newaxis]).ravel()


def edges(dtype):
    """Where exp of x is inf, exp of -x subnormal, 0 or nothing beside 1, and where n of e**x = 2**n e**r changes."""
    info = np.finfo(dtype)
    limits = -np.log([float(v) for v in (info.smallest_subnormal, info.tiny, info.eps, info.eps / 4, 1 / info.max)])
    halves = some_of((np.arange(info.maxexp + 2) + 0.5) * np.log(2))
    return np.concatenate([neighbours(limits.astype(dtype), 33), neighbours(halves.astype(dtype), 1)])


@functools.cache
def common_points(dtype):
    """Numbers of every exponent and both signs, the edges of exp, random ones."""
    rng = np.random.default_rng(1)
    reach, count = 1.02 * np.log(float(np.finfo(dtype).max)), some(RANDOM) // 2
    wide, close = rng.uniform(-reach, reach, count), rng.normal(0, 4, count)
    both_signs = np.concatenate([exponents(dtype, 4), edges(dtype)])
    return np.concatenate([[0], both_signs, -both_signs, wide, close]).astype(dtype)


@functools.cache
def tanh_points(dtype):
    """Every exponent, where n of e**2x = 2**n e**r changes, and numbers up to where tanh is 1."""
    rng = np.random.default_rng(3)
    count = some(RANDOM) // 2
    numbers = [exponents(dtype, 4), edges(dtype) / 2, rng.uniform(0, 20, count), rng.exponential(1, count)]
    return np.concatenate([[0], *numbers, -numbers[0], -numbers[3]]).astype(dtype)


@functools.cache
def gradients(dtype):
    """dout of every exponent, and random ones."""
    rng = np.random.default_rng(2)
    return np.concatenate([exponents(dtype, 4), rng.standard_normal(some(RANDOM)).astype(dtype)])


def measured(true, points=common_points):
    """The errors of an elementwise function, of which `true` gives the exact results."""
    exact_at = functools.cache(lambda dtype: true(points(dtype)))
    return lambda function, dtype: (points(dtype), exact.ulps(function(points(dtype)), exact_at(dtype), dtype))


def measured_gradient(true, kept, reach):
    """Those of its gradient: of dout and of what forward `kept` of random numbers as far from 0 as `reach`."""

    @functools.cache
    def at(dtype):
        dout = gradients(dtype)
        with np.errstate(all="ignore"):
            y = kept(np.random.default_rng(4).normal(0, reach, len(dout))).astype(dtype)
        return dout, y, true(dout, y)

    def errors(function, dtype):
        dout, y, dx = at(dtype)
        return y, exact.ulps(function(dout, y), dx, dtype)

    return errors


def slope_points(dtype):
    """Every exponent, and numbers up to where a slope leaves the range."""
    rng, reach, count = np.random.default_rng(6), 1.02 * np.log(float(np.finfo(dtype).max)), some(RANDOM) // 4
    numbers = [rng.uniform(-reach, reach, count), rng.uniform(-2, 2, count) * np.sqrt(reach), rng.normal(0, 1, count)]
    return np.concatenate([[0], exponents(dtype, 1), -exponents(dtype, 1), *numbers]).astype(dtype)


def measured_slope(*terms):
    """The errors of a gradient where dout is 1, in ulp of the slope, or of the larger of its terms where they cancel.

    A slope below the smallest normal number may be flushed to zero.
    """

    @functools.cache
    def at(dtype):
        x = slope_points(dtype)
        parts = [[term(v) for term in terms] for v in map(exact.mp.mpf, x.tolist())]
        larger = np.array([float(max(abs(sum(part)), *map(abs, part))) for part in parts])
        return x, exact.Exact.of([sum(part) for part in parts]), larger

    def errors(function, dtype):
        x, slope, larger = at(dtype)
        off = exact.ulps(function(np.ones_like(x), x), slope, dtype)
        return x, off * exact.ulp(np.abs(slope.head), dtype) / exact.ulp(larger, dtype)

    return errors


def with_options(plain, **others):
    """What `plain` measures, and of each option's other value, a name and a measure, what that does."""

    def errors(function, dtype):
        found = [plain(function, dtype)]
        for name, (value, measure) in others.items():
            found.append(measure(functools.partial(function, **{name: value}), dtype))
        at, off = zip(*found, strict=True)
        return np.concatenate(at), np.concatenate(off)

    return errors


sigmoid_errors = measured(exact.sigmoid)
sigmoid_backward_errors = measured_gradient(exact.sigmoid_gradient, lambda x: 1 / (1 + np.exp(-x)), 8)
tanh_errors = measured(exact.tanh, tanh_points)
tanh_backward_errors = measured_gradient(exact.tanh_gradient, np.tanh, 3)


@functools.cache
def binary_points(dtype):
    """The numbers where sigmoid is measured, each with label 0 or 1."""
    x = common_points(dtype)
    x = x[np.abs(x) < np.finfo(dtype).max / 2]
    t = np.random.default_rng(5).integers(0, 2, len(x))
    return x, t, *exact.binary_loss(x, t)


def binary_loss_errors(function, dtype):
    """At each number: the errors in its loss, and in its gradient."""
    x, t, loss, slope = binary_points(dtype)
    losses, dx = function(x, t, reduction="none")
    return x, exact.ulps(losses, loss, dtype), exact.ulps(dx, slope, dtype)


class Batch:
    """Rows of one length with their exact results, and the labels that they are tried with."""

    def __init__(self, x):
        self.x, (n, classes) = np.ascontiguousarray(x), x.shape
        self.rows = [exact.Row(row) for row in x]
        self.gap = x.max(axis=1, keepdims=True).astype(float) - x
        self.probability = exact.stack([row.probabilities() for row in self.rows])
        each = np.tile(np.arange(classes), (n, 1))
        some = np.column_stack([x.argmax(1), x.argmin(1), np.full((n, 2), [0, classes // 2])])
        labels = each if classes <= 10 else some
        self.case_rows, self.labels = np.repeat(np.arange(n), labels.shape[1]), labels.ravel()
        cases = [(self.rows[i], label) for i, label in zip(self.case_rows, self.labels, strict=True)]
        self.loss = exact.Exact.of([row.loss(label) for row, label in cases])
        self.slope = exact.Exact.of([row.slope(label) for row, label in cases])
        self.flushed = np.array([row.flushed for row, _ in cases])


def scores(rng, dtype, rows, classes):
    """Rows plain, with a dominating class, far from 0, ascending, with many equal scores."""
    reach = -np.log(float(np.finfo(dtype).tiny))
    x = rng.standard_normal((rows, min(classes, DISTINCT)))
    x = x[:, rng.integers(0, DISTINCT, classes)] if classes > DISTINCT else x
    x *= 10 ** rng.uniform(-2, np.log10(reach / 3), (rows, 1))
    dominated, far, ascending, equal = (np.arange(rows) % 5 == kind for kind in range(1, 5))
    x[dominated, rng.integers(0, classes, dominated.sum())] += rng.uniform(0, 1.1 * reach, dominated.sum())
    x[far] += rng.choice(OFFSETS, (far.sum(), 1)) * rng.choice([-1, 1], (far.sum(), 1))
    x[ascending] = np.sort(x[ascending])
    x[equal] = np.round(x[equal], 1)
    x[4], x[5], x[5, 0] = -3.7, np.log(0.7), 0  # equal terms: the rounding errors of their sum have one sign
    return x


@functools.cache
def batch(dtype, classes):
    """Rows of `scores`; of two and three classes also scores of every exponent."""
    rng = np.random.default_rng([3, classes])
    x = scores(rng, dtype, some(ROWS[classes]), classes)
    every = exponents(dtype, 0)
    every = every[every < float(np.finfo(dtype).max) / 256, np.newaxis].astype(float)  # 32 losses have a finite sum
    if classes == 2:
        x = np.concatenate([x, np.hstack([0 * every, every]), np.hstack([0 * every, -every])])
    if classes == 3:
        x = np.concatenate([x, rng.uniform(-1, 1, (len(every), 3)) * every])
    return Batch(x.astype(dtype))


@functools.cache
def sought(dtype):
    rows = SOUGHT[np.dtype(dtype).name]
    return [Batch(np.array([[top, one, *[rest] * (n - 2)]], dtype)) for n, top, one, rest in rows]


def softmax_errors(function, found, rows_at_once=None):
    """At the distances from the largest score."""
    step = rows_at_once or len(found.x)
    y = np.concatenate([function(found.x[i : i + step]) for i in range(0, len(found.x), step)])
    return found.gap, exact.ulps(y, found.probability, found.x.dtype)


def sums_off(y):
    """How far each row's sum is off 1, in ulp of 1."""
    rows = y.reshape(-1, y.shape[-1]).tolist()
    return np.abs([math.fsum([*row, -1.0]) for row in rows]) / float(np.finfo(y.dtype).eps)


def loss_errors(function, found, copies=1, every=1):
    """At the exact losses of single rows: the errors in them, and the largest ones in each gradient.

    The mean loss of 32 `copies` of a row is its own.
    """
    rows, labels = found.case_rows[::every], found.labels[::every]
    batches = np.repeat(found.x[:, np.newaxis], copies, axis=1)
    targets = np.repeat(labels[:, np.newaxis], copies, axis=1)
    results = [function(batches[row], target) for row, target in zip(rows.tolist(), targets, strict=True)]
    gradient = exact.with_slopes(found.probability[rows], labels, found.slope[::every])
    loss, flushed, dtype = found.loss[::every], found.flushed[::every], found.x.dtype
    off = exact.ulps([loss for loss, _ in results], loss, dtype, flushed)
    dx, flushed = np.array([dx[-1] for _, dx in results]), flushed[:, np.newaxis] / copies
    return loss.head, off, exact.ulps(dx, gradient / copies, dtype, flushed).max(axis=1)


@functools.cache
def with_soft_targets(dtype, classes):
    """Some rows of the batch, targets that do not sum to 1, and the exact results."""
    found, rng = batch(dtype, classes), np.random.default_rng([7, classes])
    rows = range(0, len(found.x), max(1, len(found.x) // 60))[: max(1, 6000 // classes)]
    targets = [(rng.random(classes) * (rng.random(classes) < 0.7)).astype(dtype) for _ in rows]
    return [
        (found.x[i], t, found.rows[i].flushed, *found.rows[i].weighted(t)) for i, t in zip(rows, targets, strict=True)
    ]


def soft_target_errors(function, dtype, classes):
    """The largest errors in the losses and in the gradients: those are differences, so in ulp of the larger term."""
    losses, gradients = [], []
    for x, t, flushed, loss, gradient, larger in with_soft_targets(dtype, classes):
        flushed *= float(t.sum(dtype=float))
        value, dx = function(x, t)
        losses.append(exact.ulps([value], loss, dtype, flushed))
        off = np.abs((dx - gradient.head) - gradient.tail) - flushed - float(np.finfo(dtype).tiny)
        gradients.append(np.max(off / exact.ulp(larger, dtype)))
    return np.concatenate(losses), np.array(gradients)
