"""Sigmoid with binary cross-entropy: the loss of a classifier of yes or no."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.types import MEAN, Array, Reduction
from ..functional.sigmoid_cross_entropy import logits_and_sides, sigmoid_with_loss
from ._loss import Loss


class SigmoidWithLoss(Loss):
    r"""Sigmoid and binary cross-entropy, the last layer of a classifier of yes or no, or of several such at once.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
        Whether the loss is the mean over all numbers, their sum, or each number's own; it may be set later too.

    Attributes
    ----------
    loss, y, t
        Of the last forward: the loss, the probabilities in x's shape, and the targets as given; None before it.

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

    _forward = staticmethod(sigmoid_with_loss)
    _axis: ClassVar[int] = -1
    _memory: Any = None  # of y, dx

    def __init__(self, *, reduction: Reduction = MEAN) -> None:
        super().__init__(reduction)
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of logits x against targets t: a float, or with ``reduction="none"`` an array."""
        loss, self.y, dx = self._forward(x, t, self._memory, sample_weight, self.reduction)
        self.loss, self.t, self._dx = loss, t, [dx]
        return loss

    def _keeps_dx(self, kept: list[Array]) -> bool:
        return True  # a y that is rounded to 1 has lost it

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
        logits, sides = logits_and_sides(x, t)
        return float(np.mean(np.where(sides, logits > 0, logits <= 0))) if logits.size else float("nan")
