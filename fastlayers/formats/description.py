"""A network as a header of JSON and named arrays: what `npz` and `safetensors` have in common.

The header has the format's name and version, the dtype, each layer's kind, parameters and options, the loss, and a
SHA-256 over all of that and the arrays. An array is named by the place of its layer: ``0.W``, ``0.b``, ``2.W``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any, BinaryIO

import numpy as np

from .. import layers
from .._core.files import open_regular
from .._core.types import Array
from . import ModelFileError, kinds

FORMAT = "fastlayers-model"
VERSION = 1
_LONGEST = 300  # characters of a message
_DEEPEST = 16  # lists and objects within one another; a header has 4
_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^][{}"]+')  # strings, which may hold some, and what is between them


# Writing


def describe(stack: Sequence[Any], loss: Any) -> tuple[str, dict[str, Array]]:
    """Describe layers and their loss.

    Parameters
    ----------
    stack : sequence
        The layers.
    loss : object

    Returns
    -------
    header : str
        JSON text.
    arrays : dict of str to ndarray
        C-contiguous and little-endian.

    Raises
    ------
    TypeError
        If a layer or the loss is not in the tables of `kinds`, or the dtypes are not one of float16, float32, float64.
    ValueError
        If there are no parameters, or an option has been set to what `rebuild` refuses.
    """
    described = [_describe(layer) for layer in stack]
    arrays = {
        f"{i}.{name}": np.asarray(getattr(layer, name))
        for i, layer in enumerate(stack)
        for name in described[i]["params"]
    }
    loss_name = kinds.name_of(loss, kinds.LOSSES, "a model file")
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": kinds.dtype_of([*arrays.values()]),
        "layers": described,
        "loss": loss_name,
        "loss_options": kinds.options_of(loss, kinds.LOSSES[loss_name]),
    }
    kinds.check_weight(header["loss_options"].get("weight"), _last_weights(stack))
    arrays = {name: portable(array) for name, array in arrays.items()}
    header["sha256"] = digest(header, arrays)
    return json.dumps(header), arrays


def _describe(layer: Any) -> dict[str, Any]:
    name = kinds.name_of(layer, kinds.LAYERS, "a model file")
    kind = kinds.LAYERS[name]
    described: dict[str, Any] = {"kind": name, "params": kinds.params_of(layer, kind)}
    if kind.options:
        described["options"] = kinds.options_of(layer, kind)
    return described


def _last_weights(stack: Sequence[Any]) -> Array:
    """W of the last layer that has one: as many outputs as it has, the network has."""
    return next(np.asarray(layer.W) for layer in reversed(stack) if getattr(layer, "W", None) is not None)


def portable(array: Array) -> Array:
    """The same numbers, C-contiguous and little-endian."""
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def digest(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """SHA-256 of the header without its checksum, and of each array's name, dtype, shape and bytes."""
    rest = {key: value for key, value in header.items() if key != "sha256"}
    made = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):  # no two names are equal, so no arrays are compared
        made.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        made.update(portable(array).tobytes())
    return made.hexdigest()


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


def rebuild(text: str | bytes, arrays: Mapping[str, Array]) -> tuple[list[Any], Any]:
    """Make the layers and the loss of a header and its arrays, once all of it is seen to be right.

    Returns
    -------
    layers : list
        Of the classes of `fastlayers.layers`.
    loss : object

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
    expected = {f"{i}.{name}" for i, layer in enumerate(header["layers"]) for name in layer["params"]}
    if not expected or set(arrays) != expected:
        raise ModelFileError(f"it holds the arrays {sorted(arrays)}, but its header lists {sorted(expected)}")
    for name, array in arrays.items():
        if array.dtype.name != header["dtype"] or array.dtype.name not in kinds.DTYPES:
            raise ModelFileError(
                f"array {name} is {array.dtype.name}; expected {header['dtype']!r}, one of {', '.join(kinds.DTYPES)}"
            )
    if digest(header, arrays) != header.get("sha256"):
        raise ModelFileError("damaged (its checksum does not match its contents)")
    if header["loss"] not in kinds.LOSSES:
        raise ModelFileError(f"its loss is {header['loss']!r}; expected {', '.join(kinds.LOSSES)}")
    try:
        made, loss = _layers(header["layers"], arrays, header["dtype"]), _loss(header)
        kinds.check_weight(header.get("loss_options", {}).get("weight"), _last_weights(made))
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    return made, loss


def _check_form(header: Mapping[str, Any]) -> None:
    """ValueError unless a header and its layers have what `describe` gives them, of the types that it gives."""
    _check_entries("its header", {"loss_options": {}, **header}, dtype=str, layers=list, loss=str, loss_options=dict)
    for i, layer in enumerate(header["layers"]):
        if not isinstance(layer, dict):
            raise ValueError(f"layer {i} is {reprlib.repr(layer)}; expected dict")
        _check_entries(f"layer {i}", {"options": {}, **layer}, kind=str, params=list, options=dict)


def _check_entries(owner: str, found: Mapping[str, Any], **types: type) -> None:
    for name, kind in types.items():
        if not isinstance(found.get(name), kind):
            raise ValueError(f"{owner} has {name}={reprlib.repr(found.get(name))}; expected {kind.__name__}")


def _check_nesting(text: str) -> None:
    """ValueError where JSON is nested deeper than a header is: each level takes stack and memory to parse."""
    level = {"[": 1, "{": 1, "]": -1, "}": -1}
    if max(accumulate(level.get(bracket, 0) for bracket in _NO_BRACKETS.sub("", text)), default=0) > _DEEPEST:
        raise ValueError(f"a header nested more than {_DEEPEST} deep")


def _layers(described: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array], dtype: str) -> list[Any]:
    made: list[Any] = []
    width: int | None = None
    for i, layer in enumerate(described):
        name, params = layer["kind"], tuple(layer["params"])
        if name not in kinds.LAYERS:
            raise ModelFileError(f"layer {i} is {name!r}; expected one of {', '.join(kinds.LAYERS)}")
        if params not in kinds.LAYERS[name].params:
            expected = " or ".join(str([*known]) for known in kinds.LAYERS[name].params)
            raise ModelFileError(f"layer {i} is {name!r} with the parameters {[*params]}; expected {expected}")
        own = [arrays[f"{i}.{param}"] for param in params]
        if own:
            width = kinds.check_shapes(i, [array.shape for array in own], width)
        options = kinds.read_options(f"layer {i}", layer.get("options", {}), kinds.LAYERS[name], dtype)
        made.append(getattr(layers, name)(*(array.astype(array.dtype.newbyteorder("=")) for array in own), **options))
    return made


def _loss(header: Mapping[str, Any]) -> Any:
    """The loss with its options, which a file may lack."""
    found = header.get("loss_options", {})
    options = kinds.read_options("its loss", found, kinds.LOSSES[header["loss"]], header["dtype"])
    return getattr(layers, header["loss"])(**options)


def _short(error: Exception) -> str:
    """One line of a length to be read, whatever a hostile file has put into it."""
    line = " ".join(str(error).split())[: _LONGEST + 1]
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
