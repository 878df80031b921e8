"""What the tests of a layer's memory share: each layer of one size, run forward and backward at any scale."""

import numpy as np

import fastlayers as fl

RNG = np.random.default_rng(5)
X = RNG.standard_normal((40, 30)).astype(np.float32)
LABELS = RNG.integers(0, 30, 40)
LAYERS = ("Relu", "Sigmoid", "Affine", "SoftmaxWithLoss")


def make(name):
    if name == "Affine":
        return fl.Affine(RNG.standard_normal((30, 30)).astype(np.float32), np.zeros(30, np.float32))
    return getattr(fl, name)()


def forward(layer, scale=1):
    """What a layer makes of another input at every scale: the arrays that it hands out."""
    if isinstance(layer, fl.SoftmaxWithLoss):
        layer.forward(X * scale, LABELS)
        return layer.y
    return layer.forward(X * scale)


def backward(layer, scale=1):
    return layer.backward(scale) if isinstance(layer, fl.SoftmaxWithLoss) else layer.backward(X * scale)


STEPS = {"forward": forward, "backward": backward}
