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
    """What the losses share: the gradient is computed with the loss, and handed out in copies."""

    options: ClassVar[Mapping[str, Option]] = {"reduction": REDUCTION}
    _forward: ClassVar[Callable[..., Any]]
    _copies: Recycler | None = None  # of dx, for backward
    _given: ClassVar[tuple[str, ...]] = ("sample_weight", "reduction")  # to the kernel after arrays and memory
    _axis: ClassVar[int]  # of dx, which several losses may lack
    # The default, for a subclass whose own __init__ does not call this one's too.
    reduction: Reduction = MEAN

    def __init__(self, reduction: Reduction) -> None:
        self._set_options(reduction=reduction)
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
            np.multiply(self._dx, _gradient_of_loss(dout, self.loss, dx.ndim, self._axis), out=dx)
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
