"""The logistic sigmoid and its gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import (
    alike,
    cast,
    real,
    same_shape,
)
from .._core.results import Out, deliver_one
from .._core.types import Array, OneOut, Run
from ..formulas import sigmoid as formulas
from ._elementwise import forward

__all__ = ["sigmoid", "sigmoid_backward", "sigmoid_forward"]


def sigmoid(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Logistic sigmoid, :math:`y = 1 / (1 + e^{-x})`: `sigmoid_forward` under the name that the books give it.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype.
    out : ndarray or 1-tuple, optional
        The array for y; it may be x itself.

    Returns
    -------
    y : ndarray
        As `sigmoid_forward` returns it.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or out does not fit.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 3.2.4.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    result = backend.kernels.sigmoid(x, out)
    return _sigmoid(backend.run, x, out=out) if result is NotImplemented else result


def _sigmoid(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    return forward(run, formulas.sigmoid, x, out=out)


def sigmoid_forward(x: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Logistic sigmoid, :math:`y = 1 / (1 + e^{-x})`.

    Parameters
    ----------
    x : array_like
        Any shape, any real dtype; no number overflows or warns.
    out : ndarray or 1-tuple, optional
        Where y goes; it may be x itself.

    Returns
    -------
    y : ndarray
        x's shape, in ``np.exp(x)``'s dtype. Exactly 0 at -inf and 1 at +inf; NaN stays NaN.

    Raises
    ------
    TypeError, ValueError
        If x does not hold real numbers, or out does not fit.

    See Also
    --------
    sigmoid_cross_entropy : with the loss, exact where y is near 0 or 1.

    Notes
    -----
    Within 4 ulp where the result is a normal number; a subnormal result may be 0. Saitoh, *Deep Learning from Scratch*,
    sections 3.2.4 and 5.5.2.

    Examples
    --------
    >>> sigmoid_forward([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    result = backend.kernels.sigmoid_forward(x, out)
    return _sigmoid_forward(backend.run, x, out=out) if result is NotImplemented else result


def _sigmoid_forward(run: Run, x: ArrayLike, *, out: Out = None) -> Array:
    return forward(run, formulas.sigmoid_forward, x, out=out)


def sigmoid_backward(dout: ArrayLike, y: ArrayLike, *, out: OneOut = None) -> Array:
    r"""Gradient of the sigmoid, from its output.

    Parameters
    ----------
    dout : array_like
        Gradient of the loss with respect to y; any shape, any real dtype.
    y : array_like
        Probabilities of dout's shape, as `sigmoid_forward` returned them.
    out : ndarray or 1-tuple, optional
        Where dx goes; it may be dout or y itself.

    Returns
    -------
    dx : ndarray
        ``dout * y * (1 - y)``, of dout's shape.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold real numbers, the shapes differ, or out does not fit.

    Notes
    -----
    :math:`dy/dx = e^{-x} / (1 + e^{-x})^2 = y (1 - y)`.
    Saitoh, *Deep Learning from Scratch*, section 5.5.2.

    Examples
    --------
    >>> sigmoid_backward([1.0, 2.0, 3.0], [0.5, 0.5, 1.0])
    array([0.25, 0.5 , 0.  ])
    """
    result = backend.kernels.sigmoid_backward(dout, y, out)
    return _sigmoid_backward(backend.run, dout, y, out=out) if result is NotImplemented else result


def _sigmoid_backward(run: Run, dout: ArrayLike, y: ArrayLike, *, out: Out = None) -> Array:
    dout, y = real("dout", dout), real("y", y)
    same_shape("dout", dout, "y", y)
    # `1 - y` with y bool is refused by NumPy; as a number it is what was meant.
    dtype = np.result_type(dout, y, np.int8) if y.dtype == bool else np.result_type(dout, y)
    return deliver_one(run(formulas.sigmoid_backward, *alike(*cast(dtype, dout, y))), out, "dx")
