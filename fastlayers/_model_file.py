"""A trained network in one file: an ``.npz`` archive that holds a JSON header and the parameters.

The archive has a member ``header`` (JSON text: the format's name and version, dtype, layers, loss, and
a SHA-256 over all of that and the arrays) and a member for each parameter, named by the place of its
layer: ``0.W``, ``0.b``, ``2.W``. ``numpy.load`` reads it. Nothing in it is ever unpickled.

Members are stored uncompressed and may not overlap, so that a hostile file cannot unpack to more than its
own size; each is read to its end before it is parsed, so that the archive's CRC has been checked by then;
and no array is made before its bytes are seen to be there.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import operator
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import _arguments, layers, reference
from ._files import atomic_write, open_regular
from .network import Sequential

Array = NDArray[Any]

FORMAT = "fastlayers-model"
VERSION = 1
DTYPES = ("float16", "float32", "float64")
# The parameters that a layer of each kind may have, in order.
PARAMETERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Affine": (("W", "b"), ("W",)),
    "Relu": ((),),
    "Sigmoid": ((),),
}
LOSSES = ("SoftmaxWithLoss",)
# How NumPy begins an array, as `numpy.lib.format` says. That header is a Python literal, but Python's parser is kept
# away from it: on hostile text it prints warnings, and runs out of memory.
_ARRAY = re.compile(
    rb"\x93NUMPY\x01\x00(..)"
    rb"\{'descr': '([<>|][biufSUVO]\d*)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n",
    re.DOTALL,
)
_LONGEST = 300  # characters of a message


class ModelFileError(ValueError):
    """A file that is not a whole, undamaged model of a version that this package reads."""


def save(path: str | os.PathLike[str], network: Sequential) -> None:
    """Write a network to a file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file's name, taken exactly as given: no suffix is added.
    network : Sequential
        Of `Affine`, `Relu` and `Sigmoid` under a `SoftmaxWithLoss`, with floating parameters of one dtype.

    Raises
    ------
    TypeError
        If a layer or the loss is of another kind, or the dtypes are not one of float16, float32, float64.
    ValueError
        If the network has no parameters.
    OSError
        If the file cannot be written; a file that was there is as it was.
    """
    described = [_describe(layer) for layer in network.layers]
    arrays = {
        f"{i}.{name}": np.asarray(getattr(layer, name))
        for i, layer in enumerate(network.layers)
        for name in described[i]["params"]
    }
    dtypes = sorted({array.dtype.name for array in arrays.values()})
    if not dtypes:
        raise ValueError("the network has no parameters, so there is nothing to save")
    if len(dtypes) > 1 or dtypes[0] not in DTYPES:
        raise TypeError(f"the parameters must share one dtype of {', '.join(DTYPES)}, not {', '.join(dtypes)}")
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": dtypes[0],
        "layers": described,
        "loss": _kind(network.loss_layer, LOSSES),
        "loss_options": _loss_options(network.loss_layer),
    }
    arrays = {name: _portable(array) for name, array in arrays.items()}
    header["sha256"] = _digest(header, arrays)
    members: dict[str, Any] = {"header": np.array(json.dumps(header).encode()), **arrays}
    archive = io.BytesIO()  # not the file: where the disk is full, some versions of NumPy leave it half closed
    np.savez(archive, **members)
    with atomic_write(path) as file:
        file.write(archive.getbuffer())


def load(path: str | os.PathLike[str]) -> Sequential:
    """Rebuild the network of a file that `save` wrote.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Sequential
        Of the classes of `fastlayers.layers`.

    Raises
    ------
    ModelFileError
        If the file is damaged, cut off, or not a model that this version reads; the message says which.
    OSError
        If the file cannot be opened, or is a pipe or a device.
    MemoryError
        If there is too little memory for a model of the file's size.
    """
    with open_regular(path) as file:
        try:
            return _network(_members(file))
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {_short(error)}") from error
        except MemoryError:
            raise
        except Exception as error:
            # zipfile, numpy and json raise a dozen types on damaged input, and none of them tells a user more.
            raise ModelFileError(f"{path}: damaged or not a {FORMAT} file ({_short(error)})") from error


# Writing


def _describe(layer: Any) -> dict[str, Any]:
    kind = _kind(layer, tuple(PARAMETERS))
    names = PARAMETERS[kind][0]
    return {"kind": kind, "params": [name for name in names if getattr(layer, name) is not None]}


def _kind(layer: Any, kinds: tuple[str, ...]) -> str:
    name = type(layer).__name__
    # A user's own subclass may compute something else, so the type must be ours and not only inherit from it.
    if name not in kinds or type(layer) not in (getattr(layers, name), getattr(reference, name)):
        raise TypeError(
            f"a model file holds {', '.join(kinds)}, not {type(layer).__module__}.{type(layer).__qualname__}"
        )
    return name


def _loss_options(loss: Any) -> dict[str, Any]:
    """Those that are not left at their defaults, as JSON has them."""
    options: dict[str, Any] = {}
    if loss.weight is not None:
        options["weight"] = [_arguments.number("weight", weight) for weight in loss.weight]
    if loss.ignore_index is not None:
        options["ignore_index"] = operator.index(loss.ignore_index)
    if loss.label_smoothing != 0:
        options["label_smoothing"] = _arguments.number("label_smoothing", loss.label_smoothing)
    if loss.reduction != "mean":
        options["reduction"] = loss.reduction
    return options


def _portable(array: Array) -> Array:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _digest(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """SHA-256 of the header without its checksum, and of each array's name, dtype, shape and bytes."""
    rest = {key: value for key, value in header.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):  # no two names are equal, so no arrays are compared
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(_portable(array).tobytes())
    return digest.hexdigest()


