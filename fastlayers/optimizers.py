"""Optimizers: each updates the parameters in place from their gradients, on the backend in use.

``update(params, grads)`` takes lists, aligned by position, or dictionaries with the same keys, as the
book has them. State (Momentum's velocity, Adam's moments) is made at the first update and belongs to
those parameters: give each network an optimizer of its own.

All have three things in common. ``lr`` is a number, or a schedule: a callable that is given the number of updates
so far, ``t``, and gives the rate of the next (`fastlayers.schedules` has some). ``weight_decay`` times the parameter
is added to the gradient of weights, which are the arrays of two axes or more; biases do not decay (Saitoh, section
6.4.2, and scikit-learn). ``clip_norm`` scales all gradients down together where their Euclidean norm, as of one
vector, is larger, before any decay, as PyTorch's ``clip_grad_norm_`` does: by ``clip_norm / (norm + 1e-6)``. So
where a gradient has nan, all gradients count as nan; and where one has infinity, they count as 0 but for the infinite
ones themselves, which count as nan. The norm is taken in float64, and the gradients are never written to.

>>> import numpy as np
>>> W, b = np.ones((1, 2)), np.ones(2)
>>> optimizer = SGD(lr=0.1, weight_decay=0.5, clip_norm=1.0)
>>> optimizer.update([W, b], [np.array([[3.0, 0.0]]), np.array([4.0, 0.0])])  # of norm 5, so a fifth of it counts
>>> W.round(3), b.round(3)
(array([[0.89, 0.95]]), array([0.92, 1.  ]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from . import _arguments
from ._names import asked_for_missing
from ._rules import DECAY_AND_CLIPPING, Array, Arrays, Optimizer, Rate

__all__ = ["SGD", "Adam", "AdamW", "Momentum"]

if not TYPE_CHECKING:
    __getattr__ = asked_for_missing(__name__)


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
        How many updates there have been.

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

    _factors: ClassVar = {"lr": _arguments.number, **DECAY_AND_CLIPPING}

    def __init__(self, lr: Rate = 0.01, *, weight_decay: float = 0.0, clip_norm: float | None = None) -> None:
        self.lr = lr
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.t = 0

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        self._run("sgd_update", params, grads, (), (self.weight_decay, self.clip_norm))


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
    weight_decay : float, default 0
        How much of each weight is added to its gradient.
    clip_norm : float, optional
        The largest norm that all gradients together may have.

    Attributes
    ----------
    v : dict
        The velocity of each parameter, by position or key.
    t : int
        How many updates there have been.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.1.4. Nesterov's momentum: Sutskever et al., "On the importance of
    initialization and momentum in deep learning", ICML 2013.
    """

    _factors: ClassVar = {
        "lr": _arguments.number,
        "momentum": _arguments.number,
        "nesterov": _arguments.switch,
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
        self.lr = lr
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.t = 0
        self.v: dict[Any, Array] = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        factors = (self.momentum, self.nesterov, self.weight_decay, self.clip_norm)
        self._run("momentum_update", params, grads, (self.v,), factors)


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
        The largest norm that all gradients together may have.

    Attributes
    ----------
    m, v : dict
        The two means of each parameter, by position or key.
    t : int
        How many updates there have been.

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
        **DECAY_AND_CLIPPING,
        "decoupled": _arguments.switch,
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
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.t = 0
        self.m: dict[Any, Array] = {}
        self.v: dict[Any, Array] = {}

    def update(self, params: Arrays, grads: Arrays) -> None:
        """Update `params` in place; where they do not fit, TypeError or ValueError with nothing written."""
        common = self.weight_decay, self.clip_norm, self._decoupled
        factors = (self.beta1, self.beta2, self.eps, self.t + 1, *common)
        self._run("adam_update", params, grads, (self.m, self.v), factors)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: weights shrink by themselves, and the means do not see it.

    Parameters
    ----------
    lr : float or callable, default 0.001
        Learning rate :math:`\eta`, or a schedule of it.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the two means.
    eps : float, default 1e-8
        Keeps the division finite.
    weight_decay : float, default 0.01
        :math:`\lambda`: each weight loses :math:`\eta \lambda` of itself before Adam's step.
    clip_norm : float, optional
        The largest norm that all gradients together may have.

    Attributes
    ----------
    m, v : dict
        The two means of each parameter, by position or key.
    t : int
        How many updates there have been.

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
