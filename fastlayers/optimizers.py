"""Optimizers: each updates the parameters in place from their gradients, on the backend in use.

``update(params, grads)`` takes lists, aligned by position, or dictionaries with the same keys, as the
book has them. State (Momentum's velocity, Adam's moments) is made at the first update and belongs to
those parameters: give each network an optimizer of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _arguments, _backend

Array = NDArray[Any]
Arrays = Sequence[Array] | Mapping[Any, Array]

__all__ = ["SGD", "Adam", "Momentum"]


class _Optimizer:
    """What the optimizers share: a rule run by the backend in use, or by the reference alone."""

    _pure: ClassVar[bool] = False
    _factors: ClassVar[dict[str, Callable[[str, Any], float]]]  # the rule's numbers, and what is asked of each

    def _run(
        self, rule: str, params: Arrays, grads: Arrays, states: Sequence[dict[Any, Array]], *factors: float
    ) -> None:
        """Update by the compiled rule; where it declines, once all is known to fit and each state is there."""
        keys, params, grads = _aligned(params, grads)
        compiled = None if self._pure else getattr(_backend.kernels, rule)
        arrays: list[list[Any]] = [[state.get(key) for key in keys] for state in states] if states else []
        if compiled is None or compiled(params, grads, *arrays, *factors) is NotImplemented:
            checks = zip(self._factors.items(), factors, strict=True)
            numbers = [check(name, factor) for (name, check), factor in checks]
            _check(keys, params, grads)
            # From here on as plain arrays: a subclass may multiply otherwise, and need not update in place.
            params, grads = [np.asarray(param) for param in params], [np.asarray(grad) for grad in grads]
            arrays = [_state(state, keys, params) for state in states]
            if compiled is None or compiled(params, grads, *arrays, *numbers) is NotImplemented:
                _backend.run_reference(rule, params, grads, *arrays, *numbers)


class SGD(_Optimizer):
    r"""Stochastic gradient descent: :math:`\theta \leftarrow \theta - \eta\,g`.

    Parameters
    ----------
    lr : float, default 0.01
        Learning rate :math:`\eta`.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.1.2.

    Examples
    --------
    >>> W = np.array([1.0, 2.0])
    >>> SGD(lr=0.5).update([W], [np.array([1.0, 1.0])])
    >>> W
    array([0.5, 1.5])
    """

    _factors: ClassVar = {"lr": _arguments.number}

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        self._run("sgd_update", params, grads, (), self.lr)


class Momentum(_Optimizer):
    r"""Gradient descent with a velocity: :math:`v \leftarrow \alpha v - \eta\,g`, :math:`\theta \leftarrow \theta + v`.

    Parameters
    ----------
    lr : float, default 0.01
        Learning rate :math:`\eta`.
    momentum : float, default 0.9
        What remains of the velocity, :math:`\alpha`.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.1.4.
    """

    _factors: ClassVar = {"lr": _arguments.number, "momentum": _arguments.number}

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[Any, Array] = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        self._run("momentum_update", params, grads, (self.v,), self.lr, self.momentum)


class Adam(_Optimizer):
    r"""Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate :math:`\eta`.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the two means.
    eps : float, default 1e-8
        Keeps the division finite.

    Notes
    -----
    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`, :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`,
    :math:`\theta \leftarrow \theta - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)` with
    :math:`\hat m = m / (1 - \beta_1^t)` and :math:`\hat v = v / (1 - \beta_2^t)`, t counted from 1.
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    """

    _factors: ClassVar = {
        "lr": _arguments.number,
        "beta1": _arguments.fraction,
        "beta2": _arguments.fraction,
        "eps": _arguments.number,
        "t": _arguments.number,
    }

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.t = 0
        self.m: dict[Any, Array] = {}
        self.v: dict[Any, Array] = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        states = self.m, self.v
        self._run("adam_update", params, grads, states, self.lr, self.beta1, self.beta2, self.eps, self.t + 1)
        self.t += 1


def _aligned(params: Arrays, grads: Arrays) -> tuple[Sequence[Any], list[Array], list[Array]]:
    """The keys or positions, and params and grads as lists in their order."""
    if type(params) is list and type(grads) is list and len(params) == len(grads):  # the common case, and quick to see
        return range(len(params)), params, grads
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
        if not isinstance(grad, np.ndarray) or grad.dtype.kind not in "biuf":
            kind = grad.dtype.name if isinstance(grad, np.ndarray) else type(grad).__name__
            raise TypeError(f"gradient {key!r} must be an ndarray of real numbers, not {kind}")
        _arguments.check_unmasked(f"gradient {key!r}", grad)
        if grad.shape != param.shape:
            raise ValueError(f"gradient {key!r} has shape {grad.shape}, but its parameter has shape {param.shape}")


def _check_updatable(what: str, key: Any, array: Array) -> None:
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        kind = array.dtype.name if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"{what} {key!r} must be an ndarray of floats to be updated in place, not {kind}")
    if not array.flags.writeable:
        raise ValueError(f"{what} {key!r} is read-only")
    _arguments.check_unmasked(f"{what} {key!r}", array)
