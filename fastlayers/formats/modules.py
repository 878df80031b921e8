"""The modules of a PyTorch ``state_dict``, and which layer each of them is for.

A `Module` is what the state has for one layer. A recurrent module of several layers, ``lstm.weight_ih_l0`` and
``lstm.weight_ih_l1``, is several here. The names that a user gives decide; else the numbers in the modules' names do;
else the shapes, if they allow one assignment only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.types import Array, Shape

_KEY = re.compile(
    r"(?:(?P<module>.*)\.)?(?:(?P<name>weight|bias|running_mean|running_var|num_batches_tracked)|"
    r"(?P<part>(?:weight|bias)_(?:ih|hh|hr))(?:_l(?P<layer>\d+))?(?P<reverse>_reverse)?)",
    re.DOTALL,
)

Shapes = Mapping[str, Shape]
Given = Iterable[str] | Mapping[str, Any]


class Module(NamedTuple):
    """What a state has for one layer."""

    name: str
    layer: str  # which one of a recurrent module, "0" or "1"; else ""
    keys: dict[str, str]  # by the last part of their names, which a recurrent module's layers have as the first has
    shapes: dict[str, Shape]  # by the same

    def __str__(self) -> str:
        return f"{self.name}_l{self.layer}" if self.layer else self.name

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of its name, the recurrent layer's number being the last."""
        return *self.name.split("."), self.layer


class Place(NamedTuple):
    """A layer of the network that has parameters, and the shapes that PyTorch gives them."""

    name: str  # "2", or "2.0" within a network
    layer: Any
    shapes: Shapes


def modules_of(arrays: Mapping[Any, ArrayLike]) -> tuple[list[Module], dict[str, Array]]:
    """The modules of a state in its order, and its arrays."""
    if not isinstance(arrays, Mapping):
        raise TypeError(f"a state_dict is a mapping of names to arrays, not {type(arrays).__name__}")
    modules: dict[tuple[str, str], Module] = {}
    for key in arrays:
        found = _KEY.fullmatch(key) if isinstance(key, str) else None
        if found is None:
            raise ValueError(
                f"the key {key!r} is unknown: expected NAME.weight and NAME.bias of linear layers and of batch "
                "normalization, and its NAME.running_mean and NAME.running_var; or NAME.weight_ih_l0 and so on of "
                "recurrent layers"
            )
        of = found["module"] or "", found["layer"] or ""
        name = found["name"] or f"{found['part']}_l0{found['reverse'] or ''}"
        modules.setdefault(of, Module(*of, {}, {})).keys[name] = key
    for module in modules.values():
        if "weight" not in module.keys and "weight_ih_l0" not in module.keys:
            first = next(iter(module.keys.values()))
            raise ValueError(f"the key {first!r} is there without the weight that goes with it")
    real = {key: arguments.real(key, value) for key, value in arrays.items()}
    for module in modules.values():
        module.shapes.update((name, real[key].shape) for name, key in module.keys.items())
    return [*modules.values()], real


def assign(modules: Sequence[Module], places: Sequence[Place], names: Given | None) -> list[Module]:
    """The module of each layer. ValueError where there is none for each, or where it is not clear which."""
    modules = _in_order(modules)
    by_name = {name: [*group] for name, group in groupby(modules, lambda module: module.name)}
    if names is not None:
        names = _checked(names, by_name)
    if len(modules) != len(places):
        raise ValueError(
            f"the arrays are those of {len(modules)} modules ({', '.join(map(str, modules))}), but the network has "
            f"{len(places)} layers with parameters"
        )
    if isinstance(names, Mapping):
        return _by_place(by_name, places, names)
    if names is not None:
        return [module for name in names for module in by_name[name]]
    return modules if _are_ordered(modules) else _by_shape(modules, by_name, places)


# By the names that are given


