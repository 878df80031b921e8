"""The losses of sequences, which have a label or a target at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.options import INTEGER, Option
from .._core.types import MEAN, Array, Reduction
from ..functional.time_cross_entropy import time_softmax_gradient, time_softmax_with_loss
from ._loss import Loss
from .sigmoid_cross_entropy import SigmoidWithLoss


class TimeSoftmaxWithLoss(Loss):
    r"""Softmax and cross-entropy at each step, the last layer of a language model.

    Unlike `SoftmaxWithLoss`, which has the classes on axis 1, it has them on the last.

    Parameters
    ----------
    ignore_label : int, default -1
        The label of steps that do not count, as those that fill up shorter sequences.
    reduction : {"mean", "sum", "none"}, default "mean"
        Whether the loss is the mean over all steps that count, their sum, or each step's own.

    Attributes
    ----------
    ignore_label, reduction
        As given; they may be set later too.
    loss : float, ndarray or None
        That of the last forward; with ``"none"`` of the labels' shape.
    y : ndarray or None
        Its probabilities, ``(N, T, V)``.
    t : array_like or None
        Its labels, as given.

    See Also
    --------
    fastlayers.softmax_cross_entropy : the function behind it, of rows.

    Notes
    -----
    Forward: :math:`y_{ntk} = e^{x_{ntk}} / \sum_j e^{x_{ntj}}`, and over the S steps that count the loss is
    :math:`L = -\frac{1}{S} \sum_{nt} \log y_{n t l_{nt}}` for labels l, through log-sum-exp; so :math:`e^L` is the
    perplexity. It is nan where no step counts. Backward: :math:`\partial L / \partial x_{ntk}` is
    :math:`(y_{ntk} - [k = l_{nt}]) / S` at a step that counts, and 0 at any other.
    Saitoh, *Deep Learning from Scratch 2*, section 5.4.2.

    A second backward computes the gradient again, of what `y` and `t` then hold. Any axes may stand before the last.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeSoftmaxWithLoss()
    >>> scores = np.log([[[1.0, 2.0, 1.0], [3.0, 4.0, 1.0]]])
    >>> loss = layer.forward(scores, np.array([[1, -1]]))
    >>> round(loss, 6)  # log(4 / 2), of the one step that counts
    0.693147
    >>> layer.backward().round(6)
    array([[[ 0.25, -0.5 ,  0.25],
            [ 0.  ,  0.  ,  0.  ]]])
    >>> layer
    TimeSoftmaxWithLoss()
    """

    options: ClassVar[Mapping[str, Option]] = {"ignore_label": INTEGER, **Loss.options}
    _forward = staticmethod(time_softmax_with_loss)
    _gradient = staticmethod(time_softmax_gradient)
    _given = ("sample_weight", "ignore_label", "reduction")
    _axis: ClassVar[int] = -1
    _memory: Any = None  # of y, dx
    ignore_label: int = -1

    def __init__(self, *, ignore_label: int = -1, reduction: Reduction = MEAN) -> None:
        super().__init__(reduction)
        self._set_options(ignore_label=ignore_label)
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of scores x ``(N, T, V)`` against t: a float, or with ``reduction="none"`` an array.

        Parameters
        ----------
        x : array_like
            Scores ``(N, T, V)``.
        t : array_like
            Integer labels ``(N, T)``, each in [0, V) or `ignore_label`, or one-hot rows ``(N, T, V)`` of them.
        sample_weight : array_like, optional
            ``(N, T)``, how much each step counts, as a mask of zeros and ones.

        Returns
        -------
        float or ndarray
            The loss.

        Raises
        ------
        TypeError
            If labels are bool or float, or an argument does not hold real numbers.
        ValueError
            If the shapes do not fit, a label is outside [0, V) or a row is not one-hot: the message has its place.
        """
        beside = sample_weight, self.ignore_label, self.reduction
        loss, self.y, dx = self._forward(x, t, self._memory, *beside)
        self.loss, self.t, self._dx, self._beside = loss, t, [dx], beside
        return loss

    def _dx_again(self) -> Array:
        y: Any = self.y
        t: Any = self.t
        return self._gradient(y, t, self._memory[1], *self._beside)

    @property
    def ignore_index(self) -> int:
        """`ignore_label`, by the name that `SoftmaxWithLoss` has for it."""
        return self.ignore_label


class TimeSigmoidWithLoss(SigmoidWithLoss):
    r"""Sigmoid and binary cross-entropy at each step: `SigmoidWithLoss` of logits ``(N, T)``.

    `SigmoidWithLoss` takes any shape, and so does this: it is here by the name that the book's code has for it.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
        Whether the loss is the mean over all steps, their sum, or each step's own; it may be set later too.

    Attributes
    ----------
    loss, y, t
        Of the last forward: the loss, the probabilities ``(N, T)``, and the targets as given; None before it.

    See Also
    --------
    fastlayers.sigmoid_cross_entropy : the function behind it.

    Notes
    -----
    Forward: :math:`y = 1 / (1 + e^{-x})`, and the loss is
    :math:`L = -\frac{1}{NT} \sum_{nt} (t_{nt} \log y_{nt} + (1 - t_{nt}) \log (1 - y_{nt}))`, the mean over the steps
    of each step's mean. Backward: :math:`\partial L / \partial x_{nt} = (y_{nt} - t_{nt}) / (NT)`.
    Saitoh, *Deep Learning from Scratch 2*, ``common/time_layers.py`` of its code.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeSigmoidWithLoss()
    >>> round(layer.forward(np.array([[0.0, 0.0]]), np.array([[1, 0]])), 6)
    0.693147
    >>> layer.backward()
    array([[-0.25,  0.25]])
    """
