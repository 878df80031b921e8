"""The network behind an estimator, and the numbers that it starts from."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._core.types import Array
from ..layers import ACTIVATIONS as LAYERS
from ..layers import Affine, Dropout
from ..layers._shapes import in_pieces
from ..network import Sequential

__all__ = ["ACTIVATIONS", "affine_layers", "build", "copied", "outputs_of", "pack", "pack_gradients", "take_over"]

_LINE = 64  # bytes

# By scikit-learn's names where it has them.
ACTIVATIONS: dict[str, type[Any] | None] = {
    "identity": None,
    **{{"sigmoid": "logistic"}.get(name, name): kind for name, kind in LAYERS.items()},
}


def build(
    sizes: Sequence[int],
    activations: Sequence[str],
    dropouts: Sequence[float],
    loss: Any,
    *,
    dtype: DTypeLike,
    random_state: np.random.RandomState,
) -> Sequential:
    r"""A network of affine layers, each but the last with its activation and dropout.

    Weights and biases are uniform within :math:`\pm\sqrt{6 / (\text{in} + \text{out})}`, or with 2 in the place of 6
    before a sigmoid: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010. The draws and their order are those of scikit-learn's ``MLPClassifier``, so that the same seed starts
    the same network.

    Parameters
    ----------
    sizes : sequence of int
        Features, each hidden layer's width, outputs.
    activations : sequence of str
        A key of `ACTIVATIONS` for each hidden layer; and one that the last layer is drawn for.
    dropouts : sequence of float
        A rate for each hidden layer.
    loss : object or None
        The loss layer.
    dtype : dtype
        Of the parameters; they are drawn in float64.
    random_state : RandomState
        What all is drawn from.
    """
    affine: list[Any] = []
    for (inputs, outputs), activation in zip(pairwise(sizes), activations, strict=True):
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (inputs + outputs))
        W = random_state.uniform(-bound, bound, (inputs, outputs))
        b = random_state.uniform(-bound, bound, outputs)
        affine.append(Affine(W.astype(dtype), b.astype(dtype)))
    # The dropout's seeds come last, so that what is drawn before them is the same with and without.
    layers = affine[:1]
    for layer, activation, rate in zip(affine[1:], activations[:-1], dropouts, strict=True):
        kind = ACTIVATIONS[activation]
        if kind is not None:
            layers.append(kind())
        if rate > 0:
            layers.append(Dropout(rate, np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))))
        layers.append(layer)
    return Sequential(layers, loss)


def affine_layers(network: Sequential) -> list[Any]:
    """The layers that have parameters, in order."""
    return [layer for layer in network.layers if isinstance(layer, Affine)]


def copied(network: Sequential) -> Sequential:
    """Layers and loss of its own, and the same parameters until `pack` copies them."""
    return Sequential(list(map(copy.copy, network.layers)), copy.copy(network.loss_layer))


def take_over(network: Sequential, trained: Sequential) -> None:
    """Give the layers of a network the parameters that those of its copy have come to."""
    for layer, other in zip(affine_layers(network), affine_layers(trained), strict=True):
        layer.W, layer.b = other.W, other.b


def pack(network: Sequential) -> list[Array]:
    """Copy all weights side by side into one array ``(1, n)``, and all biases into another, for the layers to use.

    So an update is a matter of two arrays, however many layers there are; and one of two axes still decays.
    """
    layers = affine_layers(network)
    weights, biases = _side_by_side(layers)
    np.concatenate([layer.W.reshape(-1) for layer in layers], out=weights)
    np.concatenate([layer.b for layer in layers], out=biases)
    for layer, (W, b) in zip(layers, _parts(layers, weights, biases), strict=True):
        layer.W, layer.b = W, b
    return [weights[np.newaxis], biases]


def pack_gradients(network: Sequential) -> list[Array]:
    """Have the layers leave their gradients side by side, as `pack` lays the parameters: in these two arrays."""
    layers = affine_layers(network)
    weights, biases = _side_by_side(layers)
    for layer, (dW, db) in zip(layers, _parts(layers, weights, biases), strict=True):
        layer.put_gradients_in(dW, db)
    return [weights[np.newaxis], biases]


def _side_by_side(layers: Sequence[Any]) -> tuple[Array, Array]:
    """Memory for all weights and for all biases, flat."""
    sizes = sum(layer.W.size for layer in layers), sum(layer.b.size for layer in layers)
    weights, biases = (_aligned(size, layers[0].W.dtype) for size in sizes)
    return weights, biases


def _aligned(size: int, dtype: np.dtype[Any]) -> Array:
    """An array that begins where a cache line does: BLAS multiplies by it in a seventh less time."""
    nbytes = size * dtype.itemsize
    memory = np.empty(nbytes + _LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % _LINE
    return memory[start : start + nbytes].view(dtype)


def _parts(layers: Sequence[Any], weights: Array, biases: Array) -> Iterator[tuple[Array, Array]]:
    """Each layer's part of two flat arrays, in the shapes of its parameters."""
    i = j = 0
    for layer in layers:
        i, j = i + layer.W.size, j + layer.b.size
        yield weights[i - layer.W.size : i].reshape(layer.W.shape), biases[j - layer.b.size : j]


def outputs_of(network: Sequential, X: Any) -> Array:
    """The network's outputs ``(N, outputs)`` of any number of samples; a sparse X is filled up piece by piece."""
    if type(X) is np.ndarray:
        return network.predict(X)
    return in_pieces(lambda rows: network.predict(X[rows].toarray(order="C")), np.arange(X.shape[0]))
