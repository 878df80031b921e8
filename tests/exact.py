"""Exact results, to 120 bits through mpmath, and how far from them a result lies in ulp.

An ulp is the distance between neighbours of a dtype at the exact value: 2**(e - 23) in float32 and
2**(e - 52) in float64, where 2**e is the largest power of two not above that value. Numbers below the
smallest normal may be flushed to zero, in a result and in a sum that it comes from; nothing else is forgiven.
"""

import math
from dataclasses import dataclass

import mpmath
import numpy as np

mp = mpmath.mp.clone()  # a context of our own, with our own precision
mp.prec = 120


@dataclass(frozen=True)
class Exact:
    """An array of numbers, each the sum ``head + tail`` of two float64, which hold 106 bits.

    The head is cut off, not rounded, so that it has the exponent of the number itself: just below 1
    an ulp is half of what it is at 1.
    """

    head: np.ndarray
    tail: np.ndarray

    @classmethod
    def of(cls, numbers):
        head = [float(mp.mpf(v, prec=53, rounding="d")) for v in numbers]
        tail = [float(v - h) for v, h in zip(numbers, head, strict=True)]
        return cls(np.array(head), np.array(tail))

    def __getitem__(self, key):
        return Exact(self.head[key], self.tail[key])

    def __truediv__(self, power_of_two):
        return Exact(self.head / power_of_two, self.tail / power_of_two)


def stack(rows):
    return Exact(np.stack([row.head for row in rows]), np.stack([row.tail for row in rows]))


def ulp(value, dtype):
    """The distance of neighbours of `dtype` at float64 values."""
    info = np.finfo(dtype)
    exponent = np.where(value == 0, info.minexp, np.frexp(value)[1] - 1)
    return np.ldexp(1.0, np.maximum(exponent, info.minexp) - info.nmant)


def ulps(actual, exact, dtype, flushed=0.0):
    """How far results are off, in ulp of `dtype`, where terms that sum to `flushed` may be missing."""
    size = np.abs(exact.head)
    with np.errstate(invalid="ignore"):
        off = np.abs((np.asarray(actual, float) - exact.head) - exact.tail)
    forgiven = np.maximum(flushed, np.where(size < float(np.finfo(dtype).tiny), size, 0))
    return np.where(off <= forgiven, 0, off - forgiven) / ulp(size, dtype)


def each(formula):
    """The exact results of an elementwise function, from its formula for one number."""
    return lambda x: Exact.of([formula(v) for v in map(mp.mpf, x.tolist())])


def sigmoid(x):
    return Exact.of([1 / (1 + mp.exp(-v)) for v in map(mp.mpf, x.tolist())])


def sigmoid_gradient(dout, y):
    pairs = zip(map(mp.mpf, dout.tolist()), map(mp.mpf, y.tolist()), strict=True)
    return Exact.of([d * v * (1 - v) for d, v in pairs])


def tanh(x):
    return Exact.of([mp.tanh(v) for v in map(mp.mpf, x.tolist())])


def logistic(v):
    """The sigmoid of one number."""
    return 1 / (1 + mp.exp(-v))


def normal(v):
    """The normal distribution, where it is neither 0 nor 1 to all digits that are asked for."""
    return mp.erfc(-v / mp.sqrt(2)) / 2 if 1e-20 < abs(v) < 60 else mp.mpf(v > 0) if abs(v) >= 60 else mp.mpf(0.5)


def density(v):
    """The normal distribution's density."""
    return mp.exp(-v * v / 2) / mp.sqrt(2 * mp.pi)


def tanh_gradient(dout, y):
    pairs = zip(map(mp.mpf, dout.tolist()), map(mp.mpf, y.tolist()), strict=True)
    return Exact.of([d * (1 - v) * (1 + v) for d, v in pairs])


def binary_loss(x, t):
    """Of logits and labels 0 and 1: the losses, and their gradients."""
    scores = [mp.mpf(-v if label else v) for v, label in zip(x.tolist(), t.tolist(), strict=True)]
    slopes = [(-1 if label else 1) / (1 + mp.exp(-s)) for s, label in zip(scores, t.tolist(), strict=True)]
    return Exact.of([mp.log1p(mp.exp(s)) for s in scores]), Exact.of(slopes)


class Row:
    """Softmax and loss of one row of scores; what equal scores share is worked out once.

    The largest is kept apart, as the sum of the others may be too small to be seen beside its exp(0) = 1.
    """

    def __init__(self, x):
        scores, self.place, counts = np.unique(x, return_inverse=True, return_counts=True)
        counts = counts.tolist()
        top = mp.mpf(scores[-1].item())
        self.gaps = [top - v for v in scores.tolist()]
        self.e = [mp.exp(-gap) for gap in self.gaps]
        counts[-1] -= 1
        self.others = mp.fsum(n * v for n, v in zip(counts, self.e, strict=True))
        self.total = 1 + self.others
        self.log_sum = mp.log1p(self.others)
        tiny = float(np.finfo(x.dtype).tiny)
        self.flushed = float(mp.fsum(n * v for n, v in zip(counts, self.e, strict=True) if v < tiny))

    def probabilities(self):
        return Exact.of([v / self.total for v in self.e])[self.place]

    def loss(self, label):
        return self.gaps[self.place[label]] + self.log_sum

    def slope(self, label):
        """The gradient at the label itself: its probability - 1."""
        v = self.e[self.place[label]]
        return -(self.others if v == 1 else self.total - v) / self.total

    def weighted(self, t):
        """With targets: the loss, the gradient ``y sum(t) - t``, and the larger of its two terms."""
        t = [mp.mpf(w) for w in t.tolist()]
        loss = mp.fsum(w * self.loss(j) for j, w in enumerate(t))
        scale = mp.fsum(t) / self.total
        terms = [self.e[i] * scale for i in self.place]
        larger = [float(max(a, w)) for a, w in zip(terms, t, strict=True)]
        return Exact.of([loss]), Exact.of([a - w for a, w in zip(terms, t, strict=True)]), np.array(larger)


def with_slopes(probabilities, labels, slopes):
    """The gradients of the losses of rows: their probabilities, but for the labels' own."""
    at_label = np.arange(len(labels)), labels
    gradient = Exact(probabilities.head.copy(), probabilities.tail.copy())
    gradient.head[at_label], gradient.tail[at_label] = slopes.head, slopes.tail
    return gradient


def sums(x):
    """Of each column."""
    columns = x.T.tolist()
    head = [math.fsum(column) for column in columns]
    tail = [math.fsum([*column, -h]) for column, h in zip(columns, head, strict=True)]
    return Exact(np.array(head), np.array(tail))
