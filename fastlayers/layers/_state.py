"""What a layer that has no state yet says."""

from __future__ import annotations


def no_forward(layer: object) -> RuntimeError:
    return RuntimeError(
        f"{type(layer).__name__}.backward was called before forward: there is nothing to go back through"
    )
