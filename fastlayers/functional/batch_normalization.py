"""Batch normalization, its gradients, and what predicts with it."""

from __future__ import annotations

from typing import Literal, overload

from numpy.typing import ArrayLike

from .._core import backend
from .._core.types import Array, OneOut
from ._batch_normalization import EPS
from ._batch_normalization import batch_normalization as _batch_normalization
from ._batch_normalization import batch_normalization_backward as _batch_normalization_backward
from ._batch_normalization import batch_normalization_forward as _batch_normalization_forward

__all__ = ["batch_normalization", "batch_normalization_backward", "batch_normalization_forward"]


def batch_normalization(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    *,
    eps: float = EPS,
    out: OneOut = None,
) -> Array:
    r"""Normalise by a given mean and variance, :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta`.

    That is how a trained network predicts.

    Parameters
    ----------
    x : array_like
        A batch ``(N, D)``, or ``(N, C, H, W)``.
    gamma : array_like
        Scale: ``(D,)``; of images ``(C,)``, one for each channel, or ``(C * H * W,)``, one for each number.
    beta : array_like
        Shift, of gamma's shape.
    mean : array_like
        Of gamma's shape; it is read in y's dtype.
    var : array_like
        Likewise.
    eps : float, default 10e-7
        Added to the variance inside the root; more than 0.
    out : ndarray or 1-tuple, optional
        Where y goes.

    Returns
    -------
    y : ndarray
        Of x's shape, in the floating dtype that x, gamma and beta promote to.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or out has a wrong dtype.
    ValueError
        If x is neither 2-d nor 4-d or the shapes do not fit (the message has both), eps is not finite and more than 0,
        or out is read-only or of a wrong shape.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.3.

    Examples
    --------
    >>> batch_normalization([[3.0, 5.0]], [1.0, 2.0], [0.0, 1.0], [1.0, 5.0], [4.0, 1.0]).round(5)
    array([[1., 1.]])
    """
    result = backend.kernels.batch_normalization(x, gamma, beta, mean, var, eps, out)
    if result is NotImplemented:
        return _batch_normalization(backend.run, x, gamma, beta, mean, var, eps=eps, out=out)
    return result  # type: ignore[no-any-return]


def batch_normalization_forward(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    *,
    momentum: float = 0.9,
    eps: float = EPS,
    out: tuple[Array | None, ...] | None = None,
) -> tuple[Array, Array, Array, Array, Array]:
    r"""Normalise a batch by its own mean and variance, :math:`y = \gamma (x - \mu) / \sqrt{v + \epsilon} + \beta`.

    Parameters
    ----------
    x : array_like
        A batch ``(N, D)``, each of whose D columns is normalised; or ``(N, C, H, W)``.
    gamma : array_like
        Scale: ``(D,)``; of images ``(C,)``, where each channel is normalised over samples and places, or
        ``(C * H * W,)``, where each number of a sample is, over the samples.
    beta : array_like
        Shift, of gamma's shape.
    running_mean : array_like, optional
        Of gamma's shape; by default zeros. It is read in y's dtype, and not written to.
    running_var : array_like, optional
        Likewise.
    momentum : float, default 0.9
        How much of the running ones remains, from 0 to 1.
    eps : float, default 10e-7
        Added to the variance inside the root; more than 0.
    out : tuple of five (ndarray or None), optional
        Where the results go; the running ones may go where they were.

    Returns
    -------
    y : ndarray
        Of x's shape, in the floating dtype that x, gamma and beta promote to.
    mean, var : ndarray
        The batch's, of gamma's shape, in float64 at least: `batch_normalization_backward` needs their digits. The
        variance is the biased one, divided by the number of values. Those of an empty batch are nan.
    running_mean, running_var : ndarray
        ``momentum * running + (1 - momentum) * batch's`` in y's dtype. An empty batch leaves them as they are.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers; if out is a bare array or of a wrong dtype.
    ValueError
        If x is neither 2-d nor 4-d or the shapes do not fit (the message has both), eps is not finite and more than 0,
        momentum lies outside [0, 1], or out is read-only or of a wrong shape.

    See Also
    --------
    batch_normalization : for predictions, by the running ones.

    Notes
    -----
    The variance is the mean of :math:`(x - \mu)^2`, by a second pass over the batch: a large mean takes no digits from
    it. Compiled, the first pass is over a part of a long batch, if that finds the mean well enough, and up to 32 rows
    are added in x's dtype before float64 goes on: sums of float32 are within 2e-6 of the sum of magnitudes, and no
    number may be within a factor of 32 of the largest float32. Saitoh, *Deep Learning from Scratch*, section 6.3; Ioffe
    and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", 2015.

    Examples
    --------
    >>> y, mean, var, running_mean, running_var = batch_normalization_forward([[1.0], [3.0]], [2.0], [0.5])
    >>> y.round(5)
    array([[-1.5],
           [ 2.5]])
    >>> mean, var, running_mean.round(5)
    (array([2.]), array([1.]), array([0.2]))
    """
    result = backend.kernels.batch_normalization_forward(x, gamma, beta, running_mean, running_var, momentum, eps, out)
    if result is NotImplemented:
        return _batch_normalization_forward(
            backend.run, x, gamma, beta, running_mean, running_var, momentum=momentum, eps=eps, out=out
        )
    return result  # type: ignore[no-any-return]


