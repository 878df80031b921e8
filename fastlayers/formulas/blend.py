"""One network's parameters moved towards another's, in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def blend(params: list[Array], others: list[Array], tau: float) -> None:
    """``param <- (1 - tau) * param + tau * other``, in place, for each.

    With tau = 1 it is a copy, and with 0 nothing changes, of what is not finite too. Source: Lillicrap et al.,
    "Continuous control with deep reinforcement learning", ICLR 2016, algorithm 1.
    """
    if tau == 0:
        return
    with np.errstate(all="ignore"):
        news = [
            other if tau == 1 else (1 - tau) * param + tau * other for param, other in zip(params, others, strict=True)
        ]
        for param, new in zip(params, news, strict=True):
            param[...] = new
