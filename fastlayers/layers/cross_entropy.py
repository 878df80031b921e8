"""Softmax with cross-entropy: the loss of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.options import CLASS_WEIGHTS, FRACTION, INTEGER, Option
from .._core.types import MEAN, NO_SMOOTHING, Reduction
from ..functional.cross_entropy import softmax_with_loss
from ._loss import Loss


class SoftmaxWithLoss(Loss):
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
    >>> import numpy as np
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

    options: ClassVar[Mapping[str, Option]] = {
        "weight": CLASS_WEIGHTS,
        "ignore_index": INTEGER,
        "label_smoothing": FRACTION,
        **Loss.options,
    }
    _forward = staticmethod(softmax_with_loss)
    _given = ("weight", "sample_weight", "ignore_index", "label_smoothing", "reduction")
    _axis: ClassVar[int] = 1
    _memory: Any = None  # of y, dx
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
        self._set_options(weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing)
        self._memory = recycler(), recycler()

    def forward(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of scores x against labels or targets t: a float, or with ``reduction="none"`` an array."""
        # By place, which is faster than by name.
        loss, self.y, self._dx = self._forward(
            x,
            t,
            self._memory,
            self.weight,
            sample_weight,
            self.ignore_index,
            self.label_smoothing,
            self.reduction,
        )
        self.loss, self.t = loss, t
        return loss
