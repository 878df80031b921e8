"""Create the parameters of new layers, as their constructors take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._core import arguments
from .._core.types import Array
from .weights import floating, he_normal, normal, sizes

__all__ = ["affine", "batch_normalization", "convolution", "embedding"]


def affine(
    inputs: int,
    outputs: int,
    *,
    init: Callable[..., Array] = he_normal,
    bias: bool = True,
    rng: Any = None,
    dtype: DTypeLike = np.float32,
) -> tuple[Array, Array | None]:
    """Return the weights and the bias of a new `Affine` or `TimeAffine`: ``fl.Affine(*affine(784, 50))``.

    Parameters
    ----------
    inputs, outputs : int
        D and M.
    init : callable, default `he_normal`
        Makes the weights: called as ``init((inputs, outputs), rng=rng, dtype=dtype)``.
    bias : bool, default True
        False for a layer without one.
    rng : optional
        As for `he_normal`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    W : ndarray
        ``(D, M)``.
    b : ndarray or None
        ``(M,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        As `he_normal`; and if `bias` is neither True nor False.

    Examples
    --------
    >>> from fastlayers.initializers import xavier_uniform
    >>> W, b = affine(3, 2, init=xavier_uniform, rng=0)
    >>> W.shape, b
    ((3, 2), array([0., 0.], dtype=float32))
    """
    bias = arguments.switch("bias", bias)
    shape = sizes((inputs, outputs))
    W = init(shape, rng=rng, dtype=dtype)
    return W, np.zeros(shape[1], floating(dtype)) if bias else None


def convolution(
    channels: int,
    filters: int,
    size: int | tuple[int, int],
    *,
    groups: int = 1,
    init: Callable[..., Array] = he_normal,
    bias: bool = True,
    rng: Any = None,
    dtype: DTypeLike = np.float32,
) -> tuple[Array, Array | None]:
    """Return the weights and the bias of a new `Convolution`: ``fl.Convolution(*convolution(1, 30, 5))``.

    Parameters
    ----------
    channels, filters : int
        C of what comes in, and FN of what goes out.
    size : int or tuple of int
        The height and width of a filter, or both.
    groups : int, default 1
        Those of the layer: each filter has the channels of one group only.
    init : callable, default `he_normal`
        Makes the weights: called as ``init((FN, C / groups, FH, FW), rng=rng, dtype=dtype)``.
    bias : bool, default True
        False for a layer without one.
    rng : optional
        As for `affine`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    W : ndarray
        ``(FN, C / groups, FH, FW)``.
    b : ndarray or None
        ``(FN,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        As `affine`; and if `groups` does not divide both channels and filters.

    Examples
    --------
    >>> W, b = convolution(3, 8, 5, rng=0)
    >>> W.shape, b.shape
    ((8, 3, 5, 5), (8,))
    """
    bias = arguments.switch("bias", bias)
    groups = arguments.count("groups", groups)
    height, width = size if isinstance(size, tuple | list) and len(size) == 2 else (size, size)
    filters, channels, *window = sizes((filters, channels, height, width))
    if channels % groups or filters % groups:
        raise ValueError(f"groups must divide channels and filters, not be {groups} for {channels} and {filters}")
    W = init((filters, channels // groups, *window), rng=rng, dtype=dtype)
    return W, np.zeros(filters, floating(dtype)) if bias else None


def batch_normalization(size: int, *, rng: Any = None, dtype: DTypeLike = np.float32) -> tuple[Array, Array]:
    """Return gamma and beta of a new `BatchNormalization`: ``fl.BatchNormalization(*batch_normalization(100))``.

    Parameters
    ----------
    size : int
        D, the number of inputs of a sample, or C, the number of channels of an image.
    rng : optional
        Not used, since nothing is drawn; it is here because all initialisers take it.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    gamma : ndarray
        ``(D,)``, of ones.
    beta : ndarray
        ``(D,)``, of zeros.

    Raises
    ------
    TypeError, ValueError
        If `size` is not an integer of 0 or more, or `dtype` is not a floating one.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch*, section 6.3.1, and its ``common/multi_layer_net_extend.py``.

    Examples
    --------
    >>> from fastlayers.initializers import batch_normalization
    >>> batch_normalization(2)
    (array([1., 1.], dtype=float32), array([0., 0.], dtype=float32))
    """
    size, dtype = arguments.count("size", size, least=0), floating(dtype)
    return np.ones(size, dtype), np.zeros(size, dtype)


def embedding(words: int, size: int, *, rng: Any = None, dtype: DTypeLike = np.float32) -> tuple[Array]:
    r"""Return the table of a new `Embedding`, as a tuple of one: ``fl.Embedding(*embedding(10000, 100))``.

    `TimeEmbedding`, `EmbeddingDot` and `NegativeSamplingLoss` take the same table.

    Parameters
    ----------
    words : int
        V, the number of rows.
    size : int
        D, the length of a row.
    rng : optional
        As for `he_normal`.
    dtype : dtype, default float32
        A floating one.

    Returns
    -------
    W : ndarray
        ``(V, D)``, normal numbers with :math:`\sigma = 0.01`.

    Raises
    ------
    TypeError, ValueError
        As `lstm`.

    Notes
    -----
    Saitoh, *Deep Learning from Scratch 2*, sections 4.3.1 and 6.4.1.

    Examples
    --------
    >>> (W,) = embedding(5, 3, rng=0)
    >>> W.shape, W.dtype
    ((5, 3), dtype('float32'))
    """
    shape = arguments.count("words", words, least=0), arguments.count("size", size, least=0)
    return (normal(shape, 0.01, rng, dtype),)
