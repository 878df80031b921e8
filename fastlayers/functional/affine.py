"""The affine transformation and its gradients."""

from __future__ import annotations

from typing import Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import (
    as_samples,
    cast,
    matrix,
    real,
)
from .._core.results import Out, deliver, deliver_one
from .._core.types import Array, OneOut, Run
from ..formulas import affine as formulas

__all__ = ["affine_backward", "affine_forward"]


def affine_forward(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None, *, out: OneOut = None) -> Array:
    r"""Affine transformation, :math:`y = x W + b`.

    Parameters
    ----------
    x : array_like
        A batch ``(N, ...)``, read as ``(N, D)``, or one sample ``(D,)``.
    W : array_like
        Weights ``(D, M)``.
    b : array_like, optional
        Bias ``(M,)``, added to each row.
    out : ndarray or 1-tuple, optional
        Where y goes.

    Returns
    -------
    y : ndarray
        ``(N, M)``, or ``(M,)`` for one sample.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers, or out has a wrong dtype.
    ValueError
        If the shapes do not fit (the message has both), or out is read-only or of a wrong shape.

    Notes
    -----
    The product is NumPy's own BLAS. Saitoh, *Deep Learning from Scratch*, section 5.6.

    Examples
    --------
    >>> affine_forward([[1.0, 2.0]], [[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]], [10.0, 20.0, 30.0])
    array([[11., 22., 38.]])
    """
    result = backend.kernels.affine_forward(x, W, b, out)
    return _affine_forward(backend.run, x, W, b, out=out) if result is NotImplemented else result


def _affine_forward(run: Run, x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None, *, out: Out = None) -> Array:
    x, W = real("x", x), matrix("W", W)
    arrays = [as_samples(x, W), W]
    if b is not None:
        b = real("b", b)
        if b.shape != W.shape[1:]:
            raise ValueError(f"b of shape {b.shape} does not fit W of shape {W.shape}: b must have shape {W.shape[1:]}")
        arrays.append(b)
    arrays = [np.asarray(a, order="C") for a in cast(np.result_type(*arrays), *arrays)]
    return deliver_one(run(formulas.affine_forward, *arrays, *([None] if b is None else [])), out, "y")


Outs: TypeAlias = tuple[Array | None, Array | None, Array | None] | None


@overload
def affine_backward(
    dout: ArrayLike, x: ArrayLike, W: ArrayLike, *, need_dx: Literal[True] = True, out: Outs = None
) -> tuple[Array, Array, Array]: ...
@overload
def affine_backward(
    dout: ArrayLike, x: ArrayLike, W: ArrayLike, *, need_dx: bool, out: Outs = None
) -> tuple[Array | None, Array, Array]: ...
@overload
def affine_backward(
    dout: ArrayLike, x: ArrayLike, W: ArrayLike, *, need_dx: bool = True, need_dW: bool, out: Outs = None
) -> tuple[Array | None, Array | None, Array | None]: ...
def affine_backward(
    dout: ArrayLike, x: ArrayLike, W: ArrayLike, *, need_dx: bool = True, need_dW: bool = True, out: Outs = None
) -> tuple[Array | None, Array | None, Array | None]:
    r"""Gradients of the affine transformation with respect to its input, weights and bias.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y: ``(N, M)``, or ``(M,)`` for one sample.
    x : array_like
        The input of `affine_forward`: ``(N, ...)`` or ``(D,)``.
    W : array_like
        Weights ``(D, M)``.
    need_dx : bool, default True
        Whether to compute dx; the first layer of a network has no use for it.
    need_dW : bool, default True
        Whether to compute dW and db; a layer that is not trained has no use for them.
    out : tuple of three (ndarray or None), optional
        Where dx, dW and db go.

    Returns
    -------
    dx : ndarray or None
        x's shape; None without `need_dx`.
    dW : ndarray or None
        ``(D, M)``; None without `need_dW`.
    db : ndarray or None
        ``(M,)``; likewise.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers; if out is a bare array or of a wrong dtype.
    ValueError
        If the shapes do not fit, or out is read-only or of a wrong shape.

    Notes
    -----
    :math:`dx = dout\,W^T`, :math:`dW = x^T\,dout`, :math:`db_m = \sum_n dout_{nm}`, the last summed
    accurately for long batches. Saitoh, *Deep Learning from Scratch*, section 5.6.

    Examples
    --------
    >>> dx, dW, db = affine_backward([[1.0, 2.0]], [[3.0]], [[4.0, 5.0]])
    >>> dx, dW, db
    (array([[14.]]), array([[3., 6.]]), array([1., 2.]))
    """
    result = backend.kernels.affine_backward(dout, x, W, need_dx, need_dW, out)
    if result is not NotImplemented:
        return result  # type: ignore[no-any-return]
    return _affine_backward(backend.run, dout, x, W, need_dx=need_dx, need_dW=need_dW, out=out)


def _affine_backward(
    run: Run,
    dout: ArrayLike,
    x: ArrayLike,
    W: ArrayLike,
    *,
    need_dx: bool = True,
    need_dW: bool = True,
    out: Out = None,
) -> tuple[Array | None, Array | None, Array | None]:
    need_dx, need_dW = bool(need_dx), bool(need_dW)  # first, as the kernel has it
    dout, x, W = real("dout", dout), real("x", x), matrix("W", W)
    samples = as_samples(x, W)
    expected = (*samples.shape[:-1], W.shape[1])
    if dout.shape != expected:
        raise ValueError(
            f"dout of shape {dout.shape} does not fit x of shape {x.shape} and W of shape {W.shape}: "
            f"dout must have shape {expected}"
        )
    if isinstance(out, tuple) and len(out) == 3:
        for i, (name, option, needed) in enumerate(
            (("dx", "need_dx", need_dx), ("dW", "need_dW", need_dW), ("db", "need_dW", need_dW))
        ):
            if not needed and isinstance(out[i], np.ndarray):
                raise ValueError(f"out[{i}] must be None when {option} is False: there is no {name} to write into it")
    arrays = [np.asarray(np.atleast_2d(a), order="C") for a in (dout, samples, W)]
    dx, dW, db = run(formulas.affine_backward, *arrays, need_dx, need_dW)
    if dx is not None:
        dx = dx.reshape(x.shape)
    dx, dW, db = deliver((dx, dW, db), out, ("dx", "dW", "db"))
    return dx, dW, db
