"""Losses: the last layer of a network."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _contract, functional
from .._described import Described
from .._memory import Recycler, recycler
from ..functional._types import MEAN, NO_SMOOTHING, Reduction
from ._state import no_forward

Array = NDArray[Any]


class _Loss(Described):
    """What the losses share: the gradient is computed with the loss, and handed out in copies."""

    _functions: ClassVar[ModuleType] = functional
    _copies: Recycler | None = None  # of dx, for backward
    _axis: ClassVar[int]  # of dx, which several losses may lack
    # The default, for a subclass whose own __init__ does not call this one's too.
    reduction: Reduction = MEAN

    def __init__(self, reduction: Reduction) -> None:
        self.reduction = reduction
        self.loss: Any = None
        self.y: Array | None = None
        self.t: ArrayLike | None = None
        self._dx: Array | None = None
        self._copies = recycler()

    def backward(self, dout: ArrayLike = 1) -> Array:
        """dx, of x's shape and dtype, times `dout`: a number, or of the loss's shape. RuntimeError before forward."""
        if self._dx is None:
            raise no_forward(self)
        # Each call hands out a copy, so no one holds what another may write to.
        dx = np.empty_like(self._dx) if self._copies is None else self._copies.like(self._dx)
        if type(dout) is int and dout == 1:
            np.copyto(dx, self._dx)
        else:
            np.multiply(self._dx, _contract.gradient_of_loss(dout, self.loss, dx.ndim, self._axis), out=dx)
        return dx


class SoftmaxWithLoss(_Loss):
    r"""Softmax and cross-entropy, the last layer of a classifier.

    Parameters
    ----------
    weight : array_like, optional
        ``(C,)``, how much each class counts.
    ignore_index : int, optional
        The label whose samples do not count.
    label_smoothing : float, default 0.0
        How much of each target is spread over all classes.
    reduction : {"mean", "sum", "none"}, default "mean"
        What the loss is.

    Attributes
    ----------
    weight, ignore_index, label_smoothing, reduction
        As given; they may be set later too.
    loss : float, ndarray or None
        That of the last forward; with ``"none"`` of the labels' shape.
    y : ndarray or None
        Its probabilities, of x's shape, as `fastlayers.softmax` promises them.
    t : array_like or None
        Its labels or targets, as given.

    See Also
    --------
    fastlayers.softmax_cross_entropy : the function behind it.

    Notes
    -----
    Forward, over N samples: :math:`y_{nk} = e^{x_{nk}} / \sum_j e^{x_{nj}}`, and the loss is
    :math:`L = -\frac{1}{N} \sum_n \sum_k t_{nk} \log y_{nk}`. Backward, for targets that sum to 1:
    :math:`\partial L / \partial x_{nk} = (y_{nk} - t_{nk}) / N`. What the options make of it is told at the function.
    Saitoh, *Deep Learning from Scratch*, section 5.6.3 and appendix A.

    Examples
    --------
    >>> layer = SoftmaxWithLoss()
    >>> loss = layer.forward(np.log([[1.0, 2.0, 1.0], [3.0, 4.0, 1.0]]), np.array([1, 0]))
    >>> round(loss, 6)  # the mean of log(4 / 2) and log(8 / 3)
    0.836988
    >>> layer.y
    array([[0.25 , 0.5  , 0.25 ],
           [0.375, 0.5  , 0.125]])
    >>> layer.backward()
    array([[ 0.125 , -0.25  ,  0.125 ],
           [-0.3125,  0.25  ,  0.0625]])
    >>> SoftmaxWithLoss(label_smoothing=0.1)
    SoftmaxWithLoss(label_smoothing=0.1)
    """

    _axis: ClassVar[int] = 1
    _memory: tuple[Recycler | None, ...] | None = None  # of y, dx
    weight: ArrayLike | None = None
    ignore_index: int | None = None
    label_smoothing: float = NO_SMOOTHING

    def __init__(
        self,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = NO_SMOOTHING,
        reduction: Reduction = MEAN,
    ) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of scores x against labels or targets t: a float, or with ``reduction="none"`` an array."""
        # By place, which is faster than by name.
        loss, self.y, self._dx = self._functions.softmax_with_loss(
            x,
            t,
            self.weight,
            sample_weight,
            self.ignore_index,
            self.label_smoothing,
            self.reduction,
            self._memory,
        )
        self.loss, self.t = loss, t
        return loss


