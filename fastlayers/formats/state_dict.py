"""Parameters and buffers as PyTorch names and lays them out.

Of an affine layer these are ``0.weight``, ``(M, D)``, and ``0.bias``; of a convolution both, and of an embedding
``0.weight``, as they are here; of a batch normalization both, ``(D,)``, and ``1.running_mean`` and ``1.running_var``.
A recurrent layer is a module of one layer: ``0.weight_ih_l0``, ``(G H, D)``, ``0.weight_hh_l0`` and two biases, which
PyTorch adds, of gates in the order i, f, g, o; each layer of a module of several is one here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.ties import ties_of
from .._core.types import Array
from ..functional.cast import cast_like
from ..layers import Affine, BatchNormalization, Convolution, Embedding, TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from ..layers._declaration import buffers_of, has_params, put_buffers
from ..layers._stack import leaves
from .modules import Given, Place, assign, modules_of

_RECURRENT = {"Wx": ("weight_ih_l0",), "Wh": ("weight_hh_l0",), "b": ("bias_ih_l0", "bias_hh_l0")}
# PyTorch's names of what each kind of layer has: of one that it has in several parts, which are added, all.
_NAMES: Mapping[type, Mapping[str, Sequence[str]]] = {
    Affine: {"W": ("weight",), "b": ("bias",)},
    Convolution: {"W": ("weight",), "b": ("bias",)},
    Embedding: {"W": ("weight",)},
    BatchNormalization: {
        "gamma": ("weight",),
        "beta": ("bias",),
        "running_mean": ("running_mean",),
        "running_var": ("running_var",),
    },
    TimeRNN: _RECURRENT,
    TimeLSTM: _RECURRENT,
    TimeBiLSTM: {
        f"{own}{number}": tuple(f"{name}{end}" for name in names)
        for number, end in (("1", ""), ("2", "_reverse"))
        for own, names in _RECURRENT.items()
    },
}
_OF_GATES = (TimeLSTM, TimeBiLSTM)
_RECURRENT_KINDS = (TimeRNN, *_OF_GATES)
_TO_PYTORCH, _FROM_PYTORCH = (2, 0, 1, 3), (1, 2, 0, 3)  # from f g i o to i f g o, and back

Names = Mapping[str, Sequence[str]]


def save(layers: Sequence[Any]) -> dict[str, Array]:
    """Copies of parameters and buffers; `Portable.state_dict` says which."""
    arrays = {}
    for i, layer, names in _with_names(layers):
        for own, (name, *others) in names.items():
            array = getattr(layer, own)
            if array is None and own in layer.buffer_names:
                array = np.zeros_like(layer.gamma)  # which its first batch begins with
            if array is not None:
                array = _in_order(_TO_PYTORCH, layer, array)
                arrays[f"{i}.{name}"] = _plain(array.T if _is_turned(layer, own) else array)
                arrays |= {f"{i}.{other}": np.zeros_like(arrays[f"{i}.{name}"]) for other in others}
    return arrays


def load(layers: Sequence[Any], state: Mapping[str, ArrayLike], given: Given | None = None) -> None:
    """Copy arrays into parameters and buffers; `Portable.load_state_dict` says how."""
    there = [*_with_names(layers)]
    modules, arrays = modules_of(state)
    places = [Place(place, layer, _shapes(layer, names)) for place, layer, names in there]
    copies: list[tuple[Array, Array]] = []
    copied: list[str] = []
    buffers: list[tuple[Any, str, Array]] = []
    for (i, layer, names), module in zip(there, assign(modules, places, given), strict=True):
        keys = module.keys
        _check_same_kind(i, layer, names, keys)
        for own, parts in names.items():
            is_buffer, turned = own in layer.buffer_names, _is_turned(layer, own)
            like = layer.gamma if is_buffer else getattr(layer, own)
            if like is None:
                continue
            of = [keys[name] for name in parts if name in keys]
            found = [
                _copy(f"{own} of layer {i}", like, key, arrays[key], is_new=is_buffer, transposed=turned) for key in of
            ]
            copy = _in_order(_FROM_PYTORCH, layer, sum(found[1:], start=found[0])) if found else np.zeros_like(like)
            if own == "running_var" and np.any(copy < 0):
                raise ValueError(f"{of[0]} has the negative number {copy.min():g}: a variance is 0 or more")
            if is_buffer:
                buffers.append((layer, own, copy))
            else:
                copies.append((like, copy))
                copied.append(of[0] if of else f"{own} of layer {i}")
    _check_ties(copies, copied)
    _warn_of_eps(there)
    for param, array in copies:
        np.copyto(param, array)
    put_buffers(buffers)


def _warn_of_eps(there: Sequence[tuple[str, Any, Names]]) -> None:
    """Warn, once for all, of batch normalizations that have the book's eps, where PyTorch's have another."""
    book = BatchNormalization.eps
    found = [place for place, layer, _ in there if isinstance(layer, BatchNormalization) and layer.eps == book]
    if found:
        warnings.warn(
            f"eps of BatchNormalization is {book:g}, the book's, in layer {', '.join(found)}: a state_dict has no eps, "
            "and PyTorch's default is 1e-05. Make the layer as BatchNormalization(..., eps=1e-5), or with the eps of "
            "the PyTorch module",
            UserWarning,
            stacklevel=4,  # the caller of `load_state_dict`
        )


def _check_ties(copies: Sequence[tuple[Array, Array]], names: Sequence[str]) -> None:
    """ValueError where two arrays go to parameters that are one, and differ."""
    for i, (first, is_turned) in enumerate(ties_of([param for param, _ in copies]) or ()):
        array = copies[first][1]
        if not np.array_equal(copies[i][1], array.T if is_turned else array, equal_nan=True):
            raise ValueError(f"{names[i]} differs from {names[first]}, but the network has one array for both")


def _check_same_kind(i: str, layer: Any, names: Names, keys: Mapping[str, str]) -> None:
    """ValueError where a module lacks what its layer has, or has what that lacks."""
    weight = keys.get("weight") or keys["weight_ih_l0"]
    known = {name for parts in names.values() for name in parts}
    for name, key in keys.items():
        if name not in known and not (name == "num_batches_tracked" and "running_mean" in known):
            raise ValueError(f"the key {key!r} has no place in layer {i}, {type(layer).__name__}")
    for own, parts in names.items():
        lacking = [name for name in parts if name not in keys]
        if own in layer.buffer_names:
            if lacking:
                raise ValueError(f"{weight} comes without {lacking[0]}, which layer {i}, {type(layer).__name__}, needs")
        elif lacking == [*parts] and own.startswith("b") and isinstance(layer, _RECURRENT_KINDS):
            continue  # of PyTorch's with bias=False: 0 here
        elif (getattr(layer, own) is None) != bool(lacking):
            has, lacks = (weight, f"layer {i}") if getattr(layer, own) is None else (f"layer {i}", weight)
            raise ValueError(f"{has} comes with a {[*lacking, *parts][0]}, but {lacks} has none")


def _shapes(layer: Any, names: Names) -> dict[str, tuple[int, ...]]:
    """The shape of each array that PyTorch has for a layer, by PyTorch's names."""
    shapes: dict[str, tuple[int, ...]] = {}
    for own, parts in names.items():
        array = layer.gamma if own in layer.buffer_names else getattr(layer, own)
        if array is not None:
            shape: tuple[int, ...] = array.shape[::-1] if _is_turned(layer, own) else array.shape
            shapes |= dict.fromkeys(parts, shape)
    return shapes


