"""What a training step on p ranks must take: its computation on a p-th of the batch, and one exchange.

The costs of an ``Allreduce`` of n bytes, where a message takes a latency L and n / B seconds at a bandwidth B, are
those of Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", IJHPCA 19
(2005), without the time of the additions, which next to a network is small. An MPI takes the cheapest.
"""

import math
from typing import NamedTuple


class Network(NamedTuple):
    """Between two ranks, one way."""

    name: str
    latency: float  # seconds
    bandwidth: float  # bytes a second


# The bandwidth is the nominal one; the latency is what MPI usually shows over it, with TCP on the first two.
NETWORKS = (
    Network("10 GbE", 20e-6, 1.25e9),
    Network("25 GbE", 10e-6, 3.125e9),
    Network("100 GbE", 3e-6, 12.5e9),
    Network("HDR InfiniBand", 1e-6, 25e9),
)
RANKS = tuple(2**i for i in range(1, 11))


def ring(nbytes: float, ranks: int, network: Network) -> float:
    """In 2 (p - 1) steps round a ring, each with a p-th of the data."""
    return 2 * (ranks - 1) * (network.latency + nbytes / ranks / network.bandwidth)


def recursive_doubling(nbytes: float, ranks: int, network: Network) -> float:
    """In log2 p steps, each with all of the data."""
    return math.ceil(math.log2(ranks)) * (network.latency + nbytes / network.bandwidth)


def halving_and_doubling(nbytes: float, ranks: int, network: Network) -> float:
    """Rabenseifner's: 2 log2 p steps, with half of the data, a quarter, and so on, and back again."""
    steps = 2 * math.ceil(math.log2(ranks))
    return steps * network.latency + 2 * (ranks - 1) / ranks * nbytes / network.bandwidth


ALGORITHMS = (ring, recursive_doubling, halving_and_doubling)


def allreduce(nbytes: float, ranks: int, network: Network) -> float:
    """Seconds, by the cheapest algorithm."""
    return min(algorithm(nbytes, ranks, network) for algorithm in ALGORITHMS)


def strong(compute: dict[int, float], nbytes: float, ranks: int, network: Network) -> float:
    """How many times as fast so many ranks are on one batch, of which each has a share."""
    batch = max(compute)
    return compute[batch] / (compute[batch // ranks] + allreduce(nbytes, ranks, network))


def weak(compute: dict[int, float], nbytes: float, ranks: int, network: Network) -> float:
    """The same where the batch grows with the ranks, and each has as many samples as one rank alone."""
    alone = compute[max(compute)]
    return ranks * alone / (alone + allreduce(nbytes, ranks, network))


def fitted(times: dict[int, float]) -> Network:
    """Latency and bandwidth of what was measured on two ranks: of the smallest exchange, and of the largest."""
    latency, largest = times[min(times)], max(times)
    return Network("measured", latency, largest / (times[largest] - latency))