class SigmoidWithLoss(_Loss):
    r"""Sigmoid and binary cross-entropy, the last layer of a classifier of yes or no, or of several such at once.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
        As for `fastlayers.sigmoid_cross_entropy`; it may be set later too.

    Attributes
    ----------
    reduction : str
    loss : float, ndarray or None
        That of the last forward; with ``"none"`` of t's shape.
    y : ndarray or None
        Its probabilities, of x's shape.
    t : array_like or None
        Its targets, as given.

    See Also
    --------
    fastlayers.sigmoid_cross_entropy : the function behind it.

    Notes
    -----
    Forward, over n numbers: :math:`y = 1 / (1 + e^{-x})`, and the loss is
    :math:`L = -\frac{1}{n} \sum (t \log y + (1 - t) \log (1 - y))`. Backward:
    :math:`\partial L / \partial x = (y - t) / n`. Saitoh, *Deep Learning from Scratch 2*, section 4.2.4.

    Examples
    --------
    >>> layer = SigmoidWithLoss()
    >>> round(layer.forward(np.array([0.0, 0.0]), np.array([1, 0])), 6)
    0.693147
    >>> layer.backward()
    array([-0.25,  0.25])
    """

    _axis: ClassVar[int] = -1
    _memory: tuple[Recycler | None, ...] | None = None  # of y, dx

    def __init__(self, *, reduction: Reduction = MEAN) -> None:
        super().__init__(reduction)
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of logits x against targets t: a float, or with ``reduction="none"`` an array."""
        loss, self.y, self._dx = self._functions.sigmoid_with_loss(x, t, sample_weight, self.reduction, self._memory)
        self.loss, self.t = loss, t
        return loss

    @staticmethod
    def accuracy(x: ArrayLike, t: ArrayLike) -> float:
        """The fraction of logits x on the side that t says: above 0 for a t above 1/2; one that is nan is on neither.

        Parameters
        ----------
        x, t : array_like
            As for `fastlayers.sigmoid_cross_entropy`.

        Returns
        -------
        float
            From 0 to 1; nan of nothing.
        """
        logits, sides = _contract.logits_and_sides(x, t)
        return float(np.mean(np.where(sides, logits > 0, logits <= 0))) if logits.size else float("nan")


class MeanSquaredError(_Loss):
    r"""Mean squared error, the last layer of a regression.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
        As for `fastlayers.mean_squared_error`; it may be set later too.

    Attributes
    ----------
    reduction : str
    loss : float, ndarray or None
        That of the last forward; with ``"none"`` of t's shape.
    y : ndarray or None
        Its input: the array itself.
    t : array_like or None
        Its targets, as given.

    See Also
    --------
    fastlayers.mean_squared_error : the function behind it.

    Notes
    -----
    Forward, over n numbers: :math:`L = \frac{1}{n} \sum (y - t)^2`. Backward:
    :math:`\partial L / \partial y = 2 (y - t) / n`. The book's function is half the sum of the squares.
    Saitoh, *Deep Learning from Scratch*, section 4.2.1.

    Examples
    --------
    >>> layer = MeanSquaredError()
    >>> layer.forward(np.array([[1.0], [4.0]]), np.array([[0.0], [1.0]]))
    5.0
    >>> layer.backward()
    array([[1.],
           [3.]])
    """

    _axis: ClassVar[int] = -1
    _memory: Recycler | None = None  # of dx

    def __init__(self, *, reduction: Reduction = MEAN) -> None:
        super().__init__(reduction)
        self._memory = recycler()

    def forward(self, y: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of outputs y against targets t: a float, or with ``reduction="none"`` an array."""
        loss, self._dx = self._functions.mean_squared_error(
            y, t, sample_weight=sample_weight, reduction=self.reduction, out=self._memory
        )
        self.loss, self.y, self.t = loss, np.asarray(y), t
        return loss
