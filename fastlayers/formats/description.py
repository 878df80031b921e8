"""A network as a header of JSON and named arrays: what `npz` and `safetensors` have in common.

The header has the format's name and version, the dtype, each layer's kind, parameters and options, the loss, and a
SHA-256 over all of that and the arrays. An array is named by the place of its layer: ``0.W``, ``0.b``, ``2.W``.
Of parameters that are one array, or its transpose, the file has each, and ``tied`` in the header says which are one.
"""

from __future__ import annotations

import json
import os
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any, BinaryIO

import numpy as np

from .._core.files import open_regular
from .._core.types import Array
from ..layers._nested import Nested, chain, leaves
from ..layers._program import METHODS
from ..layers._shapes import shapes_through
from ..layers._tied import tie
from ..layers.parallel import Parallel
from . import ModelFileError, kinds, tied
from .arrays import digest, portable

FORMAT = "fastlayers-model"
NETWORK = "Sequential"  # a layer that has layers, and
PARALLEL = "Parallel"  # one whose layers are given the same
_KINDS = (*kinds.LAYERS, NETWORK, PARALLEL)
_FILE = "a model file"
# What a network that is read from a file computes as `Sequential` does. How it is trained, no file says.
_METHODS = (*METHODS, "gradient", "loss", "params")
VERSION = 1
_LONGEST = 300  # characters of a message
_DEEPEST = 16  # lists and objects within one another; a header has 4, and 2 more for each network within another
_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^][{}"]+')  # strings, which may hold some, and what is between them


# Writing


def describe(network: Any) -> tuple[str, dict[str, Array]]:
    """Describe a network.

    Parameters
    ----------
    network : Sequential

    Returns
    -------
    header : str
        JSON text.
    arrays : dict of str to ndarray
        C-contiguous and little-endian.

    Raises
    ------
    TypeError
        If a layer or the loss is not in the tables of `kinds`, it or a network has a method of a user's, or the dtypes
        are not one of float16, float32, float64.
    ValueError
        If there are no parameters, or an option has been set to what `rebuild` refuses.
    """
    kinds.check_networks(network, _FILE, _METHODS)
    stack = network.layers
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": "",
        "layers": [_describe(layer) for layer in stack],
        **_describe_loss(network.loss_layer),
    }
    ties = tied.written(stack)
    if ties:
        header["tied"] = ties
    arrays = {
        f"{place}.{name}": np.asarray(getattr(layer, name))
        for place, layer in leaves(stack)
        for name in (*kinds.params_of(layer), *kinds.buffers_of(layer))
    }
    header["dtype"] = kinds.dtype_of([*arrays.values()])
    _check_losses(stack, header, header["dtype"])
    arrays = {name: portable(array) for name, array in arrays.items()}
    header["sha256"] = digest(header, arrays)
    text = json.dumps(header)
    _check_nesting(text)
    return text, arrays


def _describe(layer: Any) -> dict[str, Any]:
    if isinstance(layer, Nested):
        own, kind = type(layer), PARALLEL if layer.is_parallel else NETWORK
        if own.__name__ != kind or own.__module__.partition(".")[0] != __name__.partition(".")[0]:
            raise TypeError(f"{_FILE} holds {kind} within a network, not {own.__module__}.{own.__qualname__}")
        inner = [_describe(inner) for inner in layer.layers]
        return {"kind": kind, "params": [], "layers": inner, **_describe_loss(getattr(layer, "loss_layer", None))}
    described: dict[str, Any] = {"kind": kinds.name_of(layer, kinds.LAYERS, _FILE)}
    described["params"] = kinds.params_of(layer)
    if layer.buffer_names:
        described["buffers"] = kinds.buffers_of(layer)
    if layer.options:
        described["options"] = kinds.options_of(layer)
    if layer.frozen:
        described["frozen"] = True
    return described


def _describe_loss(loss: Any) -> dict[str, Any]:
    if loss is None:
        return {"loss": None, "loss_options": {}}
    return {"loss": kinds.name_of(loss, kinds.LOSSES, _FILE), "loss_options": kinds.options_of(loss)}


