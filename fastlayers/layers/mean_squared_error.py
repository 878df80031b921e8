"""Mean squared error: the loss of a regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.types import MEAN, Array, Reduction
from ..functional.mean_squared_error import mean_squared_error
from ._loss import Loss


class MeanSquaredError(Loss):
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

    The first backward hands out what forward has computed; a second computes it again, of what `y` and `t` then hold.

    Examples
    --------
    >>> layer = MeanSquaredError()
    >>> layer.forward(np.array([[1.0], [4.0]]), np.array([[0.0], [1.0]]))
    5.0
    >>> layer.backward()
    array([[1.],
           [3.]])
    """

    _forward: ClassVar[Callable[..., Any]] = staticmethod(mean_squared_error)
    _axis: ClassVar[int] = -1
    _memory: Any = None  # of dx

    def __init__(self, *, reduction: Reduction = MEAN) -> None:
        super().__init__(reduction)
        self._memory = recycler()

    def forward(self, y: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of outputs y against targets t: a float, or with ``reduction="none"`` an array."""
        reduction = self.reduction
        loss, dx = self._forward(y, t, sample_weight=sample_weight, reduction=reduction, out=self._memory)
        self.loss, self.y, self.t = loss, np.asarray(y), t
        self._dx, self._beside = [dx], (sample_weight, reduction)
        return loss

    def _dx_again(self) -> Array:
        sample_weight, reduction = self._beside
        dx: Array = self._forward(self.y, self.t, sample_weight=sample_weight, reduction=reduction, out=self._memory)[1]
        return dx