@overload
def batch_normalization_backward(
    dout: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    *,
    need_dx: Literal[True] = True,
    eps: float = EPS,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array, Array, Array]: ...
@overload
def batch_normalization_backward(
    dout: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    *,
    need_dx: bool,
    eps: float = EPS,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array, Array]: ...
def batch_normalization_backward(
    dout: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    *,
    need_dx: bool = True,
    eps: float = EPS,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array, Array]:
    r"""Gradients of `batch_normalization_forward` with respect to its input, scale and shift.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y, of x's shape.
    x : array_like
        As forward was given it.
    gamma : array_like
        Likewise.
    mean : array_like
        As forward gave it.
    var : array_like
        Likewise.
    need_dx : bool, default True
        Whether to compute dx; the first layer of a network has no use for it.
    eps : float, default 10e-7
        As forward was given it.
    out : tuple of three (ndarray or None), optional
        Where dx, dgamma and dbeta go.

    Returns
    -------
    dx : ndarray or None
        Of x's shape, in the floating dtype that dout, x and gamma promote to; None without `need_dx`.
    dgamma, dbeta : ndarray
        Of gamma's shape and dx's dtype; zeros for an empty batch.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers; if out is a bare array or of a wrong dtype.
    ValueError
        If x is neither 2-d nor 4-d or the shapes do not fit (the message has both), eps is not finite and more than 0,
        or out is read-only or of a wrong shape.

    Notes
    -----
    With :math:`s = 1 / \sqrt{v + \epsilon}` and :math:`\hat{x} = (x - \mu) s`, over the n numbers of a channel
    :math:`d\beta = \sum dout`, :math:`d\gamma = \sum dout\,\hat{x}` and
    :math:`dx = \gamma s (dout - d\beta / n - \hat{x}\, d\gamma / n)`. Saitoh, *Deep Learning from Scratch*, section
    6.3.

    Examples
    --------
    >>> x = [[1.0], [3.0], [5.0]]
    >>> dx, dgamma, dbeta = batch_normalization_backward([[1.0], [0.0], [0.0]], x, [2.0], [3.0], [8 / 3])
    >>> dx.round(4), dgamma.round(4), dbeta
    (array([[ 0.2041],
           [-0.4082],
           [ 0.2041]]), array([-1.2247]), array([1.]))
    """
    result = backend.kernels.batch_normalization_backward(dout, x, gamma, mean, var, need_dx, eps, out)
    if result is NotImplemented:
        return _batch_normalization_backward(backend.run, dout, x, gamma, mean, var, need_dx=need_dx, eps=eps, out=out)
    return result  # type: ignore[no-any-return]
