"""The long short-term memory that goes through a sequence both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.memory import recycler
from .._core.options import SWITCH, Option
from .._core.types import Array, Shape
from ._base import LayerBase, no_forward
from ._recurrent import sequences
from ._sizes import refuses_sizes
from .lstm import TimeLSTM


class TimeBiLSTM(LayerBase):
    r"""Two `TimeLSTM`, of which one goes through the steps from the last to the first; their h side by side.

    Parameters
    ----------
    Wx1, Wh1, b1 : ndarray
        Parameters of the one that goes forward, as `TimeLSTM` has them.
    Wx2, Wh2, b2 : ndarray
        Of the one that goes back, of as many numbers.
    stateful : bool, default False
        As `TimeLSTM` has it, of both.

    Attributes
    ----------
    Wx1, Wh1, b1, Wx2, Wh2, b2, stateful
        As given.
    forward_lstm, backward_lstm : TimeLSTM
        The two.
    dWx1, dWh1, db1, dWx2, dWh2, db2 : ndarray or None
        Gradients of the last backward.

    Raises
    ------
    ValueError
        As `TimeLSTM` does.

    Notes
    -----
    Forward: :math:`hs_t = (\overrightarrow{h}_t, \overleftarrow{h}_t)`, ``(N, T, 2 H)``. Backward, with half of the
    gradient for each: :math:`\partial L / \partial x_t` is the sum of those of the two. Only a whole sequence can be
    gone through from its end: of running text, the state that is carried on backwards is that of the last text's
    beginning. Saitoh, *Deep Learning from Scratch 2*, section 8.3.1.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 4)), np.ones((1, 4)), np.zeros(4)
    >>> layer = TimeBiLSTM(*one, *one)
    >>> layer.forward(np.array([[[1.0], [0.0]]])).round(4)
    array([[[0.3696, 0.3696],
            [0.2908, 0.    ]]])
    >>> layer.backward(np.ones((1, 2, 2))).shape
    (1, 2, 1)
    """

    param_names: ClassVar[tuple[str, ...]] = ("Wx1", "Wh1", "b1", "Wx2", "Wh2", "b2")
    _initializer: ClassVar[str] = "bi_lstm(D, H)"
    options: ClassVar[Mapping[str, Option]] = {"stateful": SWITCH}
    _can_leave_out_dx: ClassVar[bool] = True
    _lstm: ClassVar[type[TimeLSTM]] = TimeLSTM

    @refuses_sizes
    def __init__(
        self,
        Wx1: ArrayLike,
        Wh1: ArrayLike,
        b1: ArrayLike,
        Wx2: ArrayLike,
        Wh2: ArrayLike,
        b2: ArrayLike,
        stateful: bool = False,
    ) -> None:
        self._memory = recycler(), recycler()  # of hs and dxs
        self.forward_lstm = self._lstm(Wx1, Wh1, b1, stateful)
        self.backward_lstm = self._lstm(Wx2, Wh2, b2, stateful)
        self.Wx1, self.Wh1, self.b1 = self.forward_lstm.params
        self.Wx2, self.Wh2, self.b2 = self.backward_lstm.params
        self.dWx1 = self.dWh1 = self.db1 = self.dWx2 = self.dWh2 = self.db2 = None
        if self.Wx1.shape != self.Wx2.shape:
            raise ValueError(
                f"Wx1 of shape {self.Wx1.shape} does not fit Wx2 of shape {self.Wx2.shape}: they must be alike"
            )

    @property
    def stateful(self) -> bool:
        """Whether a forward of the two begins with what the last one has left."""
        return self.forward_lstm.stateful

    @stateful.setter
    def stateful(self, value: bool) -> None:
        self.forward_lstm.stateful = self.backward_lstm.stateful = value

    def _both(self) -> tuple[TimeLSTM, TimeLSTM]:
        """The two, with the parameters that this layer has now."""
        for number, lstm in ("1", self.forward_lstm), ("2", self.backward_lstm):
            for name in lstm.param_names:
                setattr(lstm, name, getattr(self, f"{name}{number}"))
        return self.forward_lstm, self.backward_lstm

    def forward(self, xs: ArrayLike) -> Array:
        """Hs ``(N, T, 2 H)`` of xs ``(N, T, D)``."""
        xs, (one, other) = sequences(xs, len(self.Wx1)), self._both()
        hs, reverse = one.forward(xs), other.forward(_reversed(xs))
        shape, dtype = (*hs.shape[:2], 2 * hs.shape[2]), np.result_type(hs, reverse)
        return _beside(hs, reverse, self._memory[0].like(np.empty(shape, dtype)))

    def predict(self, xs: ArrayLike) -> Array:
        """Hs, and nothing is kept but, where it is `stateful`, the states."""
        xs, (one, other) = sequences(xs, len(self.Wx1)), self._both()
        return _beside(one.predict(xs), other.predict(_reversed(xs)))

    def backward(self, dhs: ArrayLike, *, need_dx: bool = True) -> Array | None:  # type: ignore[override]
        """Dxs ``(N, T, D)``, or None without `need_dx`; sets all gradients. RuntimeError before forward."""
        one, other = self._both()
        if one._kept is None:
            raise no_forward(self)
        dhs, (N, T, H) = np.asanyarray(dhs), one._kept[3].shape
        if dhs.shape != (N, T, 2 * H):
            raise ValueError(f"dhs of shape {dhs.shape} does not fit the output of shape {(N, T, 2 * H)}")
        dxs = one.backward(dhs[:, :, :H], need_dx=need_dx)
        reverse = other.backward(_reversed(dhs[:, :, H:]), need_dx=need_dx)
        self._set_gradients(
            **{f"{name}1": getattr(one, f"d{name}") for name in one.param_names},
            **{f"{name}2": getattr(other, f"d{name}") for name in other.param_names},
        )
        if dxs is None or reverse is None:
            return None
        wider = dxs if dxs.dtype == np.result_type(dxs, reverse) else reverse
        both: Array = np.add(dxs, reverse[:, ::-1], out=self._memory[1].like(wider))
        return both

    def reset_state(self) -> None:
        """Have the next forward begin with 0."""
        self.forward_lstm.reset_state()
        self.backward_lstm.reset_state()

    def _output_shape(self, shape: Shape) -> Shape:
        """``(T, 2 H)``, as `TimeLSTM` has it."""
        one, other = self._both()
        steps, units = one._output_shape(shape)  # type: ignore[misc]
        return (steps, units + other._output_shape(shape)[1])  # type: ignore[index, operator]

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """Those of the two."""
        return sum(lstm._flops(inputs, (outputs[0], len(lstm.Wh))) for lstm in self._both())


def _beside(one: Array, other: Array, out: Array | None = None) -> Array:
    """What one layer gives, and what the other gives from the end."""
    return np.concatenate((one, other[:, ::-1]), axis=2, out=out)


def _reversed(xs: Array) -> Array:
    return np.ascontiguousarray(xs[:, ::-1])
