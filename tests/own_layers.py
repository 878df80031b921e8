"""Layers of a user's own, in each way to say what is trained, and networks with them."""

import numpy as np

import fastlayers as fl
from fastlayers.layers._base import LayerBase

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 4))
T = RNG.integers(0, 3, 6)


class Scaled:
    """A user's own layer, with a declaration and a buffer."""

    param_names = ("gamma", "beta")
    buffer_names = ("seen",)

    def __init__(self, n=4):
        self.gamma, self.beta, self.seen = np.ones(n), np.zeros(n), None

    def forward(self, x):
        self.x = x
        self.seen = x.mean(axis=0) if self.seen is None else 0.5 * self.seen + 0.5 * x.mean(axis=0)
        return self.predict(x)

    def predict(self, x):
        return x * self.gamma + self.beta

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        return dout * self.gamma


class Listed:
    """The same as volume 2 writes it."""

    def __init__(self, n=4):
        self.params = [np.ones(n), np.zeros(n)]
        self.grads = [np.zeros(n), np.zeros(n)]

    def forward(self, x):
        self.x = x
        return x * self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = (dout * self.x).sum(axis=0)
        self.grads[1][...] = dout.sum(axis=0)
        return dout * self.params[0]


class Weighted:
    """The same with volume 1's names."""

    def __init__(self, n=4):
        self.W, self.b = np.ones(n), np.zeros(n)

    def forward(self, x):
        self.x = x
        return x * self.W + self.b

    def backward(self, dout):
        self.dW, self.db = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        return dout * self.W


class OfThePackage(LayerBase, Scaled):
    """The same as a layer of this package would be."""

    param_names = ("gamma", "beta")
    buffer_names = ("seen",)
    dgamma = dbeta = None

    def __init__(self, gamma=(1.0,) * 4, beta=(0.0,) * 4, seen=None):
        self.gamma, self.beta, self.seen = np.array(gamma), np.array(beta), seen

    def backward(self, dout):
        self._set_gradients(gamma=(dout * self.x).sum(axis=0), beta=dout.sum(axis=0))
        return dout * self.gamma


WAYS = {"declared": Scaled, "lists": Listed, "W and b": Weighted, "of the package": OfThePackage}


def affine(d=4, m=4, seed=1):
    rng = np.random.default_rng(seed)
    return fl.Affine(rng.standard_normal((d, m)), rng.standard_normal(m))


def network(*middle, loss=True):
    return fl.Sequential([affine(), *middle, affine(4, 3, 2)], fl.SoftmaxWithLoss() if loss else None)
