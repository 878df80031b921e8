"""A trained network in the safetensors format, which the tools of other frameworks read; by the package safetensors.

The tensors are named as `description` has it, and its header is the file's one piece of metadata, ``fastlayers``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._core.extras import require
from .._core.files import atomic_write
from .._core.types import Array
from . import ModelFileError
from .description import FORMAT, describe, opened, rebuild

_KEY = "fastlayers"
_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


def save(path: str | os.PathLike[str], network: Any) -> None:
    """Write a network to a file, whole or not at all; `Portable.to_safetensors` says how."""
    package = require("safetensors.numpy", "safetensors", "a safetensors file", "safetensors")
    # The package writes an array's memory as it lies there: `describe` gives it C-contiguous and little-endian.
    header, arrays = describe(network)
    data = package.save(arrays, metadata={_KEY: header})
    with atomic_write(path) as file:
        file.write(data)


def load(path: str | os.PathLike[str], network: type) -> tuple[list[Any], Any]:
    """Make the layers and the loss of a file that `save` wrote, as `rebuild` does.

    `Portable.from_safetensors` says how.
    """
    package = require("safetensors", "safetensors", "a safetensors file", "safetensors")
    with opened(path) as file:
        # Not mapped into memory: a file that is cut meanwhile would end the process.
        data = file.read()
        tensors = package.deserialize(data)  # and with that the file is known to be well-formed
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
        if _KEY not in metadata:
            raise ModelFileError(
                f"a safetensors file, but not a {FORMAT} (it does not say which layers its tensors belong to); "
                "make the network and give its load_state_dict what safetensors.numpy.load_file reads"
            )
        return rebuild(metadata[_KEY], {name: _array(name, tensor) for name, tensor in tensors}, network)


def _array(name: str, tensor: Mapping[str, Any]) -> Array:
    if tensor["dtype"] not in _DTYPES:
        raise ModelFileError(f"tensor {name} is {tensor['dtype']}; expected one of {', '.join(_DTYPES)}")
    return np.ndarray(tuple(tensor["shape"]), _DTYPES[tensor["dtype"]], tensor["data"])
