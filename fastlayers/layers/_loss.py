"""What the losses share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.arguments import number, real, same_shape
from .._core.memory import Recycler, recycler
from .._core.options import REDUCTION, Option
from .._core.types import MEAN, Array, Reduction
from ._base import Declared, no_forward


class Loss(Declared):
    """What the losses share: the gradient is computed with the loss, and backward hands it out.

    No two calls hand out one array. A copy for each would be another pass over memory: so the first hands out forward's
    array itself, and one that comes after it, which is rare, computes the gradient again. Where that would not give the
    same bits, the gradient is kept and copied.
    """

    options: ClassVar[Mapping[str, Option]] = {"reduction": REDUCTION}
    _forward: ClassVar[Callable[..., Any]]
    _copies: Recycler | None = None  # of a dx that is kept, for backward
    _given: ClassVar[tuple[str, ...]] = ("sample_weight", "reduction")  # to the kernel after arrays and memory
    _axis: ClassVar[int]  # of dx, which several losses may lack
    # The default, for a subclass whose own __init__ does not call this one's too.
    reduction: Reduction = MEAN
    # dx of the last forward until it is handed out, in a list: of two threads, one takes it out.
    _dx: list[Array] | None = None
    _beside: tuple[Any, ...] = ()  # what `_given` names, of the last forward

    def __init__(self, reduction: Reduction) -> None:
        self._set_options(reduction=reduction)
        self.loss: Any = None
        self.y: Array | None = None
        self.t: ArrayLike | None = None
        self._dx = None
        self._beside = ()
        self._copies = recycler()

    def backward(self, dout: ArrayLike = 1) -> Array:
        """dx, of x's shape and dtype, times `dout`: a number, or of the loss's shape. RuntimeError before forward."""
        kept = self._dx
        if kept is None:
            raise no_forward(self)
        dx: Array
        if self._keeps_dx(kept):
            dx = np.empty_like(kept[0]) if self._copies is None else self._copies.like(kept[0])
            np.copyto(dx, kept[0])
        else:
            try:
                dx = kept.pop()
            except IndexError:
                dx = self._dx_again()
        if type(dout) is not int or dout != 1:
            np.multiply(dx, _gradient_of_loss(dout, self.loss, dx.ndim, self._axis), out=dx)
        return dx

    def _keeps_dx(self, kept: list[Array]) -> bool:
        """Whether the gradient, if computed again, might not be the same to the bit."""
        return False

    def _dx_again(self) -> Array:
        """The gradient of what y and t hold now."""
        raise NotImplementedError


class LossOfNumbers(Loss):
    """What the losses share that hold numbers against targets, and keep nothing between: their function gives dx."""

    _axis: ClassVar[int] = -1
    _memory: Any = None  # of dx

    def __init__(self, reduction: Reduction) -> None:
        super().__init__(reduction)
        self._memory = recycler()

    def forward(self, y: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of outputs y against targets t: a float, or with ``reduction="none"`` an array."""
        beside = self._now(sample_weight)
        loss, dx = self._computed(y, t, beside)
        self.loss, self.y, self.t = loss, np.asarray(y), t
        self._dx, self._beside = [dx], beside
        return loss

    def _now(self, sample_weight: ArrayLike | None) -> tuple[Any, ...]:
        """What `_given` names, as it is now."""
        return sample_weight, self.reduction

    def _computed(self, y: Any, t: Any, beside: tuple[Any, ...]) -> Any:
        """(loss, dx) of outputs and targets, and what `_given` names."""
        sample_weight, reduction = beside
        return self._forward(y, t, sample_weight=sample_weight, reduction=reduction, out=self._memory)

    def _dx_again(self) -> Array:
        dx: Array = self._computed(self.y, self.t, self._beside)[1]
        return dx


def _gradient_of_loss(dout: Any, loss: Any, ndim: int, axis: int) -> Any:
    """The gradient for a loss: a number, or one for each of several losses, to go with a dx of `ndim` axes.

    `axis` is the one of dx that the losses may lack.
    """
    if np.ndim(loss) == 0 or np.ndim(dout) == 0:
        return number("dout", dout)
    dout = real("dout", dout)
    same_shape("dout", dout, "the loss", loss)
    return np.expand_dims(dout, axis) if dout.ndim == ndim - 1 else dout
