"""Find the state that an optimizer keeps for a parameter by the parameter's memory, whatever its position or key.

An optimizer's dictionaries hold the states of its last update's parameters, by position or key. The states of
parameters that this update left out, as of frozen layers or of another network, are set aside until these return.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._core import arguments
from .._core.callers import stacklevel_of_user
from .._core.types import Array

Memory: TypeAlias = "tuple[int, tuple[int, ...], tuple[int, ...], np.dtype[Any]]"


class SetAside(NamedTuple):
    """The states of a parameter, and how many updates it has had; weak references, so that it does not live on."""

    param: Reference
    memory: Memory
    states: tuple[Array | None, ...]
    updates: int


class Arrangement(NamedTuple):
    """What the parameters of one update find: their states, and how many updates they have had.

    `late` is empty, or has for each parameter by how many updates it has had fewer than `t`.
    """

    states: list[list[Array]]  # of each kind of state, an array for each parameter
    t: int
    late: tuple[int, ...]
    apart: tuple[SetAside, ...]


class Floats(NamedTuple):
    """An array for each float of a dictionary of parameters, by its key.

    `is_copied` is true after a copy or pickle: then `owner` is the copy of the dictionary, if that came along.
    """

    owner: Any
    arrays: Mapping[Any, Array]
    is_copied: bool = False


MOST_DICTIONARIES = 16  # of floats, whose states an optimizer keeps


def floats_of(known: Sequence[Floats], params: Any, keys: Collection[Any]) -> Floats:
    """Return what is known of a dictionary's floats.

    A dictionary that is not known takes what was copied without its dictionary, if that has the same keys.

    Warns
    -----
    UserWarning
        If the dictionary is one more than are kept: the states of the oldest are lost.
    """
    for each in known:
        if each.owner is params:
            return each
    for each in known:
        if each.is_copied and each.arrays.keys() == keys:
            return each
    if len(known) == MOST_DICTIONARIES:
        warnings.warn(
            f"this optimizer has updated more than {MOST_DICTIONARIES} dictionaries with floats, and forgets the state "
            "of the oldest: the state of a float belongs to its dictionary, so update the same one, or use arrays",
            stacklevel=stacklevel_of_user(),
        )
    return Floats(params, {})


def step_numbers(t: int, late: tuple[int, ...]) -> int | tuple[int, ...]:
    """Return the number of the next update, from 1; a tuple with that of each parameter where they differ."""
    return tuple(max(t + 1 - behind, 1) for behind in late) if late else t + 1


def set_aside(param: Array, states: tuple[Array | None, ...], updates: int) -> SetAside:
    """Return a record of a parameter's states."""
    return SetAside(Reference(param), _memory_of(param), states, updates)


class Reference:
    """A weak reference to a parameter, also to one that is a view which its layer makes anew at each call.

    Parameters
    ----------
    param : ndarray
    owner : ndarray, optional
        The array that owns the memory.
    offset : int, optional
        Where in this the parameter begins, in bytes.
    """

    def __init__(self, param: Array, owner: Array | None = None, offset: int | None = None) -> None:
        owner = _owner_of(param) if owner is None else owner
        self._param, self._owner = weakref.ref(param), weakref.ref(owner)
        self._offset = _address_of(param) - _address_of(owner) if offset is None else offset
        self._kind = param.shape, param.dtype, param.strides

    def __call__(self) -> Array | None:
        """Return the parameter; None where its memory exists no more."""
        param, owner = self._param(), self._owner()
        if param is None and owner is not None and owner.flags.forc:
            shape, dtype, strides = self._kind
            return np.ndarray(shape, dtype, owner.reshape(-1, order="A"), self._offset, strides)
        return param


def arrange(optimizer: Any, keys: Sequence[Any], params: Sequence[Array]) -> Arrangement:
    """Find the states of parameters of which none is given twice; those of a new parameter are zero.

    The optimizer itself does not change. Where none of its last update's parameters exists any more, or there was none,
    the dictionaries are taken as those of the given parameters: the optimizer was copied or restored alone.

    Raises
    ------
    TypeError, ValueError
        If a state is no writable array of floats of its parameter's shape, or the dictionaries of an optimizer that was
        restored alone have other positions or keys.

    Warns
    -----
    UserWarning
        If states that were set aside are lost, since the optimizer was restored without its network.
    """
    known = _known(optimizer)
    if known is None:
        return _adopted(optimizer, keys, params)
    found: list[tuple[tuple[Array | None, ...], int]] = []
    for param in params:
        is_turned = _memory_of(param) not in known and param.ndim > 1
        record = known.pop(_memory_of(param.T if is_turned else param), None)
        if record is None:
            found.append(((None,) * len(optimizer._states), 0))
        else:
            turned = tuple(state.T if is_turned and state is not None else state for state in record.states)
            found.append((turned, record.updates))
    t = max((updates for _, updates in found), default=0)
    late = tuple(t - updates for _, updates in found)
    states = [
        [usable(states[i], key, param) for key, param, (states, _) in zip(keys, params, found, strict=True)]
        for i in range(len(optimizer._states))
    ]
    return Arrangement(states, t, late if any(late) else (), tuple(known.values()))


