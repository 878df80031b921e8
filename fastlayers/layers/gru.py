"""The gated recurrent unit: a step, and all steps."""

from __future__ import annotations

from typing import ClassVar

from .._core.types import Array
from ..functional.recurrent import GRU as GATES
from ._recurrent import Cell, TimeRecurrent


class GRU(Cell):
    r"""Gated recurrent unit: one step.

    Parameters
    ----------
    Wx : ndarray
        Weights of x, ``(D, 3 H)``: those of z, r and the candidate. The array itself is kept, so that an optimizer can
        update it in place, as the others.
    Wh : ndarray
        Weights of h, ``(H, 3 H)``, in the same order.
    b : ndarray
        Biases ``(3 H,)``.

    Attributes
    ----------
    Wx, Wh, b
        As given.
    dWx, dWh, db : ndarray or None
        Gradients of the last backward.
    cache : tuple of ndarray or None
        ``(x, h_prev, z, r, h_hat)`` of the last forward.

    Raises
    ------
    ValueError
        If the shapes do not fit: here, and in forward and backward; the message has them.

    See Also
    --------
    TimeGRU : all steps in one call, which is much faster.

    Notes
    -----
    Forward, with the logistic sigmoid :math:`\sigma`: :math:`z = \sigma(x_t W_{xz} + h_{t-1} W_{hz} + b_z)`,
    :math:`r = \sigma(x_t W_{xr} + h_{t-1} W_{hr} + b_r)`,
    :math:`\hat{h} = \tanh(x_t W_{xh} + (r \odot h_{t-1}) W_{hh} + b_h)` and
    :math:`h_t = (1 - z) \odot h_{t-1} + z \odot \hat{h}`. Backward, with the gradients of the three sums:
    :math:`\partial L / \partial a_h = dh_t \odot z \odot (1 - \hat{h}^2)`,
    :math:`\partial L / \partial a_z = dh_t \odot (\hat{h} - h_{t-1}) \odot z (1 - z)`,
    :math:`\partial L / \partial a_r = (\partial L / \partial a_h\, W_{hh}^T) \odot h_{t-1} \odot r (1 - r)`, and from
    these all others. The reset r is applied before the product with
    :math:`W_{hh}`, as in the book and in Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
    Statistical Machine Translation", 2014, and ONNX's ``linear_before_reset=0``; PyTorch's GRU applies it after, and
    has z and 1 - z the other way round. Saitoh, *Deep Learning from Scratch 2*, appendix C.

    Examples
    --------
    >>> import numpy as np
    >>> cell = GRU(np.ones((1, 3)), np.ones((1, 3)), np.zeros(3))
    >>> cell.forward(np.array([[1.0]]), np.array([[0.0]])).round(4)
    array([[0.5568]])
    >>> dx, dh_prev = cell.backward(np.array([[1.0]]))
    >>> dx.round(4), dh_prev.round(4)
    (array([[0.4568]]), array([[0.6431]]))
    """

    _gates: ClassVar[int] = GATES
    _initializer: ClassVar[str] = "gru(D, H)"

    @property
    def cache(self) -> tuple[Array, ...] | None:
        """What the last forward was given, and its gates."""
        if self._kept is None:
            return None
        H = len(self.Wh)
        gates = self._kept[5]
        return (*self._kept[:2], gates[:, :H], gates[:, H : 2 * H], gates[:, 2 * H :])


class TimeGRU(TimeRecurrent):
    r"""Gated recurrent layer over time: `GRU` at each step of a batch of sequences, in one call.

    Parameters
    ----------
    Wx : ndarray
        Weights of x, ``(D, 3 H)``: those of z, r and the candidate. The array itself is kept, so that an optimizer can
        update it in place, as the others.
    Wh : ndarray
        Weights of h, ``(H, 3 H)``, in the same order.
    b : ndarray
        Biases ``(3 H,)``.
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
    Forward, with :math:`h_0` from the last forward or 0: :math:`h_t = GRU(x_t, h_{t-1})`. Backward, from the last step
    to the first, with what goes back from one to the one before: :math:`\partial L / \partial W` is the sum of those of
    the steps. As `TimeRNN` has it of sequences of no step and of `predict`. Saitoh, *Deep Learning from Scratch 2*,
    appendix C.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TimeGRU(np.ones((1, 3)), np.ones((1, 3)), np.zeros(3))
    >>> layer.forward(np.array([[[1.0], [0.0]]])).round(4)
    array([[[0.5568],
            [0.4189]]])
    >>> layer.backward(np.ones((1, 2, 1))).shape
    (1, 2, 1)
    """

    _gates: ClassVar[int] = GATES
    _initializer: ClassVar[str] = "gru(D, H)"
    _flops_of_a_unit: ClassVar[int] = 8  # three functions, r h, and four that mix
