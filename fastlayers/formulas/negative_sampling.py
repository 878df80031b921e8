"""Words drawn by how often they occur, in NumPy: the table to draw from, and what it gives."""

from __future__ import annotations

import numpy as np

from .._core.types import Array

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: its multiples fill the range evenly
HALF = np.uint64(32)
LOW = np.uint64(2**32 - 1)
TRIES = 32  # of the table, before the words that are left are gone through


def alias_table(word_p: Array) -> Array:
    """A column for each word, with two words in it: so that any distribution is drawn from in one look.

    Of V columns, each of probability 1 / V, column i is word i's up to a threshold, and above it that of its alias. A
    word of less than 1 / V leaves a part of its column, which is given to one that has more; that has so much less
    left, and may be the next whose column is filled up. The upper half of an entry is the threshold as a fraction of
    2**32, the lower half the alias.
    Source: Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE Transactions on
    Software Engineering 17 (1991).
    """
    words = len(word_p)
    share = (np.asarray(word_p, np.float64) * words).tolist()
    alias = list(range(words))
    poor = [i for i in range(words) if share[i] < 1]
    rich = [i for i in range(words) if share[i] >= 1]
    while poor and rich:
        one, other = poor.pop(), rich[-1]
        alias[one] = other
        share[other] -= 1 - share[one]
        if share[other] < 1:
            poor.append(rich.pop())
    threshold = np.minimum(np.rint(np.array(share) * 2.0**32), 2.0**32 - 1)
    return (threshold.astype(np.uint64) << HALF) | np.array(alias, np.uint64)


def mixed(number: Array) -> Array:
    """Numbers of 64 bits to others that show nothing of their order: the end of SplitMix64.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = number ^ (number >> np.uint64(31))
    return mixed


def key_of(draw: float) -> Array:
    """Where the numbers begin that follow from one draw of [0, 1)."""
    return mixed(np.array([int(draw * 2**53)], np.uint64) + GOLDEN)


def number_at(key: Array, place: Array) -> Array:
    """The random number of 64 bits of each place: whoever asks, and in whatever order."""
    return mixed(key + place * GOLDEN)


def words_at(table: Array, key: Array, place: Array) -> Array:
    """A word for each place: the number times V is a column, and where in it."""
    number, words = number_at(key, place), np.uint64(len(table))
    where = (number >> HALF) * words + (((number & LOW) * words) >> HALF)
    column = where >> HALF
    entry = table[column]
    words_found: Array = np.where((where & LOW) < entry >> HALF, column, entry & LOW).astype(np.int64)
    return words_found


def word_left(word_p: Array, key: Array, place: Array, taken: Array) -> int:
    """One of the words that are not taken, by their probabilities, where the table finds none."""
    p = word_p.copy()
    p[taken] = 0
    sums = np.cumsum(p)
    if not sums[-1] > 0:
        return int(np.setdiff1d(np.arange(len(p)), taken)[0])
    fraction = float((number_at(key, place) >> np.uint64(11))[0]) * 2.0**-53
    last = int(np.flatnonzero(p > 0)[-1])
    return min(int(np.searchsorted(sums, fraction * sums[-1], side="right")), last)


def negative_samples(target: Array, table: Array, word_p: Array, sample_size: int, draw: float) -> Array:
    """For each target so many other words: none of them twice, each drawn by `word_p` from those that are left.

    A word that is the target, or was drawn for it before, is drawn again. So the next one has the probability that it
    has among all others, which is what drawing without putting back is. Source: Saitoh, volume 2, section 4.2.6.
    """
    place = np.arange(target.size, dtype=np.uint64) << HALF
    return samples_at(target.reshape(-1), table, word_p, sample_size, key_of(draw), place).reshape(
        *target.shape, sample_size
    )


def samples_at(target: Array, table: Array, word_p: Array, sample_size: int, key: Array, place: Array) -> Array:
    """The same of one row of targets, by the random numbers from the place of each on."""
    chosen, place = np.zeros((len(target), sample_size), np.int32), place.copy()
    for k in range(sample_size):
        left = np.arange(len(target))
        for _ in range(TRIES):
            word = words_at(table, key, place[left])
            place[left] += np.uint64(1)
            again = (word == target[left]) | (chosen[left, :k] == word[:, np.newaxis]).any(axis=1)
            chosen[left[~again], k] = word[~again]
            left = left[again]
            if not len(left):
                break
        for row in left:
            chosen[row, k] = word_left(word_p, key, place[row : row + 1], np.append(chosen[row, :k], target[row]))
            place[row] += np.uint64(1)
    return chosen
