"""The sigmoid linear unit in NumPy."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def silu_forward(x: Array) -> Array:
    """``y = x / (1 + exp(-x))``; any shape, a floating dtype.

    For negative x that is ``x exp(x) / (1 + exp(x))``. ``exp(x / 2)`` is multiplied by twice, since ``exp(x)`` leaves
    the range before the product does. Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural
    network function approximation in reinforcement learning", Neural Networks 107, 2018.
    """
    wide = x.astype(np.result_type(x, np.float64))
    with np.errstate(all="ignore"):
        half = np.exp(-np.abs(wide) / 2)
        below = np.maximum(wide, -np.finfo(wide.dtype).max) * half * half
        y: Array = (np.where(wide >= 0, wide, below) / (1 + half * half)).astype(x.dtype)
    return y


def silu_backward(dout: Array, x: Array) -> Array:
    """``dx = dout * (s + x s (1 - s))`` with the sigmoid ``s = 1 / (1 + exp(-x))``; both of one shape and dtype."""
    wide = x.astype(np.result_type(x, np.float64))
    with np.errstate(all="ignore"):
        dx: Array = gate_slope(dout, wide, np.abs(wide)).astype(x.dtype)
    return dx


def gate_slope(dout: Array, z: Array, v: Array, lost: Array | float = 0.0) -> Array:
    """``dout * (s + z s (1 - s))``, s the sigmoid of ``v + lost`` with z's sign; z is x times the slope of v >= 0.

    With ``e = exp(-v)`` that is ``(1 + e (1 + z)) / (1 + e)**2`` for positive x, else ``e (1 + z + e) / (1 + e)**2``:
    no digit is lost but where 1 + z + e is near 0. ``exp(-v / 2)`` is multiplied by twice: see `silu_forward`.
    """
    half = np.exp(np.maximum(-v / 2, np.log(np.finfo(v.dtype).tiny)))
    e = half * half * (1 - lost)
    z = np.clip(z, -1e4, 1e4)  # beyond, e is 0 beside it
    slope = np.where(z < 0, 1 + z + e, 1 + (1 + z) * e) / (1 + e * (2 + e))
    slope -= slope * np.where(z < 0, lost, 0)  # of half * half
    factor = np.where(z < 0, half, 1)
    dx: Array = dout * factor * slope * factor
    return dx
