"""Parameters as PyTorch names and lays them out: of each affine layer ``0.weight``, ``(M, D)``, and ``0.bias``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.types import Array
from ..layers import Affine
from ..layers._declaration import buffers_of, has_params
from ..layers._stack import leaves

_KEY = re.compile(r"(?:(?P<module>.*)\.)?(?P<name>weight|bias)", re.DOTALL)


def save(layers: Sequence[Any]) -> dict[str, Array]:
    """Copies of the parameters; `Portable.state_dict` says which."""
    arrays = {}
    for i, layer in _affine(layers):
        arrays[f"{i}.weight"] = _plain(layer.W.T)
        if layer.b is not None:
            arrays[f"{i}.bias"] = _plain(layer.b)
    return arrays


def load(layers: Sequence[Any], arrays: Mapping[str, ArrayLike]) -> None:
    """Copy arrays into the parameters; `Portable.load_state_dict` says how."""
    own = [*_affine(layers)]
    modules = _modules(arrays)
    if len(modules) != len(own):
        raise ValueError(
            f"the arrays are those of {len(modules)} modules ({', '.join(modules)}), "
            f"but the network has {len(own)} affine layers"
        )
    copies: list[tuple[Array, Array]] = []
    for (i, layer), keys in zip(own, modules.values(), strict=True):
        copies.append(_copy(f"W of layer {i}", layer.W, keys["weight"], arrays[keys["weight"]], transposed=True))
        if (layer.b is None) != ("bias" not in keys):
            has, lacks = (keys["weight"], f"layer {i}") if layer.b is None else (f"layer {i}", keys["weight"])
            raise ValueError(f"{has} comes with a bias, but {lacks} has none")
        if layer.b is not None:
            copies.append(_copy(f"b of layer {i}", layer.b, keys["bias"], arrays[keys["bias"]]))
    for param, array in copies:
        np.copyto(param, array)


def _plain(array: Array) -> Array:
    """A copy such as PyTorch, and a safetensors file, can take."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _affine(layers: Sequence[Any]) -> Iterator[tuple[str, Affine]]:
    """The affine layers and their places, once no other layer is seen to have parameters or buffers."""
    for place, layer in leaves(layers):
        if isinstance(layer, Affine):
            yield place, layer
        elif has_params(layer) or any(array is not None for *_, array in buffers_of([layer])):
            raise TypeError(
                f"layer {place} is a {type(layer).__name__} with parameters: a state_dict has those of Affine"
            )


def _modules(arrays: Mapping[Any, object]) -> dict[str, dict[str, str]]:
    """The keys ``weight`` and ``bias`` of each module, in the order of the modules."""
    if not isinstance(arrays, Mapping):
        raise TypeError(f"a state_dict is a mapping of names to arrays, not {type(arrays).__name__}")
    modules: dict[str, dict[str, str]] = {}
    for key in arrays:
        found = _KEY.fullmatch(key) if isinstance(key, str) else None
        if found is None:
            raise ValueError(f"the key {key!r} is unknown: expected NAME.weight and NAME.bias of linear layers")
        modules.setdefault(found["module"] or "", {})[found["name"]] = key
    for keys in modules.values():
        if "weight" not in keys:
            raise ValueError(f"the key {keys['bias']!r} is there without the weight that goes with it")
    # What was read from a file is in the order of its names, 10 before 2. Where only numbers tell modules apart, as in
    # PyTorch's Sequential, they are counted; where it is words, the dict's order is all there is.
    alike: dict[str, list[str]] = {}
    for module in modules:
        alike.setdefault(_words_of(module), []).append(module)
    counted = {words: iter(sorted(names, key=_numbers_of)) for words, names in alike.items()}
    return {name: modules[name] for name in [next(counted[_words_of(module)]) for module in modules]}


def _words_of(module: str) -> str:
    return re.sub(r"\d+", "#", module)


def _numbers_of(module: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", module)]


def _copy(name: str, param: Array, key: str, value: ArrayLike, *, transposed: bool = False) -> tuple[Array, Array]:
    """A parameter and what it is to hold, of its shape and dtype."""
    array = arguments.real(key, value)
    expected = param.shape[::-1] if transposed else param.shape
    if array.shape != expected:
        raise ValueError(f"{key} has shape {array.shape}; for {name} of shape {param.shape} it must be {expected}")
    if not np.can_cast(array.dtype, param.dtype, "same_kind"):
        raise TypeError(f"{key} is {array.dtype.name}, which {name} of dtype {param.dtype.name} cannot hold")
    if not param.flags.writeable:
        raise ValueError(f"{name} is read-only")
    # Always a copy: what is copied may be the parameters of this very network, in another order.
    return param, (array.T if transposed else array).astype(param.dtype)
