"""What draws words for negative sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.types import Array
from ..functional.negative_sampling import alias_table, negative_samples

MOST_WORDS = 2**24  # whose table takes a second, and their probabilities as much memory as a large model


class UnigramSampler:
    r"""Words drawn by how often they occur in a corpus, for negative sampling.

    Parameters
    ----------
    corpus : array_like of int
        The words of a text by their numbers, of any shape. What does not occur is never drawn.
    power : float
        What the counts are raised to: with 0.75 rare words are drawn a little more often than they occur.
    sample_size : int
        How many words are drawn for each target: fewer than occur.
    rng : int, numpy.random.Generator or other seed, optional
        What `numpy.random.default_rng` takes: the same seed draws the same words, on both backends.

    Attributes
    ----------
    vocab_size : int
        One more than the corpus's largest number.
    word_p : ndarray
        ``(vocab_size,)``, float64: the probability of each word. It is read-only; set anew, words are drawn by what was
        set, divided by its sum.
    sample_size : int
        As given; it may be set anew.
    rng : numpy.random.Generator
        Where the draws come from, one of a float64 for each call.

    Raises
    ------
    TypeError
        If the corpus does not hold integers, or sample_size is none.
    ValueError
        If the corpus is empty, or has a number below 0 or of 2**24 or more; if sample_size is negative, or not less
        than the number of words that occur; if a power leaves no finite probabilities.

    See Also
    --------
    NegativeSamplingLoss : what it draws for.

    Notes
    -----
    :math:`P(w) = count(w)^{power} / \sum_v count(v)^{power}`, and without the target and the words that were drawn for
    it before, divided by what is left: those of one target are distinct, and never the target itself.
    Saitoh, *Deep Learning from Scratch*, volume 2, section 4.2.6.

    Examples
    --------
    >>> import numpy as np
    >>> sampler = UnigramSampler([0, 1, 2, 3, 4, 1, 2, 3], power=0.75, sample_size=2, rng=0)
    >>> sampler.get_negative_sample(np.array([1, 3, 0]))
    array([[2, 4],
           [2, 4],
           [3, 2]], dtype=int32)
    """

    _draw = staticmethod(negative_samples)
    _sample_size: int = 0

    def __init__(self, corpus: ArrayLike, power: float, sample_size: int, rng: Any = None) -> None:
        words = arguments.integers("corpus", corpus).reshape(-1)
        if not words.size:
            raise ValueError("corpus is empty: there is no word to draw")
        for word in (words.min(), words.max()):
            if not 0 <= word < MOST_WORDS:
                raise ValueError(f"corpus has {word}, but words are numbered from 0, and below {MOST_WORDS}")
        counts = np.bincount(words.astype(np.intp, copy=False)).astype(np.float64)
        power = arguments.finite("power", power)
        with np.errstate(over="ignore"):
            counts[counts > 0] **= power
        if not 0 < counts.sum() < np.inf:
            raise ValueError(f"power must leave finite counts, not {power}")
        self.word_p = counts
        self.sample_size = sample_size
        self.rng = np.random.default_rng(rng)

    @property
    def word_p(self) -> Array:
        """The probability of each word."""
        return self._word_p

    @word_p.setter
    def word_p(self, value: ArrayLike) -> None:
        p = np.array(arguments.real("word_p", value), np.float64)
        with np.errstate(over="ignore"):
            total = p.sum()
        if p.ndim != 1 or not np.all(p >= 0) or not 0 < total < np.inf:
            raise ValueError("word_p must be one row of finite numbers, none of them negative, not all of them 0")
        _check_size(self._sample_size, p)
        p /= total
        p.flags.writeable = False  # since the table is made of it
        self._word_p, self._table = p, alias_table(p)

    @property
    def vocab_size(self) -> int:
        """One more than the largest word."""
        return len(self._word_p)

    @property
    def sample_size(self) -> int:
        """How many words are drawn for each target."""
        return self._sample_size

    @sample_size.setter
    def sample_size(self, value: int) -> None:
        size = arguments.count("sample_size", value, 0)
        _check_size(size, self._word_p)
        self._sample_size = size

    def get_negative_sample(self, target: ArrayLike) -> Array:
        """For each target `sample_size` other words, all distinct.

        Parameters
        ----------
        target : array_like of int
            Words, of any shape.

        Returns
        -------
        negative : ndarray of int32
            ``(*target.shape, sample_size)``.

        Raises
        ------
        TypeError, ValueError
            If a target is no integer, or outside ``[0, vocab_size)``.
        """
        return self._draw(target, self._table, self._word_p, self._sample_size, float(self.rng.random()))


def _check_size(size: int, word_p: Array) -> None:
    """Refuse to draw as many words as there are, or more: one of them is the target."""
    words = np.count_nonzero(word_p)
    if size >= words:
        raise ValueError(f"sample_size must be less than the {words} words of the corpus, not {size}")
