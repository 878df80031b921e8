"""Mean squared error and its gradient."""

from __future__ import annotations

from typing import Any, Literal, overload

from numpy.typing import ArrayLike

from .._core import backend
from .._core.pairs import Pairs
from .._core.results import Out, deliver_one
from .._core.types import MEAN, Array, OneOut, Reduction, Run
from ..formulas import mean_squared_error as formulas

__all__ = ["mean_squared_error"]


@overload
def mean_squared_error(
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = ...,
    reduction: Literal["mean", "sum"] = ...,
    out: OneOut = ...,
) -> tuple[float, Array]: ...
@overload
def mean_squared_error(
    y: ArrayLike, t: ArrayLike, *, sample_weight: ArrayLike | None = ..., reduction: Literal["none"], out: OneOut = ...
) -> tuple[Array, Array]: ...
def mean_squared_error(
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Reduction = MEAN,
    out: OneOut = None,
) -> tuple[float | Array, Array]:
    r"""Mean squared error and its gradient, in one pass.

    Parameters
    ----------
    y : array_like
        A network's output, ``(N, ...)`` or any other shape; any real dtype.
    t : array_like
        The targets, of y's shape, or ``(N,)`` for a y ``(N, 1)``; any real dtype.
    sample_weight : array_like, optional
        ``(N,)``, how much each sample counts.
    reduction : {"mean", "sum", "none"}, default "mean"
        Whether the loss is the mean over all numbers, their sum, or each number's own.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be y itself.

    Returns
    -------
    loss : float or ndarray
        The mean :math:`\sum_n \sum_k s_n (y_{nk} - t_{nk})^2 / (K \sum_n s_n)`, over all numbers as PyTorch's, with
        sample weights s, nan of none; or the sum; both in float64. For ``"none"`` an array of t's shape, in dx's
        dtype.
    dx : ndarray
        Its gradient with respect to y (for ``"none"`` that of the sum), of y's shape, in ``np.exp(y)``'s dtype.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or out has a wrong dtype.
    ValueError
        If the shapes do not fit; if reduction is not one of the three; if for the mean the sample weights have a sum
        that is infinite or overflows (the message has it); if out is read-only or of a wrong shape.

    Notes
    -----
    :math:`\partial L / \partial y_{nk} = 2 s_n (y_{nk} - t_{nk}) / (K \sum_n s_n)`. The book's `mean_squared_error` is
    half the sum, that is ``reduction="sum"`` halved. Saitoh, *Deep Learning from Scratch*, section 4.2.1; Bishop,
    *Pattern Recognition and Machine Learning*, section 3.1.1.

    Examples
    --------
    >>> mean_squared_error([[1.0], [3.0]], [0.0, 0.0])
    (5.0, array([[1.],
           [3.]]))
    """
    result = backend.kernels.mean_squared_error(y, t, out, sample_weight, reduction)
    return (
        _mean_squared_error(backend.run, y, t, sample_weight=sample_weight, reduction=reduction, out=out)
        if result is NotImplemented
        else result
    )


def _mean_squared_error(
    run: Run, y: ArrayLike, t: ArrayLike, *, out: Out = None, **options: Any
) -> tuple[float | Array, Array]:
    pairs = Pairs("y", y, t, **options)
    loss, dx = run(formulas.mean_squared_error, **pairs.arguments)
    return pairs.loss(loss), deliver_one(pairs.restored(dx), out, "dx")
