"""A network with every kind of layer of images, and images for it."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastlayers as fl
from fastlayers import initializers

SHAPE = (2, 9, 12)
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])


def network(dtype: Any = np.float32, seed: int = 0) -> fl.Sequential:
    """Each kind of layer of images, in every way that matters to shapes."""
    rng = np.random.default_rng(seed)

    def convolution(channels: int, filters: int, size: Any, **options: Any) -> fl.Convolution:
        bias = options.pop("bias", True)
        groups = options.get("groups", 1)
        W, b = initializers.convolution(channels, filters, size, groups=groups, bias=bias, rng=rng, dtype=dtype)
        return fl.Convolution(W, b, options.pop("stride", 1), options.pop("pad", 0), **options)

    def normalization(size: int) -> fl.BatchNormalization:
        gamma, beta, mean, var = rng.random((4, size)).astype(dtype) + dtype(0.5)
        return fl.BatchNormalization(gamma, beta, 0.9, mean, var)

    layers = [
        convolution(2, 6, 3, stride=(1, 2), pad=1),
        normalization(6),
        fl.Relu(),
        fl.Pooling(2, 2, stride=2, pad=1),
        convolution(6, 4, (3, 3), groups=2, bias=False, dilation=2, pad=2),
        fl.Elu(),
        fl.AveragePooling(2, 2, stride=1, pad=1, count_include_pad=False),
        fl.AveragePooling(2, 3, stride=1, pad=1),
        normalization(4 * 7 * 5),
        convolution(4, 4, 1),
        fl.Dropout(0.2, rng=1),
        fl.Sequential([fl.Flatten(), fl.Affine(*initializers.affine(140, 8, rng=rng, dtype=dtype))]),
        fl.Tanh(),
        fl.Affine(*initializers.affine(8, 3, rng=rng, dtype=dtype)),
    ]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


def images(rows: int = 7, dtype: Any = np.float32, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, *SHAPE)).astype(dtype)
