"""What vectors of words can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._core import arguments
from .._core.types import Array


class WordVectors:
    """A vector for each word, by the word or by its number."""

    W_in: Array
    words: list[str] | None
    _numbers: Mapping[str, int]

    @property
    def vectors(self) -> Array:
        """A vector for each word: `W_in` itself."""
        return self.W_in

    def number(self, word: str | int) -> int:
        """The number of a word.

        Parameters
        ----------
        word : str or int
            A word, or its number, which is given back.

        Returns
        -------
        int
            Its row of `vectors`.

        Raises
        ------
        KeyError
            If it was not learned.
        """
        if isinstance(word, str):
            if word not in self._numbers:
                raise KeyError(f"{word!r} is not among the words")
            return self._numbers[word]
        found = arguments.integer("word", word)
        if not 0 <= found < len(self.W_in):
            raise KeyError(f"{found} is not one of the {len(self.W_in)} words")
        return found

    def __getitem__(self, word: str | int) -> Array:
        """The vector of a word, or of its number: a view."""
        found: Array = self.W_in[self.number(word)]
        return found

    def most_similar(
        self, like: str | int | Sequence[str | int], unlike: Sequence[str | int] = (), top: int = 10
    ) -> list[tuple[Any, float]]:
        """The words whose vectors point most nearly where a word's does, or a sum of words.

        Parameters
        ----------
        like : str, int or sequence of them
            A word or several; king and woman, say.
        unlike : sequence of str or int, optional
            Words that are taken off; man, say, which is the analogy "man is to king as woman to".
        top : int, default 10
            How many.

        Returns
        -------
        list of (str or int, float)
            Each word, or its number where there are no words, and the cosine; none of those that were given.

        Raises
        ------
        KeyError
            If a word was not learned.
        """
        given = [like] if isinstance(like, str | int | np.integer) else [*like]
        plus, minus = [self.number(word) for word in given], [self.number(word) for word in unlike]
        unit = self.W_in / np.maximum(np.linalg.norm(self.W_in, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        wanted = unit[plus].sum(axis=0) - unit[minus].sum(axis=0)
        cosines = unit @ (wanted / max(float(np.linalg.norm(wanted)), np.finfo(np.float32).tiny))
        order = [int(i) for i in np.argsort(-cosines, kind="stable") if i not in {*plus, *minus}]
        names: Sequence[Any] = range(len(cosines)) if self.words is None else self.words
        return [(names[i], float(cosines[i])) for i in order[: arguments.count("top", top, 0)]]
