"""The recurrent layer of one gate: a step, and all steps."""

from __future__ import annotations

from typing import ClassVar

from .._core.types import Array
from ..functional.recurrent import RNN as GATES
from ._recurrent import Cell, TimeRecurrent


class RNN(Cell):
    r"""Recurrent cell: one step, :math:`h_t = \tanh(x_t W_x + h_{t-1} W_h + b)`.

    Parameters
    ----------
    Wx : ndarray
        Weights of x, ``(D, H)``. The array itself is kept, so that an optimizer can update it in place, as the others.
    Wh : ndarray
        Weights of h, ``(H, H)``.
    b : ndarray
        Biases ``(H,)``.

    Attributes
    ----------
    Wx, Wh, b
        As given.
    dWx, dWh, db : ndarray or None
        Gradients of the last backward.
    cache : tuple of ndarray or None
        ``(x, h_prev, h_next)`` of the last forward.

    Raises
    ------
    ValueError
        If the shapes do not fit: here, and in forward and backward; the message has them.

    See Also
    --------
    TimeRNN : all steps in one call, which is much faster.

    Notes
    -----
    Forward: :math:`h_t = \tanh(x_t W_x + h_{t-1} W_h + b)`. Backward, with :math:`a = dh_t (1 - h_t^2)`:
    :math:`\partial L / \partial x_t = a W_x^T`, :math:`\partial L / \partial h_{t-1} = a W_h^T`,
    :math:`\partial L / \partial W_x = x_t^T a`, :math:`\partial L / \partial W_h = h_{t-1}^T a`,
    :math:`\partial L / \partial b = \sum_n a_n`.
    Saitoh, *Deep Learning from Scratch 2*, section 5.3.1.

    Examples
    --------
    >>> import numpy as np
    >>> cell = RNN(np.ones((1, 2)), np.zeros((2, 2)), np.array([0.0, -1.0]))
    >>> cell.forward(np.array([[1.0]]), np.zeros((1, 2))).round(4)
    array([[0.7616, 0.    ]])
    >>> dx, dh_prev = cell.backward(np.array([[0.0, 1.0]]))
    >>> dx, dh_prev
    (array([[1.]]), array([[0., 0.]]))
    """

    _gates: ClassVar[int] = GATES
    _initializer: ClassVar[str] = "rnn(D, H)"

    @property
    def cache(self) -> tuple[Array, Array, Array] | None:
        """What the last forward was given, and gave."""
        return None if self._kept is None else (self._kept[0], self._kept[1], self._kept[3])


class TimeRNN(TimeRecurrent):
    r"""Recurrent layer over time: `RNN` at each step of a batch of sequences, in one call.

    Parameters
    ----------
    Wx : ndarray
        Weights of x, ``(D, H)``. The array itself is kept, so that an optimizer can update it in place, as the others.
    Wh : ndarray
        Weights of h, ``(H, H)``.
    b : ndarray
        Biases ``(H,)``.
    stateful : bool, default False
        Whether a forward begins with the h that the last one has left; else it begins with 0.

    Attributes
    ----------
    Wx, Wh, b, stateful
        As given.
    h : ndarray or None
        ``(N, H)``, h of the last step; None before the first forward and after `reset_state`.
    dh : ndarray or None
        The gradient of the h that the last forward began with.
    dWx, dWh, db : ndarray or None
        Gradients of the last backward.

    Raises
    ------
    ValueError
        If the shapes do not fit: here, and in forward and backward, also where h is the state of another number of
        sequences; the message has them.

    Notes
    -----
    Forward, with :math:`h_0` from the last forward or 0: :math:`h_t = \tanh(x_t W_x + h_{t-1} W_h + b)`. Backward, from
    the last step to the first, with :math:`a_t = (dhs_t + a_{t+1} W_h^T) (1 - h_t^2)`:
    :math:`\partial L / \partial W_h = \sum_t h_{t-1}^T a_t`, and so the others.

    A sequence of no step gives ``(N, 0, H)`` and leaves h as it was; a batch of none gives ``(0, T, H)``.
    `predict` of a stateful layer moves its state on, as in generation and control a step at a time. Files do not keep
    the state. Saitoh, *Deep Learning from Scratch 2*, section 5.3.2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeRNN(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), stateful=True)
    >>> layer.forward(np.array([[[1.0], [0.0]]])).round(4)
    array([[[0.7616],
            [0.642 ]]])
    >>> layer.backward(np.ones((1, 2, 1))).round(4)
    array([[[0.6668],
            [0.5878]]])
    >>> layer.predict(np.zeros((1, 1, 1))).round(4)
    array([[[0.5663]]])
    """

    _gates: ClassVar[int] = GATES
    _initializer: ClassVar[str] = "rnn(D, H)"
    _flops_of_a_unit: ClassVar[int] = 1  # tanh
