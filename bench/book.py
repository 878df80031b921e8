"""The book's code, as its chapters 4 and 5 have it (common/layers.py, common/functions.py), and its loop by hand."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fastlayers.command.measured import LEARNING_RATE, Network


def softmax(x):
    x = x.T
    x = x - np.max(x, axis=0)
    y = np.exp(x) / np.sum(np.exp(x), axis=0)
    return y.T


def cross_entropy_error(y, t):
    if t.size == y.size:
        t = t.argmax(axis=1)
    batch_size = y.shape[0]
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class SoftmaxWithLoss:
    def __init__(self):
        self.loss = None
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        return (self.y - self.t) / batch_size


def by_hand(
    path: Any, network: Network, weights: str, given: str, targets: str = "float64"
) -> tuple[Callable[[], Any], list[Any]]:
    """A gradient by the layers of `path`, this module or `fastlayers`, as chapter 5 has it, and its affine layers.

    It computes dx of the first layer too. Parameters, batch and targets are each of a dtype; the book's load_mnist
    gives one-hot targets of float64.
    """
    parameters, (_, x, labels) = network.data(weights)[0], network.data(given)
    t = np.eye(network.widths[-1], dtype=targets)[labels]
    affines = [path.Affine(W, b) for W, b in parameters]
    layers = [layer for affine in affines for layer in (affine, path.Relu())][:-1]
    return gradient(layers, path.SoftmaxWithLoss(), x, t), affines


def gradient(layers: list[Any], last_layer: Any, x: Any, t: Any) -> Callable[[], Any]:
    """The loss, which leaves its gradients in the layers."""

    def loss_and_gradient() -> Any:
        y = x
        for layer in layers:
            y = layer.forward(y)
        loss = last_layer.forward(y, t)
        dout = last_layer.backward(1)
        for layer in reversed(layers):
            dout = layer.backward(dout)
        return loss

    return loss_and_gradient


def update(gradient: Callable[[], Any], layers: list[Any]) -> Callable[[], float]:
    """A step: the gradient, and SGD of the layers with parameters."""

    def step() -> float:
        loss = gradient()
        for layer in layers:
            layer.W -= LEARNING_RATE * layer.dW
            layer.b -= LEARNING_RATE * layer.db
        return float(loss)

    return step


def training(network: Network, dtype: str) -> Callable[[], float]:
    return update(*by_hand(sys.modules[__name__], network, dtype, dtype, dtype))
