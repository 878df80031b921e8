"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar

from .._core import arguments
from ..formulas import optimizers as formulas
from ._base import DECAY_AND_CLIPPING, Optimizer, Rate


class SGD(Optimizer):
    r"""Stochastic gradient descent: :math:`\theta \leftarrow \theta - \eta\,g`.

    Parameters
    ----------
    lr : float or callable, default 0.01
        Learning rate :math:`\eta`, or a schedule of it.
    weight_decay : float, default 0
        How much of each weight is added to its gradient.
    clip_norm : float, optional
        The largest norm that all gradients together may have.

    Attributes
    ----------
    t : int
        How many updates there have been, of the parameters given last: the most of any of them.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.1.2.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([1.0, 2.0])
    >>> SGD(lr=0.5).update([W], [np.array([1.0, 1.0])])
    >>> W
    array([0.5, 1.5])
    """

    _formula = staticmethod(formulas.sgd_update)
    _factors: ClassVar = {"lr": arguments.number, **DECAY_AND_CLIPPING}

    def __init__(self, lr: Rate = 0.01, *, weight_decay: float = 0.0, clip_norm: float | None = None) -> None:
        super().__init__(lr, weight_decay, clip_norm)
