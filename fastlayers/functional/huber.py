"""The Huber loss and its gradient."""

from __future__ import annotations

from typing import Any, Literal, overload

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import positive
from .._core.pairs import Pairs
from .._core.results import Out, deliver_one
from .._core.types import MEAN, Array, OneOut, Reduction, Run
from ..formulas import huber as formulas

__all__ = ["huber_loss"]


@overload
def huber_loss(
    y: ArrayLike,
    t: ArrayLike,
    *,
    delta: float = ...,
    sample_weight: ArrayLike | None = ...,
    reduction: Literal["mean", "sum"] = ...,
    out: OneOut = ...,
) -> tuple[float, Array]: ...
@overload
def huber_loss(
    y: ArrayLike,
    t: ArrayLike,
    *,
    delta: float = ...,
    sample_weight: ArrayLike | None = ...,
    reduction: Literal["none"],
    out: OneOut = ...,
) -> tuple[Array, Array]: ...
def huber_loss(
    y: ArrayLike,
    t: ArrayLike,
    *,
    delta: float = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Reduction = MEAN,
    out: OneOut = None,
) -> tuple[float | Array, Array]:
    r"""Huber loss and its gradient, in one pass: the square of small errors, and of large ones their size.

    Parameters
    ----------
    y : array_like
        A network's output, ``(N, ...)`` or any other shape; any real dtype.
    t : array_like
        The targets, of y's shape, or ``(N,)`` for a y ``(N, 1)``; any real dtype.
    delta : float, default 1.0
        The error from which on the loss grows as a straight line, finite and more than 0.
    sample_weight : array_like, optional
        ``(N,)``, how much each sample counts.
    reduction : {"mean", "sum", "none"}, default "mean"
        Whether the loss is the mean over all numbers, their sum, or each number's own.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be y itself.

    Returns
    -------
    loss : float or ndarray
        The mean :math:`\sum_n \sum_k s_n h(y_{nk} - t_{nk}) / (K \sum_n s_n)` over all numbers, with sample weights s,
        nan of none; or the sum; both in float64. For ``"none"`` an array of t's shape, in dx's dtype. Here
        :math:`h(d) = d^2 / 2` for :math:`|d| \le \delta`, else :math:`\delta (|d| - \delta / 2)`.
    dx : ndarray
        Its gradient with respect to y (for ``"none"`` that of the sum), of y's shape, in ``np.exp(y)``'s dtype.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or out has a wrong dtype.
    ValueError
        If the shapes do not fit; if delta is not one finite number above 0; if reduction is not one of the three; if
        for the mean the sample weights have a sum that is infinite or overflows (the message has it); if out is
        read-only or of a wrong shape.

    See Also
    --------
    mean_squared_error : without a delta, and not halved.

    Notes
    -----
    :math:`\partial L / \partial y_{nk} = s_n \min(\max(y_{nk} - t_{nk}, -\delta), \delta) / (K \sum_n s_n)`: no
    error, however large, pulls more than one of delta does. Huber, *Robust Estimation of a Location Parameter*, 1964.

    Loss and gradient are those of PyTorch's ``HuberLoss(delta=delta)``, and :math:`\delta` times those of its
    ``SmoothL1Loss(beta=delta)``. Up to delta they are half of what `mean_squared_error` gives.

    Examples
    --------
    >>> huber_loss([[0.5], [-3.0]], [0.0, 0.0])
    (1.3125, array([[ 0.25],
           [-0.5 ]]))
    """
    result = backend.kernels.huber_loss(y, t, out, delta, sample_weight, reduction)
    return (
        _huber_loss(backend.run, y, t, delta=delta, sample_weight=sample_weight, reduction=reduction, out=out)
        if result is NotImplemented
        else result
    )


def _huber_loss(
    run: Run, y: ArrayLike, t: ArrayLike, *, delta: float = 1.0, out: Out = None, **options: Any
) -> tuple[float | Array, Array]:
    delta = positive("delta", delta)
    pairs = Pairs("y", y, t, **options)
    loss, dx = run(formulas.huber_loss, **pairs.arguments, delta=delta)
    return pairs.loss(loss), deliver_one(pairs.restored(dx), out, "dx")
