"""Recurrent layers over all steps, and their gradients: what the layers call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import cast, floating, real
from .._core.types import Array, Run
from ..formulas import recurrent as formulas
from ..formulas.recurrent import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "recurrent_backward", "recurrent_forward"]


def recurrent_forward(
    gates: int,
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike,
    h: ArrayLike,
    c: ArrayLike | None = None,
    memory: tuple[Any, ...] | None = None,
) -> tuple[Array, Array | None, Array | None]:
    """H, c and the gates of every step, as `formulas.recurrent.recurrent_forward` has them.

    `gates` is 1 of an RNN, 3 of a GRU, 4 of an LSTM; `memory` has a `Recycler` for each result.
    """
    result = backend.kernels.recurrent_forward(gates, x, Wx, Wh, b, h, c, memory)
    return _recurrent_forward(backend.run, gates, x, Wx, Wh, b, h, c) if result is NotImplemented else result


def _recurrent_forward(
    run: Run,
    gates: int,
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike,
    h: ArrayLike,
    c: ArrayLike | None = None,
    memory: object = None,
) -> tuple[Array, Array | None, Array | None]:
    arrays = _checked(gates, x, Wx, Wh, b, h, c)
    result: tuple[Array, Array | None, Array | None] = run(formulas.recurrent_forward, gates, *arrays)
    return result


def recurrent_backward(
    gates: int,
    dhs: ArrayLike,
    dc: ArrayLike | None,
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    h: ArrayLike,
    c: ArrayLike | None,
    hs: ArrayLike,
    cs: ArrayLike | None,
    kept: ArrayLike | None,
    need_dx: bool = True,
    memory: tuple[Any, ...] | None = None,
) -> tuple[Array | None, Array, Array, Array, Array, Array | None]:
    """dx, dWx, dWh, db, dh and dc, as `formulas.recurrent.recurrent_backward` has them.

    `memory` has a `Recycler` for each of these, one for the gates' gradients, and one more.
    """
    result = backend.kernels.recurrent_backward(gates, dhs, dc, x, Wx, Wh, h, c, hs, cs, kept, need_dx, memory)
    if result is NotImplemented:
        return _recurrent_backward(backend.run, gates, dhs, dc, x, Wx, Wh, h, c, hs, cs, kept, need_dx)
    return result  # type: ignore[no-any-return]


def _recurrent_backward(
    run: Run,
    gates: int,
    dhs: ArrayLike,
    dc: ArrayLike | None,
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    h: ArrayLike,
    c: ArrayLike | None,
    hs: ArrayLike,
    cs: ArrayLike | None,
    kept: ArrayLike | None,
    need_dx: bool = True,
    memory: object = None,
) -> tuple[Array | None, Array, Array, Array, Array, Array | None]:
    need_dx = bool(need_dx)
    steps, dh = np.asarray(hs), real("dhs", dhs)
    if dh.shape != steps.shape:
        raise ValueError(f"dhs of shape {dh.shape} does not fit the output of shape {steps.shape}")
    of_c = None if dc is None else real("dc", dc)
    if of_c is not None and of_c.shape != np.shape(h):
        raise ValueError(f"dc of shape {of_c.shape} does not fit c of shape {np.shape(h)}")
    arrays = [dh, of_c, x, Wx, Wh, h, c, hs, cs, kept]
    there = cast(
        np.result_type(*(np.asarray(a) for a in arrays if a is not None)),
        *(real("a", a) for a in arrays if a is not None),
    )
    given = iter(there)
    arrays = [None if a is None else np.asarray(next(given), order="C") for a in arrays]
    result: tuple[Array | None, Array, Array, Array, Array, Array | None] = run(
        formulas.recurrent_backward, gates, *arrays, need_dx
    )
    return result


def _checked(
    gates: int, x: ArrayLike, Wx: ArrayLike, Wh: ArrayLike, b: ArrayLike, h: ArrayLike, c: ArrayLike | None
) -> list[Array | None]:
    """All of one floating dtype, plain and in C order, once their shapes are seen to fit."""
    arrays = {"x": floating("x", x), "Wx": real("Wx", Wx), "Wh": real("Wh", Wh), "b": real("b", b), "h": real("h", h)}
    if c is not None:
        arrays["c"] = real("c", c)
    x, Wx, Wh = arrays["x"], arrays["Wx"], arrays["Wh"]
    times = "" if gates == RNN else f"{gates} "
    if Wx.ndim != 2 or Wh.ndim != 2 or Wh.shape[1] != gates * len(Wh) or Wx.shape[1] != Wh.shape[1]:
        raise ValueError(
            f"Wx of shape {Wx.shape} does not fit Wh of shape {Wh.shape}: they must have shapes (D, {times}H) and "
            f"(H, {times}H)"
        )
    if arrays["b"].shape != Wx.shape[1:]:
        raise ValueError(
            f"b of shape {arrays['b'].shape} does not fit Wx of shape {Wx.shape}: b must have shape {Wx.shape[1:]}"
        )
    if x.ndim not in (2, 3) or x.shape[-1] != len(Wx):
        raise ValueError(
            f"x of shape {x.shape} does not fit Wx of shape {Wx.shape}: it must have shape (N, {len(Wx)}), or "
            f"(N, T, {len(Wx)}) of T steps"
        )
    for name in ("h", "c"):
        if name in arrays and arrays[name].shape != (len(x), len(Wh)):
            raise ValueError(
                f"{name} of shape {arrays[name].shape} does not fit x of shape {x.shape} and Wh of shape {Wh.shape}: "
                f"it must have shape {(len(x), len(Wh))}"
            )
    plain = cast(np.result_type(*arrays.values()), *arrays.values())
    return [*(np.asarray(a, order="C") for a in plain), *([] if c is not None else [None])]
