"""Attention: weights of steps by how alike they are to a query, sums with these weights, and the gradients of both.

A query h ``(N, H)`` asks once of each sample's steps hs ``(N, T, H)``, one ``(N, S, H)`` S times. The products are
NumPy's on both paths, and softmax is the path's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .._core.arguments import floating, same_shape
from .._core.types import Array, Run
from ..formulas import attention as formulas
from .softmax import _softmax, _softmax_backward, softmax, softmax_backward

Pair = tuple[Array, Array]
_FAST = np.dtype(np.float32), np.dtype(np.float64)


def weighted_sum(hs: ArrayLike, a: ArrayLike) -> Array:
    """The sum of steps hs ``(N, T, H)`` with weights a ``(N, T)``: ``(N, H)``."""
    hs, a = _steps("hs", hs), _floating("a", a)
    _check("a", a, hs.shape[:2], "hs", hs.shape)
    return formulas.weighted(*_alike(hs, a))[:, 0]


def _weighted_sum(run: Run, hs: ArrayLike, a: ArrayLike) -> Array:
    return weighted_sum(hs, a)


def weighted_sum_backward(dout: ArrayLike, hs: ArrayLike, a: ArrayLike) -> Pair:
    """(dhs, da) of what `weighted_sum` was given."""
    hs, a, dout = _floating("hs", hs), _floating("a", a), _floating("dout", dout)
    _check("dout", dout, (len(hs), hs.shape[2]), "hs", hs.shape)
    hs, a, dout = _alike(hs, a, dout)
    return formulas.spread(a, dout), formulas.scores(hs, dout)[:, 0]


def _weighted_sum_backward(run: Run, dout: ArrayLike, hs: ArrayLike, a: ArrayLike) -> Pair:
    return weighted_sum_backward(dout, hs, a)


def attention_weight(hs: ArrayLike, h: ArrayLike) -> Array:
    """How much each step of hs ``(N, T, H)`` is to count for h ``(N, H)``: ``(N, T)``, softmax of their products."""
    return _attention_weight(None, hs, h)


def _attention_weight(run: Run | None, hs: ArrayLike, h: ArrayLike) -> Array:
    hs, h = _steps("hs", hs), _floating("h", h)
    _check("h", h, (len(hs), hs.shape[2]), "hs", hs.shape)
    return _softmax_of(run)(formulas.scores(*_alike(hs, h)))[:, 0]


def attention_weight_backward(dout: ArrayLike, hs: ArrayLike, h: ArrayLike, a: ArrayLike) -> Pair:
    """(dhs, dh) of what `attention_weight` was given, where it gave a."""
    return _attention_weight_backward(None, dout, hs, h, a)


def _attention_weight_backward(run: Run | None, dout: ArrayLike, hs: ArrayLike, h: ArrayLike, a: ArrayLike) -> Pair:
    hs, h, a, dout = _floating("hs", hs), _floating("h", h), _floating("a", a), _floating("dout", dout)
    same_shape("dout", dout, "the output", a)
    hs, h, a, dout = _alike(hs, h, a, dout)
    ds = _gradient_of(run)(dout, a)
    return formulas.spread(ds, h), formulas.weighted(hs, ds)[:, 0]


def attention(hs: ArrayLike, h: ArrayLike, of_steps: bool = False) -> Pair:
    """(y, a): the sum of hs with the weights that h gives its steps, and these; `of_steps`, h is ``(N, S, H)``."""
    return _attention(None, hs, h, of_steps)


def _attention(run: Run | None, hs: ArrayLike, h: ArrayLike, of_steps: bool = False) -> Pair:
    names = ("hs_enc", "hs_dec") if of_steps else ("hs", "h")
    hs, h = _steps(names[0], hs), _steps(names[1], h) if of_steps else _floating(names[1], h)
    _check(names[1], h, (len(hs), *(h.shape[1:2] if of_steps else ()), hs.shape[2]), names[0], hs.shape)
    hs, queries = _alike(hs, h)
    a = _softmax_of(run)(formulas.scores(hs, queries))
    return formulas.weighted(hs, a).reshape(h.shape), a.reshape(*h.shape[:-1], hs.shape[1])


def attention_backward(dout: ArrayLike, hs: ArrayLike, h: ArrayLike, a: ArrayLike) -> Pair:
    """(dhs, dh) of what `attention` was given, where it gave a."""
    return _attention_backward(None, dout, hs, h, a)


def _attention_backward(run: Run | None, dout: ArrayLike, hs: ArrayLike, h: ArrayLike, a: ArrayLike) -> Pair:
    hs, h, a, dout = _floating("hs", hs), _floating("h", h), _floating("a", a), _floating("dout", dout)
    same_shape("dout", dout, "the output", h)
    hs, queries, a, dout = _alike(hs, h, a, dout)
    ds = _gradient_of(run)(formulas.scores(hs, dout), a)
    # Steps are weighed, and are asked for their weights: what comes back to them of both is one product.
    dhs = formulas.spread(np.concatenate((a, ds), axis=1), np.concatenate((dout, queries), axis=1))
    return dhs, formulas.weighted(hs, ds).reshape(h.shape)


def _softmax_of(run: Run | None) -> Callable[[Array], Array]:
    return softmax if run is None else partial(_softmax, run)


def _gradient_of(run: Run | None) -> Callable[[Array, Array], Array]:
    return softmax_backward if run is None else partial(_softmax_backward, run)


def _floating(name: str, value: ArrayLike) -> Array:
    """The same as `floating`, which costs as much as a small product."""
    if type(value) is np.ndarray and value.dtype in _FAST and value.flags.aligned:
        return value
    return floating(name, value)


def _steps(name: str, value: ArrayLike) -> Array:
    hs = _floating(name, value)
    if hs.ndim != 3:
        raise ValueError(f"{name} must have shape (N, T, H), not {hs.shape}")
    return hs


def _check(name: str, array: Array, expected: tuple[int, ...], other: str, of: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ValueError(
            f"{name} of shape {array.shape} does not fit {other} of shape {of}: it must have shape {expected}"
        )


def _alike(hs: Array, *others: Array) -> list[Array]:
    """All in one dtype, in C order, and the others with an axis of queries."""
    dtype = hs.dtype if all(a.dtype == hs.dtype for a in others) else np.result_type(hs, *others)
    return [np.asarray(a if a.ndim == 3 else a[:, np.newaxis], dtype, order="C") for a in (hs, *others)]
