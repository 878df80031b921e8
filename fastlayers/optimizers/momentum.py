"""Gradient descent with momentum."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core import arguments
from .._core.types import Array
from ..formulas import optimizers as formulas
from ._base import DECAY_AND_CLIPPING, Optimizer, Rate


class Momentum(Optimizer):
    r"""Gradient descent with a velocity: :math:`v \leftarrow \alpha v - \eta\,g`, :math:`\theta \leftarrow \theta + v`.

    Parameters
    ----------
    lr : float or callable, default 0.01
        Learning rate :math:`\eta`, or a schedule of it.
    momentum : float, default 0.9
        What remains of the velocity, :math:`\alpha`.
    nesterov : bool, default False
        Look ahead to where the velocity will lead: :math:`\theta \leftarrow \theta + \alpha v - \eta\,g`, with the
        new v, as in scikit-learn.
    weight_decay, clip_norm : float, default 0 and None
        As for `SGD`.

    Attributes
    ----------
    v : dict
        The velocity of each parameter of the last update, by position or key.
    t : int
        How many updates there have been, of the parameters given last: the most of any of them.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.1.4. Nesterov's momentum: Sutskever et al., "On the importance of
    initialization and momentum in deep learning", ICML 2013.
    """

    _formula = staticmethod(formulas.momentum_update)
    _states = ("v",)
    _factors: ClassVar = {
        "lr": arguments.number,
        "momentum": arguments.number,
        "nesterov": arguments.switch,
        **DECAY_AND_CLIPPING,
    }
    nesterov: bool = False

    def __init__(
        self,
        lr: Rate = 0.01,
        momentum: float = 0.9,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, weight_decay, clip_norm)
        self.momentum, self.nesterov = momentum, nesterov
        self.v: dict[Any, Array] = {}


class Nesterov(Momentum):
    r"""Nesterov's accelerated gradient by the book's rule: the steps of ``Momentum(nesterov=True)``.

    :math:`\theta \leftarrow \theta + \alpha^2 v - (1 + \alpha)\,\eta\,g` and :math:`v \leftarrow \alpha v - \eta\,g`.
    With the new v that is :math:`\theta + \alpha v - \eta\,g`.

    Parameters
    ----------
    lr, momentum, weight_decay, clip_norm : float
        As for `Momentum`, whose attributes it has.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, ``Nesterov`` in ``common/optimizer.py``. Bengio et al., "Advances in
    optimizing recurrent networks", ICASSP 2013, equations 6 and 7.
    """

    def __init__(
        self, lr: Rate = 0.01, momentum: float = 0.9, *, weight_decay: float = 0.0, clip_norm: float | None = None
    ) -> None:
        super().__init__(lr, momentum, nesterov=True, weight_decay=weight_decay, clip_norm=clip_norm)
