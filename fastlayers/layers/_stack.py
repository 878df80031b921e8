"""What a network knows of this package's layers, and has to find out of a user's: the input's dtype, the prediction.

A network has the dtype of its parameters, in which its first layer is given the input; and a layer predicts by
``predict``, or by ``forward`` where that is further down the line of inheritance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import backend
from ..functional.cast import cast_like

__all__ = ["OWN", "as_input", "prediction"]

# The classes of this package that were met as layers, so that one look is enough for each.
OWN: set[type] = set()


def is_own(kind: type) -> bool:
    """Whether a layer's class is one of this package, and not a user's that is derived from one."""
    if kind.__module__.partition(".")[0] == __name__.partition(".")[0] and hasattr(kind, "predict"):
        OWN.add(kind)
    return kind in OWN


# The input


def as_input(layers: list[Any], x: Any, name: str = "x") -> Any:
    """What the first layer is given for x: x in the dtype of the parameters, where they have one.

    A user's own first layer is given x itself, and so is every one where parameters have several dtypes: these are
    promoted, as NumPy does. A finite number that would become infinite is a ValueError, which calls x by its name.
    """
    y = backend.kernels.as_input(layers, x, OWN)
    return _as_input(layers, x, name) if y is NotImplemented else y


def _as_input(layers: list[Any], x: Any, name: str) -> Any:
    param = _parameter(layers)
    if param is None or (isinstance(x, np.ndarray) and x.dtype == param.dtype) or not is_own(type(layers[0])):
        return x
    return cast_like(backend.run, x, param, name)


def _parameter(layers: list[Any]) -> Any:
    """The first parameter, where all of them are arrays of its dtype, a floating one; else None."""
    first = None
    for layer in layers:
        for param in (getattr(layer, "W", None), getattr(layer, "b", None)):
            if param is None:
                continue
            first = param if first is None else first
            if not isinstance(param, np.ndarray) or param.dtype != first.dtype:
                return None
    return first if first is not None and first.dtype.kind == "f" else None


# The prediction


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
