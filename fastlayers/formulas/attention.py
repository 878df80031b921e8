"""The products of attention in NumPy: batches of matrices, hs of all steps ``(N, T, H)``, S queries each."""

from __future__ import annotations

import numpy as np

from .._core.types import Array


def scores(hs: Array, h: Array) -> Array:
    """How alike each query h ``(N, S, H)`` is to each step: ``s_nst = sum_i h_nsi hs_nti``, ``(N, S, T)``.

    The gradient of `weighted` with respect to its weights is this too, of dc in place of h: from
    ``c_nsi = sum_t a_nst hs_nti`` follows ``dL/da_nst = sum_i dc_nsi hs_nti``. Source: Saitoh, volume 2, section 8.1.
    """
    with np.errstate(all="ignore"):
        s: Array = np.matmul(h, hs.swapaxes(1, 2))
    return s


def weighted(hs: Array, a: Array) -> Array:
    """The sum of the steps with weights a ``(N, S, T)``: ``c_nsi = sum_t a_nst hs_nti``, ``(N, S, H)``.

    The gradient of `scores` with respect to h is this too, of ds in place of a. Source: Saitoh, volume 2, section 8.1.
    """
    with np.errstate(all="ignore"):
        c: Array = np.matmul(a, hs)
    return c


def spread(a: Array, c: Array) -> Array:
    """What comes back to each step: ``dL/dhs_nti = sum_s a_nst c_nsi``, ``(N, T, H)``.

    That is the gradient of `weighted` of its weights and dc, and that of `scores` of ds and h.
    """
    with np.errstate(all="ignore"):
        dhs: Array = np.matmul(a.swapaxes(1, 2), c)
    return dhs
