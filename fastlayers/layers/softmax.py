"""The softmax layer."""

from __future__ import annotations

import math

from ..functional.softmax import softmax, softmax_backward
from ._activation import KeepsOutput


class Softmax(KeepsOutput):
    r"""Softmax of each row: probabilities, or the weights of an attention.

    A row is what lies along the last axis. A network that is trained for classes needs none: `SoftmaxWithLoss` has it,
    and a gradient that loses no digits.

    Attributes
    ----------
    out : ndarray or None
        y of the last forward.

    See Also
    --------
    fastlayers.softmax, fastlayers.softmax_backward : the functions behind it.

    Notes
    -----
    Forward: :math:`y_i = e^{x_i} / \sum_j e^{x_j}`, each in [0, 1]. Backward, with
    :math:`dout = \partial L / \partial y`: :math:`\partial L / \partial x_i = y_i (dout_i - \sum_j dout_j\,y_j)`.
    Saitoh, *Deep Learning from Scratch 2*, section 8.1.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Softmax()
    >>> layer.forward(np.array([[0.0, 0.0], [-1000.0, 1000.0]]))
    array([[0.5, 0.5],
           [0. , 1. ]])
    >>> layer.backward(np.array([[1.0, 0.0], [1.0, 0.0]]))
    array([[ 0.25, -0.25],
           [ 0.  ,  0.  ]])
    >>> layer
    Softmax()
    """

    _forward, _backward = staticmethod(softmax), staticmethod(softmax_backward)

    def _flops(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        """An exponential, an addition and a division for each number."""
        return 3 * math.prod(outputs)
