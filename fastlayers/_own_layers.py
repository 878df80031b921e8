"""What a network knows of this package's layers, and has to find out of a user's.

A layer predicts by ``predict``, or by ``forward`` where that is further down the line of inheritance.
"""

from __future__ import annotations

from typing import Any

__all__ = ["OWN", "prediction"]

# The classes of this package that were met as layers, so that one look is enough for each.
OWN: set[type] = set()


def is_own(kind: type) -> bool:
    """Whether a layer's class is one of this package, and not a user's that is derived from one."""
    if kind.__module__.partition(".")[0] == __package__ and hasattr(kind, "predict"):
        OWN.add(kind)
    return kind in OWN


def prediction(layer: Any, x: Any) -> Any:
    """What a layer gives where nothing is to be learned, by its ``predict`` or its ``forward``."""
    if not is_own(type(layer)):
        for names in (getattr(layer, "__dict__", {}), *map(vars, type(layer).__mro__)):
            if "predict" in names:
                break
            if "forward" in names:
                return layer.forward(x)
        else:  # it stands in for another object, by `__getattr__`
            if not hasattr(layer, "predict"):
                return layer.forward(x)
    return layer.predict(x)
