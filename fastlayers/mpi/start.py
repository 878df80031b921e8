"""What happens once, before ranks train together: their networks are compared, and made ready."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from .._core.types import Array
from ..layers._declaration import params_of
from ..layers._stack import leaves
from ..network import Sequential


def check_alike(comm: Any, network: Sequential) -> None:
    """ValueError on every rank where the networks differ, or a parameter cannot be updated in place."""
    params, loss = params_of(network), network.loss_layer
    trained = {id(p) for p in network.params}
    mine = [
        f"{'' if id(p) in trained else 'frozen '}parameter {i} of shape {p.shape} and dtype {p.dtype}"
        for i, p in enumerate(params)
    ]
    mine.append(f"the loss {type(loss).__name__} with reduction={getattr(loss, 'reduction', None)!r}")
    fixed = [i for i, p in enumerate(params) if p.dtype.kind != "f" or not p.flags.writeable]
    found = comm.allgather((mine, fixed))
    first = found[0][0]
    for rank, (here, fixed) in enumerate(found):
        if fixed:
            what = here[fixed[0]]
            raise ValueError(f"{what} on rank {rank} cannot be updated in place: it must be of writeable floats")
        if here != first:
            pairs = zip_longest(here, first, fillvalue="no more")
            this, other = next((a, b) for a, b in pairs if a != b)
            raise ValueError(f"the networks of the ranks differ: rank {rank} has {this}, but rank 0 has {other}")


def check_same(comm: Any, asked: dict[str, Any]) -> None:
    """ValueError on every rank where one was asked for something else than rank 0."""
    found = comm.allgather(asked)
    for rank, other in enumerate(found):
        for name, value in found[0].items():
            if other[name] != value:
                raise ValueError(
                    f"the ranks must fit the same: rank {rank} has {name}={other[name]!r}, rank 0 {value!r}"
                )


def place_gradients(network: Sequential, arrays: Sequence[Array]) -> np.dtype[Any] | None:
    """Have the layers write their gradients into the arrays; the dtype that x must have then, or None if they do not.

    A layer of a user's own may compute in another dtype than its input's, which no array is there for; where there
    is one, or several dtypes, all gradients are copied.
    """
    dtypes = {array.dtype for array in (*network.params, *arrays)}
    stack = [layer for _, layer in leaves(network.layers)]
    modules = [type(layer).__module__ for layer in (*stack, network.loss_layer)]
    if len(dtypes) != 1 or not all(module.startswith("fastlayers.") for module in modules):
        return None
    places = iter(arrays)
    for layer in stack:
        if params := layer.params:
            layer._write_gradients_into([next(places) for _ in params])
    return dtypes.pop()


def draw_apart(comm: Any, network: Sequential) -> None:
    """Give a layer that draws at random another generator on each rank but rank 0; layers that share one go on to."""
    others: dict[int, np.random.Generator] = {}
    for _, layer in leaves(network.layers) if comm.rank else ():
        rng = getattr(layer, "rng", None)
        if isinstance(rng, np.random.Generator) and id(rng) not in others:
            seed = copy.deepcopy(rng).integers(2**63)  # of a copy: its owner may draw from it on every rank alike
            others[id(rng)] = np.random.default_rng([comm.rank, seed])
        if isinstance(rng, np.random.Generator):
            layer.rng = others[id(rng)]
