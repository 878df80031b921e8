"""Losses: the last layer of a network."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _contract, functional
from .._memory import Recycler, recycler
from ..functional._types import Reduction
from ..functional.losses import MEAN, NO_SMOOTHING
from ._state import no_forward

Array = NDArray[Any]


class SoftmaxWithLoss:
    """Softmax and cross-entropy, the last layer of a classifier.

    Parameters
    ----------
    weight, ignore_index, label_smoothing, reduction
        As for `fastlayers.softmax_cross_entropy`; they may be set later too.

    Attributes
    ----------
    weight : array_like or None
        ``(C,)``, how much each class counts.
    ignore_index : int or None
        The label whose samples do not count.
    label_smoothing : float
        How much of each target is spread over all classes.
    reduction : str
        What the loss is: ``"mean"``, ``"sum"`` or ``"none"``.
    loss : float, ndarray or None
        That of the last forward; with ``"none"`` of the labels' shape.
    y : ndarray or None
        Its probabilities, of x's shape.
    t : array_like or None
        Its labels or targets, as given.

    See Also
    --------
    fastlayers.softmax_cross_entropy : the function behind it.
    """

    _functions: ClassVar[ModuleType] = functional
    _memory: tuple[Recycler | None, ...] | None = None  # of y, dx
    _copies: Recycler | None = None  # of dx, for backward
    # The defaults, for a subclass whose own __init__ does not call this one's too.
    weight: ArrayLike | None = None
    ignore_index: int | None = None
    label_smoothing: float = NO_SMOOTHING
    reduction: Reduction = MEAN

    def __init__(
        self,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = NO_SMOOTHING,
        reduction: Reduction = MEAN,
    ) -> None:
        self.weight = weight
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.reduction = reduction
        self.loss: Any = None
        self.y: Array | None = None
        self.t: ArrayLike | None = None
        self._dx: Array | None = None
        self._memory = recycler(), recycler()
        self._copies = recycler()

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

    def backward(self, dout: ArrayLike = 1) -> Array:
        """dx, of x's shape and dtype, times `dout`: a number, or of the loss's shape. RuntimeError before forward."""
        if self._dx is None:
            raise no_forward(self)
        # dx was computed with the loss; each call hands out a copy, so no one holds what another may write to.
        dx = np.empty_like(self._dx) if self._copies is None else self._copies.like(self._dx)
        if type(dout) is int and dout == 1:
            np.copyto(dx, self._dx)
        else:
            np.multiply(self._dx, _contract.gradient_of_loss(dout, self.loss, dx.ndim), out=dx)
        return dx
