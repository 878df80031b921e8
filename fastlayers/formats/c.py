"""A trained network as one C99 file that predicts, and needs nothing but ``math.h``.

A function takes one sample, or where sequences go through the network one step of one, with what remains between two
steps in a struct. What becomes of each layer is in ``c_layers.py``, and the file's text is made in ``c_text.py``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import layers as ours
from .._core.files import atomic_write
from .._core.types import Array, Shape
from ..layers._declaration import params_of
from ..layers._shapes import shapes_through
from ..layers._stack import leaves, takes_indices
from ..layers._summary import sample_shape
from . import kinds
from .c_layers import IDENTITIES, IN_PLACE, NAMES, OTHERS, Step, scale_of
from .c_names import check_name
from .c_source import Numbers, Source
from .c_text import Sizes, text_of

_FILE = "a C file"
_PRODUCTS = ("Affine", "Convolution", "MatMul", "TimeAffine")


def save(
    path: str | os.PathLike[str],
    layers: Sequence[Any],
    loss: Any,
    name: str = "policy",
    *,
    input_shape: Sequence[int] | None = None,
    probabilities: bool = False,
) -> Sizes:
    """Write layers as a C file, whole or not at all, and give its sizes; `Portable.to_c` says how."""
    if not os.fsdecode(path).endswith(".c"):
        raise ValueError(f"path must end in .c, by which a compiler knows C, not be {os.fsdecode(path)!r}")
    text, sizes = text_and_sizes(layers, loss, name, input_shape=input_shape, probabilities=probabilities)
    with atomic_write(path) as file:
        file.write(text.encode())
    return sizes


def text_and_sizes(
    layers: Sequence[Any],
    loss: Any,
    name: str = "policy",
    *,
    input_shape: Sequence[int] | None = None,
    probabilities: bool = False,
) -> tuple[str, Sizes]:
    """Make the text that `save` writes, and raise what it raises."""
    check_name(name)
    network = _Network(layers, loss, input_shape, probabilities)
    source = Source(name, network.dtype)
    network.emit(source)
    return text_of(source, network)


class _Network:
    """Layers that are seen to fit each other and a C file."""

    def __init__(
        self, layers: Sequence[Any], loss: Any, input_shape: Sequence[int] | None, probabilities: bool
    ) -> None:
        stack = [*leaves(layers)]
        names = [kinds.name_of(layer, NAMES, _FILE) for _, layer in stack]
        self.layers = layers
        self.arrays = _arrays(stack)
        self.dtype = kinds.dtype_of([*self.arrays.values()])
        if self.dtype == "float16":
            raise TypeError(f"{_FILE} holds parameters of float32 or float64, not float16")
        kinds.check_statistics(stack)
        self.of_steps = any(name.startswith("Time") and name not in IDENTITIES for name in names)
        self.takes_indices = takes_indices([layer for _, layer in stack])
        self.sample = _sample(layers, input_shape, self.of_steps)
        self.activation = _probabilities(loss) if probabilities else None
        try:
            self.plan, result = self._plan(stack, self.sample)
        except ValueError as error:
            raise error if input_shape is None else ValueError(f"input_shape {input_shape}: {error}") from None
        self.shape = self._of_one(self.sample)
        self.result = self._of_one(result)
        self.described = [(place, type(layer).__name__) for place, layer in stack]

    def emit(self, source: Source) -> None:
        """Write the loops of all layers."""
        _walk(source, self.plan, Numbers("x"), Numbers("y"))

    def _of_one(self, shape: Shape) -> tuple[int, ...]:
        """The shape of what one call takes or gives."""
        known = shape or ()
        return tuple(size or 0 for size in (known[1:] if self.of_steps else known))

    def _plan(self, stack: Sequence[tuple[str, Any]], shape: Shape) -> tuple[list[Step], Shape]:
        """The steps of some layers, which are given numbers of this shape, and the shape of what they give."""
        found: list[Step] = []
        for place, layer in stack:
            name = type(layer).__name__
            if layer.takes_indices and (found or not self.takes_indices):
                raise ValueError(f"layer {place}, {name}, takes indices, which in {_FILE} only the first can be given")
            result = shapes_through([(place, layer)], shape)[0]
            if self.of_steps and (not result or result[0] is not None):
                raise ValueError(
                    f"layer {place}, {name}, takes all steps of a sequence together; {_FILE} takes one at a time"
                )
            if 0 in (result or ()):
                raise ValueError(f"layer {place}, {name}, gives no numbers: its output has the shape {result}")
            own = {of: np.asarray(getattr(layer, of)) for of in kinds.params_of(layer)}
            step = Step(place, layer, own, self._of_one(shape), self._of_one(result))
            folded = _folded(found[-1], layer) if found and name == "BatchNormalization" else None
            if folded is not None:
                found[-1] = folded
            elif name not in IDENTITIES:
                found.append(step)
            shape = result
        if self.activation is not None:
            found.append(Step("probabilities", self.activation, {}, self._of_one(shape), self._of_one(shape)))
        return found, shape


def _walk(source: Source, plan: Sequence[Step], x: Numbers, y: Numbers) -> None:
    """From x through all steps to y; what lies between two is worked out in place, or in a buffer."""
    given = x
    for i, step in enumerate(plan):
        name = type(step.layer).__name__
        if all(type(later.layer).__name__ in IN_PLACE for later in plan[i + 1 :]):
            result = y
        elif name in IN_PLACE and given is not x:
            result = given
        else:
            result = source.take(math.prod(step.result))
        source.add(f"/* {step.place} {name} */")
        ({**IN_PLACE, **OTHERS}[name])(source, step, given, result)
        if result is not given:
            source.give_back(given)
        given = result


def _folded(step: Step, layer: Any) -> Step | None:
    """A product with the batch normalization behind it as scale and shift of its own; None where digits would be lost.

    They would where a weight that is not 0 leaves the range of normal numbers.
    """
    if type(step.layer).__name__ not in _PRODUCTS:
        return None
    W = step.own["W"]
    axes = (-1, 1, 1, 1) if W.ndim == 4 else (1, -1)
    if len(layer.gamma) != W.size // math.prod(W.shape[1:] if W.ndim == 4 else W.shape[:1]):
        return None
    scale = scale_of(layer)
    with np.errstate(all="ignore"):
        wide = W * scale.reshape(axes)
        bias = (step.own.get("b", 0.0) - np.asarray(layer.running_mean, np.float64)) * scale + layer.beta
        own = {"W": wide.astype(W.dtype), "b": bias.astype(W.dtype)}
    size = np.abs(own["W"])
    fits = np.where(wide == 0, W * (scale == 0).reshape(axes) == W, size >= np.finfo(W.dtype).tiny)
    if not (fits.all() and all(np.isfinite(array).all() for array in own.values())):
        return None
    return replace(step, own=own)


def _arrays(stack: Sequence[tuple[str, Any]]) -> dict[str, Array]:
    """The parameters and buffers of layers; ValueError where a number is not finite."""
    found = {}
    for place, layer in stack:
        for name in (*kinds.params_of(layer), *kinds.buffers_of(layer)):
            array = found[f"{place}.{name}"] = np.asarray(getattr(layer, name))
            wrong = array[~np.isfinite(array)]
            if wrong.size:
                raise ValueError(
                    f"layer {place}, {type(layer).__name__}, has {wrong[0]} in {name}; {_FILE} holds finite numbers"
                )
    return found


def _sample(layers: Sequence[Any], input_shape: Sequence[int] | None, of_steps: bool) -> tuple[int | None, ...]:
    """The shape of one sample, of sequences with any number of steps."""
    if not of_steps:
        return sample_shape(layers, input_shape)
    if input_shape is not None:
        return (None, *sample_shape(layers, input_shape)[1:])
    first = next(layer for _, layer in leaves(layers) if params_of(layer))
    return (None,) if first.takes_indices else (None, len(params_of(first)[0]))


def _probabilities(loss: Any) -> Any:
    """The layer that makes probabilities of the scores, as a loss does."""
    name = kinds.name_of(loss, kinds.PROBABILITIES, f"{_FILE} with probabilities")
    return ours.Sigmoid() if "Sigmoid" in name else ours.Softmax()
