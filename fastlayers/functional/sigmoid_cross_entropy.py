"""Binary cross-entropy of the sigmoid and its gradient."""

from __future__ import annotations

from typing import Any, Literal, overload

from numpy.typing import ArrayLike

from .._core import backend
from .._core.pairs import Pairs
from .._core.results import Out, deliver, deliver_one
from .._core.types import MEAN, Array, OneOut, Outs, Reduction, Run
from ..formulas import sigmoid_cross_entropy as formulas

__all__ = ["sigmoid_cross_entropy", "sigmoid_with_loss"]


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
    x: ArrayLike, t: ArrayLike, *, sample_weight: ArrayLike | None = ..., reduction: Literal["none"], out: OneOut = ...
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
    result = backend.kernels.sigmoid_cross_entropy(x, t, out, sample_weight, reduction)
    return (
        _sigmoid_cross_entropy(backend.run, x, t, sample_weight=sample_weight, reduction=reduction, out=out)
        if result is NotImplemented
        else result
    )


def _sigmoid_cross_entropy(
    run: Run, x: ArrayLike, t: ArrayLike, *, out: Out = None, **options: Any
) -> tuple[float | Array, Array]:
    pairs = Pairs("x", x, t, **options, probabilities=True)
    loss, dx = run(formulas.sigmoid_cross_entropy, **pairs.arguments)
    return pairs.loss(loss), deliver_one(pairs.restored(dx), out, "dx")


def sigmoid_with_loss(
    x: ArrayLike, t: ArrayLike, out: Outs = None, sample_weight: ArrayLike | None = None, reduction: Reduction = MEAN
) -> tuple[float | Array, Array, Array]:
    """What the layer `SigmoidWithLoss` keeps: ``(loss, y, dx)``, `sigmoid_cross_entropy` with its probabilities y."""
    result = backend.kernels.sigmoid_with_loss(x, t, out, sample_weight, reduction)
    return _sigmoid_with_loss(backend.run, x, t, out, sample_weight, reduction) if result is NotImplemented else result


def _sigmoid_with_loss(
    run: Run, x: ArrayLike, t: ArrayLike, out: Out = None, *by_place: Any, **options: Any
) -> tuple[float | Array, Array, Array]:
    pairs = Pairs("x", x, t, *by_place, **options, probabilities=True)
    loss, y, dx = run(formulas.sigmoid_with_loss, **pairs.arguments)
    y, dx = deliver((pairs.restored(y), pairs.restored(dx)), out, ("y", "dx"))
    return pairs.loss(loss), y, dx


def logits_and_sides(x: ArrayLike, t: ArrayLike) -> tuple[Array, Array]:
    """Logits, and for each whether its target says yes."""
    pairs = Pairs("x", x, t, None, "mean", probabilities=True)
    return pairs.arguments["x"], pairs.arguments["t"] > 0.5
