"""Schedules of the learning rate: callables that an optimizer's ``lr`` may be in place of a number.

Each is given ``step``, how many updates there have been, and gives the rate of the next. They are dataclasses: they
compare by their numbers, say what they are, and can be pickled with the optimizer. A rate that stays is a number,
and any function of the step does as well.

>>> import fastlayers as fl
>>> optimizer = fl.Adam(lr=StepDecay(0.01, every=100))
>>> optimizer.lr
StepDecay(lr=0.01, every=100, factor=0.1)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ._core import arguments

__all__ = ["CosineDecay", "ExponentialDecay", "InverseTimeDecay", "StepDecay"]


# What is asked of the numbers of schedules, by their names.
_CHECKS: Mapping[str, Callable[[str, Any], float]] = {
    "lr": arguments.not_negative,
    "every": arguments.count,
    "factor": arguments.positive_fraction,
    "power": arguments.not_negative,
    "steps": arguments.count,
    "warmup": functools.partial(arguments.count, least=0),
    "end": arguments.not_negative,
}


class _Schedule:
    """What the schedules have in common: their numbers are checked, and kept as plain ones."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # of the dataclass that derives from this
            object.__setattr__(self, field.name, _CHECKS[field.name](field.name, getattr(self, field.name)))


@dataclass(frozen=True)
class StepDecay(_Schedule):
    r"""The rate falls at once, every so many updates: :math:`\eta_s = \eta f^{\lfloor s / k \rfloor}`.

    Parameters
    ----------
    lr : float
        The first rate, :math:`\eta`.
    every : int
        Updates between two falls, k.
    factor : float, default 0.1
        What remains of the rate, f.

    Raises
    ------
    TypeError, ValueError
        If a number is none, `lr` is below 0, `every` is below 1, or `factor` is outside (0, 1].

    Notes
    -----
    He et al., "Deep residual learning for image recognition", CVPR 2016, section 3.4; ``StepLR`` of PyTorch.

    Examples
    --------
    >>> schedule = StepDecay(0.5, every=10, factor=0.5)
    >>> [schedule(step) for step in (0, 9, 10, 20)]
    [0.5, 0.5, 0.25, 0.125]
    """

    lr: float
    every: int
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        """The rate after `step` updates."""
        return self.lr * math.pow(self.factor, step // self.every)


@dataclass(frozen=True)
class ExponentialDecay(_Schedule):
    r"""The rate falls by the same factor all the time: :math:`\eta_s = \eta f^{s / k}`.

    Parameters
    ----------
    lr : float
        The first rate, :math:`\eta`.
    factor : float
        What remains of the rate after `every` updates, f.
    every : int, default 1
        Updates that the factor is for, k.

    Raises
    ------
    TypeError, ValueError
        If a number is none, `lr` is below 0, `factor` is outside (0, 1], or `every` is below 1.

    Notes
    -----
    Goodfellow, Bengio and Courville, *Deep Learning*, MIT Press 2016, section 8.3.1; ``ExponentialLR`` of PyTorch.

    Examples
    --------
    >>> schedule = ExponentialDecay(1.0, factor=0.25, every=100)
    >>> [schedule(step) for step in (0, 50, 100)]
    [1.0, 0.5, 0.25]
    """

    lr: float
    factor: float
    every: int = 1

    def __call__(self, step: int) -> float:
        """The rate after `step` updates."""
        return self.lr * math.pow(self.factor, step / self.every)


@dataclass(frozen=True)
class InverseTimeDecay(_Schedule):
    r"""The rate falls with a power of the time, fast at first: :math:`\eta_s = \eta / (s + 1)^p`.

    Parameters
    ----------
    lr : float
        The first rate, :math:`\eta`.
    power : float, default 0.5
        The power, p.

    Raises
    ------
    TypeError, ValueError
        If a number is none, or is below 0.

    Notes
    -----
    Robbins and Monro, "A stochastic approximation method", 1951, show that descent converges where p is above 1/2
    and at most 1; ``learning_rate="invscaling"`` of scikit-learn, which counts samples where this counts updates.

    Examples
    --------
    >>> schedule = InverseTimeDecay(0.5)
    >>> [schedule(step) for step in (0, 3, 15)]
    [0.5, 0.25, 0.125]
    """

    lr: float
    power: float = 0.5

    def __call__(self, step: int) -> float:
        """The rate after `step` updates."""
        return self.lr * math.pow(step + 1, -self.power)  # where the power itself would overflow, this is 0


@dataclass(frozen=True)
class CosineDecay(_Schedule):
    r"""The rate rises evenly to its largest, and falls to its last along half a cosine.

    Parameters
    ----------
    lr : float
        The largest rate, :math:`\eta`.
    steps : int
        Updates until the rate is at its last, where it stays, S.
    warmup : int, default 0
        Updates of the rise, w: fewer than `steps`.
    end : float, default 0
        The last rate, :math:`\epsilon`.

    Raises
    ------
    TypeError, ValueError
        If a number is none, `lr`, `warmup` or `end` is below 0, `steps` is below 1, or `warmup` is not below `steps`.

    Notes
    -----
    :math:`\eta_s = \eta (s + 1) / w` for :math:`s < w`, then
    :math:`\eta_s = \epsilon + (\eta - \epsilon) (1 + \cos(\pi (s - w) / (S - w))) / 2`.
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5, without the
    restarts; the warm-up after Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2.

    Examples
    --------
    >>> schedule = CosineDecay(1.0, steps=104, warmup=4, end=0.5)
    >>> [schedule(step) for step in (0, 1, 4, 54, 104, 1000)]
    [0.25, 0.5, 1.0, 0.75, 0.5, 0.5]
    """

    lr: float
    steps: int
    warmup: int = 0
    end: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup >= self.steps:
            raise ValueError(f"warmup must be less than steps={self.steps}, not {self.warmup}")

    def __call__(self, step: int) -> float:
        """The rate after `step` updates."""
        if step < self.warmup:
            return self.lr * ((step + 1) / self.warmup)
        done = min((step - self.warmup) / (self.steps - self.warmup), 1.0)
        return self.end + (self.lr - self.end) * ((1 + math.cos(math.pi * done)) / 2)
