"""Whether a stack of layers runs as one compiled call, a `Program`, and if not, why not.

A program is the walk over the layers in C: it runs the same kernels in the same order, and sets the attributes that the
layers' methods would set. It is made for the package's own layers alone, since what another's methods do is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._core import backend
from ._base import OWN, Declared
from ._input import as_gradient
from ._nested import Nested, nested_networks

MOST = 64  # layers, and half the parameters of one, as in `step.pyx`
_FAST = {np.dtype(np.float32), np.dtype(np.float64)}

METHODS = ("forward", "backward", "predict")
# The methods that a step of a network calls.
_METHODS_OF_A_STACK = ("forward", "backward", "gradient", "params", "grads", "_walk", "_last_gradients")


class Compiled:
    """Whether a network runs as one compiled call: true or false, and if false, why.

    Attributes
    ----------
    reason : str or None
        None where it does.
    """

    def __init__(self, reason: str | None) -> None:
        self.reason = reason

    def __bool__(self) -> bool:
        return self.reason is None

    def __repr__(self) -> str:
        return "compiled" if self.reason is None else f"not compiled: {self.reason}"


class Declining:
    """What a stack has in place of a program: it declines every call, and says why.

    Parameters
    ----------
    reason : str
    kernels : object, optional
        The kernels in use.
    layers : list of Layer, optional
        The stack's.
    """

    def __init__(self, reason: str, kernels: object = None, layers: list[Any] | None = None) -> None:
        self.reason = reason
        self._kernels, self._layers = kernels, None if layers is None else [*layers]
        self._nested = [(layer, [*layer.layers]) for layer in nested_networks(layers or ())]

    def stands(self, kernels: object, layers: list[Any]) -> bool:
        """Return whether the reason for declining still holds, since nothing has changed."""
        return (
            self._kernels is kernels
            and self._layers == layers
            and all(network.layers == before for network, before in self._nested)
        )

    def _decline(self, *args: Any) -> Any:
        return NotImplemented

    predict = forward = backward = gradient = train_step = update = _decline


NOT_MADE = Declining("there is none yet")


def program_of(stack: Any, loss: Any, prepare: Callable[..., Any] | None) -> Any:
    """The program of a stack of layers and a loss, or what declines in its place.

    Parameters
    ----------
    stack : Stack
    loss : object or None
        The loss layer: one of the package's own runs by its kernel, any other by its methods.
    prepare : callable or None
        Of layers and x: what the first layer is given for x; None where that is x, which holds indices.
    """
    kernels, layers = backend.kernels, stack.layers
    reason = reason_against(stack)
    if reason is not None:
        return Declining(reason, kernels, layers)
    flat = Flat(stack)
    kept = [what or type(layer)._keeps for layer, what in flat.steps]
    made = [what not in (None, "shape", "fork") for what in kept]  # whether it makes a new array of any x
    steps = [
        kernels.Step(layer, what) if what else _step(kernels, layer, any(made[:i]) and i < len(kept) - 1)
        for i, (layer, what) in enumerate(flat.steps)
    ]
    entry = _entry(kernels, type(loss)._forward) if _is_own(loss) and overridden(loss) is None else None
    loss_step = kernels.LossStep(loss, entry, type(loss)._given if entry else ())
    return kernels.Program(
        kernels,
        steps,
        loss_step,
        prepare,
        as_gradient,
        flat.places,
        flat.nests,
        flat.branches,
        stack._token,
        type(stack),
    )


class Flat:
    """The layers of a network, and those of networks within it, in one list.

    Attributes
    ----------
    steps : list of (Layer, str or None)
        With "fork" and "end" for a `Parallel`, before its layers and behind each of these.
    places : list of (int, int)
        Of each in which list it is, 0 for the network's own, and where.
    nests : list of (Stack or Parallel, int, int)
        The networks within this one, whose lists are 1, 2 and so on, with their own places.
    branches : dict of int to list of int
        Of each fork the places of the ends.
    """

    def __init__(self, stack: Any) -> None:
        self.steps: list[tuple[Any, str | None]] = []
        self.places: list[tuple[int, int]] = []
        self.nests: list[tuple[Any, int, int]] = []
        self.branches: dict[int, list[int]] = {}
        for i, layer in enumerate(stack.layers):
            self._add(layer, (0, i))

    def _add(self, layer: Any, place: tuple[int, int]) -> None:
        if not isinstance(layer, Nested):
            self._put(layer, None, place)
            return
        self.nests.append((layer, *place))
        number, fork = len(self.nests), len(self.steps)
        if layer.is_parallel:
            self._put(layer, "fork", place)
        for i, inner in enumerate(layer.layers):
            self._add(inner, (number, i))
            if layer.is_parallel:
                self.branches.setdefault(fork, []).append(len(self.steps))
                self._put(layer, "end", place)

    def _put(self, layer: Any, what: str | None, place: tuple[int, int]) -> None:
        self.steps.append((layer, what))
        self.places.append(place)


def reason_against(stack: Any) -> str | None:
    """Why a stack does not run as one call; None where it does."""
    if not backend.fuses:
        return "FASTLAYERS_FUSE is 0"
    if backend.get_backend() == "reference":
        return "the reference is in use"
    reason = _reason_of_network(stack, type(stack).__name__)
    if reason is not None:
        return reason
    flat = Flat(stack)
    steps = flat.steps
    if not steps:
        return "there are no layers"
    if len(steps) > MOST:
        return f"there are {len(steps)} layers, and at most {MOST} are run as one"
    # A product alone is run with a bias that is None.
    params = sum(2 if layer._keeps == "affine" else len(layer.param_names) for layer, what in steps if what is None)
    if params > 2 * MOST:
        return f"there are {params} parameters, and at most {2 * MOST} are run as one"
    dtypes = {param.dtype if type(param) is np.ndarray else None for param in stack._all_params()}
    if flat.nests and (len(dtypes) > 1 or not dtypes <= _FAST):  # each casts what it is given to its own
        return "there are networks within it, and parameters of other dtypes than one, float32 or float64"
    return None


def _reason_of_network(network: Any, name: str, of: str = "") -> str | None:
    """Why a network, which may be within another, does not run as one call; `name` is what messages call it."""
    method = overridden(network, (*_METHODS_OF_A_STACK, "predict") if of else _METHODS_OF_A_STACK)
    if method is not None:
        return f"{name} has a {method} of its own"
    if network.is_parallel and not network.layers:
        return f"{name} has no layers"
    for i, layer in enumerate(network.layers):
        name = f"layer {of}{i}, {type(layer).__name__},"
        if isinstance(layer, Nested):
            reason = _reason_of_network(layer, name, f"{of}{i}.")
            if reason is not None:
                return reason
            continue
        if type(layer) not in OWN:
            return f"{name} is not a layer of this package"
        if overridden(layer) is not None:
            return f"{name} has a {overridden(layer)} of its own"
        if layer._keeps not in (None, "shape") and None in _entries(backend.kernels, type(layer)):
            return f"{name} is bound to other functions than the package's own"
    return None


def _step(kernels: Any, layer: Any, is_between: bool) -> Any:
    kind = type(layer)
    if kind._keeps == "shape" and is_between:  # what it is given and what it gives are nobody else's: views will do
        return kernels.Step(layer, kind._keeps)
    if kind._keeps is None or kind._keeps == "shape":
        return kernels.Step(layer)
    return kernels.Step(layer, kind._keeps, *_entries(kernels, kind))


def _entries(kernels: Any, kind: Any) -> list[Any]:
    """The kernels of a class of layer: forward, backward, and what is predicted by."""
    functions = (kind._forward, kind._backward, getattr(kind, "_predict", kind._forward))
    return [_entry(kernels, function) for function in functions]


def _entry(kernels: Any, function: Callable[..., Any]) -> Any:
    """The kernel behind a function of `functional`; None for any other function."""
    if function.__module__.startswith("fastlayers.functional."):
        return getattr(kernels, function.__name__, None)
    return None


def _is_own(loss: Any) -> bool:
    return isinstance(loss, Declared) and type(loss).__module__.startswith("fastlayers.")


def overridden(layer: Any, methods: Iterable[str] = METHODS) -> str | None:
    """Return the first of some methods of a layer, loss or network that is not the package's own.

    A user may have put it into the instance, into a subclass, or into the package's class.
    """
    for name in methods:
        owner = next((kind for kind in type(layer).__mro__ if name in vars(kind)), None)
        if name in vars(layer) or (owner is not None and not _is_of_package(owner, vars(owner)[name])):
            return name
    return None


def _is_of_package(owner: type, method: Any) -> bool:
    # `functools.wraps` copies `__module__`, so the function's globals say where it was written.
    written = getattr(getattr(method, "fget", method), "__globals__", {}).get("__name__", "")
    return owner.__module__.startswith("fastlayers.") and written.startswith("fastlayers.")
