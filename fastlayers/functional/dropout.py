"""Dropout and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import (
    floating,
    probability,
    real,
    same_shape,
)
from .._core.results import Out
from .._core.types import Array, OneOut, Run
from ..formulas import dropout as formulas
from ._elementwise import backward_of_mask, forward_with_mask

__all__ = ["dropout_backward", "dropout_forward"]


def dropout_forward(
    x: ArrayLike, draws: ArrayLike, p: float = 0.5, *, out: tuple[Array | None, Array | None] | None = None
) -> tuple[Array, Array]:
    r"""Dropout: each value becomes 0 with probability p, and else is scaled to keep its expected value.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    draws : array_like
        x's shape, uniform in [0, 1): ``rng.random(x.shape, dtype=np.float32)``. Of float32 it runs compiled.
    p : float, default 0.5
        In [0, 1]: a value is dropped where its draw is below p.
    out : tuple of (ndarray or None, ndarray or None), optional
        Where y and mask go; y may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype: ``x / (1 - p)`` where kept, else +0.0.
    mask : ndarray of bool
        ``draws >= p``, True where a value is kept, as `dropout_backward` needs it.

    Raises
    ------
    TypeError, ValueError
        If x or draws does not hold real numbers, their shapes differ, p lies outside [0, 1], or out is a bare array or
        does not fit.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.4.3, scales in prediction instead, by :math:`1 - p`.
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014), section 10.

    Examples
    --------
    >>> y, mask = dropout_forward([1.0, 2.0, 3.0], [0.7, 0.2, 0.5], 0.5)
    >>> y, mask
    (array([2., 0., 6.]), array([ True, False,  True]))
    """
    result = backend.kernels.dropout_forward(x, draws, p, out)
    return _dropout_forward(backend.run, x, draws, p, out=out) if result is NotImplemented else result


def _dropout_forward(
    run: Run, x: ArrayLike, draws: ArrayLike, p: float = 0.5, *, out: Out = None
) -> tuple[Array, Array]:
    x, draws = floating("x", x), real("draws", draws)
    same_shape("draws", draws, "x", x)
    return forward_with_mask(run, formulas.dropout_forward, x, draws, factor=probability("p", p), out=out)


def dropout_backward(dout: ArrayLike, mask: ArrayLike, p: float = 0.5, *, out: OneOut = None) -> Array:
    r"""Gradient of dropout.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    mask : array_like of bool
        From `dropout_forward`, True where a value is kept; dout's shape.
    p : float, default 0.5
        The probability to drop that forward was given.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout itself.

    Returns
    -------
    dx : ndarray
        ``dout / (1 - p)`` where ``mask`` is True, else 0; of dout's shape.

    Raises
    ------
    TypeError, ValueError
        If dout does not hold real numbers, mask is not bool or of another shape, p lies outside [0, 1], or out does not
        fit.

    Notes
    -----
    Forward multiplies by 0 or :math:`1 / (1 - p)`, so backward does too.
    Saitoh, *Deep Learning from Scratch*, section 6.4.3.

    Examples
    --------
    >>> dropout_backward([1.0, 2.0], [True, False], 0.5)
    array([2., 0.])
    """
    result = backend.kernels.dropout_backward(dout, mask, p, out)
    return _dropout_backward(backend.run, dout, mask, p, out=out) if result is NotImplemented else result


def _dropout_backward(run: Run, dout: ArrayLike, mask: ArrayLike, p: float = 0.5, *, out: Out = None) -> Array:
    return backward_of_mask(run, formulas.dropout_backward, dout, mask, probability("p", p), out)
