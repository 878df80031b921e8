"""Detect layers that are shared: by two places of one network, or by two networks.

A layer saves for `backward` what its last `forward` computed. A second `forward` of the same layer replaces it, so that
the gradient of the first one would be wrong without an error.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

from ._nested import Nested, leaves, nested_networks

__all__ = ["check_distinct", "check_last_run", "mark_run"]


def check_distinct(layers: Iterable[Any]) -> None:
    """Raise ValueError if one object, a layer or a nested network, stands at two places of a network."""
    places: dict[int, str] = {}
    for place, layer in _all_objects(layers, ""):
        first = places.setdefault(id(layer), place)
        if first is not place:
            raise ValueError(
                f"layer {place} is the same object as layer {first}: give each place a layer of its own, "
                "or one array to several layers"
            )


def _all_objects(layers: Iterable[Any], parent: str) -> Iterator[tuple[str, Any]]:
    """Iterate over layers and nested networks with their places, each network before its own layers."""
    for i, layer in enumerate(layers):
        yield f"{parent}{i}", layer
        if isinstance(layer, Nested):
            yield from _all_objects(layer.layers, f"{parent}{i}.")


def mark_run(layers: Iterable[Any], run: object) -> None:
    """Store in each layer and nested network which network ran its last `forward`; `run` is that network's token."""
    for layer in (*nested_networks(layers), *(layer for _, layer in leaves(layers))):
        attributes = getattr(layer, "__dict__", None)
        if attributes is not None and attributes.get("_last_run") is not run:
            attributes["_last_run"] = run


def check_last_run(layers: Iterable[Any], runs: Container[object]) -> None:
    """Raise RuntimeError if another network has run one of the layers since this network's last `forward`.

    Parameters
    ----------
    layers : iterable of Layer
    runs : container of object
        The tokens of this network and of the network around it that ran it last.
    """
    for place, layer in leaves(layers):
        last = getattr(layer, "__dict__", {}).get("_last_run")
        if last is not None and last not in runs:
            raise RuntimeError(
                f"layer {place}, {type(layer).__name__}, belongs to another network too, which has run it since this "
                "network's last forward: call forward of this network again before backward, or put the shared layers "
                "into a network of their own and run it once"
            )
