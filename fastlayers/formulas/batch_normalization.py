"""Batch normalization in NumPy.

x of any of its shapes is seen as ``(N, C, S)``: N samples of C channels, each normalised over its N * S numbers. S is 1
where gamma has an element for each number of a sample, and H * W where it has one for each channel of an image.
"""

from __future__ import annotations

import math

import numpy as np

from .._core.types import Array
from ._sums import at_least_double, wider


def batch_normalization(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Array:
    """``y = gamma (x - mean) / sqrt(var + eps) + beta``: x ``(N, C)`` or ``(N, C, H, W)``, all others ``(C,)``."""
    wide = at_least_double(x)
    with np.errstate(all="ignore"):
        return _scaled(_centred(x, mean, wide), gamma / np.sqrt(var.astype(wide) + eps), beta, x)


def batch_normalization_forward(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array | None,
    running_var: Array | None,
    momentum: float,
    eps: float,
) -> tuple[Array, Array, Array, Array, Array]:
    """The same with the batch's own mean and variance, and what becomes of the running ones.

    The variance takes two passes: the mean of the squares less the square of the mean would lose all its digits where
    the mean is large. The running ones start at zero: ``running = momentum * running + (1 - momentum) * batch's``.
    Source: Saitoh, section 6.3; Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", 2015.
    """
    wide = at_least_double(x)
    count = x.size // max(len(gamma), 1)
    with np.errstate(all="ignore"):
        mean = (_sums(x, gamma) / count).astype(wide)
        mean += (_sums(_centred(x, mean, wide), gamma) / count).astype(wide)  # what its rounding has lost
        centred = _centred(x, mean, wide)
        var = (_sums(centred * centred, gamma) / count).astype(wide)
        y = _scaled(centred, gamma / np.sqrt(var + eps), beta, x)
        running = [
            _running(before, of_batch, momentum, count).astype(x.dtype)
            for before, of_batch in ((running_mean, mean), (running_var, var))
        ]
    return y, mean, var, running[0], running[1]


def batch_normalization_backward(
    dout: Array, x: Array, gamma: Array, mean: Array, var: Array, need_dx: bool, eps: float
) -> tuple[Array | None, Array, Array]:
    """dx, dgamma and dbeta of dout and the batch's mean and variance.

    With ``s = 1 / sqrt(var + eps)`` and ``xn = (x - mean) s``, ``y = gamma xn + beta`` gives ``dbeta = sum dout`` and
    ``dgamma = sum dout xn`` over the n numbers of a channel. ``dL/dxn = gamma dout`` reaches x in three ways: straight,
    ``gamma dout s``; through the mean, which all numbers share, ``-gamma s dbeta / n``; and through the variance, whose
    slope at x is ``2 (x - mean) / n``, ``-gamma s xn dgamma / n``. Together
    ``dx = gamma s (dout - dbeta / n - xn dgamma / n)``.
    """
    wide = at_least_double(x)
    count = x.size // max(len(gamma), 1)
    with np.errstate(all="ignore"):
        scale = 1 / np.sqrt(var + eps)
        normalised = _centred(x, mean, wide) * _of_each(scale, x)
        dbeta = _sums(dout, gamma)
        dgamma = _sums(dout * normalised, gamma)
        dx = None
        if need_dx:
            rest = dout - _of_each((dbeta / count).astype(wide), x)
            rest -= normalised * _of_each((dgamma / count).astype(wide), x)
            dx = (rest * _of_each(gamma * scale, x)).astype(x.dtype)
    return dx, dgamma.astype(x.dtype), dbeta.astype(x.dtype)


def _of_each(of_channels: Array, x: Array) -> Array:
    """A number for each channel, to broadcast against x: by the channel of an image, or by the place in a sample."""
    if x.ndim == 2 or len(of_channels) == x.shape[1]:
        return of_channels.reshape(-1, *[1] * (x.ndim - 2))
    return of_channels.reshape(x.shape[1:])


def _centred(x: Array, mean: Array, wide: np.dtype[np.floating]) -> Array:
    centred: Array = x.astype(wide) - _of_each(mean, x)
    return centred


def _scaled(centred: Array, scale: Array, beta: Array, x: Array) -> Array:
    y: Array = centred * _of_each(scale, x) + _of_each(beta, x)
    return y.astype(x.dtype)


def _sums(x: Array, gamma: Array) -> Array:
    """The sum of each channel, with digits to spare."""
    each = math.prod(x.shape[1:]) // max(len(gamma), 1)
    sums: Array = x.reshape(len(x), len(gamma), each).sum(axis=(0, 2), dtype=wider(x))
    return sums


def _running(before: Array | None, of_batch: Array, momentum: float, count: int) -> Array:
    """A batch of nothing has no mean, and leaves the running one as it is."""
    before = np.zeros_like(of_batch) if before is None else before
    return momentum * before.astype(of_batch.dtype) + (1 - momentum) * of_batch if count else before
