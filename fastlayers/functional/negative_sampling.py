"""Words drawn for negative sampling, which its layers call."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .._core import backend
from .._core.arguments import check_within, integers
from .._core.types import Array, Run
from ..formulas import negative_sampling as formulas

__all__ = ["alias_table", "negative_samples"]


def alias_table(word_p: Array) -> Array:
    """What `negative_samples` draws from: uint64, an entry for each word; of probabilities that sum to 1."""
    return formulas.alias_table(word_p)


def negative_samples(target: ArrayLike, table: Array, word_p: Array, sample_size: int, draw: float) -> Array:
    """For each target so many other words, none of them twice.

    Parameters
    ----------
    target : array_like of int
        Words of any shape.
    table, word_p : ndarray
        What `alias_table` makes of the probabilities of V words, and these.
    sample_size : int
        Fewer than V.
    draw : float
        Of [0, 1): the same gives the same words.

    Returns
    -------
    ndarray of int32
        ``(*target.shape, sample_size)``.

    Raises
    ------
    TypeError
        If target does not hold integers.
    ValueError
        If a target is outside ``[0, V)``; the message has it and its place.
    """
    result = backend.kernels.negative_samples(target, table, word_p, sample_size, draw)
    if result is NotImplemented:
        result = _negative_samples(backend.run, target, table, word_p, sample_size, draw)
    return result  # type: ignore[no-any-return]


def _negative_samples(run: Run, target: ArrayLike, table: Array, word_p: Array, sample_size: int, draw: float) -> Array:
    index = check_within("target", integers("target", target), len(table))
    found: Array = run(formulas.negative_samples, index, table, word_p, sample_size, draw)
    return found
