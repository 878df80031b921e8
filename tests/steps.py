"""What the tests of a layer's memory share: each layer of one size, run forward and backward at any scale."""

import numpy as np

import fastlayers as fl

RNG = np.random.default_rng(5)
X = RNG.standard_normal((40, 30)).astype(np.float32)
LABELS = RNG.integers(0, 30, 40)
LOSSES = {"SoftmaxWithLoss": LABELS, "SigmoidWithLoss": X > 0, "MeanSquaredError": X[::-1].copy()}
LAYERS = ("Relu", "LeakyRelu", "Dropout", "Sigmoid", "Tanh", "Affine", *LOSSES)


def make(name):
    if name == "Affine":
        return fl.Affine(RNG.standard_normal((30, 30)).astype(np.float32), np.zeros(30, np.float32))
    return getattr(fl, name)()


def inputs(layer, x):
    """What forward is to be given with x: for a loss, labels or targets too."""
    t = LOSSES.get(type(layer).__name__)
    return (x,) if t is None else (x, np.resize(t, (len(x), *t.shape[1:])))


def forward(layer, scale=1):
    """What a layer makes of another input at every scale: the arrays that it hands out."""
    if isinstance(layer, fl.Dropout):
        layer.rng = np.random.default_rng(0)  # so that the same input gives the same again
    result = layer.forward(*inputs(layer, X * scale))
    if type(layer).__name__ not in LOSSES:
        return result
    return layer.backward() if isinstance(layer, fl.MeanSquaredError) else layer.y


def backward(layer, scale=1):
    return layer.backward(scale if type(layer).__name__ in LOSSES else X * scale)


STEPS = {"forward": forward, "backward": backward}
