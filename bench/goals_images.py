"""The goals of networks of images: training steps and predictions, beside those who do the same."""

from functools import partial
from typing import Any

import image_networks
import limits
import numpy as np
import peers
from goals import OURS, Bound, Calls, Race
from goals_networks import LOSS_TOLERANCE, NAMES, SCORE_TOLERANCE
from image_networks import DROPOUT, POOL, RELU, Affine, Filters, ImageNetwork

import fastlayers
from fastlayers import reference
from fastlayers.command import cases

# The book's chapters 7 and 8 have the first and the last.
SIMPLE = partial(ImageNetwork, "SimpleConvNet", (Filters(30, 5), POOL, Affine(100), RELU, Affine(10)))
LENET = partial(
    ImageNetwork,
    "LeNet",
    (Filters(6, 5), POOL, Filters(16, 5), POOL, Affine(120), RELU, Affine(84), RELU, Affine(10)),
)
DEEP = partial(
    ImageNetwork,
    "DeepConvNet",
    (
        *(Filters(16, 3, 1), Filters(16, 3, 1), POOL),
        *(Filters(32, 3, 1), Filters(32, 3, 2), POOL),
        *(Filters(64, 3, 1), Filters(64, 3, 1), POOL),
        *(Affine(50), RELU, DROPOUT, Affine(10), DROPOUT),
    ),
)
BOOK = NAMES["book"]
STEPS = 2  # whose losses are compared: the second is after an update by all gradients


def contenders(makers: dict[str, Any], network: ImageNetwork, dtype: str) -> dict[str, Any]:
    return {
        name: maker(network, dtype) for name, (modules, maker) in makers.items() if all(map(peers.available, modules))
    }


def training(network: ImageNetwork, dtype: str) -> Calls:
    pure, args, _ = image_networks.training(network, reference, dtype)
    expected = [pure(*args) for _ in range(STEPS)]
    calls: Calls = {OURS: image_networks.training(network, fastlayers, dtype)}
    steps = contenders(image_networks.TRAINING, network, dtype)
    calls |= {name: cases.Call(step, (), {}) for name, step in steps.items()}
    for name, (step, args, _) in calls.items():
        losses = [step(*args) for _ in range(STEPS)]
        np.testing.assert_allclose(losses, expected, rtol=LOSS_TOLERANCE, err_msg=name)
    return calls


def prediction(network: ImageNetwork, dtype: str) -> Calls:
    pure, args, _ = image_networks.predicting(network, reference, dtype)
    expected = pure(*args)
    calls: Calls = {OURS: image_networks.predicting(network, fastlayers, dtype)}
    makers = contenders(image_networks.PREDICTING, network, dtype)
    calls |= {name: cases.Call(predict, (), {}) for name, predict in makers.items()}
    for name, (predict, args, _) in calls.items():
        atol = SCORE_TOLERANCE * np.abs(expected).max()
        np.testing.assert_allclose(np.asarray(predict(*args)), expected, SCORE_TOLERANCE, atol, err_msg=name)
    return calls


def bounds(**least: float | None) -> tuple[Bound, ...]:
    """How many times as fast as each; with None that is told, and nothing asked of it."""
    names = {"b": BOOK, "t": "PyTorch", "j": "JAX jit", "o": "ONNX Runtime"}
    return tuple(Bound(names[peer], least=value) for peer, value in least.items())


def race(kind: str, network: ImageNetwork, dtype: str = "float32", seconds: float = 2.5, **least: float) -> Race:
    calls, work = {
        "training step": (training, limits.training_images),
        "prediction": (prediction, limits.predicting_images),
    }[kind]
    what = f"{kind} {network.label}"
    return Race(
        14,
        what if dtype == "float32" else f"{dtype} {what}",
        partial(calls, network, dtype),
        bounds(**least),
        seconds,
        network.nbytes(),
        {OURS: work(network.summary(), network.batch, dtype)},
    )


IMAGES = (
    race("training step", SIMPLE(1), b=10, t=4.4, j=2.4),
    race("training step", SIMPLE(16), b=13.5, t=3.6, j=4.5),
    race("training step", SIMPLE(100), b=21, t=3.6, j=10),
    race("training step", SIMPLE(100), "float64", b=10, t=3.1, j=8),
    race("training step", LENET(32), b=11, t=2.8, j=5.3),
    race("training step", DEEP(100), b=15, t=1.1, j=4.6),
    race("prediction", SIMPLE(1), b=13, t=4.4, j=2.3, o=1.3),
    race("prediction", SIMPLE(100), b=25, t=6.2, j=2.3, o=1.25),
    race("prediction", LENET(1), b=22, t=12, j=5.8, o=1.5),
    race("prediction", LENET(32), b=19, t=4.6, j=6.9, o=1.2),
    race("prediction", DEEP(1), b=8.5, t=2.6, j=1.9, o=0.85),
)
