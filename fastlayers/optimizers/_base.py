"""How an optimizer runs its rule: with all that it is given seen to fit, before anything is written, on the backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .._core import arguments, backend
from .._core.described import Described
from .._core.ties import ties_of
from .._core.types import Array

Arrays: TypeAlias = Sequence[Array] | Mapping[Any, Array]
Rate: TypeAlias = float | Callable[[int], float]

# What is asked of the numbers that every rule ends with.
DECAY_AND_CLIPPING = {"weight_decay": arguments.not_negative, "clip_norm": arguments.positive_or_none}


class Optimizer(Described):
    """What the optimizers share: a rule run by the backend in use, or by the reference alone.

    A class names the formula, the dictionaries of arrays that go with the parameters, and the formula's numbers in
    their order: a number is the attribute of its name, with an underscore before it where there is one so.
    """

    _pure: ClassVar[bool] = False
    _formula: ClassVar[Callable[..., None]]
    _states: ClassVar[tuple[str, ...]] = ()
    _factors: ClassVar[dict[str, Callable[[str, Any], Any]]]  # the numbers, and what is asked of each
    _numbers: ClassVar[tuple[str, ...]] = ()  # the attributes with those after lr
    _numbers_of: ClassVar[attrgetter[tuple[Any, ...]]]
    _own: ClassVar[type | None] = None  # the class of the package that this is, or that it derives from
    _compiled: ClassVar[tuple[Any, Any]] = (None, None)  # the kernels that were last in use, and their rule or None

    lr: Rate
    # Of an object that was made without `__init__`: pickled before there were these, or of a subclass with its own.
    weight_decay: float = 0.0
    clip_norm: float | None = None
    t: int = 0

    def __init__(self, lr: Rate = 0.01, weight_decay: float = 0.0, clip_norm: float | None = None) -> None:
        self.lr = lr
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.t = 0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.startswith("fastlayers.") and not cls._pure:
            cls._own, cls._compiled = cls, (None, None)
            cls._numbers = tuple(f"_{name}" if hasattr(cls, f"_{name}") else name for name in [*cls._factors][1:])
            cls._numbers_of = attrgetter(*cls._numbers)

    @classmethod
    def _rule(cls, make: Callable[..., Any], kernels: Any) -> Any:
        """How this class updates, for a `Program`; None where only its ``update`` knows."""
        own = cls is cls._own and cls.update is Optimizer.update
        if not own:
            return None
        name = cls._formula.__name__
        defaults = [getattr(cls, number, None) for number in cls._numbers]
        return make(
            getattr(kernels, name), cls._states, cls._numbers, defaults, getattr(kernels, f"{name}_of_rows", None)
        )

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written.

        A parameter that is a float in a dictionary cannot change in place: its entry gets another.
        """
        if isinstance(params, dict) and any(isinstance(param, float) for param in params.values()):
            arrays, grads = ({key: _array(of[key]) for key in params if key in of} for of in (params, grads))
            self.update(arrays, grads)
            params.update({key: type(param)(arrays[key]) for key, param in params.items() if isinstance(param, float)})
            return
        are_lists = type(params) is list and type(grads) is list and len(params) == len(grads)
        keys: Sequence[Any] = range(len(params))
        if not are_lists:
            keys, params, grads = _aligned(params, grads)
        lr: Any = self.lr
        if type(lr) is not float and callable(lr):
            lr = _scheduled(lr, self.t)
        if are_lists and type(self) is self._own:  # common, and done with no Python in between
            kernels, rule = self._compiled
            if kernels is not backend.kernels:
                rule = self._find_rule()
            if rule is not None and rule.run(self, params, grads, lr):
                return
        self._run(keys, params, grads, lr)

    @classmethod
    def _find_rule(cls) -> Any:
        """How the kernels in use update, once they are others; None where they do not."""
        kernels = backend.kernels
        rule = cls._rule(kernels.UpdateStep, kernels)
        cls._compiled = kernels, None if rule is NotImplemented else rule
        return cls._compiled[1]

    def _run(self, keys: Sequence[Any], params: Any, grads: Any, lr: Any) -> None:
        """Update by the compiled rule; where it declines, once all is known to fit and each state is there."""
        rule, states, factors = self._formula, [getattr(self, name) for name in self._states], self._numbers_of(self)
        if (
            type(keys) is range and states and len(states[0]) > len(keys)
        ):  # fewer have none, or are one in several places
            raise ValueError(
                f"params has {len(keys)} arrays, but those of the first update were {len(states[0])}: what is "
                "trained has changed, and needs a new optimizer"
            )
        compiled = None if self._pure else getattr(backend.kernels, rule.__name__)
        arrays: list[list[Any]] = [list(map(state.get, keys)) for state in states] if states else []
        if compiled is None or compiled(params, grads, *arrays, lr, *factors) is NotImplemented:
            checks = zip(self._factors.items(), (lr, *factors), strict=True)
            numbers = [check(name, factor) for (name, check), factor in checks]
            _check(keys, params, grads)
            # From here on as plain arrays: a subclass may multiply otherwise, and need not update in place.
            params, grads = [np.asarray(param) for param in params], [np.asarray(grad) for grad in grads]
            keys, params, grads = _each_once(keys, params, grads)
            arrays = [_state(state, keys, params) for state in states]
            if compiled is None or compiled(params, grads, *arrays, *numbers) is NotImplemented:
                rule(params, grads, *arrays, *numbers)
        self.t += 1


