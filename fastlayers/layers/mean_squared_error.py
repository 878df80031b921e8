"""Mean squared error: the loss of a regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .._core.types import MEAN, Reduction
from ..functional.mean_squared_error import mean_squared_error
from ._loss import LossOfNumbers


class MeanSquaredError(LossOfNumbers):
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
    >>> import numpy as np
    >>> layer = MeanSquaredError()
    >>> layer.forward(np.array([[1.0], [4.0]]), np.array([[0.0], [1.0]]))
    5.0
    >>> layer.backward()
    array([[1.],
           [3.]])
    """

    _forward: ClassVar[Callable[..., Any]] = staticmethod(mean_squared_error)

    def __init__(self, *, reduction: Reduction = MEAN) -> None:
        super().__init__(reduction)
