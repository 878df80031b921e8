"""Create the parameters of new recurrent layers, as their constructors take them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._core import arguments
from .._core.types import Array
from .weights import floating, normal

__all__ = ["bi_lstm", "gru", "lstm", "rnn"]


def lstm(inputs: int, hidden: int, *, rng: Any = None, dtype: DTypeLike = np.float32) -> tuple[Array, Array, Array]:
    r"""Return Wx, Wh and b of a new `LSTM` or `TimeLSTM`: ``fl.TimeLSTM(*lstm(100, 50))``.

    Parameters
    ----------
    inputs : int
        D, the number of inputs of a step.
    hidden : int
        H, the number of hidden units.
    rng : optional
        As for `he_normal`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    Wx : ndarray
        ``(D, 4 H)``, normal numbers with :math:`\sigma = 1 / \sqrt{D}`.
    Wh : ndarray
        ``(H, 4 H)``, normal numbers with :math:`\sigma = 1 / \sqrt{H}`.
    b : ndarray
        ``(4 H,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of 0 or more, or `dtype` is not a floating one; as `numpy.random.default_rng`.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch 2*, section 6.4.1.

    Examples
    --------
    >>> [param.shape for param in lstm(100, 50)]
    [(100, 200), (50, 200), (200,)]
    """
    return _recurrent(4, inputs, hidden, rng, dtype)


def gru(inputs: int, hidden: int, *, rng: Any = None, dtype: DTypeLike = np.float32) -> tuple[Array, Array, Array]:
    r"""Return Wx, Wh and b of a new `GRU` or `TimeGRU`: ``fl.TimeGRU(*gru(100, 50))``.

    Parameters
    ----------
    inputs : int
        D, the number of inputs of a step.
    hidden : int
        H, the number of hidden units.
    rng : optional
        As for `he_normal`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    Wx : ndarray
        ``(D, 3 H)``, normal numbers with :math:`\sigma = 1 / \sqrt{D}`.
    Wh : ndarray
        ``(H, 3 H)``, normal numbers with :math:`\sigma = 1 / \sqrt{H}`.
    b : ndarray
        ``(3 H,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        As `lstm`.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch 2*, appendix C, with the numbers of section 6.4.1.

    Examples
    --------
    >>> [param.shape for param in gru(100, 50)]
    [(100, 150), (50, 150), (150,)]
    """
    return _recurrent(3, inputs, hidden, rng, dtype)


def rnn(inputs: int, hidden: int, *, rng: Any = None, dtype: DTypeLike = np.float32) -> tuple[Array, Array, Array]:
    r"""Return Wx, Wh and b of a new `RNN` or `TimeRNN`: ``fl.TimeRNN(*rnn(100, 50))``.

    Parameters
    ----------
    inputs : int
        D, the number of inputs of a step.
    hidden : int
        H, the number of hidden units.
    rng : optional
        As for `he_normal`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    Wx : ndarray
        ``(D, H)``, normal numbers with :math:`\sigma = 1 / \sqrt{D}`.
    Wh : ndarray
        ``(H, H)``, normal numbers with :math:`\sigma = 1 / \sqrt{H}`.
    b : ndarray
        ``(H,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        As `lstm`.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch 2*, section 5.5.1.

    Examples
    --------
    >>> [param.shape for param in rnn(100, 50)]
    [(100, 50), (50, 50), (50,)]
    """
    return _recurrent(1, inputs, hidden, rng, dtype)


def bi_lstm(inputs: int, hidden: int, *, rng: Any = None, dtype: DTypeLike = np.float32) -> tuple[Array, ...]:
    """Return the parameters of a new `TimeBiLSTM`: ``fl.TimeBiLSTM(*bi_lstm(100, 50))``.

    Parameters
    ----------
    inputs : int
        D, the number of inputs of a step.
    hidden : int
        H, the number of hidden units of each direction.
    rng : optional
        As for `he_normal`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    tuple of ndarray
        Wx, Wh and b of the forward direction, then those of the backward direction, each as `lstm` returns them.

    Raises
    ------
    TypeError, ValueError
        As `lstm`.

    Examples
    --------
    >>> [param.shape for param in bi_lstm(100, 50)]
    [(100, 200), (50, 200), (200,), (100, 200), (50, 200), (200,)]
    """
    rng = np.random.default_rng(rng)
    return *lstm(inputs, hidden, rng=rng, dtype=dtype), *lstm(inputs, hidden, rng=rng, dtype=dtype)


def _recurrent(gates: int, inputs: int, hidden: int, rng: Any, dtype: DTypeLike) -> tuple[Array, Array, Array]:
    D, H = arguments.count("inputs", inputs, least=0), arguments.count("hidden", hidden, least=0)
    rng = np.random.default_rng(rng)
    Wx = normal((D, gates * H), 1 / math.sqrt(max(D, 1)), rng, dtype)
    Wh = normal((H, gates * H), 1 / math.sqrt(max(H, 1)), rng, dtype)
    return Wx, Wh, np.zeros(gates * H, floating(dtype))
