"""What any layer has to train, a user's own too: by its declaration, by volume 2's lists, or as W and b.

Whoever asks a layer for its parameters asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

import numpy as np

from .._core.types import Array
from ._base import OWN, Declared, assigned, has_lists, replaces_lists

__all__ = [
    "buffers_of",
    "check_declared",
    "copy_buffers",
    "grads_of",
    "has_params",
    "is_declared",
    "named_params",
    "named_trained",
    "param_names",
    "params_of",
    "put_buffers",
]

_LEGACY = ("W", "b")


def is_declared(layer: Any) -> TypeGuard[Declared]:
    """Return whether a layer's parameters are those that a class of this package declares."""
    return type(layer) in OWN or (isinstance(layer, Declared) and not replaces_lists(layer))


def param_names(layer: Any) -> tuple[str, ...] | None:
    """The attributes of a layer that hold its parameters, those that are None too; None where a list has them."""
    names = getattr(layer, "param_names", None)
    if names is not None and (is_declared(layer) or not isinstance(layer, Declared)):
        return tuple(names)
    return None if isinstance(getattr(layer, "params", None), list | tuple) else _LEGACY


def params_of(layer: Any) -> list[Any]:
    """The parameters of a layer, in order, whether frozen or not: the arrays themselves."""
    return [param for _, param in named_params(layer)]


def has_params(layer: Any) -> bool:
    """Whether a layer has anything to train, if it were not frozen."""
    return bool(params_of(layer))


def named_params(layer: Any) -> list[tuple[str, Array]]:
    """The parameters of a layer with a name for each: its attribute's, or ``params[0]``."""
    if is_declared(layer):
        return layer._named_params()
    names = param_names(layer)
    if names is None:
        is_assigned = isinstance(layer, Declared) and has_lists(layer)
        return _numbered(assigned(layer, "params") if is_assigned else layer.params)
    found = [(name, getattr(layer, name, None)) for name in names]
    return [(name, param) for name, param in found if param is not None]


def named_trained(layer: Any) -> list[tuple[str, Array]]:
    """As `named_params`, of a layer that is not frozen; of a frozen one none."""
    if is_declared(layer):
        return layer._named_trained()
    if getattr(layer, "frozen", False):
        return []
    return _numbered(layer.params) if param_names(layer) is None else named_params(layer)


def _numbered(params: Iterable[Array]) -> list[tuple[str, Array]]:
    return [(f"params[{i}]", param) for i, param in enumerate(params)]


def grads_of(layer: Any) -> list[Array]:
    """The gradients that the last backward has left, aligned with `named_trained`.

    Raises
    ------
    TypeError
        If the layer has parameters and no gradients to go with them; the message names both.
    """
    if is_declared(layer):
        return layer._last_gradients()
    if getattr(layer, "frozen", False):
        return []
    names = param_names(layer)
    if names is None:
        grads = getattr(layer, "grads", None)
        if not isinstance(grads, list | tuple) or len(grads) != len(layer.params):
            given = f"{len(grads)} grads" if isinstance(grads, list | tuple) else "no list of grads"
            raise TypeError(
                f"{type(layer).__name__} has {len(layer.params)} params, but {given}: it must have one for each"
            )
        return list(grads)
    found = []
    for name in names:
        if getattr(layer, name, None) is not None:
            if not hasattr(layer, f"d{name}"):
                raise TypeError(f"{type(layer).__name__} has the parameter {name}, but backward has not set d{name}")
            found.append(getattr(layer, f"d{name}"))
    return found


def buffers_of(layers: Iterable[Any]) -> Iterator[tuple[Any, str, Any]]:
    """Each buffer of some layers: the layer, the attribute, and the array, or None where there is none yet."""
    for layer in layers:
        for name in getattr(layer, "buffer_names", ()):
            yield layer, name, getattr(layer, name, None)


def copy_buffers(layers: Iterable[Any]) -> list[tuple[Any, str, Any]]:
    """The buffers of some layers as they are now, for `put_buffers`."""
    return [(layer, name, None if array is None else np.array(array)) for layer, name, array in buffers_of(layers)]


def put_buffers(kept: Iterable[tuple[Any, str, Any]]) -> None:
    """Give layers the buffers that they had; each is a copy, so that it can be done again."""
    for layer, name, array in kept:
        setattr(layer, name, None if array is None else array.copy())


def check_declared(layer: Any, place: str) -> None:
    """TypeError where a user's layer has what looks like parameters, an array and its gradient, and does not say so.

    `place` says where in a network the layer stands.
    """
    if isinstance(layer, Declared) or param_names(layer) is None:
        return
    known = {*param_names(layer), *getattr(layer, "buffer_names", ())}  # type: ignore[misc]  # not None
    attributes = getattr(layer, "__dict__", {})
    hidden = [
        name
        for name, value in attributes.items()
        if name not in known and f"d{name}" in attributes and isinstance(value, np.ndarray) and value.dtype.kind == "f"
    ]
    # What comes in and goes out, kept by a forward, has gradients too.
    hidden = [name for name in hidden if name not in ("x", "y", "out", "h", "c")]
    if hidden:
        listed = ", ".join(f'"{name}"' for name in hidden)
        raise TypeError(
            f"{place} is a {type(layer).__name__} that has {' and '.join(f'{name} with d{name}' for name in hidden)}, "
            f"but does not say that they are its parameters: give its class param_names = ({listed},)"
        )
