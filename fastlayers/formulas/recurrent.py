"""Recurrent layers in NumPy: what one step of an RNN, an LSTM and a GRU does, and the steps one after the other.

A cell is told from its number of gates. Its step is given the gates' sums ``a = x Wx + h Wh + b``, one part of H
numbers a gate, and its gradient is that of the sums, from which the gradients of all else follow as those of an affine
transformation do. Source: Saitoh, *Deep Learning from Scratch 2*, sections 5.3 and 6.3, appendix C.
"""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from .affine import affine_backward, affine_forward
from .sigmoid import sigmoid_backward, sigmoid_forward
from .tanh import tanh_backward, tanh_forward

RNN, GRU, LSTM = 1, 3, 4  # how many gates each has


def recurrent_forward(
    x: Array, Wx: Array, Wh: Array, b: Array, h: Array, c: Array | None, gates: int
) -> tuple[Array, Array | None, Array | None]:
    """H of every step, c of every step (an LSTM's), and the gates of every step (not an RNN's, which is h).

    x ``(N, T, D)``, Wx ``(D, G H)``, Wh ``(H, G H)``, b ``(G H,)``, h and c ``(N, H)`` from before the first step; the
    results are ``(N, T, ...)``. An x of one step may be ``(N, D)``, and its results ``(N, ...)``.
    """
    if x.ndim == 2:
        hs, cs, kept = recurrent_forward(x[:, None], Wx, Wh, b, h, c, gates)
        return hs[:, 0], None if cs is None else cs[:, 0], None if kept is None else kept[:, 0]
    (N, T, D), H = x.shape, len(Wh)
    with np.errstate(all="ignore"):  # what overflows leaves its gates open or shut
        sums = affine_forward(x.reshape(N * T, D), Wx, b).reshape(N, T, gates * H)
    hs = np.empty((N, T, H), sums.dtype)
    cs = np.empty_like(hs) if gates == LSTM else None
    kept = np.empty_like(sums) if gates != RNN else None
    with np.errstate(all="ignore"):
        for t in range(T):
            if gates == RNN:
                h = rnn_step(sums[:, t], h, Wh)
            elif gates == LSTM:
                h, c, kept[:, t] = lstm_step(sums[:, t], h, c, Wh)  # type: ignore[arg-type, index]
                cs[:, t] = c  # type: ignore[index]
            else:
                h, kept[:, t] = gru_step(sums[:, t], h, Wh)  # type: ignore[index]
            hs[:, t] = h
    return hs, cs, kept


def rnn_step(of_x: Array, h: Array, Wh: Array) -> Array:
    """``h_t = tanh(x_t Wx + h_(t-1) Wh + b)``, of ``x_t Wx + b``."""
    return tanh_forward(of_x + np.dot(h, Wh))


def lstm_step(of_x: Array, h: Array, c: Array, Wh: Array) -> tuple[Array, Array, Array]:
    """``c_t = f c_(t-1) + g i``, ``h_t = o tanh(c_t)``.

    f, i, o are the logistic sigmoid and g is tanh of their parts of ``x_t Wx + h_(t-1) Wh + b``: what is forgotten,
    what is new, how much of that comes in, and how much goes out.
    """
    f, g, i, o = np.split(of_x + np.dot(h, Wh), 4, axis=1)
    f, g, i, o = sigmoid_forward(f), tanh_forward(g), sigmoid_forward(i), sigmoid_forward(o)
    c = f * c + g * i
    return o * tanh_forward(c), c, np.concatenate((f, g, i, o), axis=1)


def gru_step(of_x: Array, h: Array, Wh: Array) -> tuple[Array, Array]:
    """``h_t = (1 - z) h_(t-1) + z candidate``, with ``candidate = tanh(x_t Wxh + (r h_(t-1)) Whh + bh)``.

    z and r are the logistic sigmoid of their parts of ``x_t Wx + h_(t-1) Wh + b``: how much is new, and how much of the
    last h the candidate is made of.
    """
    H = len(Wh)
    z, r = np.split(sigmoid_forward(of_x[:, : 2 * H] + np.dot(h, Wh[:, : 2 * H])), 2, axis=1)
    candidate = tanh_forward(of_x[:, 2 * H :] + np.dot(r * h, Wh[:, 2 * H :]))
    return (1 - z) * h + z * candidate, np.concatenate((z, r, candidate), axis=1)


