"""What recurrent layers carry from one call to the next: it is reset at rest, and left as it was by an evaluation.

A layer with a state has ``reset_state()``, and ``h``, with which an LSTM has ``c``; where it is ``stateful`` the next
call goes on from there. One that is made of others with a state, as those of two directions, has theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ._nested import leaves

__all__ = ["at_rest", "first_stateful", "reset_state"]

_STATE = ("h", "c")


def first_stateful(layers: Iterable[Any]) -> str | None:
    """The first layer whose state goes on from call to call, as ``layer 1, TimeLSTM,``; None where there is none."""
    for place, layer in leaves(layers):
        if getattr(layer, "stateful", False):
            return f"layer {place}, {type(layer).__name__},"
    return None


def reset_state(layers: Iterable[Any]) -> None:
    """Have every layer that keeps a state begin from zero."""
    for _, layer in leaves(layers):
        if hasattr(layer, "reset_state"):
            layer.reset_state()


@contextmanager
def at_rest(layers: Iterable[Any]) -> Iterator[None]:
    """Within it every state begins from zero; afterwards each is what it was before."""
    found = [layer for _, layer in leaves(layers) if hasattr(layer, "reset_state")]
    parts = [
        part for layer in found for part in getattr(layer, "__dict__", {}).values() if hasattr(part, "reset_state")
    ]
    kept = [
        (layer, name, getattr(layer, name)) for layer in [*found, *parts] for name in _STATE if hasattr(layer, name)
    ]
    reset_state(found)
    try:
        yield
    finally:
        for layer, name, value in kept:
            setattr(layer, name, value)
