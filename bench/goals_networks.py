"""The goals of whole networks: a gradient by hand, a training step, a prediction, beside those who do the same."""

from functools import partial

import book
import limits
import numpy as np
import peers
from goals import OURS, Bound, Calls, Race
from predictions import PREDICTIONS

import fastlayers
from fastlayers import reference
from fastlayers.command import cases

DTYPE = "float32"
# The book adds an epsilon inside its logarithm, so its losses differ a little from ours.
LOSS_TOLERANCE = 1e-4
SCORE_TOLERANCE = 1e-5
NAMES = {"book": "the book's NumPy", "pytorch": "PyTorch", "jax": "JAX jit"}


# 5. The book's own loop

BOOKS_NETWORK = cases.Network((784, 50, 10), 100)


def by_hand(weights: str, given: str) -> Calls:
    """The gradient as chapter 5 has it, by our layers and by the book's."""
    (ours, affines), (theirs, expected) = (
        book.by_hand(path, BOOKS_NETWORK, weights, given) for path in (fastlayers, book)
    )
    np.testing.assert_allclose(ours(), theirs(), rtol=LOSS_TOLERANCE)
    for affine, same in zip(affines, expected, strict=True):
        np.testing.assert_allclose(affine.dW, same.dW, rtol=LOSS_TOLERANCE, atol=SCORE_TOLERANCE)
    return {OURS: cases.Call(ours, (), {}), NAMES["book"]: cases.Call(theirs, (), {})}


BY_HAND = tuple(
    Race(
        5,
        f"chapter 5's gradient {BOOKS_NETWORK.label(BOOKS_NETWORK.widths)}, {weights} weights, {given} input",
        partial(by_hand, weights, given),
        (Bound(NAMES["book"], least=least),),
        seconds=4.0,
        work={OURS: limits.training(BOOKS_NETWORK, weights, need_dx=True, update=False)},
    )
    for weights, given, least in (("float64", "float32", 1.3), ("float64", "float64", 1.3), ("float32", "float32", 2.0))
)


# 6. A training step


def training(network: cases.Network, dtype: str = DTYPE) -> Calls:
    calls: Calls = {OURS: network.prepare(network.widths, dtype)["cython"]}
    for peer, (_, maker) in peers.PEERS.items():
        if peers.installed(peer):
            step = maker(network, dtype)
            pure, args, _ = network.step(reference, dtype)
            losses, expected = [step() for _ in range(3)], [pure(*args) for _ in range(3)]
            np.testing.assert_allclose(losses, expected, rtol=LOSS_TOLERANCE, err_msg=peer)
            calls[NAMES[peer]] = cases.Call(step, (), {})
    return calls


def training_race(network: cases.Network, dtype: str, than_pytorch: float, than_jax: float | None = None) -> Race:
    what = f"training step {network.label(network.widths)}"
    return Race(
        6,
        what if dtype == DTYPE else f"{dtype} {what}",
        partial(training, network, dtype),
        (
            Bound("PyTorch", least=than_pytorch),
            Bound("JAX jit", least=than_jax),
            Bound(NAMES["book"]),
        ),
        seconds=8.0,
        nbytes=network.nbytes(network.widths, dtype),
        work={OURS: limits.training(network, dtype)},
    )


# times as fast as PyTorch, as JAX; the networks are those of `cases.NETWORKS`, in their order
TRAINING_LIMITS = ((48, 8.5), (2.7, 1.65), (2.0, 1.2), (1.35, 1.12))

TRAINING = tuple(
    training_race(network, DTYPE, *least) for network, least in zip(cases.NETWORKS, TRAINING_LIMITS, strict=True)
)
TRAINING_FLOAT64 = tuple(
    training_race(network, "float64", least) for network, least in zip(cases.NETWORKS[:2], (30, 2), strict=True)
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
    (cases.Network((8, 64, 64, 4), 1), 13, 45),
    (cases.Network((784, 50, 10), 1), 3.2, 6.8),
    (cases.Network((8, 64, 64, 4), 64), 2, 4.5),
    (cases.Network((784, 50, 10), 100), 1.25, 1.6),
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
        work={OURS: limits.predicting(network)},
    )
    for network, than_onnx, than_pytorch in PREDICTION_LIMITS
)

NETWORKS = (*BY_HAND, *TRAINING, *TRAINING_FLOAT64, *PREDICTION)
