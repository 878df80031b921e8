"""Running text, which is cut so that each batch goes on where the last one ended."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.types import Array

__all__ = ["RunningText", "running_text"]


class RunningText:
    """A text in parts that are read side by side, as `running_text` makes it.

    It can be taken apart as ``x, t``, which are those of the first epoch.

    Parameters
    ----------
    corpus : array_like
        The text, an index for each word.
    batch_size, time_size : int
        How many parts there are, and how many words of each a batch has.

    Attributes
    ----------
    corpus, batch_size, time_size
        As given, the corpus as an array.
    steps : int
        How many batches are an epoch.
    """

    def __init__(self, corpus: ArrayLike, batch_size: int, time_size: int) -> None:
        self.corpus = arguments.integers("corpus", corpus)
        self.batch_size = arguments.count("batch_size", batch_size)
        self.time_size = arguments.count("time_size", time_size)
        if self.corpus.ndim != 1:
            raise ValueError(f"corpus must have shape (words,), not {self.corpus.shape}")
        needed = self.batch_size * self.time_size + 1
        if len(self.corpus) < needed:
            raise ValueError(
                f"corpus has {len(self.corpus)} words, too few for a batch of {self.batch_size} times "
                f"{self.time_size}, which takes {needed}"
            )
        self.steps = (len(self.corpus) - 1) // (self.batch_size * self.time_size)

    def epoch(self, number: int = 0) -> tuple[Array, Array]:
        """The inputs and labels of an epoch: its batches, one below the other.

        Parameters
        ----------
        number : int, default 0
            Which; it begins where the one before it ended.

        Returns
        -------
        x, t : ndarray
            ``(steps * batch_size, time_size)``, copies of the corpus' dtype: of a word in x the next one is in t.
        """
        words = len(self.corpus) - 1
        starts = words // self.batch_size * np.arange(self.batch_size)
        begin = arguments.count("number", number, 0) * self.steps * self.time_size % words  # of any number of epochs
        times = begin + self.time_size * np.arange(self.steps)
        places = times[:, np.newaxis, np.newaxis] + starts[:, np.newaxis] + np.arange(self.time_size)
        places = places.reshape(-1, self.time_size) % words
        return self.corpus[places], self.corpus[places + 1]

    def __iter__(self) -> Iterator[Array]:
        """``x`` and ``t`` of the first epoch."""
        return iter(self.epoch())

    def __repr__(self) -> str:
        return (
            f"RunningText({len(self.corpus):,} words, batch_size={self.batch_size}, time_size={self.time_size}, "
            f"steps={self.steps})"
        )


def running_text(corpus: ArrayLike, batch_size: int, time_size: int) -> RunningText:
    """A text cut into batches that go on where the last one ended, for networks whose state does.

    Parameters
    ----------
    corpus : array_like
        ``(words,)``, an index for each word.
    batch_size : int
        Into how many parts of equal length the text is cut, which are the rows of each batch.
    time_size : int
        How many words of each part a batch has: gradients go back no further.

    Returns
    -------
    RunningText
        What `Sequential.fit` takes in place of x and t, and ``validation_data``; with `RunningText.epoch` its arrays.

    Raises
    ------
    TypeError, ValueError
        If the corpus is not of integers and one axis, or too short for one batch.

    Notes
    -----
    Of ``n = len(corpus) - 1`` words that have a next one, row i begins at word ``i * (n // batch_size)``, and an epoch
    is ``n // (batch_size * time_size)`` batches. The next epoch goes on where the last one ended, where other rows
    began, and behind the last word comes the first. Saitoh, *Deep Learning from Scratch*, volume 2, section 5.5,
    ``RnnlmTrainer``.

    Examples
    --------
    >>> text = running_text([0, 1, 2, 3, 4, 5, 6, 7, 8], batch_size=2, time_size=2)
    >>> x, t = text
    >>> x[:2], x[2:], t[:2]
    (array([[0, 1],
           [4, 5]]), array([[2, 3],
           [6, 7]]), array([[1, 2],
           [5, 6]]))
    >>> text.epoch(1)[0][:2]
    array([[4, 5],
           [0, 1]])
    """
    return RunningText(corpus, batch_size, time_size)
