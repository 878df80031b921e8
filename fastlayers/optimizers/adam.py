"""Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

from typing import Any, ClassVar

from .._core import arguments
from .._core.types import Array
from ..formulas import optimizers as formulas
from ._base import DECAY_AND_CLIPPING, Optimizer, Rate
from ._states import step_numbers


def _step_number(name: str, value: Any) -> Any:
    """Return the number of an update once it is known to be one; a tuple of them as it is."""
    return value if type(value) is tuple else arguments.number(name, value)


class Adam(Optimizer):
    r"""Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    lr : float or callable, default 0.001
        Learning rate :math:`\eta`, or a schedule of it.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the two means.
    eps : float, default 1e-8
        Keeps the division finite.
    weight_decay : float, default 0
        How much of each weight is added to its gradient. The means see it too: `AdamW` has it apart from them.
    clip_norm : float, optional
        As for `SGD`.

    Attributes
    ----------
    m, v : dict
        The two means of each parameter of the last update, by position or key.
    t : int
        How many updates there have been, of the parameters given last: the most of any of them.

    Notes
    -----
    :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`, :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`,
    :math:`\theta \leftarrow \theta - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)` with
    :math:`\hat m = m / (1 - \beta_1^t)` and :math:`\hat v = v / (1 - \beta_2^t)`, t counted from 1.
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    """

    _formula = staticmethod(formulas.adam_update)
    _states = ("m", "v")
    _factors: ClassVar = {
        "lr": arguments.number,
        "beta1": arguments.fraction,
        "beta2": arguments.fraction,
        "eps": arguments.number,
        "t": _step_number,
        **DECAY_AND_CLIPPING,
        "decoupled": arguments.switch,
    }
    _decoupled: ClassVar[bool] = False

    def __init__(
        self,
        lr: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, weight_decay, clip_norm)
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.m: dict[Any, Array] = {}
        self.v: dict[Any, Array] = {}

    @property
    def _t(self) -> int | tuple[int, ...]:
        """The number of the next update, from 1; a tuple with that of each parameter where they differ."""
        return step_numbers(self.t, self._late)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: weights shrink by themselves, and the means do not see it.

    Parameters
    ----------
    lr, beta1, beta2, eps : float, default 0.001, 0.9, 0.999 and 1e-8
        As for `Adam`; lr may be a schedule here too.
    weight_decay : float, default 0.01
        :math:`\lambda`: each weight loses :math:`\eta \lambda` of itself before Adam's step.
    clip_norm : float, optional
        As for `SGD`.

    Attributes
    ----------
    m, v, t : dict, dict and int
        As those of `Adam`.

    Notes
    -----
    :math:`\theta \leftarrow \theta - \eta \lambda \theta`, then as `Adam` without decay. Adam divides what decay adds
    to the gradient by the gradient's own size, so that weights with large gradients hardly decay; here all decay alike.
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2; :math:`\eta` multiplies
    :math:`\lambda` as in PyTorch. Biases, of one axis, do not decay; in PyTorch they do.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[1.0, 2.0]])
    >>> AdamW(lr=0.1, weight_decay=0.5).update([W], [np.zeros((1, 2))])
    >>> W
    array([[0.95, 1.9 ]])
    """

    _decoupled: ClassVar[bool] = True
    weight_decay: float = 0.01

    def __init__(
        self,
        lr: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(lr, beta1, beta2, eps, weight_decay=weight_decay, clip_norm=clip_norm)
