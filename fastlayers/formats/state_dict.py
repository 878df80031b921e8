"""Parameters and buffers as PyTorch names and lays them out.

Of an affine layer these are ``0.weight``, ``(M, D)``, and ``0.bias``; of a convolution both, and of an embedding
``0.weight``, as they are here; of a batch normalization both, ``(D,)``, and ``1.running_mean`` and ``1.running_var``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.ties import ties_of
from .._core.types import Array
from ..layers import Affine, BatchNormalization, Convolution, Embedding
from ..layers._declaration import buffers_of, has_params, put_buffers
from ..layers._stack import leaves

_KEY = re.compile(r"(?:(?P<module>.*)\.)?(?P<name>weight|bias|running_mean|running_var|num_batches_tracked)", re.DOTALL)
# PyTorch's names of what each kind of layer has.
_NAMES = {
    Affine: {"W": "weight", "b": "bias"},
    Convolution: {"W": "weight", "b": "bias"},
    Embedding: {"W": "weight"},
    BatchNormalization: {
        "gamma": "weight",
        "beta": "bias",
        "running_mean": "running_mean",
        "running_var": "running_var",
    },
}


def save(layers: Sequence[Any]) -> dict[str, Array]:
    """Copies of parameters and buffers; `Portable.state_dict` says which."""
    arrays = {}
    for i, layer, names in _with_names(layers):
        for own, name in names.items():
            array = getattr(layer, own)
            if array is not None:
                arrays[f"{i}.{name}"] = _plain(array.T if _is_turned(layer, own) else array)
    return arrays


def load(layers: Sequence[Any], arrays: Mapping[str, ArrayLike]) -> None:
    """Copy arrays into parameters and buffers; `Portable.load_state_dict` says how."""
    there = [*_with_names(layers)]
    modules = _modules(arrays)
    if len(modules) != len(there):
        raise ValueError(
            f"the arrays are those of {len(modules)} modules ({', '.join(modules)}), but the network has {len(there)} "
            "layers with parameters"
        )
    copies: list[tuple[Array, Array]] = []
    copied: list[str] = []
    buffers: list[tuple[Any, str, Array]] = []
    for (i, layer, names), keys in zip(there, modules.values(), strict=True):
        _check_same_kind(i, layer, names, keys)
        for own, name in names.items():
            if name in keys:
                is_buffer = own in layer.buffer_names
                like = layer.gamma if is_buffer else getattr(layer, own)
                key = keys[name]
                copy = _copy(
                    f"{own} of layer {i}", like, key, arrays[key], is_new=is_buffer, transposed=_is_turned(layer, own)
                )
                if is_buffer:
                    buffers.append((layer, own, copy))
                else:
                    copies.append((like, copy))
                    copied.append(key)
    _check_ties(copies, copied)
    for param, array in copies:
        np.copyto(param, array)
    put_buffers(buffers)


def _check_ties(copies: Sequence[tuple[Array, Array]], names: Sequence[str]) -> None:
    """ValueError where two arrays go to parameters that are one, and differ."""
    for i, (first, is_turned) in enumerate(ties_of([param for param, _ in copies]) or ()):
        array = copies[first][1]
        if not np.array_equal(copies[i][1], array.T if is_turned else array, equal_nan=True):
            raise ValueError(f"{names[i]} differs from {names[first]}, but the network has one array for both")


def _check_same_kind(i: str, layer: Any, names: Mapping[str, str], keys: Mapping[str, str]) -> None:
    """ValueError where a module lacks what its layer has, or has what that lacks."""
    weight = keys["weight"]
    for own, name in names.items():
        if own in layer.buffer_names:
            if name not in keys:
                raise ValueError(f"{weight} comes without {name}, which layer {i}, {type(layer).__name__}, needs")
        elif (getattr(layer, own) is None) != (name not in keys):
            has, lacks = (weight, f"layer {i}") if getattr(layer, own) is None else (f"layer {i}", weight)
            raise ValueError(f"{has} comes with a {name}, but {lacks} has none")
    for name, key in keys.items():
        if name not in names.values() and not (name == "num_batches_tracked" and "running_mean" in names.values()):
            raise ValueError(f"the key {key!r} has no place in layer {i}, {type(layer).__name__}")


def _is_turned(layer: Any, own: str) -> bool:
    """Whether PyTorch has the transpose: its weights of a linear layer are (outputs, inputs)."""
    return own == "W" and isinstance(layer, Affine)


def _plain(array: Array) -> Array:
    """A copy such as PyTorch, and a safetensors file, can take."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _with_names(layers: Sequence[Any]) -> Iterator[tuple[str, Any, Mapping[str, str]]]:
    """The layers that have parameters, with places and PyTorch's names, once no other is seen to have any."""
    for place, layer in leaves(layers):
        names = next((names for kind, names in _NAMES.items() if isinstance(layer, kind)), None)
        if names is not None:
            yield place, layer, names
        elif has_params(layer) or any(array is not None for *_, array in buffers_of([layer])):
            raise TypeError(
                f"layer {place} is a {type(layer).__name__} with parameters: a state_dict has those of "
                f"{' and '.join(kind.__name__ for kind in _NAMES)}"
            )


def _modules(arrays: Mapping[Any, object]) -> dict[str, dict[str, str]]:
    """The keys of each module by the last part of their names, in the order of the modules."""
    if not isinstance(arrays, Mapping):
        raise TypeError(f"a state_dict is a mapping of names to arrays, not {type(arrays).__name__}")
    modules: dict[str, dict[str, str]] = {}
    for key in arrays:
        found = _KEY.fullmatch(key) if isinstance(key, str) else None
        if found is None:
            raise ValueError(
                f"the key {key!r} is unknown: expected NAME.weight and NAME.bias of linear layers and of batch "
                "normalization, and its NAME.running_mean and NAME.running_var"
            )
        modules.setdefault(found["module"] or "", {})[found["name"]] = key
    for keys in modules.values():
        if "weight" not in keys:
            raise ValueError(f"the key {next(iter(keys.values()))!r} is there without the weight that goes with it")
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


def _copy(
    name: str, param: Array, key: str, value: ArrayLike, *, is_new: bool = False, transposed: bool = False
) -> Array:
    """What a parameter is to hold, or a new buffer like it, of its shape and dtype."""
    array = arguments.real(key, value)
    expected = param.shape[::-1] if transposed else param.shape
    if array.shape != expected:
        raise ValueError(f"{key} has shape {array.shape}; for {name} of shape {param.shape} it must be {expected}")
    if not np.can_cast(array.dtype, param.dtype, "same_kind"):
        raise TypeError(f"{key} is {array.dtype.name}, which {name} of dtype {param.dtype.name} cannot hold")
    if not is_new and not param.flags.writeable:
        raise ValueError(f"{name} is read-only")
    # Always a copy: what is copied may be the parameters of this very network, in another order.
    return (array.T if transposed else array).astype(param.dtype)
