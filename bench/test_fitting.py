"""An epoch of Sequential.fit, beside the loop of train_step over slices, which costs the least, and one that shuffles.

"fit, unchecked" is the epoch in order with ``on_nonfinite="ignore"``: what is between the two, seeing to it that all
numbers are finite costs.

The losses of the first epoch in order are compared before they are timed. Nothing is asserted about time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastlayers as fl
from fastlayers.command import cases

SAMPLES = 1800  # a step of cases.NETWORKS[0] is the smallest of them, so what is between the steps tells most


def contenders(network: cases.Network) -> dict[str, Callable[[], Any]]:
    size, rng = network.batch, np.random.default_rng(0)
    x = rng.standard_normal((SAMPLES, network.widths[0])).astype(np.float32)
    t = rng.integers(0, network.widths[-1], SAMPLES)
    model: fl.Sequential = network.step(fl, "float32").function.__self__
    sgd = fl.SGD(0)  # so that every epoch is the same

    def slices() -> float:
        losses = [model.train_step(x[i : i + size], t[i : i + size], sgd) for i in range(0, SAMPLES, size)]
        return float(np.mean(losses))

    def shuffled() -> None:
        order = rng.permutation(SAMPLES)
        for i in range(0, SAMPLES, size):
            batch = order[i : i + size]
            model.train_step(x[batch], t[batch], sgd)

    def fit(shuffle: bool, on_nonfinite: Any = "raise") -> float:
        options = {"optimizer": sgd, "rng": rng, "shuffle": shuffle, "on_nonfinite": on_nonfinite}
        return model.fit(x, t, 1, size, **options).loss[0]

    np.testing.assert_allclose(fit(False), slices(), rtol=1e-2)  # the last batch is smaller
    return {
        "fit": lambda: fit(True),
        "fit in order": lambda: fit(False),
        "fit, unchecked": lambda: fit(False, "ignore"),
        "slices": slices,
        "x[order]": shuffled,
    }


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("contender", ["fit", "fit in order", "fit, unchecked", "slices", "x[order]"])
@pytest.mark.parametrize("network", cases.NETWORKS[:1], ids=lambda network: network.label(network.widths))
def test_epoch(benchmark: Any, network: cases.Network, contender: str) -> None:
    benchmark.group = f"an epoch, {network.label(network.widths)}"
    benchmark(contenders(network)[contender])
