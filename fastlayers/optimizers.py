"""Optimizers: each updates the parameters in place from their gradients.

``update(params, grads)`` takes lists, aligned by position, or dictionaries with the same keys, as the
book has them. State (Momentum's velocity, Adam's moments) is made at the first update and belongs to
those parameters: give each network an optimizer of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Sequence[Array] | Mapping[Any, Array]

__all__ = ["SGD", "Adam", "Momentum"]


class SGD:
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

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        for _, param, grad in _pairs(params, grads):
            param -= self.lr * grad


class Momentum:
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

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[Any, Array] = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        for key, param, grad in _pairs(params, grads, self.v):
            v = _state(self.v, key, param)
            v *= self.momentum
            v -= self.lr * grad
            param += v


class Adam:
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
        pairs = list(_pairs(params, grads, self.m))
        self.t += 1
        m_scale = 1 / (1 - self.beta1**self.t)
        v_scale = 1 / (1 - self.beta2**self.t)
        for key, param, grad in pairs:
            m = _state(self.m, key, param)
            v = _state(self.v, key, param)
            m += (1 - self.beta1) * (grad - m)
            v += (1 - self.beta2) * (np.square(grad) - v)
            param -= self.lr * (m * m_scale) / (np.sqrt(v * v_scale) + self.eps)


def _state(states: dict[Any, Array], key: Any, param: Array) -> Array:
    """The state that belongs to a parameter, zero at first."""
    if key not in states:
        states[key] = np.zeros_like(param)
    return states[key]


def _pairs(params: Arrays, grads: Arrays, state: Mapping[Any, Array] | None = None) -> list[tuple[Any, Array, Array]]:
    """``(key, param, grad)`` of each parameter, all of them checked."""
    if isinstance(params, Mapping) != isinstance(grads, Mapping):
        raise TypeError("params and grads must both be lists or both be dictionaries")
    if isinstance(params, Mapping) and isinstance(grads, Mapping):
        missing = [key for key in params if key not in grads]
        if missing:
            raise ValueError(f"grads has no entry for the parameter {missing[0]!r}")
        pairs = [(key, params[key], grads[key]) for key in params]
    else:
        if len(params) != len(grads):
            raise ValueError(f"params has {len(params)} arrays but grads has {len(grads)}")
        pairs = [(i, param, grad) for i, (param, grad) in enumerate(zip(params, grads, strict=True))]
    for key, param, grad in pairs:
        _check(key, param, grad)
        if state and (key not in state or state[key].shape != param.shape):
            raise ValueError(
                f"parameter {key!r} of shape {param.shape} is not one of the first update: use a new optimizer"
            )
    return pairs


def _check(key: Any, param: Array, grad: Array) -> None:
    if not isinstance(param, np.ndarray) or param.dtype.kind != "f":
        kind = param.dtype.name if isinstance(param, np.ndarray) else type(param).__name__
        raise TypeError(f"parameter {key!r} must be an ndarray of floats to be updated in place, not {kind}")
    if not isinstance(grad, np.ndarray) or grad.dtype.kind not in "biuf":
        kind = grad.dtype.name if isinstance(grad, np.ndarray) else type(grad).__name__
        raise TypeError(f"gradient {key!r} must be an ndarray of real numbers, not {kind}")
    if grad.shape != param.shape:
        raise ValueError(f"gradient {key!r} has shape {grad.shape}, but its parameter has shape {param.shape}")
    if not param.flags.writeable:
        raise ValueError(f"parameter {key!r} is read-only")
