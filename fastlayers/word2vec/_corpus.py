"""A text file as numbers."""

from __future__ import annotations

import os
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from .._core import arguments
from .._core.types import Array


class Corpus(NamedTuple):
    """A text by the numbers of its words.

    Parameters
    ----------
    ids : ndarray of int32
        A number for each word of the text, in its order, and -1 where a sentence ends.
    words : list of str
        The word of each number.
    """

    ids: Array
    words: list[str]


def read_corpus(
    path: str | os.PathLike[str],
    min_count: int = 5,
    *,
    encoding: str = "utf-8",
    split: Callable[[str], Iterable[str]] = str.split,
) -> Corpus:
    """A text file as numbers; each line is a sentence.

    Parameters
    ----------
    path : str or path-like
        The file.
    min_count : int, default 5
        Words that occur less often are left out, and the others of their sentence move together.
    encoding : str, default "utf-8"
        The file's.
    split : callable, optional
        What makes words of a line; by default they are what white space divides, as they stand.

    Returns
    -------
    Corpus
        Its words are numbered from the most frequent on, as often as one another by their order in the text.

    Raises
    ------
    OSError, UnicodeDecodeError
        If the file cannot be read.
    ValueError
        If no word occurs so often.
    """
    least = arguments.count("min_count", min_count)
    first: defaultdict[str, int] = defaultdict()  # a number for each word, as it comes
    first.default_factory = first.__len__
    text = array("i")
    with open(path, encoding=encoding) as file:  # noqa: PTH123  # a number may be given, as to open
        for line in file:
            text.extend(map(first.__getitem__, split(line)))
            text.append(-1)
    ids = np.asarray(text, np.int32)
    counts = np.bincount(ids[ids >= 0], minlength=len(first))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= least]
    if not len(order):
        raise ValueError(f"no word of {os.fspath(path)} occurs {least} times: there is nothing to learn")
    left_out = len(order)
    number = np.full(len(first) + 1, left_out, np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    number[-1] = -1
    ids = number[ids]
    words = [*first]
    return Corpus(ids[ids != left_out], [words[i] for i in order])
