"""The goals of whole networks: a training step, a prediction, beside those who do the same."""

from functools import partial

import numpy as np
import peers
from goals import OURS, Bound, Calls, Race
from predictions import PREDICTIONS

import fastlayers
from fastlayers import reference
from fastlayers.command import cases

DTYPE = "float32"
# A peer's loss is its own affair: the book and scikit-learn guard their logarithm, each with its own epsilon.
LOSS_TOLERANCE = 1e-4
SCORE_TOLERANCE = 1e-5
NAMES = {"book": "the book's NumPy", "pytorch": "PyTorch", "jax": "JAX jit", "scikit-learn": "scikit-learn"}


# 6. A training step


def training(network: cases.Network) -> Calls:
    calls: Calls = {OURS: network.prepare(network.widths, DTYPE)["cython"]}
    for peer, (_, maker) in peers.PEERS.items():
        if peers.installed(peer):
            step = maker(network, DTYPE)
            pure, args, _ = network.step(reference, DTYPE)
            losses, expected = [step() for _ in range(3)], [pure(*args) for _ in range(3)]
            np.testing.assert_allclose(losses, expected, rtol=LOSS_TOLERANCE, err_msg=peer)
            calls[NAMES[peer]] = cases.Call(step, (), {})
    return calls


# times as fast as PyTorch, as JAX; the networks are those of `cases.NETWORKS`, in their order
TRAINING_LIMITS = ((15, 3), (2, 1.25), (1.5, 1.0), (1.05, 0.97))

TRAINING = tuple(
    Race(
        6,
        f"training step {network.label(network.widths)}",
        partial(training, network),
        (
            Bound("PyTorch", least=than_pytorch),
            Bound("JAX jit", least=than_jax),
            Bound(NAMES["book"]),
            Bound(NAMES["scikit-learn"]),
        ),
        seconds=8.0,
        nbytes=network.nbytes(network.widths, DTYPE),
    )
    for network, (than_pytorch, than_jax) in zip(cases.NETWORKS, TRAINING_LIMITS, strict=True)
)


def own_loop(network: cases.Network, dtype: str, dtype_of_x: str) -> Calls:
    """The gradient by layers that are called one by one, with weights of one dtype and images of another."""
    parameters, x, labels = network.data(dtype)
    x, t = x.astype(dtype_of_x), np.eye(network.widths[-1])[labels]
    pairs = {
        name: peers.by_hand(owner, parameters, x, t) for name, owner in ((OURS, fastlayers), (NAMES["book"], peers))
    }
    for _, gradient in pairs.values():
        gradient()
    for ours, books in zip(*(affines for affines, _ in pairs.values()), strict=True):
        scale = np.abs(books.dW).max()
        np.testing.assert_allclose(ours.dW, books.dW, rtol=LOSS_TOLERANCE, atol=LOSS_TOLERANCE * scale)
    return {name: cases.Call(gradient, (), {}) for name, (_, gradient) in pairs.items()}


OWN_LOOP = tuple(
    Race(
        6,
        f"gradient by hand {network.label(network.widths)}, {dtype} weights, {dtype_of_x} x",
        partial(own_loop, network, dtype, dtype_of_x),
        (Bound(NAMES["book"], least=least),),
        seconds=4.0,
    )
    for network in (cases.Network((784, 50, 10), 100),)
    for dtype, dtype_of_x, least in (
        ("float64", "float32", 1.3),
        ("float64", "float64", 1.3),
        ("float32", "float32", 2.0),
    )
)


# 10. A prediction


def prediction(network: cases.Network) -> Calls:
    _, x, _ = network.data(DTYPE)
    ours, pure = (network.step(path, DTYPE).function.__self__.predict for path in (fastlayers, reference))
    calls: Calls = {OURS: cases.Call(ours, (x,), {})}
    makers = {name: maker for name, (modules, maker) in PREDICTIONS.items() if all(map(peers.available, modules))}
    calls |= {name: cases.Call(maker(network), (), {}) for name, maker in makers.items()}
    expected = pure(x)
    for name, (function, args, _) in calls.items():
        scores = np.asarray(function(*args))
        atol = SCORE_TOLERANCE * np.abs(expected).max()
        np.testing.assert_allclose(scores, expected, rtol=SCORE_TOLERANCE, atol=atol, err_msg=name)
    return calls


# times as fast as ONNX Runtime, as PyTorch
PREDICTION_LIMITS = (
    (cases.Network((8, 64, 64, 4), 1), 3, 8),
    (cases.Network((784, 50, 10), 1), 1.7, 3.5),
    (cases.Network((8, 64, 64, 4), 64), 1.2, 2.5),
    (cases.Network((784, 50, 10), 100), 1.0, 1.2),
)

PREDICTION = tuple(
    Race(
        10,
        f"prediction {network.label(network.widths)}",
        partial(prediction, network),
        (
            Bound("ONNX Runtime", least=than_onnx),
            Bound("PyTorch", least=than_pytorch),
            Bound("NumPy"),
            Bound("JAX jit"),
        ),
        seconds=4.0,
    )
    for network, than_onnx, than_pytorch in PREDICTION_LIMITS
)

NETWORKS = (*TRAINING, *OWN_LOOP, *PREDICTION)
