"""Steps that each parameter's past gradients make shorter: AdaGrad and RMSprop."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core import arguments
from .._core.types import Array
from ..formulas import optimizers as formulas
from ._base import DECAY_AND_CLIPPING, Optimizer, Rate


class AdaGrad(Optimizer):
    r"""AdaGrad: a step is divided by the root of the sum of all squared gradients so far.

    :math:`h \leftarrow h + g^2` and :math:`\theta \leftarrow \theta - \eta\,g / (\sqrt h + 10^{-7})`.

    Parameters
    ----------
    lr : float or callable, default 0.01
        Learning rate :math:`\eta`, or a schedule of it.
    weight_decay, clip_norm : float, default 0 and None
        As for `SGD`.

    Attributes
    ----------
    h : dict
        The sum of the squared gradients of each parameter of the last update, by position or key.
    t : int
        How many updates there have been, of the parameters given last: the most of any of them.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.1.5, with the :math:`10^{-7}` of its code. Duchi et al., "Adaptive
    subgradient methods for online learning and stochastic optimization", JMLR 12 (2011).
    """

    _formula = staticmethod(formulas.adagrad_update)
    _states = ("h",)
    _factors: ClassVar = {"lr": arguments.number, **DECAY_AND_CLIPPING}

    def __init__(self, lr: Rate = 0.01, *, weight_decay: float = 0.0, clip_norm: float | None = None) -> None:
        super().__init__(lr, weight_decay, clip_norm)
        self.h: dict[Any, Array] = {}


class RMSprop(Optimizer):
    r"""RMSprop: a step is divided by the root of a running mean of the squared gradients.

    :math:`h \leftarrow \rho h + (1 - \rho) g^2` and :math:`\theta \leftarrow \theta - \eta\,g / (\sqrt h + 10^{-7})`.

    Parameters
    ----------
    lr : float or callable, default 0.01
        Learning rate :math:`\eta`, or a schedule of it.
    decay_rate : float, default 0.99
        What remains of the mean, :math:`\rho`: 0 or more, and less than 1.
    weight_decay, clip_norm : float, default 0 and None
        As for `SGD`.

    Attributes
    ----------
    h : dict
        The mean of the squared gradients of each parameter of the last update, by position or key.
    t : int
        How many updates there have been, of the parameters given last: the most of any of them.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, ``RMSprop`` in ``common/optimizer.py``. Tieleman and Hinton, "Lecture 6.5:
    rmsprop", *Neural Networks for Machine Learning*, 2012.
    """

    _formula = staticmethod(formulas.rmsprop_update)
    _states = ("h",)
    _factors: ClassVar = {"lr": arguments.number, "decay_rate": arguments.fraction, **DECAY_AND_CLIPPING}

    def __init__(
        self,
        lr: Rate = 0.01,
        decay_rate: float = 0.99,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, weight_decay, clip_norm)
        self.decay_rate = decay_rate
        self.h: dict[Any, Array] = {}
