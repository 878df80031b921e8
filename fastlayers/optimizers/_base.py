"""The optimizers' base class: it checks parameters and gradients, finds their states, and runs the rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .._core import arguments, backend
from .._core.described import Described
from .._core.ties import are_same, ties_of
from .._core.types import Array
from ._states import (
    MOST_DICTIONARIES,
    Arrangement,
    Floats,
    SetAside,
    arrange,
    check_updatable,
    floats_of,
    pickled,
    restored,
    step_numbers,
    usable,
)

Arrays: TypeAlias = Sequence[Array] | Mapping[Any, Array]
Rate: TypeAlias = float | Callable[[int], float]

# How the numbers that every rule ends with are checked.
DECAY_AND_CLIPPING = {"weight_decay": arguments.not_negative, "clip_norm": arguments.positive_or_none}


class Optimizer(Described):
    """Run an update rule by the compiled kernel, or by the reference.

    A class names the formula, the dictionaries of states, and the formula's numbers in their order: a number is the
    attribute of its name, with an underscore before it where there is such an attribute.

    Each parameter array keeps its own states and its own count of updates. The dictionaries have those of the last
    update's parameters; the states of parameters that it left out are in `_apart`.
    """

    _pure: ClassVar[bool] = False
    _formula: ClassVar[Callable[..., None]]
    _states: ClassVar[tuple[str, ...]] = ()
    _factors: ClassVar[dict[str, Callable[[str, Any], Any]]]  # the numbers, and what is asked of each
    _numbers: ClassVar[tuple[str, ...]] = ()  # the attributes with those after lr
    _numbers_of: ClassVar[attrgetter[tuple[Any, ...]]]
    _own: ClassVar[type | None] = None  # the class of the package that this is, or that it derives from
    _compiled: ClassVar[tuple[Any, Any]] = (None, None)  # the kernels that were last in use, and their rule or None

    # The last update's parameters, each once, with their positions or keys, and by how many updates each is behind `t`
    # (empty where none is). After a copy or pickle they are weak references.
    _updated: tuple[Any, ...] = ()
    _keys: Sequence[Any] = ()
    _late: tuple[int, ...] = ()
    _apart: tuple[SetAside, ...] = ()
    _floats: tuple[Floats, ...] = ()  # of dictionaries with floats

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
        """Return this class's compiled rule for a `Program`; None where a subclass may update otherwise."""
        own = cls is cls._own and cls.update is Optimizer.update
        if not own:
            return None
        name = cls._formula.__name__
        defaults = [getattr(cls, number, None) for number in cls._numbers]
        return make(
            getattr(kernels, name), cls._states, cls._numbers, defaults, getattr(kernels, f"{name}_of_rows", None)
        )

    def __getstate__(self) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
        state = super().__getstate__()
        attributes = pickled(vars(self), self)
        return (attributes, state[1]) if isinstance(state, tuple) else attributes  # with the slots of a subclass

    def __setstate__(self, state: tuple[dict[str, Any], dict[str, Any]] | dict[str, Any]) -> None:
        attributes, slots = state if isinstance(state, tuple) else (state, {})
        vars(self).update(restored(attributes))
        for name, value in slots.items():
            setattr(self, name, value)

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update parameters in place.

        Each parameter array has its own state, whatever is updated with it, at whatever position or key: a new one
        starts from zero, and one that an update leaves out keeps its state until it returns.

        Parameters
        ----------
        params : list or dict of ndarray
            Of floats. An array given several times, or with its transpose, is one parameter, and its gradient is the
            sum of all of its gradients. A float in a dictionary cannot change in place: its entry is replaced.
        grads : list or dict of ndarray
            The gradient of each parameter, an array of its own. A dictionary may have further entries.

        Raises
        ------
        TypeError, ValueError
            If parameters, gradients, states or the optimizer's numbers do not fit, or one gradient array is given
            twice. Then nothing is written.
        """
        if isinstance(params, dict) and any(isinstance(param, float) for param in params.values()):
            self._update_floats(params, grads)
            return
        are_lists = type(params) is list and type(grads) is list and len(params) == len(grads)
        lr: Any = self.lr
        if type(lr) is not float and callable(lr) and type(params) is list and are_same(params, self._updated):
            lr = _scheduled(lr, self.t)
        if are_lists and type(self) is self._own:  # the common case, without Python code in between
            kernels, rule = self._compiled
            if kernels is not backend.kernels:
                rule = self._find_rule()
            if rule is not None and rule.run(self, params, grads, lr):
                return
        self._run(*_aligned(params, grads), lr)

    def _update_floats(self, params: dict[Any, Any], grads: Any) -> None:
        """Update a dictionary in which parameters are floats, each by an array that is kept for it."""
        floats = {key: param for key, param in params.items() if isinstance(param, float)}
        known = floats_of(self._floats, params, floats.keys())
        boxes = {key: known.arrays.get(key, np.zeros(())) for key in floats}
        for key, param in floats.items():
            boxes[key][...] = param
        given = {key: _array(grads[key]) for key in params if key in grads} if isinstance(grads, Mapping) else grads
        self.update({**params, **boxes}, given)
        others = [each for each in self._floats if each is not known]
        self._floats = (*others[-MOST_DICTIONARIES + 1 :], Floats(params, boxes))
        params.update({key: type(param)(boxes[key]) for key, param in floats.items()})

    @classmethod
    def _find_rule(cls) -> Any:
        """Return the compiled rule of the kernels in use, and remember it; None where there is none."""
        kernels = backend.kernels
        rule = cls._rule(kernels.UpdateStep, kernels)
        cls._compiled = kernels, None if rule is NotImplemented else rule
        return cls._compiled[1]

    def _run(self, keys: Sequence[Any], params: list[Any], grads: list[Any], lr: Any) -> None:
        """Update with every check, unless the compiled rule takes all as it is."""
        names = self._states
        arguments.count("t", self.t, least=0)
        if not params:
            return
        compiled = None if self._pure else getattr(backend.kernels, self._formula.__name__)
        if compiled is not None and keys == self._keys and are_same(params, self._updated):
            if callable(lr):
                lr = _scheduled(lr, self.t)
            states: list[list[Any]] = [[*map(getattr(self, name).get, keys)] for name in names]
            options = self._numbers_of(self)
            self.t += 1  # before the kernel: an interrupt is raised when it returns, and the parameters have changed
            try:
                if compiled(params, grads, *states, lr, *options) is not NotImplemented:
                    return
            except Exception:
                self.t -= 1
                raise
            self.t -= 1
        _check(keys, params, grads)
        # From here on as plain arrays: a subclass may multiply otherwise, and need not update in place.
        arrays, grads = [np.asarray(param) for param in params], [np.asarray(grad) for grad in grads]
        distinct, grads = _each_once(keys, arrays, grads)
        if len(distinct) < len(params):
            keys = tuple(keys[i] for i in distinct)
        params, arrays = [params[i] for i in distinct], [arrays[i] for i in distinct]
        found = self._arranged(keys, params, arrays)
        if callable(lr):
            lr = _scheduled(lr, found.t)
        factors = dict(zip(self._factors, (lr, *self._numbers_of(self)), strict=True))
        if "t" in factors:
            factors["t"] = step_numbers(found.t, found.late)
        numbers = [check(name, factors[name]) for name, check in self._factors.items()]
        states = [[np.asarray(state) for state in kind] for kind in found.states]
        new: dict[str, Any] = {"t": found.t + 1, "_late": found.late, "_apart": found.apart}
        new |= {"_keys": keys, "_updated": tuple(params)}
        new |= {name: dict(zip(keys, kind, strict=True)) for name, kind in zip(names, found.states, strict=True)}
        before = vars(self).copy()
        vars(self).update(new)  # before the kernel, for the same reason
        try:
            if compiled is None or compiled(arrays, grads, *states, *numbers) is NotImplemented:
                self._formula(arrays, grads, *states, *numbers)
        except Exception:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _arranged(self, keys: Sequence[Any], params: list[Any], arrays: list[Array]) -> Arrangement:
        """Find the states of parameters, which are mostly those of the last update."""
        if not (keys == self._keys and are_same(params, self._updated)):
            return arrange(self, keys, params)
        states = [
            [usable(getattr(self, name).get(key), key, array) for key, array in zip(keys, arrays, strict=True)]
            for name in self._states
        ]
        return Arrangement(states, self.t, self._late, self._apart)


def _array(number: Any) -> Any:
    """Return a float, also an np.float64, as an array without axes; anything else as it is."""
    return np.array(number) if isinstance(number, float) else number


def _scheduled(schedule: Callable[[int], Any], step: int) -> float:
    """Return a schedule's learning rate after so many updates; ValueError unless it is finite and not negative."""
    lr = schedule(step)
    if type(lr) is not float:
        lr = arguments.number("lr", lr)
    if not 0 <= lr < math.inf:
        name = getattr(schedule, "__qualname__", type(schedule).__name__)
        raise ValueError(f"lr must be finite, and 0 or more, not {lr}, which {name} gave after {step} updates")
    return lr