def usable(state: Array | None, key: Any, param: Array) -> Array:
    """Return the state of a parameter, zeros where there is none, once it is known to fit."""
    if state is None:
        return np.zeros_like(param, subok=False)
    if np.shape(state) != param.shape:
        raise ValueError(
            f"the state of parameter {key!r} has shape {np.shape(state)}, but the parameter has shape {param.shape}: "
            "a network of other shapes needs a new optimizer"
        )
    check_updatable("the state of parameter", key, state)
    return state


def check_updatable(what: str, key: Any, array: Array) -> None:
    """Raise TypeError or ValueError unless an array can be updated in place."""
    arguments.check_ndarray(f"{what} {key!r}", array, "f", "floats to be updated in place")
    if not array.flags.writeable:
        raise ValueError(f"{what} {key!r} is read-only")
    arguments.check_unmasked(f"{what} {key!r}", array)


def pickled(attributes: Mapping[str, Any], optimizer: Any) -> dict[str, Any]:
    """Return an optimizer's attributes with arrays in place of weak references, which a pickle cannot hold."""
    updated, apart = _live(optimizer._updated), [(record.param(), record) for record in optimizer._apart]
    params = [param for param in (*updated, *(param for param, _ in apart)) if param is not None]
    # A copy of a view is an array of its own: where the view was is known by what owns it, if that is parameters only.
    most = 2 * sum(param.nbytes for param in params)
    places = {id(param): _place_of(param, most) for param in params}
    return {
        **attributes,
        "_updated": tuple(None if param is None else places[id(param)] for param in updated),
        "_apart": tuple(
            (places[id(param)], record.states, record.updates) for param, record in apart if param is not None
        ),
        "_floats": tuple(floats._replace(is_copied=True) for floats in optimizer._floats),
    }


def restored(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a copied or unpickled optimizer, which does not keep its parameters alive.

    Those that no network has as well are gone after this; by that `arrange` sees whether the network came along.
    """
    found = dict(attributes)
    if "_updated" in found:
        found["_updated"] = tuple(None if place is None else Reference(*place) for place in found["_updated"])
        found["_apart"] = tuple(
            set_aside(place[0], *record)._replace(param=Reference(*place)) for place, *record in found["_apart"]
        )
    return found


def _place_of(param: Array, most: int) -> tuple[Array, Array, int] | tuple[Array]:
    """Return a parameter, and, unless this has more than so many bytes, what owns it and where it begins in this."""
    owner = _owner_of(param)
    if owner is param or owner.nbytes > most:
        return (param,)
    return param, owner, _address_of(param) - _address_of(owner)


def _owner_of(array: Array) -> Array:
    """Return the array that owns the memory of an array, which may be the array itself."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _address_of(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _live(updated: Sequence[Any]) -> list[Array | None]:
    """Return the parameters of the last update; None for one that exists no more."""
    return [param() if isinstance(param, Reference) else param for param in updated]


def _memory_of(array: Array) -> Memory:
    return _address_of(array), array.shape, array.strides, array.dtype


def _known(optimizer: Any) -> dict[Memory, SetAside] | None:
    """Return every parameter's record by its memory; None where the last update's parameters are none or are gone."""
    last = _live(optimizer._updated)
    boxes = {id(box) for floats in optimizer._floats for box in floats.arrays.values()}
    records = [*_there(optimizer._apart)]
    are_gone = all(param is None or id(param) in boxes for param in last) and not (boxes and None not in last)
    if are_gone and not records:
        return None
    for key, param, behind in zip(optimizer._keys, last, optimizer._late or repeat(0), strict=False):
        if param is not None:
            states = tuple(getattr(optimizer, name).get(key) for name in optimizer._states)
            records.append(set_aside(param, states, max(optimizer.t - behind, 0)))
    return {record.memory: record for record in records}


def _there(apart: Iterable[SetAside]) -> Iterator[SetAside]:
    """Iterate over the records of parameters that exist; those of a restored optimizer may lie elsewhere by now."""
    for record in apart:
        param = record.param()
        if param is not None:
            yield set_aside(param, record.states, record.updates)


def _adopted(optimizer: Any, keys: Sequence[Any], params: Sequence[Array]) -> Arrangement:
    """Arrange by position or key what an optimizer has in its dictionaries, which may be empty."""
    states = []
    for name in optimizer._states:
        state = getattr(optimizer, name)
        if state and set(state) != set(keys):
            raise ValueError(
                f"{name} of the optimizer has the entries {[*state]}, but the parameters are {[*keys]}: copy or pickle "
                "an optimizer together with its network, or use a new one"
            )
        states.append([usable(state.get(key), key, param) for key, param in zip(keys, params, strict=True)])
    late = dict(zip(optimizer._keys, optimizer._late, strict=False))
    if optimizer._updated and (states or callable(optimizer.lr)):
        lost = len(optimizer._apart)
        warnings.warn(
            "this optimizer was copied or pickled without the arrays that it updates: it goes on with its states by "
            f"position or key{f', and those of {lost} arrays that its last update left out are lost' if lost else ''}; "
            "copy or pickle it together with its network",
            stacklevel=stacklevel_of_user(),
        )
    return Arrangement(states, optimizer.t, tuple(late[key] for key in keys) if late else (), ())