def _array(number: Any) -> Any:
    """A float, np.float64 too, as an array of one; anything else as it is."""
    return np.array(number) if isinstance(number, float) else number


def _scheduled(schedule: Callable[[int], Any], step: int) -> float:
    """The rate after so many updates; ValueError where it leads nowhere."""
    lr = schedule(step)
    if type(lr) is not float:
        lr = arguments.number("lr", lr)
    if not 0 <= lr < math.inf:
        name = getattr(schedule, "__qualname__", type(schedule).__name__)
        raise ValueError(f"lr must be finite, and 0 or more, not {lr}, which {name} gave after {step} updates")
    return lr


def _aligned(params: Arrays, grads: Arrays) -> tuple[Sequence[Any], list[Array], list[Array]]:
    """The keys or positions, and params and grads as lists in their order."""
    if isinstance(params, Mapping) and isinstance(grads, Mapping):
        keys = list(params)
        missing = [key for key in keys if key not in grads]
        if missing:
            raise ValueError(f"grads has no entry for the parameter {missing[0]!r}")
        return keys, [params[key] for key in keys], [grads[key] for key in keys]
    if isinstance(params, Mapping) or isinstance(grads, Mapping):
        raise TypeError("params and grads must both be lists or both be dictionaries")
    if len(params) != len(grads):
        raise ValueError(f"params has {len(params)} arrays but grads has {len(grads)}")
    return range(len(params)), list(params), list(grads)


def _each_once(
    keys: Sequence[Any], params: list[Array], grads: list[Array]
) -> tuple[Sequence[Any], list[Array], list[Array]]:
    """Each parameter once, with the sum of the gradients of all that are the same array, or its transpose.

    A compiled rule declines what shares memory, so no step pays for the question where nothing does.
    """
    ties = ties_of(params, lambda i: f"parameter {keys[i]!r}")
    if ties is None:
        return keys, params, grads
    sums: dict[int, Array] = {}
    for grad, param, (first, is_turned) in zip(grads, params, ties, strict=True):
        if is_turned:
            grad = grad.T
        if first not in sums:
            sums[first] = grad
        else:
            dtype = np.result_type(sums[first], grad, param)
            out = np.empty_like(params[first], dtype)  # its layout is the one that a compiled rule takes
            sums[first] = np.add(sums[first], grad, out=out, dtype=dtype)
    return [keys[i] for i in sums], [params[i] for i in sums], [*sums.values()]


def _state(state: dict[Any, Array], keys: Sequence[Any], params: list[Array]) -> list[Array]:
    """The state of each parameter, zero at first."""
    if not state:
        state.update({key: np.zeros_like(param) for key, param in zip(keys, params, strict=True)})
    for key, param in zip(keys, params, strict=True):
        if key not in state or np.shape(state[key]) != param.shape:
            raise ValueError(
                f"parameter {key!r} of shape {param.shape} is not one of the first update: use a new optimizer"
            )
        _check_updatable("the state of parameter", key, state[key])
    return [np.asarray(state[key]) for key in keys]


def _check(keys: Sequence[Any], params: list[Array], grads: list[Array]) -> None:
    for key, param, grad in zip(keys, params, grads, strict=True):
        _check_updatable("parameter", key, param)
        arguments.check_ndarray(f"gradient {key!r}", grad, "biuf", "real numbers")
        arguments.check_unmasked(f"gradient {key!r}", grad)
        if grad.shape != param.shape:
            raise ValueError(f"gradient {key!r} has shape {grad.shape}, but its parameter has shape {param.shape}")


def _check_updatable(what: str, key: Any, array: Array) -> None:
    arguments.check_ndarray(f"{what} {key!r}", array, "f", "floats to be updated in place")
    if not array.flags.writeable:
        raise ValueError(f"{what} {key!r} is read-only")
    arguments.check_unmasked(f"{what} {key!r}", array)
