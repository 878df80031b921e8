"""The long short-term memory: a step, and all steps."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.types import Array
from ..functional.recurrent import LSTM as GATES
from ._recurrent import Cell, TimeRecurrent, array


class LSTM(Cell):
    r"""Long short-term memory: one step.

    Parameters
    ----------
    Wx : ndarray
        Weights of x, ``(D, 4 H)``: those of f, g, i and o. The array itself is kept, so that an optimizer can update it
        in place, as the others.
    Wh : ndarray
        Weights of h, ``(H, 4 H)``, in the same order.
    b : ndarray
        Biases ``(4 H,)``.

    Attributes
    ----------
    Wx, Wh, b
        As given.
    dWx, dWh, db : ndarray or None
        Gradients of the last backward.
    cache : tuple of ndarray or None
        ``(x, h_prev, c_prev, i, f, g, o, c_next)`` of the last forward.

    Raises
    ------
    ValueError
        If the shapes do not fit: here, and in forward and backward; the message has them.

    See Also
    --------
    TimeLSTM : all steps in one call, which is much faster.

    Notes
    -----
    Forward, with the logistic sigmoid :math:`\sigma` and the four parts of :math:`a = x_t W_x + h_{t-1} W_h + b`:
    :math:`f = \sigma(a_f)`, :math:`g = \tanh(a_g)`, :math:`i = \sigma(a_i)`, :math:`o = \sigma(a_o)`,
    :math:`c_t = f \odot c_{t-1} + g \odot i` and :math:`h_t = o \odot \tanh(c_t)`. Backward, with
    :math:`s = \partial L / \partial c_t + dh_t \odot o \odot (1 - \tanh^2 c_t)`:
    :math:`\partial L / \partial a_f = s \odot c_{t-1} \odot f (1 - f)`,
    :math:`\partial L / \partial a_g = s \odot i \odot (1 - g^2)`,
    :math:`\partial L / \partial a_i = s \odot g \odot i (1 - i)`,
    :math:`\partial L / \partial a_o = dh_t \odot \tanh(c_t) \odot o (1 - o)`,
    :math:`\partial L / \partial c_{t-1} = s \odot f`, and from that of a all others as of an affine layer. PyTorch has
    the gates in the order i, f, g, o.
    Saitoh, *Deep Learning from Scratch 2*, section 6.3.

    Examples
    --------
    >>> import numpy as np
    >>> cell = LSTM(np.ones((1, 4)), np.ones((1, 4)), np.zeros(4))
    >>> h, c = cell.forward(np.array([[1.0]]), np.array([[0.0]]), np.array([[0.0]]))
    >>> h.round(4), c.round(4)
    (array([[0.3696]]), array([[0.5568]]))
    >>> dx, dh_prev, dc_prev = cell.backward(np.array([[1.0]]), np.array([[0.0]]))
    >>> dx.round(4), dc_prev.round(4)
    (array([[0.348]]), array([[0.3978]]))
    """

    _gates: ClassVar[int] = GATES
    _initializer: ClassVar[str] = "lstm(D, H)"

    def forward(self, x: ArrayLike, h_prev: ArrayLike, c_prev: ArrayLike) -> tuple[Array, Array]:  # type: ignore[override]
        """``(h_next, c_next)``, each ``(N, H)``, of x ``(N, D)`` and what the last step gave; all are kept."""
        return self._run_forward(self._samples(x), array(h_prev), array(c_prev))  # type: ignore[return-value]

    def backward(self, dh_next: ArrayLike, dc_next: ArrayLike | None = None) -> tuple[Array, Array, Array]:  # type: ignore[override]
        """``(dx, dh_prev, dc_prev)``, without dc_next as with 0; sets dWx, dWh and db. RuntimeError before forward."""
        return self._run_backward(dh_next, dc_next, True)  # type: ignore[return-value]

    @property
    def cache(self) -> tuple[Array, ...] | None:
        """What the last forward was given, its gates, and c."""
        if self._kept is None:
            return None
        f, g, i, o = np.split(self._kept[5], 4, axis=1)
        return (*self._kept[:3], i, f, g, o, self._kept[4])


class TimeLSTM(TimeRecurrent):
    r"""Long short-term memory over time: `LSTM` at each step of a batch of sequences, in one call.

    Parameters
    ----------
    Wx : ndarray
        Weights of x, ``(D, 4 H)``: those of f, g, i and o. The array itself is kept, so that an optimizer can update it
        in place, as the others.
    Wh : ndarray
        Weights of h, ``(H, 4 H)``, in the same order.
    b : ndarray
        Biases ``(4 H,)``.
    stateful : bool, default False
        Whether a forward begins with the h and c that the last one has left; else it begins with 0.

    Attributes
    ----------
    Wx, Wh, b, stateful
        As given.
    h, c : ndarray or None
        ``(N, H)``, h and c of the last step; None before the first forward and after `reset_state`.
    dh, dc : ndarray or None
        The gradients of the h and c that the last forward began with.
    dWx, dWh, db : ndarray or None
        Gradients of the last backward.

    Raises
    ------
    ValueError
        If the shapes do not fit: here, and in forward and backward, also where h is the state of another number of
        sequences; the message has them.

    Notes
    -----
    Forward, with the first h and c from the last forward or 0: :math:`h_t, c_t = LSTM(x_t, h_{t-1}, c_{t-1})`.
    Backward, from the last step to the first, with what goes back from one to the one before:
    :math:`\partial L / \partial W` is the sum of those of the steps. As `TimeRNN` has it of sequences of no step and of
    `predict`. Saitoh, *Deep Learning from Scratch 2*, section 6.3.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeLSTM(np.ones((1, 4)), np.ones((1, 4)), np.zeros(4))
    >>> layer.forward(np.array([[[1.0], [0.0]]])).round(4)
    array([[[0.3696],
            [0.2908]]])
    >>> layer.backward(np.ones((1, 2, 1))).shape
    (1, 2, 1)
    """

    _gates: ClassVar[int] = GATES
    _initializer: ClassVar[str] = "lstm(D, H)"
    _flops_of_a_unit: ClassVar[int] = 9  # five functions, and four that mix
    c: Array | None = None
    dc: Array | None = None

    def set_state(self, h: ArrayLike | None, c: ArrayLike | None = None) -> None:
        """Have the next forward begin with this h and c, where the layer is `stateful`.

        Parameters
        ----------
        h, c : array_like or None
            ``(N, H)`` each; None for 0.
        """
        super().set_state(h)
        self.c = None if c is None else arguments.real("c", c)

    def reset_state(self) -> None:
        """Have the next forward begin with 0."""
        self.h = self.c = None

    def _given(self, xs: ArrayLike) -> tuple[Any, ...]:
        given, h = super()._given(xs)
        return given, h, self._first("c", given)

    def _leave(self, hs: Array, cs: Array | None, h: Array, c: Array | None = None) -> None:
        super()._leave(hs, cs, h)
        self.c = c if cs is None or not cs.shape[1] else cs[:, -1].copy()
