"""The losses that scikit-learn's estimators minimise, where none of the package's layers is just that."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import xlogy

from .._core.types import Array
from ..layers._base import no_forward

__all__ = ["PoissonWithLoss", "Scaled"]


class Scaled:
    """A loss layer whose loss and whose gradient are multiplied, each by a number of its own.

    scikit-learn halves the squared error and takes its mean over the outputs, but not its gradient's: that is
    the sum over the outputs, as are the loss of several labels and its gradient.

    Parameters
    ----------
    layer : object
        With ``forward(x, t, sample_weight)`` and ``backward(dout)``.
    loss, gradient : float
        The two numbers.
    """

    def __init__(self, layer: Any, loss: float, gradient: float) -> None:
        self.layer = layer
        self.loss = loss
        self.gradient = gradient

    def forward(self, x: Array, t: Array, sample_weight: Array | None = None) -> float:
        """The loss of outputs x against targets t."""
        return self.loss * float(self.layer.forward(x, t, sample_weight))

    def backward(self) -> Array:
        """dx, of x's shape and dtype."""
        dx: Array = self.layer.backward(self.gradient)
        return dx


class PoissonWithLoss:
    r"""Exponential and half the Poisson deviance: :math:`t \ln(t / y) - t + y` with :math:`y = \exp(x)`.

    The mean over the samples, weighted where they have weights, of the sum over the outputs. McCullagh and Nelder,
    *Generalized Linear Models*, section 2.3; the gradient with respect to x is :math:`y - t`.

    Attributes
    ----------
    y : ndarray or None
        The expected values of the last forward, of x's shape.
    """

    def __init__(self) -> None:
        self.y: Array | None = None
        self._dx: Array | None = None

    def forward(self, x: Array, t: Array, sample_weight: Array | None = None) -> float:
        """The loss of logarithms x ``(N, C)`` against counts t ``(N, C)`` of its dtype, none of them negative."""
        y = np.exp(x)
        # t * ln(t / y), without a division by a y that is 0.
        deviance = (xlogy(t, t) - t * x - t + y).sum(axis=1, dtype=np.float64)
        dx = y - t
        if sample_weight is None:
            dx /= len(x)
        else:
            dx *= (sample_weight / sample_weight.sum())[:, np.newaxis]
        self.y, self._dx = y, dx
        return float(np.average(deviance, weights=sample_weight))

    def backward(self) -> Array:
        """dx, of x's shape and dtype. RuntimeError before forward."""
        if self._dx is None:
            raise no_forward(self)
        return self._dx
