"""The networks that ``fastlayers train`` builds, and the optimizers that it trains them with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator

from .._core.protocols import Optimizer
from .._core.types import Array
from ..datasets import DataError, Dataset
from ..layers import ACTIVATIONS, Affine, Convolution, Dropout, Pooling, SoftmaxWithLoss
from ..layers._activation import KeepsOutput
from ..network import Sequential
from ..optimizers import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop

OPTIMIZERS: dict[str, Any] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
}


@dataclass(frozen=True)
class Kind:
    """What is taken for a kind of network where nothing else is asked for.

    Parameters
    ----------
    hidden : tuple of int
        The sizes of its hidden affine layers.
    optimizer : str
    rates : dict of str to float
        The learning rate for each of `OPTIMIZERS`.
    """

    hidden: tuple[int, ...]
    optimizer: str
    rates: dict[str, float]


KINDS = {
    "affine": Kind(
        (50,),
        "sgd",
        {"sgd": 0.5, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.05, "rmsprop": 0.002, "adam": 0.005},
    ),
    "convnet": Kind(
        (100,),
        "adam",
        {"sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.02, "rmsprop": 0.0005, "adam": 0.001},
    ),
}
FILTERS = 30
_LARGE_FILTER, _SMALL_FILTER = 5, 3  # pixels a side; the large one for images of twice as many
_POOL = 2


@dataclass(frozen=True)
class Settings:
    """What decides a training run, apart from the data and the backend."""

    hidden: tuple[int, ...]
    activation: str
    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    dtype: str
    seed: int
    dropout: float = 0.0
    weight_decay: float = 0.0
    network: str = "affine"

    def sizes(self, data: Dataset) -> list[int]:
        """List the widths of the affine layers, from the pixels, or what pooling leaves of them, to the classes."""
        return [self._first(data), *self.hidden, data.classes]

    def described(self, data: Dataset) -> str:
        """Name the network: ``64-50-10``, or ``30 filters of 5x5, pooling of 2x2, 4320-100-10``."""
        sizes = "-".join(map(str, self.sizes(data)))
        if self.network == "affine":
            return sizes
        size = self.filter_size(data)
        return f"{FILTERS} filters of {size}x{size}, pooling of {_POOL}x{_POOL}, {sizes}"

    def filter_size(self, data: Dataset) -> int:
        """The height and width of a filter of the convnet."""
        return _LARGE_FILTER if min(data.image_shape) >= 2 * _LARGE_FILTER else _SMALL_FILTER

    def _first(self, data: Dataset) -> int:
        if self.network == "affine":
            return data.features
        left = [(pixels - self.filter_size(data) + 1) // _POOL for pixels in data.image_shape]
        if min(left) < 1:
            least = _SMALL_FILTER + _POOL - 1
            raise DataError(
                f"the images of {data.name} have {'x'.join(map(str, data.image_shape))} pixels: a convnet takes "
                f"{least}x{least} or more"
            )
        return FILTERS * math.prod(left)


def build_network(data: Dataset, settings: Settings, rng: Generator) -> Sequential:
    r"""Stack affine layers with an activation between them, and random weights; of a convnet behind a convolution.

    Notes
    -----
    The standard deviation of the weights keeps that of the activations from layer to layer:
    :math:`\sqrt{2/D}` under ReLU and its like (He et al., "Delving deep into rectifiers", ICCV 2015),
    :math:`\sqrt{1/D}` under sigmoid and tanh (Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", AISTATS 2010, as the book has it). Biases begin at 0. The convnet is the book's
    ``SimpleConvNet`` (Saitoh, section 7.5), with filters of 3x3 where images have less than ten pixels a side.
    """
    activation: Any = ACTIVATIONS[settings.activation]
    gain = 1.0 if issubclass(activation, KeepsOutput) else 2.0
    (dropped,) = rng.spawn(1)  # of its own: how much is dropped in a step does not change the next batches
    sizes = settings.sizes(data)

    def drawn(shape: tuple[int, ...], inputs: int) -> Array:
        return (rng.standard_normal(shape) * math.sqrt(gain / inputs)).astype(settings.dtype)

    layers: list[Any] = []
    if settings.network == "convnet":
        size = settings.filter_size(data)
        W = drawn((FILTERS, 1, size, size), size * size)
        layers += [Convolution(W, np.zeros(FILTERS, settings.dtype)), activation(), Pooling(_POOL, _POOL, stride=_POOL)]
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        if i:
            layers += [activation(), *([Dropout(settings.dropout, dropped)] if settings.dropout else [])]
        layers.append(Affine(drawn((inputs, outputs), inputs), np.zeros(outputs, settings.dtype)))
    return Sequential(layers, SoftmaxWithLoss())


def parameters(data: Dataset, settings: Settings) -> int:
    """Count the weights and biases."""
    return sum(param.size for param in build_network(data, settings, np.random.default_rng(0)).params)


def make_optimizer(settings: Settings) -> Optimizer:
    """Make a new optimizer with the learning rate of the settings."""
    optimizer: Optimizer = OPTIMIZERS[settings.optimizer](lr=settings.lr, weight_decay=settings.weight_decay)
    return optimizer
