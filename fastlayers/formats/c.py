"""A trained network as one C99 file that predicts, and needs nothing but ``math.h``; and a header beside it.

A function takes one sample, or where sequences go through the network one step of one, with what remains between two
steps in a struct. What becomes of each layer is in ``c_layers.py``, and the files' text is made in ``c_text.py``.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import layers as ours
from .._core.files import write_together
from .._core.types import Array, Shape
from ..layers._declaration import params_of
from ..layers._nested import Nested, chain
from ..layers._shapes import shapes_through
from ..layers._stack import leaves, takes_indices
from ..layers._summary import sample_shape
from . import kinds
from .c_layers import IDENTITIES, IN_PLACE, NAMES, OTHERS, Step, scale_of
from .c_names import check_name, name_from
from .c_source import Numbers, Source
from .c_text import Sizes, text_of

_FILE = "a C file"
_PRODUCTS = ("Affine", "Convolution", "MatMul", "TimeAffine")


def save(
    path: str | os.PathLike[str],
    network: Any,
    name: str | None = None,
    *,
    input_shape: Sequence[int] | None = None,
    probabilities: bool = False,
) -> CFile:
    """Write a network as a C file and its header, both or none, and describe them; `Portable.to_c` says how."""
    file = os.fsdecode(path)
    if not file.endswith(".c"):
        raise ValueError(f"path must end in .c, by which a compiler knows C, not be {file!r}")
    stem = Path(file).name.removesuffix(".c")
    name = name_from(stem) if name is None else check_name(name)
    exported = _Network(network, input_shape, probabilities)
    # Another name might end the comment that shows it, or be no text.
    source = Source(name, exported.dtype, stem if re.fullmatch(r"[\w.+-]+", stem, re.ASCII) else "FILE")
    exported.emit(source)
    text, header, sizes = text_of(source, exported)
    beside = f"{file.removesuffix('.c')}.h"
    write_together({file: text.encode(), beside: header.encode()})
    return CFile(name, beside, sizes)


@dataclass(frozen=True)
class CFile:
    """A C file that was written: the name of its function, the path of its header, and the sizes."""

    name: str
    header: str
    sizes: Sizes


class _Network:
    """A network whose layers are seen to fit each other and a C file."""

    def __init__(self, network: Any, input_shape: Sequence[int] | None, probabilities: bool) -> None:
        kinds.check_networks(network, _FILE)
        layers = network.layers
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
        self.activation: Any = None
        try:
            self.plan, result = self._plan(chain(layers), self.sample, is_input=True)
        except ValueError as error:
            if input_shape is None:
                raise
            raise ValueError(f"input_shape {tuple(input_shape)} does not fit: {error}") from None
        self.shape, self.result = self._of_one(self.sample), self._of_one(result)
        if probabilities:
            self.activation = _probabilities(network.loss_layer, result)
            self.plan.append(Step("probabilities", self.activation, {}, self.result, self.result))
        self.described = [(place, type(layer).__name__) for place, layer in stack]

    def emit(self, source: Source) -> None:
        """Write the loops of all layers."""
        _walk(source, self.plan, Numbers("x"), Numbers("y"), math.prod(self.result))

    def _of_one(self, shape: Shape) -> tuple[int, ...]:
        """The shape of what one call takes or gives."""
        known = shape or ()
        return tuple(size or 0 for size in (known[1:] if self.of_steps else known))

    def _plan(self, stack: Iterable[tuple[str, Any]], shape: Shape, *, is_input: bool) -> tuple[list[Step], Shape]:
        """The steps of some layers, which are given numbers of this shape, and the shape of what they give."""
        found: list[Step] = []
        for place, layer in stack:
            name = type(layer).__name__
            self._check_input(place, layer, is_input=is_input and not found)
            result = shapes_through([(place, layer)], shape)[0]
            if self.of_steps and (result is None or len(result) < 2 or result[0] is not None):
                raise ValueError(
                    f"layer {place}, {name}, takes all steps of a sequence together; {_FILE} takes one at a time"
                )
            if 0 in (result or ()):
                raise ValueError(f"layer {place}, {name}, gives no numbers: its output has the shape {result}")
            step = Step(place, layer, {}, self._of_one(shape), self._of_one(result))
            if isinstance(layer, Nested):
                inner = (_chain_of(f"{place}.{i}", branch) for i, branch in enumerate(layer.layers))
                plans = [self._plan(branch, shape, is_input=is_input and not found)[0] for branch in inner]
                found.append(replace(step, branches=plans))
            elif name == "BatchNormalization" and found and (folded := _folded(found[-1], layer)):
                found[-1] = folded
            elif name not in IDENTITIES:
                own = {of: np.asarray(getattr(layer, of)) for of in kinds.params_of(layer)}
                found.append(replace(step, own=own))
            shape = result
        return found, shape

    def _check_input(self, place: str, layer: Any, *, is_input: bool) -> None:
        """ValueError where a layer takes indices and is given numbers, or takes numbers and is given indices."""
        if isinstance(layer, Nested) or type(layer).__name__ in IDENTITIES:
            return
        if layer.takes_indices != (is_input and self.takes_indices):
            takes, given = ("indices", "numbers") if layer.takes_indices else ("numbers", "indices")
            raise ValueError(f"layer {place}, {type(layer).__name__}, takes {takes}; in {_FILE} it is given {given}")


def _chain_of(place: str, layer: Any) -> Iterable[tuple[str, Any]]:
    """The layers of one that stands beside others, with their places."""
    is_chain = isinstance(layer, Nested) and not layer.is_parallel
    return chain(layer.layers, f"{place}.") if is_chain else [(place, layer)]


def _walk(source: Source, plan: Sequence[Step], x: Numbers, y: Numbers, size: int) -> None:
    """From x through all steps to y, which has so many numbers; what lies between is in buffers, or stays in place."""
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
        ({**IN_PLACE, **OTHERS}.get(name, _side_by_side))(source, step, given, result)
        if given is not x and result is not given:
            source.give_back(given)
        given = result
    if not plan:
        source.add(f"for (int i = 0; i < {size}; i++) {y['i']} = (REAL){x['i']};")


def _side_by_side(source: Source, step: Step, x: Numbers, y: Numbers) -> None:
    """What each of some layers gives, in a part of each row of y."""
    *rows, width = step.result
    first = 0
    for plan in step.branches:
        shape = plan[-1].result if plan else step.shape
        part = Numbers(y.array, y.first + first) if math.prod(rows) == 1 else source.take(math.prod(shape))
        _walk(source, plan, x, part, math.prod(shape))
        if math.prod(rows) > 1:
            source.add(f"""
                for (int i = 0; i < {math.prod(rows)}; i++)
                    for (int j = 0; j < {shape[-1]}; j++)
                        {y[f"i * {width} + {first} + j"]} = {part[f"i * {shape[-1]} + j"]};
            """)
            source.give_back(part)
        first += shape[-1]


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


def _probabilities(loss: Any, shape: Shape) -> Any:
    """The layer that makes probabilities of scores, of which a sample has this shape, as a loss does."""
    name = kinds.name_of(loss, kinds.PROBABILITIES, f"{_FILE} with probabilities")
    if name == "SoftmaxWithLoss" and len(shape or ()) != 1:
        raise ValueError(f"{name} has the classes of {shape} along the first axis, but {_FILE} along the last alone")
    return ours.Sigmoid() if "Sigmoid" in name else ours.Softmax()
