"""What the tests of a layer's memory share: each layer of one size, run forward and backward at any scale."""

import families
import numpy as np
from family import ROWS, Arrays

import fastlayers as fl

ARRAYS = Arrays(np.float32, (40, 30), seed=5)
X, LABELS = ARRAYS.x, ARRAYS.labels
LAYERS = tuple(name for name, entry in families.LAYER.items() if entry.in_network)
SQUARE = np.random.default_rng(5).standard_normal((30, 30)).astype(np.float32)  # its output has the input's shape


def make(name):
    """One whose output has its input's shape."""
    entry = families.LAYER[name]
    if entry.kind == "convolution":
        return fl.Convolution(np.full((1, 1, 1, 1), 1.5, np.float32), np.zeros(1, np.float32))
    if entry.kind == "affine":
        return getattr(fl, name)(*(SQUARE.copy(), np.zeros(30, np.float32))[: len(entry.arguments(ARRAYS))])
    return entry.make(arrays=ARRAYS)


def inputs(layer, x):
    """What forward is to be given with x: for a loss, labels or targets too."""
    entry = families.LAYER[type(layer).__name__]
    _, *targets = entry.inputs(ARRAYS)
    if entry.kind == "indices":
        return (np.abs(100 * x.reshape(len(x), -1)[:, 0]).astype(int) % ROWS,)
    if entry.kind in ("convolution", "images"):
        x = x.reshape(len(x), 1, 5, -1)
    if entry.kind == "sequence":
        x = x.reshape(len(x) // 2, 2, -1)
    return (x, *(np.resize(t, (len(x), *t.shape[1:])) for t in targets))


def forward(layer, scale=1):
    """What a layer makes of another input at every scale: the arrays that it hands out."""
    entry = families.LAYER[type(layer).__name__]
    if entry.random:
        layer.rng = np.random.default_rng(0)  # so that the same input gives the same again
    given = inputs(layer, X * scale)
    result = layer.forward(*given)
    if not entry.is_loss:
        return result
    return layer.backward() if layer.y is given[0] else layer.y


def backward(layer, scale=1):
    entry, (x, *_) = families.LAYER[type(layer).__name__], inputs(layer, X * scale)
    if entry.kind == "indices":  # which have no gradient
        layer.backward(X * scale)
        return layer.dW
    return layer.backward(
        scale
        if entry.is_loss
        else x
        if entry.kind not in ("images", "sequence")
        else np.resize(x, layer.predict(x).shape)
    )


STEPS = {"forward": forward, "backward": backward}
