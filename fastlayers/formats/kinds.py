"""What a file says of a layer or a loss: its kind, its parameters, its options, as the class declares them."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import layers
from .._core.options import class_weights
from .._core.types import Array
from ..layers._base import Declared, LayerBase
from ..layers._loss import Loss
from ..layers._nested import Nested
from ..layers._program import METHODS, overridden

DTYPES = ("float16", "float32", "float64")
# The losses that make probabilities.
PROBABILITIES = ("SoftmaxWithLoss", "SigmoidWithLoss", "TimeSoftmaxWithLoss", "TimeSigmoidWithLoss")


LAYERS: Mapping[str, type[LayerBase]] = {
    name: kind for name in layers.__all__ if issubclass(kind := getattr(layers, name), LayerBase)
}
LOSSES: Mapping[str, type[Loss]] = {
    name: kind for name in layers.__all__ if issubclass(kind := getattr(layers, name), Loss)
}


def name_of(layer: object, names: Collection[str], file: str) -> str:
    """Return the name of a layer or a loss of this package, if it is one of these.

    Raises
    ------
    TypeError
        If it is another, or has a method of a user's; the message says that a `file` cannot hold it.
    """
    own = type(layer)
    ours = getattr(layers, own.__name__) if own.__name__ in names else None
    # A user's own subclass may compute something else, so the type must be ours and not only inherit from it.
    # Its twin on the pure path is known by its module, which stands above this one.
    if ours is None or (own is not ours and not (issubclass(own, ours) and own.__module__ == "fastlayers.reference")):
        raise TypeError(f"{file} holds {', '.join(names)}, not {own.__module__}.{own.__qualname__}")
    _check_methods(layer, file, METHODS)
    return own.__name__


def check_networks(network: Any, file: str, methods: Iterable[str] = METHODS) -> None:
    """Raise a TypeError if a network, or one within it, has one of some methods from a user.

    `file` says what cannot hold it: what is read from the file would compute something else.
    """
    _check_methods(network, file, methods)
    for layer in network.layers:
        if isinstance(layer, Nested):
            check_networks(layer, file, methods)


def _check_methods(thing: object, file: str, methods: Iterable[str]) -> None:
    method, own = overridden(thing, methods), type(thing)
    if method is not None:
        raise TypeError(
            f"{file} holds what the package's methods compute, not your {method} of {own.__module__}.{own.__qualname__}"
        )


def params_of(layer: Declared) -> list[str]:
    """The names of the parameters that a layer has."""
    return [name for name, _ in layer._named_params()]


def buffers_of(layer: Declared) -> list[str]:
    """The names of the buffers that a layer has."""
    return [name for name in layer.buffer_names if getattr(layer, name) is not None]


def check_statistics(layers: Iterable[tuple[str, Declared]]) -> None:
    """ValueError where a layer, which comes with its place, lacks what it would predict by."""
    for place, layer in layers:
        if len(buffers_of(layer)) < len(layer.buffer_names):
            raise ValueError(
                f"layer {place}, {type(layer).__name__}, has no running statistics yet: train it, or give it "
                f"{' and '.join(layer.buffer_names)}"
            )


def param_lists(kind: type[Declared]) -> list[list[str]]:
    """What parameters a layer may have: all, or all but those that its constructor has by default."""
    given = inspect.signature(kind).parameters
    needed = [name for name in kind.param_names if given[name].default is inspect.Parameter.empty]
    return [[*kind.param_names]] if len(needed) == len(kind.param_names) else [[*kind.param_names], needed]


def options_of(layer: Declared) -> dict[str, Any]:
    """A layer's options as JSON has them.

    Raises
    ------
    TypeError, ValueError
        If one has been set to what no layer can have.
    """
    written = {}
    for name, option in layer.options.items():
        value = getattr(layer, name)
        if value is not None:
            written[name] = option.written(name, value)
            if not option.fits(written[name]):
                raise ValueError(
                    f"{type(layer).__name__} has {name}={reprlib.repr(value)}, which it cannot be made with again: "
                    f"expected {option.expected}"
                )
    return written


def read_options(owner: str, found: Mapping[str, Any], kind: type[Declared], dtype: str) -> dict[str, Any]:
    """The options of a file's layer or loss, ready to make it with.

    Raises
    ------
    ValueError
        If there is an option that it does not have, or that does not fit.
    """
    found = {kind._aliases.get(name, name): value for name, value in found.items()}
    for name, value in found.items():
        option = kind.options.get(name)
        if option is None or not option.fits(value):
            wanted = ", which this version does not know" if option is None else f"; expected {option.expected}"
            raise ValueError(f"{owner} has the option {name}={reprlib.repr(value)}{wanted}")
    return {name: kind.options[name].read(value, dtype) for name, value in found.items()}


def dtype_of(arrays: Sequence[Array]) -> str:
    """The one dtype of a network's parameters.

    Raises
    ------
    TypeError
        If they have several, or one that is not in `DTYPES`.
    ValueError
        If there are none.
    """
    dtypes = sorted({array.dtype.name for array in arrays})
    if not dtypes:
        raise ValueError("the network has no parameters, so there is nothing to save")
    if len(dtypes) > 1 or dtypes[0] not in DTYPES:
        raise TypeError(f"the parameters must share one dtype of {', '.join(DTYPES)}, not {', '.join(dtypes)}")
    return dtypes[0]


def check_weight(weight: list[float] | None, outputs: int | None, dtype: str) -> None:
    """Check the class weights of a loss against the outputs of its network, whose dtype they get.

    Raises
    ------
    ValueError
        If there is not one for each output, or one is beyond the dtype.
    """
    if weight is None:
        return
    if outputs not in (None, len(weight)):
        raise ValueError(f"its loss has {len(weight)} class weights; expected one for each of the {outputs} outputs")
    beyond = np.flatnonzero(np.isinf(class_weights(weight, dtype)))
    if len(beyond):
        c = beyond[0]
        raise ValueError(f"its loss has the weight {weight[c]} for class {c}, which {dtype} cannot hold")
