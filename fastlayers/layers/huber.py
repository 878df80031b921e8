"""The Huber loss: that of a regression with outliers, and of values that are learned from guesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from .._core import arguments
from .._core.options import POSITIVE, Option
from .._core.types import MEAN, Reduction
from ..functional.huber import huber_loss
from ._loss import LossOfNumbers


class HuberLoss(LossOfNumbers):
    r"""Huber loss, the last layer of a regression in which some errors are large: the square of small ones alone.

    Parameters
    ----------
    delta : float, default 1.0
        The error from which on the loss grows as a straight line, finite and more than 0; it may be set later too.
    reduction : {"mean", "sum", "none"}, default "mean"
        As for `fastlayers.huber_loss`; it may be set later too.

    Attributes
    ----------
    delta : float
    reduction : str
    loss : float, ndarray or None
        That of the last forward; with ``"none"`` of t's shape.
    y : ndarray or None
        Its input: the array itself.
    t : array_like or None
        Its targets, as given.

    See Also
    --------
    fastlayers.huber_loss : the function behind it.
    MeanSquaredError : without a delta, and not halved.

    Notes
    -----
    Forward, over n numbers: :math:`L = \frac{1}{n} \sum h(y - t)`, where :math:`h(d) = d^2 / 2` for
    :math:`|d| \le \delta`, else :math:`\delta (|d| - \delta / 2)`. Backward:
    :math:`\partial L / \partial y = \min(\max(y - t, -\delta), \delta) / n`. Both are those of PyTorch's
    ``HuberLoss``, and :math:`\delta` times those of its ``SmoothL1Loss``. Huber, 1964.

    The first backward hands out what forward has computed; a second computes it again, of what `y` and `t` then hold.

    Examples
    --------
    >>> import numpy as np
    >>> layer = HuberLoss()
    >>> layer.forward(np.array([[0.5], [-3.0]]), np.array([[0.0], [0.0]]))
    1.3125
    >>> layer.backward()
    array([[ 0.25],
           [-0.5 ]])
    """

    options: ClassVar[Mapping[str, Option]] = {"delta": POSITIVE, **LossOfNumbers.options}
    _forward: ClassVar[Callable[..., Any]] = staticmethod(huber_loss)
    _given = ("delta", "sample_weight", "reduction")
    delta: float = 1.0

    def __init__(self, delta: float = 1.0, *, reduction: Reduction = MEAN) -> None:
        super().__init__(reduction)
        self._set_options(delta=arguments.positive("delta", delta))

    def _now(self, sample_weight: ArrayLike | None) -> tuple[Any, ...]:
        return self.delta, sample_weight, self.reduction

    def _computed(self, y: Any, t: Any, beside: tuple[Any, ...]) -> Any:
        delta, sample_weight, reduction = beside
        return self._forward(y, t, delta=delta, sample_weight=sample_weight, reduction=reduction, out=self._memory)
