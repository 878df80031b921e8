"""Losses that hold each number against one target: mean squared error, binary cross-entropy of logits."""

from __future__ import annotations

from typing import Literal, overload

from numpy.typing import ArrayLike

from .. import _backend, _contract
from .._memory import Recycler
from ._types import MEAN, Array, OneOut, Reduction

__all__ = ["mean_squared_error", "sigmoid_cross_entropy", "sigmoid_with_loss"]


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
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = ...,
    reduction: Literal["none"],
    out: OneOut = ...,
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
    result = _backend.kernels.mean_squared_error(y, t, out, sample_weight, reduction)
    return (
        _contract.mean_squared_error(_backend.run, y, t, sample_weight=sample_weight, reduction=reduction, out=out)
        if result is NotImplemented
        else result
    )


@overload
def sigmoid_cross_entropy(
    x: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = ...,
    reduction: Literal["mean", "sum"] = ...,
    out: OneOut = ...,
) -> tuple[float, Array]: ...
@overload
def sigmoid_cross_entropy(
    x: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = ...,
    reduction: Literal["none"],
    out: OneOut = ...,
) -> tuple[Array, Array]: ...
def sigmoid_cross_entropy(
    x: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Reduction = MEAN,
    out: OneOut = None,
) -> tuple[float | Array, Array]:
    r"""Binary cross-entropy of sigmoid(x) and its gradient, in one pass.

    Parameters
    ----------
    x : array_like
        Logits, ``(N, ...)`` or any other shape; any real dtype.
    t : array_like
        What each probability should be, in [0, 1]: 0 or 1, booleans, or soft targets; of x's shape, or ``(N,)`` for an
        x ``(N, 1)``.
    sample_weight : array_like, optional
        ``(N,)``, how much each sample counts.
    reduction : {"mean", "sum", "none"}, default "mean"
        Whether the loss is the mean over all numbers, their sum, or each number's own.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be x itself.

    Returns
    -------
    loss : float or ndarray
        The mean of :math:`-t \log \sigma(x) - (1 - t) \log(1 - \sigma(x))` over all numbers, as PyTorch's, each with
        its sample's weight, nan of none; or the sum; both in float64. For ``"none"`` an array of t's shape, in dx's
        dtype.
    dx : ndarray
        Its gradient with respect to x (for ``"none"`` that of the sum), of x's shape, in ``np.exp(x)``'s dtype.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or out has a wrong dtype.
    ValueError
        If the shapes do not fit; if a target lies outside [0, 1] (the message has it and its place);
        if reduction is not one of the three; if for the mean the sample weights have a sum that is infinite or
        overflows (the message has it); if out is read-only or of a wrong shape.

    Notes
    -----
    :math:`\partial L / \partial x = \sigma(x) - t`, over the number of numbers in the mean. The loss is
    :math:`|x| q + \log(1 + e^{-|x|})`, q the target of the side that x is not on: nothing overflows, and no digit is
    lost where the right side dominates. Saitoh, *Deep Learning from Scratch 2*, section 4.2.4; Bishop, *Pattern
    Recognition and Machine Learning*, section 4.3.2.

    Examples
    --------
    >>> loss, dx = sigmoid_cross_entropy([[0.0], [100.0]], [1, 1])
    >>> round(loss, 6), dx.round(6)
    (0.346574, array([[-0.25],
           [-0.  ]]))
    """
    result = _backend.kernels.sigmoid_cross_entropy(x, t, out, sample_weight, reduction)
    return (
        _contract.sigmoid_cross_entropy(_backend.run, x, t, sample_weight=sample_weight, reduction=reduction, out=out)
        if result is NotImplemented
        else result
    )


def sigmoid_with_loss(
    x: ArrayLike,
    t: ArrayLike,
    sample_weight: ArrayLike | None = None,
    reduction: Reduction = MEAN,
    out: tuple[Array | Recycler | None, Array | Recycler | None] | None = None,
) -> tuple[float | Array, Array, Array]:
    """What the layer `SigmoidWithLoss` keeps: ``(loss, y, dx)``, `sigmoid_cross_entropy` with its probabilities y."""
    result = _backend.kernels.sigmoid_with_loss(x, t, out, sample_weight, reduction)
    return (
        _contract.sigmoid_with_loss(_backend.run, x, t, sample_weight, reduction, out)
        if result is NotImplemented
        else result
    )