def _check_losses(stack: Sequence[Any], header: Mapping[str, Any], dtype: str) -> None:
    """ValueError where layers do not fit each other, or the class weights of a loss its network's outputs."""
    shapes = shapes_through(chain(stack))
    outputs = shapes[-1][0] if shapes and shapes[-1] else None
    kinds.check_weight(header.get("loss_options", {}).get("weight"), outputs, dtype)
    for layer, described in zip(stack, header["layers"], strict=True):
        if isinstance(layer, Nested) and not layer.is_parallel:
            _check_losses(layer.layers, described, dtype)
        elif isinstance(layer, Nested):
            for inner, of_inner in zip(layer.layers, described["layers"], strict=True):
                _check_losses([inner], {"layers": [of_inner]}, dtype)


# Reading


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a model file, whose every fault becomes an error of one line that names it.

    Raises
    ------
    ModelFileError
        In place of whatever the block raises because of what the file holds.
    OSError
        If the file cannot be opened or read, or is a pipe or a device.
    MemoryError
        As the block raises it.
    """
    with open_regular(path) as file:
        try:
            yield file
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {_short(error)}") from error
        except MemoryError:
            raise
        except Exception as error:
            # zipfile, numpy, json and safetensors raise a dozen types on damaged input; none tells a user more.
            raise ModelFileError(f"{path}: damaged or not a {FORMAT} file ({_short(error)})") from error


def rebuild(text: str | bytes, arrays: Mapping[str, Array], network: type) -> tuple[list[Any], Any]:
    """Make the layers and the loss of a header and its arrays, once all of it is seen to be right.

    Parameters
    ----------
    text : str or bytes
    arrays : mapping of str to ndarray
    network : type
        `Sequential`, or a subclass. Networks within the network are made of `Sequential`.

    Returns
    -------
    layers : list
        Of the classes of `fastlayers.layers`.
    loss : object or None

    Raises
    ------
    ModelFileError
        If they are not what `describe` gave; the message says which.
    Exception
        Of any type, where the header is nothing that was ever written: `opened` has an answer to that.
    """
    text = text if isinstance(text, str) else text.decode()
    _check_nesting(text)
    header = json.loads(text)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelFileError(f"not a {FORMAT} file (its header does not say so)")
    version = header.get("version")
    if type(version) is not int or version != VERSION:  # to Python, true is 1
        raise ModelFileError(f"of version {version!r}; this fastlayers reads version {VERSION}")
    _check_form(header)
    expected = set(_array_names(header["layers"]))
    if not expected or set(arrays) != expected:
        raise ModelFileError(f"it holds the arrays {sorted(arrays)}, but its header lists {sorted(expected)}")
    for name, array in arrays.items():
        if array.dtype.name != header["dtype"] or array.dtype.name not in kinds.DTYPES:
            raise ModelFileError(
                f"array {name} is {array.dtype.name}; expected {header['dtype']!r}, one of {', '.join(kinds.DTYPES)}"
            )
    if digest(header, arrays) != header.get("sha256"):
        raise ModelFileError("damaged (its checksum does not match its contents)")
    try:
        inner = next(kind for kind in network.__mro__ if kind.__module__.startswith("fastlayers."))
        made = _layers(header["layers"], arrays, header["dtype"], inner)
        loss = _loss(header, header["dtype"], "its")
        tie(made, tied.read(header.get("tied", {}), arrays))
        _check_losses(made, header, header["dtype"])
    except (TypeError, ValueError) as error:
        raise ModelFileError(str(error)) from error
    return made, loss


def _array_names(described: Sequence[Mapping[str, Any]], of: str = "") -> Iterator[str]:
    for i, layer in enumerate(described):
        yield from (f"{of}{i}.{name}" for name in [*layer["params"], *layer.get("buffers", [])])
        yield from _array_names(layer.get("layers", []), f"{of}{i}.")


def _check_form(header: Mapping[str, Any], owner: str = "its header", of: str = "", **types: type) -> None:
    """ValueError unless a header and its layers have what `describe` gives them, of the types that it gives."""
    loss = {} if header.get("loss", "") is None else {"loss": str}
    types = types or {"dtype": str, "tied": dict}
    _check_entries(owner, {"loss_options": {}, "tied": {}, **header}, **types, layers=list, **loss, loss_options=dict)
    for i, layer in enumerate(header["layers"]):
        name = f"layer {of}{i}"
        if not isinstance(layer, dict):
            raise ValueError(f"{name} is {reprlib.repr(layer)}; expected dict")
        layer = {"options": {}, "buffers": [], "frozen": False, **layer}
        _check_entries(name, layer, kind=str, params=list, buffers=list, options=dict, frozen=bool)
        if layer["kind"] in (NETWORK, PARALLEL):
            _check_form(layer, name, f"{of}{i}.", kind=str)


def _check_entries(owner: str, found: Mapping[str, Any], **types: type) -> None:
    for name, kind in types.items():
        if not isinstance(found.get(name), kind):
            raise ValueError(f"{owner} has {name}={reprlib.repr(found.get(name))}; expected {kind.__name__}")


def _check_nesting(text: str) -> None:
    """ValueError where JSON is nested deeper than a header is: each level takes stack and memory to parse."""
    level = {"[": 1, "{": 1, "]": -1, "}": -1}
    if max(accumulate(level.get(bracket, 0) for bracket in _NO_BRACKETS.sub("", text)), default=0) > _DEEPEST:
        raise ValueError(f"a header nested more than {_DEEPEST} deep")


def _layers(
    described: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array], dtype: str, make: Any, of: str = ""
) -> list[Any]:
    made: list[Any] = []
    for i, layer in enumerate(described):
        name, place = layer["kind"], f"{of}{i}"
        if name == NETWORK:
            inner = _layers(layer["layers"], arrays, dtype, make, f"{place}.")
            made.append(make(inner, _loss(layer, dtype, f"layer {place}'s")))
            continue
        if name == PARALLEL:
            if layer["loss"] is not None:
                raise ModelFileError(f"layer {place} is {name!r} with loss={layer['loss']!r}; expected none")
            made.append(Parallel(_layers(layer["layers"], arrays, dtype, make, f"{place}.")))
            continue
        if name not in kinds.LAYERS:
            raise ModelFileError(f"layer {place} is {name!r}; expected one of {', '.join(_KINDS)}")
        kind = kinds.LAYERS[name]
        for what, found, known in (
            ("parameters", layer["params"], kinds.param_lists(kind)),
            ("buffers", layer.get("buffers", []), [[*kind.buffer_names], []]),
        ):
            if found not in known:
                expected = " or ".join(map(str, known))
                raise ModelFileError(f"layer {place} is {name!r} with the {what} {found}; expected {expected}")
        own = {key: arrays[f"{place}.{key}"] for key in [*layer["params"], *layer.get("buffers", [])]}
        options = kinds.read_options(f"layer {place}", layer.get("options", {}), kind, dtype)
        native = {key: array.astype(array.dtype.newbyteorder("=")) for key, array in own.items()}
        made.append(kind(**native, **options))
        if layer.get("frozen", False):
            made[-1].frozen = True
    return made


def _loss(header: Mapping[str, Any], dtype: str, whose: str) -> Any:
    """The loss with its options, which a file may lack."""
    if header["loss"] is None:
        return None
    if header["loss"] not in kinds.LOSSES:
        raise ModelFileError(f"{whose} loss is {header['loss']!r}; expected {', '.join(kinds.LOSSES)}")
    kind = kinds.LOSSES[header["loss"]]
    return kind(**kinds.read_options(f"{whose} loss", header.get("loss_options", {}), kind, dtype))


def _short(error: Exception) -> str:
    """One line of a length to be read, whatever a hostile file has put into it."""
    line = " ".join(str(error).split())[: _LONGEST + 1]
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
