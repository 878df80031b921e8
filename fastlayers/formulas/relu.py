"""The rectified linear unit in NumPy."""

from __future__ import annotations

from .._core.types import Array


def relu(x: Array) -> Array:
    """``y = max(x, 0)`` without the mask, for prediction; else as `relu_forward`."""
    y, _ = relu_forward(x)
    return y


def relu_forward(x: Array) -> tuple[Array, Array]:
    """``y = max(x, 0)``, and the mask ``x <= 0`` that backward needs; any shape, any real dtype.

    A NaN is not ``<= 0``, so it passes through, as it should: hiding it would hide a fault.
    Source: Saitoh, section 5.5.1.
    """
    mask = x <= 0
    y = x.copy(order="K")
    y[mask] = 0
    return y, mask


def relu_backward(dout: Array, mask: Array) -> Array:
    """``dx = dout`` where ``x > 0``, else 0: the slope of ReLU is 1 or 0; both of one shape.

    Source: Saitoh, section 5.5.1, but on a copy: the notebook overwrites ``dout``.
    """
    dx = dout.copy(order="K")
    dx[mask] = 0
    return dx