def _checked(names: Given, by_name: Mapping[str, object]) -> Mapping[str, Any] | list[str]:
    """The argument `names`, once it is known to have each module once."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"names must be a list of names, or a mapping from names to layers, not {names!r}")
    given: list[Any] = [*names]
    for name in given:
        if not isinstance(name, str):
            raise TypeError(f"names must have names of modules, which are strings, not {name!r}")
    counts = Counter(given)
    faults = [f"{_quoted([name])} is missing" for name in by_name if name not in counts]
    faults += [f"{_quoted([name])} is unknown" for name in counts if name not in by_name]
    faults += [f"{_quoted([name])} is there {count} times" for name, count in counts.items() if count > 1]
    if faults:
        raise ValueError(f"names must have each module of the state once, {_quoted(by_name)}: {', '.join(faults)}")
    return names if isinstance(names, Mapping) else given


def _by_place(
    by_name: Mapping[str, Sequence[Module]], places: Sequence[Place], names: Mapping[str, Any]
) -> list[Module]:
    found: dict[int, Module] = {}
    for name, value in names.items():
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) != len(by_name[name]):
            raise ValueError(
                f"the module {name!r} has {len(by_name[name])} layers, but names has {len(values)} for it: "
                "give a list of the layers of a recurrent module"
            )
        for module, wanted in zip(by_name[name], values, strict=True):
            i = _index(name, wanted, places)
            if i in found:
                raise ValueError(f"names has layer {places[i].name} for both {found[i]} and {module}")
            found[i] = module
    return [found[i] for i in range(len(places))]


def _index(name: str, wanted: Any, places: Sequence[Place]) -> int:
    """Which of the layers with parameters it is that is given, itself or as its place."""
    is_place = isinstance(wanted, str | int | np.integer) and not isinstance(wanted, bool)
    for i, place in enumerate(places):
        if place.name == str(wanted) if is_place else place.layer is wanted:
            return i
    there = ", ".join(f"{place.name} ({type(place.layer).__name__})" for place in places)
    given = repr(wanted) if is_place else f"a {type(wanted).__name__}"
    raise ValueError(
        f"names has {given} for {name!r}: expected a layer of this network with parameters, or its place, of {there}"
    )


# By numbers


def _in_order(modules: Sequence[Module]) -> list[Module]:
    """The modules by the numbers in their names, and where these decide nothing, in the order of the state.

    A file is sorted as text, "fc10" before "fc2": such a state is put in the order of these numbers too.
    """
    names = [module.name for module in modules]
    if names == sorted(names):
        modules = sorted(modules, key=lambda module: [_counted(part) for part in re.split(r"(\d+)", module.name)])
    ranks: dict[Any, int] = {}

    def key(module: Module) -> list[tuple[int, str | int]]:
        path = module.path
        alike = ((path[:i], part.isdecimal() or part) for i, part in enumerate(path))
        return [(ranks.setdefault(of, len(ranks)), _counted(part)) for of, part in zip(alike, path, strict=True)]

    return sorted(modules, key=key)


def _counted(part: str) -> str | int:
    return int(part) if part.isdecimal() else part


def _are_ordered(modules: Sequence[Module]) -> bool:
    """Whether numbers alone decide the order of modules, which `_in_order` has sorted."""
    return all(_precedes(*pair) for pair in pairwise(modules))


def _precedes(a: Module, b: Module) -> bool:
    """Whether a stands before b by the first part in which their names differ, as "layers.2" before "layers.10"."""
    differing = next(((p, q) for p, q in zip(a.path, b.path, strict=False) if p != q), ("", ""))
    return all(part.isdecimal() for part in differing) and int(differing[0]) < int(differing[1])


# By shapes


def _by_shape(
    modules: Sequence[Module], by_name: Mapping[str, Sequence[Module]], places: Sequence[Place]
) -> list[Module]:
    free: dict[object, list[int]] = {}
    for i, place in enumerate(places):
        free.setdefault(_kind(place.shapes), []).append(i)
    alike = {kind: [module for module in modules if _kind(module.shapes) == kind] for kind in free}
    found = {i: module for kind in free for i, module in zip(free[kind], alike[kind], strict=False)}
    if len(found) < len(places):  # a module fits no layer: `load` will say why it does not fit the one that is left
        taken = {*map(str, found.values())}
        left = (module for module in modules if str(module) not in taken)
        return [found[i] if i in found else next(left) for i in range(len(places))]
    for kind, group in alike.items():
        if not _are_ordered(group):
            alternatives = ", ".join(places[i].name for i in free[kind])
            call = f"load_state_dict(state, names=[{_quoted(_fitting(by_name, places))}])"
            raise ValueError(
                f"the modules {_quoted(map(str, group))} fit the layers {alternatives} in more than one order: name "
                f"all modules in the order of the layers, for example {call} if the network runs them in this order"
            )
    assigned = [found[i] for i in range(len(places))]
    _check_numbers(assigned, by_name, places)
    return assigned


def _kind(shapes: Shapes) -> object:
    """What a module and its layer have in common: names and shapes, but those that may be lacking."""
    optional = ("num_batches_tracked", *(name for name in shapes if name.startswith("bias_")))
    return frozenset((name, shape) for name, shape in shapes.items() if name not in optional)


def _fitting(by_name: Mapping[str, Sequence[Module]], places: Sequence[Place]) -> list[str]:
    """Names of modules in an order that fits the layers."""
    left, names = dict(by_name), list[str]()
    kinds = [_kind(place.shapes) for place in places]
    while left:
        fitting = [name for name, group in left.items() if [_kind(m.shapes) for m in group] == kinds[: len(group)]]
        names.append(max(fitting or left, key=lambda name: len(left[name])))
        kinds = kinds[len(left.pop(names[-1])) :]
    return names


def _check_numbers(assigned: Sequence[Module], by_name: Mapping[str, object], places: Sequence[Place]) -> None:
    """ValueError where numbers contradict the assignment, or where a layer divides a recurrent module."""
    last: dict[tuple[str, ...], int] = {}
    is_divided = len([*groupby(assigned, lambda module: module.name)]) > len(by_name)
    for module in assigned:
        for i, part in enumerate(module.path):
            if part.isdecimal():
                is_divided |= int(part) < last.get(module.path[:i], 0)
                last[module.path[:i]] = int(part)
    if is_divided:
        where = ", ".join(f"{module} for layer {place.name}" for module, place in zip(assigned, places, strict=True))
        raise ValueError(
            f"the modules fit the layers as {where} alone, which contradicts the numbers in their names: if it is "
            'meant, give names={"NAME": PLACE, ...}, a mapping from each module to its layer'
        )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
