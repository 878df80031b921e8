"""What recurrent layers share: parameters, memory, the cells of one step, and the layers of all steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.memory import recycler
from .._core.options import SWITCH, Option
from .._core.types import Array, Shape
from ..functional.recurrent import LSTM, recurrent_backward, recurrent_forward
from ._base import Declared, LayerBase, no_forward
from ._sizes import refuses_sizes


class Recurrent(Declared):
    """Weights of x and of h, biases, and what the last forward has kept."""

    param_names: ClassVar[tuple[str, ...]] = ("Wx", "Wh", "b")
    _gates: ClassVar[int]
    _forward = staticmethod(recurrent_forward)
    _backward: ClassVar[Callable[..., tuple[Any, ...]]] = staticmethod(recurrent_backward)
    _memory: tuple[Any, Any] = (None, None)  # of forward's results, and of backward's
    _kept: tuple[Any, ...] | None = None  # x, the first h and c, and forward's results

    @refuses_sizes
    def __init__(self, Wx: ArrayLike, Wh: ArrayLike, b: ArrayLike) -> None:
        self.Wx: Array = np.asanyarray(Wx)
        self.Wh: Array = np.asanyarray(Wh)
        self.b: Array = np.asanyarray(b)
        self.dWx: Array | None = None
        self.dWh: Array | None = None
        self.db: Array | None = None
        self._check_shapes()
        self._memory = tuple(recycler() for _ in range(3)), tuple(recycler() for _ in range(7))

    def _check_shapes(self) -> None:
        """ValueError unless Wx is ``(D, G H)``, Wh ``(H, G H)`` and b ``(G H,)``."""
        Wx, Wh, b = self.Wx.shape, self.Wh.shape, self.b.shape
        if len(Wx) != 2 or len(Wh) != 2 or Wh[1] != self._gates * Wh[0] or Wx[1:] != Wh[1:] or b != Wh[1:]:
            width = "H" if self._gates == 1 else f"{self._gates} H"
            raise ValueError(
                f"{type(self).__name__} has Wx, Wh and b of shapes {Wx}, {Wh} and {b}: they must have shapes "
                f"(D, {width}), (H, {width}) and ({width},)"
            )

    def _run_forward(self, x: Any, h: Any, c: Any = None) -> tuple[Array, Array | None]:
        """The results, which are kept with all that they came of."""
        hs, cs, kept = self._forward(x, self.Wx, self.Wh, self.b, h, c, self._gates, self._memory[0])
        self._kept = x, h, c, hs, cs, kept
        return hs, cs

    def _run_backward(self, dhs: ArrayLike, dc: ArrayLike | None, need_dx: bool) -> tuple[Any, Array, Array | None]:
        """dx, and the gradients of the first h and c; those of the parameters are set."""
        if self._kept is None:
            raise no_forward(self)
        x, h, c, hs, cs, kept = self._kept
        dx, dWx, dWh, db, dh, dc = self._backward(
            dhs, dc, x, self.Wx, self.Wh, h, c, hs, cs, kept, need_dx, self._gates, self._memory[1]
        )
        self._set_gradients(Wx=dWx, Wh=dWh, b=db)
        return dx, dh, dc  # type: ignore[return-value]


class Cell(Recurrent):
    """One step, of an h that is given: with two inputs it stands in no line of layers."""

    def forward(self, x: ArrayLike, h_prev: ArrayLike) -> Array:
        """``h_next`` ``(N, H)`` of x ``(N, D)`` and ``h_prev`` ``(N, H)``; both are kept by reference."""
        return self._run_forward(self._samples(x), array(h_prev))[0]

    def backward(self, dh_next: ArrayLike) -> tuple[Array, Array]:
        """``(dx, dh_prev)``; sets dWx, dWh and db. RuntimeError before forward."""
        return self._run_backward(dh_next, None, True)[:2]

    def _samples(self, x: ArrayLike) -> Array:
        x = array(x)
        if x.ndim != 2:
            raise _wrong_axes("x", x, f"(N, {len(self.Wx)})")
        return x


class TimeRecurrent(Recurrent, LayerBase):
    """All steps of a batch of sequences, from an h that is 0 or that the last forward has left."""

    options: ClassVar[Mapping[str, Option]] = {"stateful": SWITCH}
    _can_leave_out_dx: ClassVar[bool] = True
    _flops_of_a_unit: ClassVar[int]  # beside products, of one step

    stateful: bool = False
    h: Array | None = None
    dh: Array | None = None

    @refuses_sizes
    def __init__(self, Wx: ArrayLike, Wh: ArrayLike, b: ArrayLike, stateful: bool = False) -> None:
        super().__init__(Wx, Wh, b)
        self._set_options(stateful=arguments.switch("stateful", stateful))

    def forward(self, xs: ArrayLike) -> Array:
        """Hs ``(N, T, H)``, h of each step, of xs ``(N, T, D)``, which is kept by reference; h is the last of them."""
        xs, *state = self._given(xs)
        hs, cs = self._run_forward(xs, *state)
        self._leave(hs, cs, *state)
        return hs

    def predict(self, xs: ArrayLike) -> Array:
        """Hs, and nothing is kept but, where it is `stateful`, h."""
        given: tuple[Any, ...] = (*self._given(xs), None)
        xs, h, c = given[:3]  # None but of an LSTM
        hs, cs, _ = self._forward(xs, self.Wx, self.Wh, self.b, h, c, self._gates)
        if self.stateful:
            self._leave(hs, cs, h, c)
        return hs

    def backward(self, dhs: ArrayLike, *, need_dx: bool = True) -> Array | None:  # type: ignore[override]
        """Dxs ``(N, T, D)``, or None without `need_dx`; sets dWx, dWh, db and dh. RuntimeError before forward.

        It goes back to the first step of the last forward, and no further: backpropagation is truncated there.
        """
        dxs, self.dh, dc = self._run_backward(dhs, None, need_dx)
        if self._gates == LSTM:
            self.dc = dc
        return dxs  # type: ignore[no-any-return]

    def set_state(self, h: ArrayLike | None) -> None:
        """Have the next forward begin with this h, where the layer is `stateful`.

        Parameters
        ----------
        h : array_like or None
            ``(N, H)``; None for 0.
        """
        self.h = None if h is None else arguments.real("h", h)

    def reset_state(self) -> None:
        """Have the next forward begin with 0."""
        self.h = None

    def _given(self, xs: ArrayLike) -> tuple[Any, ...]:
        """Xs as an array, and the state that it begins with."""
        xs = sequences(xs, len(self.Wx))
        return xs, self._first("h", xs)

    def _first(self, name: str, xs: Array) -> Array:
        """H or c before the first step, in the dtype of the weights."""
        state, shape = getattr(self, name) if self.stateful else None, (len(xs), len(self.Wh))
        if state is None:
            return np.zeros(shape, self.Wh.dtype)
        if state.shape != shape:
            raise ValueError(
                f"{name} of shape {state.shape} does not fit xs of shape {xs.shape}: for other sequences call "
                f"reset_state() first, or set_state() with an h of shape {shape}"
            )
        return state if state.dtype == self.Wh.dtype else state.astype(self.Wh.dtype)  # type: ignore[no-any-return]

    def _leave(self, hs: Array, cs: Array | None, h: Array, c: Array | None = None) -> None:
        """Keep h, and c, of the last step; of no step what it began with."""
        self.h = hs[:, -1].copy() if hs.shape[1] else h

    def _output_shape(self, shape: Shape) -> Shape:
        """``(T, H)``; ValueError unless a sample is ``(T, D)``, and the parameters are of such."""
        Wx, Wh = self.Wx.shape, self.Wh.shape
        if shape is not None and (len(shape) != 2 or shape[1] not in (None, Wx[0])):
            raise ValueError(f"has Wx of shape {Wx}; expected (D, ...) for a sample (T, D) of shape {shape}")
        return (None if shape is None else shape[0], int(Wh[0]))

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """Of each step: a multiplication and an addition for each weight, and what is of each number of h."""
        return outputs[0] * (2 * (self.Wx.size + self.Wh.size) + self._flops_of_a_unit * outputs[1])


def sequences(xs: ArrayLike, inputs: int) -> Array:
    """Xs as an array ``(N, T, inputs)``; ValueError where it has not three axes."""
    xs = array(xs)
    if xs.ndim != 3:
        raise _wrong_axes("xs", xs, f"(N, T, {inputs})")
    return xs


def array(value: ArrayLike) -> Array:
    """An array as it is, which is quicker than to ask NumPy for it, or what NumPy makes of anything else."""
    return value if type(value) is np.ndarray else np.asanyarray(value)


def _wrong_axes(name: str, value: Array, expected: str) -> ValueError:
    """What there is to say; TypeError where it holds no real numbers."""
    return ValueError(f"{name} must have shape {expected}, not {arguments.real(name, value).shape}")
