"""Check the layers and the loss that a network is made of, where mistakes can be explained best."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, NoReturn, ParamSpec

import numpy as np

from .._core.arguments import typed
from .._core.callers import stacklevel_of_user
from ._base import Declared, LayerBase
from ._declaration import check_declared, named_params, params_of
from ._nested import Nested, chain, leaves
from ._shapes import shapes_through
from ._sharing import check_distinct

__all__ = ["asks_for_brackets", "check_loss", "check_shapes", "checked_layers", "warn_of_several_dtypes"]

# The last layer that a loss contains already, by the names of the classes: the layers import this module.
_WITHIN_LOSS = {
    ("Softmax", "SoftmaxWithLoss"): "softmax",
    ("Softmax", "TimeSoftmaxWithLoss"): "softmax",
    ("Sigmoid", "SigmoidWithLoss"): "sigmoid",
}


def checked_layers(layers: Iterable[Any], network: str) -> list[Any]:
    """Return the layers as a list.

    Parameters
    ----------
    layers : iterable of Layer
    network : str
        The name of the network's class, for messages.

    Raises
    ------
    TypeError
        If `layers` is no iterable of layers, or one of them is a class, a loss or no layer.
    ValueError
        If one layer stands at two places.
    """
    if isinstance(layers, Declared) or not isinstance(layers, Iterable):
        _refuse_layer(layers, network)
    if isinstance(layers, Mapping):
        raise TypeError(f"layers must be a list of layers, not a {type(layers).__name__}: give its values()")
    found = list(layers)
    for place, layer in enumerate(found):
        _check_layer(layer, f"layer {place}")
    check_distinct(found)
    for name, layer in leaves(found):
        check_declared(layer, f"layer {name}")
    return found


P = ParamSpec("P")


def asks_for_brackets(init: Callable[Concatenate[Any, P], None]) -> Callable[Concatenate[Any, P], None]:
    """Make a network's constructor explain, if it is given layers as several arguments, that it takes a list."""
    takes = len(inspect.signature(init).parameters) - 1

    @functools.wraps(init)
    def checked(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if len(args) > takes and callable(getattr(args[0], "forward", None)):
            _refuse_layer(args[0], type(self).__name__)
        init(self, *args, **kwargs)

    return checked


def _refuse_layer(given: object, network: str) -> NoReturn:
    raise TypeError(
        f"layers must be a list of layers, not {typed(given)}: put them in brackets, as {network}([layer, layer])"
    )


def _check_layer(layer: Any, place: str) -> None:
    if isinstance(layer, type):
        arguments = ", ".join(getattr(layer, "param_names", ()))
        raise TypeError(
            f"{place} is the class {layer.__name__}: the network needs an instance, as {layer.__name__}({arguments})"
        )
    if isinstance(layer, Declared) and not isinstance(layer, Nested) and hasattr(layer, "loss"):
        raise TypeError(
            f"{place} is a {type(layer).__name__}, which is a loss: give it after the list, "
            f"as Sequential(layers, {type(layer).__name__}({'...' if layer.param_names else ''}))"
        )
    if not callable(getattr(layer, "forward", None)):
        raise TypeError(f"{place} must be a layer with forward(x) and backward(dout), not {typed(layer)}")


def warn_of_several_dtypes(layers: list[Any]) -> None:
    """Warn with UserWarning if the parameters have several floating dtypes.

    It is not said again of a nested network, which has warned when it was made.
    """
    found = _by_dtype(layers)
    if len(found) < 2 or any(isinstance(layer, Nested) and len(_by_dtype(layer.layers)) > 1 for layer in layers):
        return
    first, other, *_ = found.values()
    warnings.warn(
        f"{other}, but {first}: the network computes in {np.result_type(*found).name}; give all arrays one dtype, as "
        "np.ones(n, np.float32)",
        UserWarning,
        stacklevel=stacklevel_of_user(),
    )


def _by_dtype(layers: Iterable[Any]) -> dict[np.dtype[Any], str]:
    """Return the floating dtypes of the parameters, each with the first parameter that has it."""
    found: dict[np.dtype[Any], str] = {}
    for place, layer in leaves(layers):
        params: list[tuple[str, Any]] = named_params(layer)  # a user's own layer may have anything
        for name, param in params:
            if isinstance(param, np.ndarray) and param.dtype.kind == "f":
                found.setdefault(
                    param.dtype, f"layer {place}, {type(layer).__name__}, has {name} of {param.dtype.name}"
                )
    return found


def check_loss(loss: Any, layers: list[Any], network: str) -> None:
    """Raise TypeError if `loss` is no loss, ValueError if the last layer computes what the loss contains already."""
    if loss is None:
        return
    if isinstance(loss, type):
        raise TypeError(f"loss is the class {loss.__name__}: the network needs an instance, as {loss.__name__}()")
    if isinstance(loss, LayerBase | Nested):
        raise TypeError(
            f"loss is {typed(loss)}, which is a layer: put all layers in one list, as {network}([layer, layer], loss)"
        )
    if not (callable(getattr(loss, "forward", None)) and callable(getattr(loss, "backward", None))):
        raise TypeError(f"loss must have forward(x, t) and backward(), as SoftmaxWithLoss() has, not {typed(loss)}")
    *_, (place, last) = ("", None), *chain(layers)
    for kind in type(loss).__mro__:
        function = _WITHIN_LOSS.get((type(last).__name__, kind.__name__))
        if function is not None and isinstance(last, LayerBase):
            raise ValueError(
                f"layer {place} is a {type(last).__name__}, but {kind.__name__} applies {function} itself: "
                f"leave the layer out, and use {function}(network.predict(x)) for probabilities"
            )


def check_shapes(layers: Iterable[Any]) -> None:
    """Raise ValueError if a layer's parameters do not fit each other or the output of the layer before it."""
    found = [*chain(layers)]
    if all(isinstance(param, np.ndarray) for _, layer in found for param in params_of(layer)):
        shapes_through(found)
