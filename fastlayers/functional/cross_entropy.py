"""Cross-entropy: of probabilities, and of softmax with its gradient."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack, overload

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import (
    floating,
)
from .._core.memory import Recycler
from .._core.results import Out, deliver, deliver_one
from .._core.rows import Rows
from .._core.targets import scores_and_targets
from .._core.types import MEAN, NO_SMOOTHING, Array, OneOut, Outs, Reduction, Run
from ..formulas import cross_entropy as formulas

__all__ = ["cross_entropy_error", "softmax_cross_entropy", "softmax_gradient", "softmax_with_loss"]


def cross_entropy_error(y: ArrayLike, t: ArrayLike) -> float:
    r"""Mean cross-entropy of probabilities, with the notebook's guard against log(0).

    Parameters
    ----------
    y : array_like
        Probabilities ``(N, C)``, or ``(C,)`` for one sample.
    t : array_like
        ``(N,)`` integer labels, or ``(N, C)`` one-hot or soft targets; for one sample one label or ``(C,)``.

    Returns
    -------
    float
        :math:`-\frac{1}{N} \sum_n \sum_c t_{nc} \log(y_{nc} + 10^{-7})`; nan for an empty batch.

    Raises
    ------
    TypeError
        If labels are bool or float, or an argument does not hold real numbers.
    ValueError
        If the shapes do not fit, or a label is outside [0, C).

    See Also
    --------
    softmax_cross_entropy : from scores instead of probabilities, exact and without a guard.

    Notes
    -----
    Runs in NumPy on both backends: training does not need it. Saitoh, *Deep Learning from Scratch*, section 4.2.4.

    Examples
    --------
    >>> round(cross_entropy_error([0.1, 0.05, 0.6, 0.25], 2), 6)
    0.510825
    """
    return _cross_entropy_error(backend.run, y, t)


def _cross_entropy_error(run: Run, y: ArrayLike, t: ArrayLike) -> float:
    y, t = scores_and_targets("y", floating("y", y), t)
    loss: float = run(formulas.cross_entropy_error, y, t)
    return loss


class _Options(TypedDict, total=False):
    """What `softmax_cross_entropy` takes whatever its reduction, to type checkers."""

    weight: ArrayLike | None
    sample_weight: ArrayLike | None
    ignore_index: int | None
    label_smoothing: float
    out: OneOut


@overload
def softmax_cross_entropy(
    x: ArrayLike, t: ArrayLike, *, reduction: Literal["mean", "sum"] = ..., **options: Unpack[_Options]
) -> tuple[float, Array]: ...
@overload
def softmax_cross_entropy(
    x: ArrayLike, t: ArrayLike, *, reduction: Literal["none"], **options: Unpack[_Options]
) -> tuple[Array, Array]: ...
def softmax_cross_entropy(
    x: ArrayLike,
    t: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = NO_SMOOTHING,
    reduction: Reduction = MEAN,
    out: OneOut = None,
) -> tuple[float | Array, Array]:
    r"""Cross-entropy of softmax(x) and its gradient, in one pass.

    Parameters
    ----------
    x : array_like
        Scores ``(N, C)``, ``(C,)`` for one sample, or ``(N, C, d1, ...)`` with the classes on axis 1; any real dtype.
    t : array_like
        Integer labels of x's shape without its axis of classes, ``(N,)`` or ``(N, d1, ...)``; or one-hot or soft
        targets of x's shape and any real dtype. For one sample one label or ``(C,)``.
    weight : array_like, optional
        ``(C,)``, how much each class counts.
    sample_weight : array_like, optional
        Of the labels' shape, how much each sample counts.
    ignore_index : int, optional
        A label, in range or not, whose samples do not count: their loss and their gradient are 0.
    label_smoothing : float, default 0.0
        In [0, 1]: how much of each target is spread evenly over all classes.
    reduction : {"mean", "sum", "none"}, default "mean"
        Whether the loss is the mean over the samples that count, their sum, or each sample's own.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be x itself.

    Returns
    -------
    loss : float or ndarray
        The mean :math:`\sum_n \sum_c q_{nc} (\log \sum_j e^{x_{nj}} - x_{nc}) / \sum_n w_n`, or the sum, both in
        float64; for ``"none"`` an array of the labels' shape in dx's dtype. The mean is nan where no sample counts.
    dx : ndarray
        Its gradient (for ``"none"`` that of the sum), of x's shape, in ``np.exp(x)``'s dtype whatever t's is.

    Raises
    ------
    TypeError
        If labels are bool or float, ignore_index is not an integer, an argument does not hold real numbers,
        or out has a wrong dtype.
    ValueError
        If the shapes do not fit; if a label is outside [0, C) (the message has the label and its
        row); if ignore_index is given beside targets, label_smoothing is outside [0, 1] or reduction is not
        one of the three; if for the mean the classes' weights, or those of the samples that count, have a sum that is
        infinite or overflows (the message has it); if out is read-only or of a wrong shape.

    Notes
    -----
    A sample wants class c by :math:`q_{nc} = s_n w_c ((1 - \epsilon) t_{nc} + \epsilon / C)`, with sample weights s,
    class weights w, smoothing :math:`\epsilon`, and a label read as the target 1 of its class. In the mean it counts
    :math:`w_n = s_n w_{t_n}` with a label and :math:`s_n` with targets; so all but sample_weight is as PyTorch's
    ``cross_entropy`` and ONNX's ``SoftmaxCrossEntropyLoss`` have it.

    Through log-sum-exp, so nothing overflows and no guard is added. Where the right class dominates,
    ``log1p`` of the other terms keeps the digits that ``log`` of their sum with 1 would lose.
    The loss is within 4 ulp of x's dtype of the exact result, dx with labels within 5, where they are normal numbers.
    Where the classes are innermost in memory, as in any ``(N, C)``, x is read as it is; else it is copied once.
    Saitoh, *Deep Learning from Scratch*, section 5.6.3 and appendix A; label smoothing: Szegedy et al., "Rethinking the
    Inception architecture for computer vision", CVPR 2016, section 7.

    Examples
    --------
    >>> loss, dx = softmax_cross_entropy([[0.0, 0.0]], [1])
    >>> round(loss, 6), dx
    (0.693147, array([[ 0.5, -0.5]]))
    >>> softmax_cross_entropy([[0.0, 0.0], [1.0, 3.0]], [1, -1], ignore_index=-1, reduction="none")[0].round(6)
    array([0.693147, 0.      ])
    """
    if weight is sample_weight is ignore_index is None and label_smoothing is NO_SMOOTHING and reduction is MEAN:
        result = backend.kernels.softmax_cross_entropy(x, t, out)  # the common call, with as little to pass as can be
    else:
        result = backend.kernels.softmax_cross_entropy(
            x, t, out, weight, sample_weight, ignore_index, label_smoothing, reduction
        )
    return (
        _softmax_cross_entropy(
            backend.run,
            x,
            t,
            weight=weight,
            sample_weight=sample_weight,
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
            reduction=reduction,
            out=out,
        )
        if result is NotImplemented
        else result
    )


def _softmax_cross_entropy(
    run: Run, x: ArrayLike, t: ArrayLike, *, out: Out = None, **options: Any
) -> tuple[float | Array, Array]:
    rows = Rows(x)
    loss, dx = run(formulas.softmax_cross_entropy, **rows.arguments(t, **options))
    return rows.loss(loss), deliver_one(rows.restored(dx), out, "dx")


def softmax_with_loss(
    x: ArrayLike,
    t: ArrayLike,
    out: Outs = None,
    weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = NO_SMOOTHING,
    reduction: Reduction = MEAN,
) -> tuple[float | Array, Array, Array]:
    """What the layer `SoftmaxWithLoss` keeps: ``(loss, y, dx)``, `softmax_cross_entropy` with its probabilities y."""
    if weight is sample_weight is ignore_index is None and label_smoothing is NO_SMOOTHING and reduction is MEAN:
        result = backend.kernels.softmax_with_loss(x, t, out)
    else:
        result = backend.kernels.softmax_with_loss(
            x, t, out, weight, sample_weight, ignore_index, label_smoothing, reduction
        )
    return (
        _softmax_with_loss(backend.run, x, t, out, weight, sample_weight, ignore_index, label_smoothing, reduction)
        if result is NotImplemented
        else result
    )


def _softmax_with_loss(
    run: Run, x: ArrayLike, t: ArrayLike, out: Out = None, *by_place: Any, **options: Any
) -> tuple[float | Array, Array, Array]:
    rows = Rows(x)
    loss, y, dx = run(formulas.softmax_with_loss, **rows.arguments(t, *by_place, **options))
    y, dx = deliver((rows.restored(y), rows.restored(dx)), out, ("y", "dx"))
    return rows.loss(loss), y, dx


def softmax_gradient(
    y: ArrayLike,
    t: ArrayLike,
    out: OneOut | Recycler = None,
    weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = NO_SMOOTHING,
    reduction: Reduction = MEAN,
) -> Array:
    """The ``dx`` that `softmax_with_loss` gives with probabilities y; of labels that are not smoothed, to the bit."""
    options = weight, sample_weight, ignore_index, label_smoothing, reduction
    result = backend.kernels.softmax_gradient(y, t, out, *options)
    return _softmax_gradient(backend.run, y, t, out, *options) if result is NotImplemented else result


def _softmax_gradient(run: Run, y: ArrayLike, t: ArrayLike, out: Out = None, *by_place: Any, **options: Any) -> Array:
    rows = Rows(y)
    arguments = rows.arguments(t, *by_place, **options)
    dx = run(formulas.softmax_gradient, arguments.pop("x"), **arguments)
    return deliver_one(rows.restored(dx), out, "dx")