def recurrent_backward(
    dhs: Array,
    dc: Array | None,
    x: Array,
    Wx: Array,
    Wh: Array,
    h: Array,
    c: Array | None,
    hs: Array,
    cs: Array | None,
    kept: Array | None,
    need_dx: bool,
    gates: int,
) -> tuple[Array | None, Array, Array, Array, Array, Array | None]:
    """dx, dWx, dWh, db, and the gradients of the h and c from before the first step, by going back through all steps.

    dhs has the gradient of each step's h, as far as it comes from above; dc that of the last c, None for 0.
    """
    if x.ndim == 2:
        hs, cs, kept = (None if a is None else a[:, None] for a in (hs, cs, kept))  # type: ignore[assignment]
        dx, *others = recurrent_backward(dhs[:, None], dc, x[:, None], Wx, Wh, h, c, hs, cs, kept, need_dx, gates)
        return None if dx is None else dx[:, 0], *others  # type: ignore[return-value]
    (N, T, D), H = x.shape, len(Wh)
    sums = np.empty((N, T, gates * H), hs.dtype)  # the gradient of the gates' sums
    dWh = np.zeros_like(Wh)
    dh = np.zeros_like(h)
    if gates == LSTM and dc is None:
        dc = np.zeros_like(h)
    with np.errstate(all="ignore"):
        for t in reversed(range(T)):
            before = h if t == 0 else hs[:, t - 1]
            dh = dhs[:, t] + dh
            if gates == RNN:
                a = tanh_backward(dh, hs[:, t])
                dh, of_Wh = np.dot(a, Wh.T), np.dot(before.T, a)
            elif gates == LSTM:
                a, dc = lstm_step_backward(dh, dc, c if t == 0 else cs[:, t - 1], cs[:, t], kept[:, t])  # type: ignore[arg-type, index]
                dh, of_Wh = np.dot(a, Wh.T), np.dot(before.T, a)
            else:
                a, dh, of_Wh = gru_step_backward(dh, before, kept[:, t], Wh)  # type: ignore[index]
            dWh += of_Wh
            sums[:, t] = a
    dx, dWx, db = affine_backward(sums.reshape(N * T, gates * H), x.reshape(N * T, D), Wx, need_dx)
    return None if dx is None else dx.reshape(N, T, D), dWx, dWh, db, dh, dc  # type: ignore[return-value]  # none is None


def lstm_step_backward(dh: Array, dc: Array, before: Array, c: Array, kept: Array) -> tuple[Array, Array]:
    """The gradients of the gates' sums and of the last c, from ``c = f before + g i`` and ``h = o tanh(c)``."""
    f, g, i, o = np.split(kept, 4, axis=1)
    tanh_c = tanh_forward(c)
    dc = dc + tanh_backward(dh * o, tanh_c)
    df, dg, di, do = dc * before, dc * i, dc * g, dh * tanh_c
    sums = sigmoid_backward(df, f), tanh_backward(dg, g), sigmoid_backward(di, i), sigmoid_backward(do, o)
    return np.concatenate(sums, axis=1), dc * f


def gru_step_backward(dh: Array, before: Array, kept: Array, Wh: Array) -> tuple[Array, Array, Array]:
    """The gradients of the gates' sums, of the last h, and of Wh, from ``h = (1 - z) before + z candidate``."""
    H = len(Wh)
    z, r, candidate = np.split(kept, 3, axis=1)
    of_candidate = tanh_backward(dh * z, candidate)
    dreset = np.dot(of_candidate, Wh[:, 2 * H :].T)  # of r before
    of_z, of_r = sigmoid_backward(dh * (candidate - before), z), sigmoid_backward(dreset * before, r)
    gates = np.concatenate((of_z, of_r), axis=1)
    dh = dh * (1 - z) + r * dreset + np.dot(gates, Wh[:, : 2 * H].T)
    dWh = np.concatenate((np.dot(before.T, gates), np.dot((r * before).T, of_candidate)), axis=1)
    return np.concatenate((gates, of_candidate), axis=1), dh, dWh
