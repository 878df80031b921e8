"""Nodes of a computation graph: multiplication and addition."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from .._core.arguments import number, real, same_shape
from ._base import Declared, no_forward


class MulLayer(Declared):
    r"""Multiplication node, ``z = x y``.

    Takes plain numbers, and gives back plain numbers; or arrays of one shape; or one of each. Numbers are multiplied
    as Python and NumPy do it: an int that a float or an array's dtype cannot hold is an OverflowError.

    Attributes
    ----------
    x, y
        The two inputs of the last forward.

    Notes
    -----
    Forward: :math:`z = x y`. Backward, with :math:`dout = \partial L / \partial z`:
    :math:`\partial L / \partial x = dout \cdot y` and :math:`\partial L / \partial y = dout \cdot x`.
    Saitoh, *Deep Learning from Scratch*, section 5.4.1.

    Examples
    --------
    >>> layer = MulLayer()
    >>> layer.forward(100, 2)
    200
    >>> layer.backward(1.5)
    (3.0, 150.0)
    """

    def __init__(self) -> None:
        self.x: Any = None
        self.y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        """``x * y``; both are kept for backward."""
        x, y = _operands(x, y)
        z = x * y
        self.x, self.y = x, y
        return z

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """``(dout * y, dout * x)``: each input's slope is the other input. RuntimeError before forward."""
        if self.x is None:
            raise no_forward(self)
        dout = _gradient_of_node(dout, self.x, self.y)
        return _summed_like(self.x, dout * self.y), _summed_like(self.y, dout * self.x)


class AddLayer(Declared):
    r"""Addition node, ``z = x + y``.

    Takes what `MulLayer` takes.

    Notes
    -----
    Forward: :math:`z = x + y`. Backward, with :math:`dout = \partial L / \partial z`:
    :math:`\partial L / \partial x = \partial L / \partial y = dout`.
    Saitoh, *Deep Learning from Scratch*, section 5.4.2.

    Examples
    --------
    >>> layer = AddLayer()
    >>> layer.forward(200, 450), layer.backward(1.1)
    (650, (1.1, 1.1))
    """

    def __init__(self) -> None:
        self._operands: tuple[Any, Any] | None = None

    def forward(self, x: Any, y: Any) -> Any:
        """``x + y``."""
        x, y = _operands(x, y)
        z = x + y
        self._operands = x, y
        return z

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """``(dout, dout)``: each slope is 1. RuntimeError before forward."""
        if self._operands is None:
            raise no_forward(self)
        x, y = self._operands
        dout = _gradient_of_node(dout, x, y)
        return _summed_like(x, dout * 1), _summed_like(y, dout * 1)


def _summed_like(operand: Any, gradient: Any) -> Any:
    """The gradient of an operand: of a number that went into a whole array, the sum."""
    if getattr(operand, "ndim", 0) < getattr(gradient, "ndim", 0):
        return np.sum(gradient).item()
    return gradient


def _operands(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands of a node: plain numbers as they are, arrays of one shape, or one of each."""
    x, y = _number_or_array("x", x), _number_or_array("y", y)
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        same_shape("x", x, "y", y)
    return x, y


def _gradient_of_node(dout: Any, x: Any, y: Any) -> Any:
    """Return dout, once it is seen to have the shape of the output; that of a plain number is ()."""
    dout = _number_or_array("dout", dout)
    shape = getattr(x, "shape", ()) or getattr(y, "shape", ())
    if np.shape(dout) != shape:
        raise ValueError(f"dout of shape {np.shape(dout)} does not fit the output of shape {shape}")
    return dout


def _number_or_array(name: str, value: Any) -> Any:
    if isinstance(value, (int, float, np.integer, np.floating)):
        return value
    # Of another kind of number, a Fraction say, NumPy would make an array of objects.
    return number(name, value) if isinstance(value, numbers.Real) else real(name, value)
