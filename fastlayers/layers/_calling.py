"""How a layer in a stack is called, which may be a user's own: what its methods take, and where its gradients go."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.types import Array
from ._base import OWN, Declared

__all__ = ["forward", "keep", "prediction", "predicts_by_forward", "takes"]


def keep(layer: Any, name: str, kept: Array) -> None:
    """Have a layer's gradient be in the array that was handed out."""
    gradient = getattr(layer, f"d{name}")
    if gradient is not kept:
        np.copyto(kept, gradient, casting="same_kind")
        setattr(layer, f"d{name}", kept)


def takes(name: str, method: Callable[..., Any]) -> bool:
    """Whether a method of a user's layer takes what some of the package's do: ``need_dx``, ``train_flg``."""
    return name in _parameters_of(getattr(method, "__func__", method))


@functools.cache
def _parameters_of(function: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a compiled method may have no signature to look at
        return frozenset()


def prediction(layer: Any, x: Any) -> Any:
    """What a layer gives where nothing is to be learned, by its ``predict`` or its ``forward``."""
    if type(layer) in OWN or _is_network(layer) or not predicts_by_forward(layer):
        return layer.predict(x)
    return forward(layer, x, is_training=False)


def _is_network(layer: Any) -> bool:
    return isinstance(layer, Declared) and layer.is_network


def predicts_by_forward(layer: Any) -> bool:
    """Return whether the last class in the line of inheritance that has one of both has `forward` and no `predict`."""
    for names in (getattr(layer, "__dict__", {}), *map(vars, type(layer).__mro__)):
        if "predict" in names or "forward" in names:
            return "predict" not in names
    return not hasattr(layer, "predict")  # it stands in for another object, by `__getattr__`


def forward(layer: Any, x: Any, *, is_training: bool) -> Any:
    """A user's layer is told its mode where its ``forward`` takes ``train_flg``, as those of volume 1 do."""
    return layer.forward(x, train_flg=is_training) if takes("train_flg", layer.forward) else layer.forward(x)