# Reading


def _members(file: BinaryIO) -> dict[str, Array]:
    if not zipfile.is_zipfile(file):
        raise ModelFileError(f"cut off, or not a {FORMAT} file (it has no archive directory)")
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if "header.npy" not in (info.filename for info in infos):
            raise ModelFileError(f"an archive, but not a {FORMAT} file (it has no header)")
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ModelFileError(f"not a {FORMAT} file (its members are compressed)")
        if not all(info.filename.endswith(".npy") for info in infos):
            raise ModelFileError(f"not a {FORMAT} file (not all of its members are arrays)")
        if len({info.filename for info in infos}) != len(infos):
            raise ModelFileError("damaged (two members have one name)")
        if min(info.header_offset for info in infos) != 0:
            raise ModelFileError("damaged (something else stands before the archive in the file)")
        if sum(max(info.file_size, info.compress_size) for info in infos) > file.seek(0, os.SEEK_END):
            raise ModelFileError("damaged (its members claim more bytes than the file has)")
        return {info.filename.removesuffix(".npy"): _array(archive.read(info)) for info in infos}


def _array(data: bytes) -> Array:
    """An array in NumPy's format, read-only over its bytes: nothing is unpickled, and nothing is allocated."""
    header = _ARRAY.match(data)
    if header is None or header.end() != header.end(1) + int.from_bytes(header[1], "little"):
        raise ModelFileError("damaged (an array without the header that NumPy gives it)")
    dtype = np.dtype(header[2].decode())
    if dtype.hasobject:
        raise ModelFileError("it holds Python objects, which are never unpickled")
    shape = tuple(int(n) for n in header[4].split(b",") if n.strip())
    if len(data) - header.end() != math.prod(shape) * dtype.itemsize:
        raise ModelFileError("damaged (an array has more or fewer bytes than its shape says)")
    return np.ndarray(shape, dtype, data, header.end(), order="F" if header[3] == b"True" else "C")


def _network(members: dict[str, Array]) -> Sequential:
    header = json.loads(members.pop("header").item())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelFileError(f"an archive, but not a {FORMAT} file (its header does not say so)")
    if header.get("version") != VERSION:
        raise ModelFileError(f"of version {header.get('version')!r}; this fastlayers reads version {VERSION}")
    expected = {f"{i}.{name}" for i, layer in enumerate(header["layers"]) for name in layer["params"]}
    if not expected or set(members) != expected:
        raise ModelFileError(f"it holds the arrays {sorted(members)}, but its header lists {sorted(expected)}")
    for name, array in members.items():
        if array.dtype.name != header["dtype"] or array.dtype.name not in DTYPES:
            raise ModelFileError(
                f"array {name} is {array.dtype.name}; expected {header['dtype']!r}, one of {', '.join(DTYPES)}"
            )
    if _digest(header, members) != header.get("sha256"):
        raise ModelFileError("damaged (its checksum does not match its contents)")
    if header["loss"] not in LOSSES:
        raise ModelFileError(f"its loss is {header['loss']!r}; expected {', '.join(LOSSES)}")
    return Sequential(_layers(header["layers"], members), _loss(header))


def _layers(described: list[dict[str, Any]], members: Mapping[str, Array]) -> list[Any]:
    made: list[Any] = []
    width: int | None = None
    for i, layer in enumerate(described):
        kind, names = layer["kind"], tuple(layer["params"])
        if names not in PARAMETERS.get(kind, ()):
            raise ModelFileError(f"layer {i} is {kind!r} with {list(names)}; expected one of {', '.join(PARAMETERS)}")
        arrays = [members[f"{i}.{name}"] for name in names]
        if arrays:
            width = _check_shapes(i, [array.shape for array in arrays], width)
        made.append(getattr(layers, kind)(*(array.astype(array.dtype.newbyteorder("=")) for array in arrays)))
    return made


def _loss(header: dict[str, Any]) -> Any:
    """The loss with its options, which a file may lack; the weights in the dtype that no call has to convert."""
    options = dict(header.get("loss_options", {}))
    expected: dict[str, Callable[[Any], bool]] = {
        "weight": lambda value: type(value) is list and all(type(weight) is float for weight in value),
        "ignore_index": lambda value: type(value) is int,
        "label_smoothing": lambda value: type(value) is float and 0 <= value <= 1,
        "reduction": lambda value: value in _arguments.REDUCTIONS,
    }
    for name, value in options.items():
        if name not in expected or not expected[name](value):
            raise ModelFileError(f"its loss has the option {name}={value!r}, which this version does not know")
    if "weight" in options:
        options["weight"] = np.array(options["weight"], header["dtype"])
    return getattr(layers, header["loss"])(**options)


def _short(error: Exception) -> str:
    """One line of a length to be read, whatever a hostile file has put into it."""
    line = " ".join(str(error).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _check_shapes(i: int, shapes: list[tuple[int, ...]], width: int | None) -> int:
    """Check an affine layer's shapes against each other and the layer before; return the width of its output."""
    W = shapes[0]
    if len(W) != 2 or any(b != W[1:] for b in shapes[1:]) or width not in (None, W[0]):
        inputs = "D" if width is None else width
        raise ModelFileError(f"layer {i} has parameters of shapes {shapes}; expected W ({inputs}, M) and b (M,)")
    return W[1]
