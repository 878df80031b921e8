"""Recurrent layers over all steps, and their gradients: what the layers call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import floating, real
from .._core.types import Array, Run
from ..formulas import recurrent as formulas
from ..formulas.recurrent import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "recurrent_backward", "recurrent_forward"]


def recurrent_forward(
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike,
    h: ArrayLike,
    c: ArrayLike | None = None,
    gates: int | None = None,
    out: tuple[Any, ...] | None = None,
) -> tuple[Array, Array | None, Array | None]:
    """H, c and the gates of every step, as `formulas.recurrent.recurrent_forward` has them.

    Without `gates`, 1 of an RNN, 3 of a GRU and 4 of an LSTM, Wh says how many there are; `out` has a layer's memory.
    """
    result = backend.kernels.recurrent_forward(x, Wx, Wh, b, h, c, gates, out)
    return _recurrent_forward(backend.run, x, Wx, Wh, b, h, c, gates) if result is NotImplemented else result


def _recurrent_forward(
    run: Run,
    x: ArrayLike,
    Wx: ArrayLike,
    Wh: ArrayLike,
    b: ArrayLike,
    h: ArrayLike,
    c: ArrayLike | None = None,
    gates: int | None = None,
    out: tuple[Any, ...] | None = None,
) -> tuple[Array, Array | None, Array | None]:
    gates, arrays = _checked(gates, x=x, Wx=Wx, Wh=Wh, b=b, h=h, c=c)
    result: tuple[Array, Array | None, Array | None] = run(formulas.recurrent_forward, *arrays, gates)
    return result


def recurrent_backward(
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
    gates: int | None = None,
    out: tuple[Any, ...] | None = None,
) -> tuple[Array | None, Array, Array, Array, Array, Array | None]:
    """dx, dWx, dWh, db, dh and dc, as `formulas.recurrent.recurrent_backward` has them.

    `out` has a layer's memory for these, and for the gradients of the gates.
    """
    result = backend.kernels.recurrent_backward(dhs, dc, x, Wx, Wh, h, c, hs, cs, kept, need_dx, gates, out)
    if result is NotImplemented:
        return _recurrent_backward(backend.run, dhs, dc, x, Wx, Wh, h, c, hs, cs, kept, need_dx, gates)
    return result  # type: ignore[no-any-return]


def _recurrent_backward(
    run: Run,
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
    gates: int | None = None,
    out: tuple[Any, ...] | None = None,
) -> tuple[Array | None, Array, Array, Array, Array, Array | None]:
    need_dx = bool(need_dx)
    gates, arrays = _checked(gates, dhs=dhs, dc=dc, x=x, Wx=Wx, Wh=Wh, h=h, c=c, hs=hs, cs=cs, kept=kept)
    result: tuple[Array | None, Array, Array, Array, Array, Array | None] = run(
        formulas.recurrent_backward, *arrays, need_dx, gates
    )
    return result


def _checked(gates: int | None, **arrays: Any) -> tuple[int, list[Array | None]]:
    """How many gates there are, and the arrays of one floating dtype, plain and in C order, once all shapes fit."""
    optional = ("c", "cs", "kept", "dc")
    given = {name: real(name, a) for name, a in arrays.items() if name not in optional or a is not None}
    x, Wx, Wh = given["x"], given["Wx"], given["Wh"]
    H = len(Wh) if Wh.ndim else 0
    if gates is None:
        gates = Wh.shape[1] // H if Wh.ndim == 2 and H else LSTM if "c" in given else RNN
    width = "H" if gates == RNN else f"{gates} H"
    if gates not in (RNN, GRU, LSTM) or Wh.shape != (H, gates * H) or Wx.ndim != 2 or Wx.shape[1] != gates * H:
        sizes = f"{width}" if gates in (RNN, GRU, LSTM) else "G H"
        raise ValueError(
            f"Wx of shape {Wx.shape} does not fit Wh of shape {Wh.shape}: they must have shapes (D, {sizes}) and "
            f"(H, {sizes}), with 1, 3 or 4 gates of H numbers"
        )
    if x.ndim not in (2, 3) or x.shape[-1] != len(Wx):
        raise ValueError(
            f"x of shape {x.shape} does not fit Wx of shape {Wx.shape}: it must have shape (N, {len(Wx)}), or "
            f"(N, T, {len(Wx)}) of T steps"
        )
    first, each, all_gates = (len(x), H), (*x.shape[:-1], H), (*x.shape[:-1], gates * H)
    shapes = {"b": Wx.shape[1:], "h": first, "c": first, "dc": first, "dhs": each, "hs": each, "cs": each}
    for name, expected in {**shapes, "kept": all_gates}.items():
        if name in given and given[name].shape != expected:
            raise ValueError(
                f"{name} of shape {given[name].shape} does not fit x of shape {x.shape} and Wh of shape {Wh.shape}: "
                f"it must have shape {expected}"
            )
    for name, kinds in {"c": (LSTM,), "cs": (LSTM,), "dc": (LSTM,), "kept": (GRU, LSTM)}.items():
        if name in arrays and (name in given) != (gates in kinds) and (name != "dc" or name in given):
            needed = "is needed" if gates in kinds else "must be None"
            raise ValueError(f"{name} {needed} with {gates} gates, which Wh of shape {Wh.shape} has")
    dtype = floating("x", np.empty(0, np.result_type(*given.values()))).dtype
    plain = {name: np.asarray(a, dtype, order="C") for name, a in given.items()}
    return gates, [plain.get(name) for name in arrays]
