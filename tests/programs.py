"""A network, an input and labels, for the tests of networks as one call."""

import itertools

import kit
import numpy as np

import fastlayers as fl

X = kit.numbers((7, 4), np.float64)
T = np.array([0, 2, 1, 1, 0, 2, 2])


def network(rng, sizes=(4, 6, 3), activations=(fl.Relu,), dtype=np.float64, loss=None, bias=True):
    layers = []
    for i, (d, m) in enumerate(itertools.pairwise(sizes)):
        b = rng.standard_normal(m).astype(dtype) if bias else None
        W = rng.standard_normal((d, m)).astype(dtype)
        layers += [fl.Affine(W, b) if bias or i % 2 else fl.MatMul(W), activations[i % len(activations)]()]
    return fl.Sequential(layers[:-1], fl.SoftmaxWithLoss() if loss is None else loss)
