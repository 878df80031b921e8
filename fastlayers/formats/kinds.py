"""What a file says of a layer or a loss: its kind, its parameters, its options. A new layer is a line in a table."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import layers
from .._core import arguments, targets
from .._core.types import Array

DTYPES = ("float16", "float32", "float64")


@dataclass(frozen=True)
class Option:
    """A setting of a layer that is not None, in JSON and back.

    Attributes
    ----------
    written : callable
        Of its name and value: what JSON has of it; TypeError or ValueError where it is of no use.
    fits : callable
        Of what JSON has: whether a layer can have it.
    expected : str
        What fits, as the end of a sentence.
    read : callable
        Of what JSON has and the dtype of the parameters: the value for the layer.
    """

    written: Callable[[str, Any], Any]
    fits: Callable[[Any], bool]
    expected: str
    read: Callable[[Any, str], Any] = lambda value, dtype: value


@dataclass(frozen=True)
class Kind:
    """The parameters that a layer may have, in order, and its options."""

    params: tuple[tuple[str, ...], ...] = ((),)
    options: Mapping[str, Option] = field(default_factory=dict)


def _is_number(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)


def _is_fraction(value: Any) -> bool:
    return type(value) is float and 0 <= value <= 1


def _are_weights(value: Any) -> bool:
    return type(value) is list and all(_is_number(weight) and weight >= 0 for weight in value)


def _written_weights(name: str, weights: Any) -> list[float]:
    return [arguments.number(name, weight) for weight in weights]


def _weights(value: list[float], dtype: str) -> Array:
    """In the dtype that no call has to convert."""
    with np.errstate(over="ignore"):  # `check_weight` refuses what overflows
        return np.array(value, dtype)


_FRACTION = Option(arguments.number, _is_fraction, "a float from 0 to 1")
_REDUCTION = Option(
    lambda name, value: value,
    lambda value: value in targets.REDUCTIONS,
    f"one of {', '.join(targets.REDUCTIONS)}",
)

LAYERS: Mapping[str, Kind] = {
    "Affine": Kind(params=(("W", "b"), ("W",))),
    "Relu": Kind(),
    "LeakyRelu": Kind(options={"negative_slope": Option(arguments.number, _is_number, "a finite float")}),
    "Sigmoid": Kind(),
    "Tanh": Kind(),
    # What it drops is drawn anew: its rng stays behind, and a layer that is read gets a fresh one.
    "Dropout": Kind(options={"p": _FRACTION}),
}
LOSSES: Mapping[str, Kind] = {
    "SoftmaxWithLoss": Kind(
        options={
            "weight": Option(_written_weights, _are_weights, "finite floats from 0, one for each class", _weights),
            "ignore_index": Option(arguments.integer, lambda value: type(value) is int, "an integer"),
            "label_smoothing": _FRACTION,
            "reduction": _REDUCTION,
        }
    ),
    "SigmoidWithLoss": Kind(options={"reduction": _REDUCTION}),
    "MeanSquaredError": Kind(options={"reduction": _REDUCTION}),
}


def name_of(layer: object, names: Collection[str], file: str) -> str:
    """The name of a layer or a loss of this package's own, if it is one of these.

    Raises
    ------
    TypeError
        If it is another; the message says that a `file` cannot hold it.
    """
    own = type(layer)
    ours = getattr(layers, own.__name__) if own.__name__ in names else None
    # A user's own subclass may compute something else, so the type must be ours and not only inherit from it.
    # Its twin on the pure path is known by its module, which stands above this one.
    if ours is None or (own is not ours and not (issubclass(own, ours) and own.__module__ == "fastlayers.reference")):
        raise TypeError(f"{file} holds {', '.join(names)}, not {own.__module__}.{own.__qualname__}")
    return own.__name__


def params_of(layer: Any, kind: Kind) -> list[str]:
    """The names of the parameters that a layer has."""
    return [name for name in kind.params[0] if getattr(layer, name) is not None]


def options_of(layer: Any, kind: Kind) -> dict[str, Any]:
    """A layer's options as JSON has them.

    Raises
    ------
    TypeError, ValueError
        If one has been set to what no layer can have.
    """
    written = {}
    for name, option in kind.options.items():
        value = getattr(layer, name)
        if value is not None:
            written[name] = option.written(name, value)
            if not option.fits(written[name]):
                raise ValueError(
                    f"{type(layer).__name__} has {name}={reprlib.repr(value)}, which it cannot be made with again: "
                    f"expected {option.expected}"
                )
    return written


def read_options(owner: str, found: Mapping[str, Any], kind: Kind, dtype: str) -> dict[str, Any]:
    """The options of a file's layer or loss, ready to make it with.

    Raises
    ------
    ValueError
        If there is an option that it does not have, or that does not fit.
    """
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


def check_shapes(i: int, shapes: Sequence[tuple[int, ...]], width: int | None) -> int:
    """Check an affine layer's shapes against each other and against what comes in; give the width of its output.

    Parameters
    ----------
    i : int
        Its place in the network.
    shapes : sequence of tuple
        Those of W and, where it has one, b.
    width : int or None
        The numbers of a sample that comes in; None if nothing is known of it.

    Raises
    ------
    ValueError
        If they do not fit.
    """
    W = shapes[0]
    if len(W) != 2 or any(b != W[1:] for b in shapes[1:]) or width not in (None, W[0]):
        inputs = "D" if width is None else width
        raise ValueError(f"layer {i} has parameters of shapes {list(shapes)}; expected W ({inputs}, M) and b (M,)")
    return W[1]


def check_weight(weight: list[float] | None, W: Array) -> None:
    """Check the class weights of a loss against the weights W of the last affine layer, whose dtype they get.

    Raises
    ------
    ValueError
        If there is not one for each output, or one is beyond the dtype.
    """
    if weight is None:
        return
    if (len(weight),) != W.shape[1:]:
        raise ValueError(
            f"its loss has {len(weight)} class weights; expected one for each output of the last affine layer, "
            f"whose W has shape {W.shape}"
        )
    beyond = np.flatnonzero(np.isinf(_weights(weight, W.dtype.name)))
    if len(beyond):
        c = beyond[0]
        raise ValueError(f"its loss has the weight {weight[c]} for class {c}, which {W.dtype.name} cannot hold")
