"""Cast the input of a network, and the gradient of its output, to the dtype of its parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._core import backend
from ..functional.cast import cast_like
from ._base import OF_NUMBERS, OWN
from ._declaration import params_of
from ._nested import Nested, chain, leaves

__all__ = ["as_gradient", "as_input", "first_to_look", "takes_indices"]


def as_input(layers: list[Any], x: Any, name: str = "x") -> Any:
    """What the first layer is given for x: x in the dtype of the parameters, where they have one.

    A user's own first layer is given x itself, and so is one that takes indices, and every one where parameters have
    several dtypes: these are promoted, as NumPy does. A finite number that would become infinite is a ValueError, which
    calls x by its name.
    """
    y = backend.kernels.as_input(layers, x, OF_NUMBERS)
    return _as_input(layers, x, name) if y is NotImplemented else y


def as_gradient(layers: list[Any], dout: Any) -> Any:
    """Return the gradient of a network's output in the dtype of its parameters.

    It is returned unchanged if the last layer is a user's own, or the parameters have several dtypes.

    Raises
    ------
    ValueError
        If a finite number would become infinite.
    """
    gradient = backend.kernels.as_input(layers, dout, OWN)
    if gradient is not NotImplemented:
        return gradient
    *_, (_, last) = ("", None), *leaves(layers)
    return dout if type(last) not in OWN else _as_parameter(_parameter(layers), dout, "dout")


def takes_indices(layers: Iterable[Any]) -> bool:
    """Whether what goes into layers is integers: the first that looks at the numbers of what it is given says so.

    Of layers side by side one is enough, as floats can be made of integers.
    """
    return any(getattr(layer, "takes_indices", False) for layer in first_to_look(layers))


def first_to_look(layers: Iterable[Any]) -> list[Any]:
    """The first layer that looks at the numbers of what goes into layers; of layers side by side one of each."""
    for _, layer in chain(layers):
        if isinstance(layer, Nested):
            found = [first for inner in layer.layers for first in first_to_look([inner])]
            if found:
                return found
        elif getattr(layer, "_keeps", None) != "shape":
            return [layer]
    return []


def _as_input(layers: list[Any], x: Any, name: str) -> Any:
    _, first = next(leaves(layers), (None, None))
    param = _parameter(layers) if type(first) in OWN and not takes_indices(layers) else None
    return _as_parameter(param, x, name)


def _as_parameter(param: Any, x: Any, name: str) -> Any:
    """Return x in the dtype of a parameter; x itself if it has it, or there is no parameter."""
    if param is None or (isinstance(x, np.ndarray) and x.dtype == param.dtype):
        return x
    return cast_like(backend.run, x, param, name)


def _parameter(layers: list[Any]) -> Any:
    """The first parameter, where all of them are arrays of its dtype, a floating one; else None."""
    params = [param for _, layer in leaves(layers) for param in params_of(layer)]
    if not params or not all(isinstance(param, np.ndarray) and param.dtype == params[0].dtype for param in params):
        return None
    return params[0] if params[0].dtype.kind == "f" else None
