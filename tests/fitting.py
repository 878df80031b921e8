"""What the tests of fitting share: data, networks, layers and losses of a user's own, the loop written by hand."""

import numpy as np

import fastlayers as fl

RNG = np.random.default_rng(3)
X = RNG.standard_normal((50, 4))
LABELS = RNG.integers(0, 3, 50)
ONE_HOT = np.eye(3)[LABELS]
WEIGHTS = RNG.random(50) + 0.1


def network(owner=fl, dtype=np.float64, loss=None):
    rng = np.random.default_rng(5)
    weights = (rng.standard_normal(shape).astype(dtype) for shape in ((4, 6), (6, 3)))
    first, last = (owner.Affine(W, np.zeros(W.shape[1], dtype)) for W in weights)
    return fl.Sequential([first, owner.Relu(), last], owner.SoftmaxWithLoss() if loss is None else loss)


def with_one(array, index, value):
    array = array.copy()
    array[index] = value
    return array


class Squares:
    """A loss of a user's own, which knows of no weights."""

    def forward(self, x, t):
        self.difference = x - t
        return float((self.difference**2).mean())

    def backward(self):
        return 2 / self.difference.size * self.difference


class Spy:
    """A layer of a user's own, without ``predict``, that keeps every batch that it is given."""

    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return x

    def backward(self, dout):
        return dout


class Noise:
    """A layer of a user's own that does one thing in training and another where nothing is to be learned."""

    def forward(self, x):
        return x + 1

    def predict(self, x):
        return x

    def backward(self, dout):
        return dout


def by_hand(net, x, t, epochs, batch_size, optimizer, rng=None, weights=None):
    """The losses of a loop of train_step, a list for each epoch."""
    x, t, losses = np.asarray(x), np.asarray(t), []
    generator = None if rng is None else np.random.default_rng(rng)
    for _ in range(epochs):
        order = np.arange(len(x)) if generator is None else generator.permutation(len(x))
        batches = [order[i : i + batch_size] for i in range(0, len(x), batch_size)]
        extra = [[] if weights is None else [weights[batch]] for batch in batches]
        losses.append([net.train_step(x[b], t[b], optimizer, *w) for b, w in zip(batches, extra, strict=True)])
    return losses


def same(net, other):
    return all(map(np.array_equal, net.params, other.params))
