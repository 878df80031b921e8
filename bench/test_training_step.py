"""A training step of each network: both paths, the book's code, and the peers that are installed.

All start from the same weights, batch and learning rate, and their losses are compared before they are timed.
Nothing is asserted about time.
"""

from typing import Any

import numpy as np
import peers
import pytest

from fastlayers import reference
from fastlayers.command import cases

# The book adds an epsilon inside its logarithm, so its losses differ a little from ours.
PEER_TOLERANCE = 1e-4


@pytest.mark.parametrize("contender", ["reference", "cython", *peers.PEERS])
@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("network", cases.NETWORKS, ids=lambda network: network.label(network.widths))
def test_training_step(
    benchmark: Any, network: cases.Network, dtype: str, contender: str, request: pytest.FixtureRequest
) -> None:
    benchmark.group = f"{network.name} {network.label(network.widths)} {dtype}"
    if contender in peers.PEERS:
        if not peers.installed(contender):
            pytest.skip(f"{contender} is not installed")
        step = peers.PEERS[contender][1](network, dtype)
        pure, args, _ = network.step(reference, dtype)
        np.testing.assert_allclose([step() for _ in range(3)], [pure(*args) for _ in range(3)], rtol=PEER_TOLERANCE)
        benchmark(step)
    else:
        if contender == "cython":
            request.getfixturevalue("compiled")
        function, args, _ = network.prepare(network.widths, dtype)[contender]
        benchmark(function, *args)