def _is_turned(layer: Any, own: str) -> bool:
    """Whether PyTorch has the transpose: its weights of all but a convolution and a table are (outputs, inputs)."""
    return own.startswith("W") and isinstance(layer, (Affine, *_RECURRENT_KINDS))


def _in_order(order: Sequence[int], layer: Any, array: Array) -> Array:
    """An array of ours, of an LSTM with its gates in another order."""
    if not isinstance(layer, _OF_GATES):
        return array
    gates = np.split(array, len(order), axis=-1)
    return np.concatenate([gates[i] for i in order], axis=-1)


def _plain(array: Array) -> Array:
    """A copy such as PyTorch, and a safetensors file, can take."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _with_names(layers: Sequence[Any]) -> Iterator[tuple[str, Any, Names]]:
    """The layers that have parameters, with places and PyTorch's names, once no other is seen to have any."""
    for place, layer in leaves(layers):
        names = next((names for kind, names in _NAMES.items() if isinstance(layer, kind)), None)
        if names is not None:
            yield place, layer, names
        elif isinstance(layer, TimeGRU):
            raise TypeError(
                f"layer {place} is a TimeGRU, which resets h before its product with Wh, as ONNX's with "
                "linear_before_reset=0 does; PyTorch's GRU resets it after, and is another function"
            )
        elif has_params(layer) or any(array is not None for *_, array in buffers_of([layer])):
            raise TypeError(
                f"layer {place} is a {type(layer).__name__} with parameters: a state_dict has those of "
                f"{' and '.join(kind.__name__ for kind in _NAMES)}"
            )


def _copy(name: str, param: Array, key: str, array: Array, *, is_new: bool = False, transposed: bool = False) -> Array:
    """What a parameter is to hold, or a new buffer like it, of its shape and dtype."""
    expected = param.shape[::-1] if transposed else param.shape
    if array.shape != expected:
        raise ValueError(f"{key} has shape {array.shape}; for {name} of shape {param.shape} it must be {expected}")
    if not np.can_cast(array.dtype, param.dtype, "same_kind"):
        raise TypeError(f"{key} is {array.dtype.name}, which {name} of dtype {param.dtype.name} cannot hold")
    if not is_new and not param.flags.writeable:
        raise ValueError(f"{name} is read-only")
    # Always a copy: what is copied may be the parameters of this very network, in another order.
    return np.array(cast_like(backend.run, array.T if transposed else array, param, key))