def _aligned(params: Arrays, grads: Arrays) -> tuple[Sequence[Any], list[Array], list[Array]]:
    """Return keys or positions, and the parameters and gradients as lists in their order."""
    if isinstance(params, Mapping) and isinstance(grads, Mapping):
        keys = list(params)
        missing = [key for key in keys if key not in grads]
        if missing:
            raise ValueError(f"grads has no entry for the parameter {missing[0]!r}")
        return tuple(keys), [params[key] for key in keys], [grads[key] for key in keys]
    if isinstance(params, Mapping) or isinstance(grads, Mapping):
        raise TypeError("params and grads must both be lists or both be dictionaries")
    if len(params) != len(grads):
        raise ValueError(f"params has {len(params)} arrays but grads has {len(grads)}")
    return range(len(params)), list(params), list(grads)


def _each_once(keys: Sequence[Any], params: list[Array], grads: list[Array]) -> tuple[list[int], list[Array]]:
    """Return the places of the distinct parameters, and for each the sum of its gradients.

    The transpose of a parameter is the same parameter. A compiled rule declines arrays that share memory, so a step
    pays for this only where there may be some.
    """
    ties = ties_of(params, lambda i: f"parameter {keys[i]!r}")
    if ties is None:
        return [*range(len(params))], grads
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
    return [*sums], [*sums.values()]


def _check(keys: Sequence[Any], params: list[Array], grads: list[Array]) -> None:
    for key, param, grad in zip(keys, params, grads, strict=True):
        check_updatable("parameter", key, param)
        arguments.check_ndarray(f"gradient {key!r}", grad, "biuf", "real numbers")
        arguments.check_unmasked(f"gradient {key!r}", grad)
        if grad.shape != param.shape:
            raise ValueError(f"gradient {key!r} has shape {grad.shape}, but its parameter has shape {param.shape}")
    for i, (first, _) in enumerate(ties_of(grads) or []):
        if first != i:
            raise ValueError(
                f"gradient {keys[i]!r} is the same array as gradient {keys[first]!r}: each parameter needs a gradient "
                "array of its own, a copy where they are equal"
            )
