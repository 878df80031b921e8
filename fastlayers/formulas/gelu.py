"""The Gaussian error linear unit in NumPy."""

from __future__ import annotations

import math

import numpy as np

from .._core.types import Array
from .silu import gate_slope

_erfc = np.frompyfunc(math.erfc, 1, 1)


def gelu_forward(x: Array, approximate: str) -> Array:
    """``y = x Phi(x)``, Phi the normal distribution; by "tanh" ``x (1 + tanh(u)) / 2``.

    There ``u = sqrt(2 / pi) (x + 0.044715 x**3)``. ``Phi(x) = erfc(-x / sqrt(2)) / 2``; and as
    ``max(x, 0) - |x| Phi(-|x|)`` y keeps its digits on both sides. With ``v = 2 u`` the form by tanh is
    ``x / (1 + exp(-v))``, a sigmoid. Source: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.
    """
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        if approximate == "none":
            a = np.minimum(np.abs(wide), 40)
            far = _times_density(_far_series(np.maximum(a, 37)), a)  # there erfc loses digits, below the normal numbers
            y = np.where(wide >= 0, wide, -0.0) - np.where(a > 37, far, a * _tail(a))
        else:
            _, v, lost = _argument(np.minimum(np.abs(wide), 25))
            half = np.exp(-v / 2)
            below = np.maximum(wide, -25) * half * half
            y = np.where(wide >= 0, wide, below - below * lost) / (1 + half * half * (1 - lost))
        return y.astype(x.dtype)


def gelu_backward(dout: Array, x: Array, approximate: str) -> Array:
    """``dx = dout * (Phi(x) + x phi(x))``, phi the density ``exp(-x**2 / 2) / sqrt(2 pi)``; or the slope of "tanh"."""
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        if approximate == "none":
            a = np.minimum(np.abs(wide), 40)
            tail = _tail(a) - _times_density(a, a)
            dx = dout * np.where(wide > 0, 1 - tail, tail)
        else:
            a = np.minimum(np.abs(wide), 25)
            z, v, lost = _argument(a)
            dx = gate_slope(dout, np.copysign(z, wide), v, lost)
        return dx.astype(x.dtype)


def _tail(a: Array) -> Array:
    """``Phi(-a)`` of a not negative.

    erfc falls so fast that the rounding of ``z = a / sqrt(2)`` is all one sees far out. What it is follows from all
    digits of both squares, and is made good by erfc's slope.
    """
    z = a / math.sqrt(2)
    (z_square, z_lost), (square, lost) = _product(z, z), _product(a, a)
    rounding = ((z_square - square / 2) + (z_lost - lost / 2)) / (2 * np.maximum(z, np.finfo(z.dtype).tiny))
    tail: Array = np.asarray(_erfc(z), np.float64) / 2 + rounding * np.exp(-z_square) / math.sqrt(math.pi)
    return tail


def _far_series(a: Array) -> Array:
    """``a Phi(-a) / phi(a)`` of large a: ``1 - 1 / a**2 + 3 / a**4 - 15 / a**6 + ...``."""
    series = np.ones_like(a)
    for odd in (11, 9, 7, 5, 3, 1):
        series = 1 - odd / (a * a) * series
    return series


def _times_density(factor: Array, a: Array) -> Array:
    """``factor * phi(a)``; ``exp(-a**2 / 4)`` is multiplied by twice, since its square leaves the range before that."""
    square, lost = _product(a, a)
    half = np.exp(-square / 4)
    product: Array = factor / math.sqrt(2 * math.pi) * half * half
    return product - product * (lost / 2)


def _product(a: Array, b: Array) -> tuple[Array, Array]:
    """``a * b``, and what its rounding lost: the product of halves of the digits is exact (Dekker 1971)."""
    product, (a_high, a_low), (b_high, b_low) = a * b, _halves(a), _halves(b)
    return product, (((a_high * b_high - product) + a_high * b_low) + a_low * b_high) + a_low * b_low


def _halves(a: Array) -> tuple[Array, Array]:
    high = a * 134217729 - (a * 134217729 - a)  # 2**27 + 1
    return high, a - high


def _argument(a: Array) -> tuple[Array, Array, Array]:
    """z, v and what v's rounding lost: ``v = 2 sqrt(2 / pi) (a + 0.044715 a**3)``, z a times its slope."""
    scale, scale_lost = 0.07135481627260025, -6.175149918155315e-19  # 2 sqrt(2 / pi) 0.044715
    square, square_lost = _product(a, a)
    inner = 22.3638600022363789 + square  # 1 / 0.044715, and short: so what is lost below is exact
    inner_lost = (square - (inner - 22.3638600022363789)) + (square_lost + 7.0680847336708613e-15)
    cube, cube_lost = _product(a, inner)
    cube_lost = cube_lost + a * inner_lost
    v, lost = _product(cube, np.asarray(scale))
    return scale * (a * (inner + 2 * square)), v, lost + (scale * cube_lost + scale_lost * cube)
