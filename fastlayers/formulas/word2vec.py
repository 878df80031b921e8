"""word2vec in NumPy: a step for each word of a text, or for a batch, by negative sampling."""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from .negative_sampling import HALF, key_of, number_at, samples_at
from .sigmoid import sigmoid_forward


def word2vec_batch(
    inputs: Array,
    outputs: Array,
    into: Array,
    out: Array,
    table: Array,
    word_p: Array,
    sample_size: int,
    rate: float,
    draw: float,
) -> float:
    """The sum of the losses of a batch; both tables go down its slopes, times rate.

    What the inputs ``(N, C)`` predict is the mean of their rows of `into`; by the continuous bag of words these are the
    contexts of a word, the one of the outputs ``(N, M)``; by the skip-gram the word, and the outputs its contexts. Of
    each output and of the words that are drawn for it the score s is the product with their rows of `out`; its loss is
    ``-log(sigmoid(s))``, or of a word that was drawn ``-log(sigmoid(-s))``. All slopes are those of the tables as they
    were, and what comes to a row several times adds up. Source: Saitoh, volume 2, sections 3.5 and 4.2.
    """
    place, share = np.arange(len(inputs), dtype=np.uint64) << HALF, 1 / inputs.shape[1]
    return _step(inputs, outputs, into, out, table, word_p, sample_size, rate, key_of(draw), place, share)


def word2vec_text(
    corpus: Array,
    keep: Array,
    into: Array,
    out: Array,
    table: Array,
    word_p: Array,
    sample_size: int,
    window: int,
    shrinks: bool,
    skip_gram: bool,
    rate: float,
    draw: float,
) -> tuple[float, int]:
    """The sum of the losses of a text, and of how many targets: a step for each word, one after another.

    A word is left out with the probability 1 - keep, and what is left of a sentence, which ends at a -1, moves
    together. The contexts of a word are up to `window` words on each side of it, or if it shrinks, of each number from
    1 to `window` with the same probability: so near words count for more. Each input goes down the whole slope of their
    mean, not its share of it, which learns faster. Source: Mikolov et al., "Distributed representations of words and
    phrases and their compositionality", NeurIPS 2013, and its code.
    """
    key, places = key_of(draw), np.arange(len(corpus), dtype=np.uint64) << HALF
    fractions = (number_at(key, places) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    kept = np.flatnonzero((corpus < 0) | (fractions < keep[corpus]))
    words, places = corpus[kept], places[kept]
    loss, targets = 0.0, 0
    for i in np.flatnonzero(words >= 0):
        place, reach = places[i : i + 1] + np.uint64(1), window
        if shrinks:
            reach = 1 + int(((number_at(key, place) >> HALF) * np.uint64(window) >> HALF)[0])
        place += np.uint64(1)
        before, after = words[max(i - reach, 0) : i], words[i + 1 : i + 1 + reach]
        before = before[np.max(np.flatnonzero(before < 0), initial=-1) + 1 :]
        after = after[: np.min(np.flatnonzero(after < 0), initial=len(after))]
        contexts = np.concatenate((before, after))[np.newaxis]
        if contexts.size:
            word = words[np.newaxis, i : i + 1]
            inputs, outputs = (word, contexts) if skip_gram else (contexts, word)
            loss += _step(inputs, outputs, into, out, table, word_p, sample_size, rate, key, place, 1.0)
            targets += outputs.size
    return loss, targets


def _step(
    inputs: Array,
    outputs: Array,
    into: Array,
    out: Array,
    table: Array,
    word_p: Array,
    sample_size: int,
    rate: float,
    key: Array,
    place: Array,
    share: float,
) -> float:
    places = place[:, np.newaxis] + (np.arange(outputs.shape[1], dtype=np.uint64) << np.uint64(20))
    negative = samples_at(outputs.reshape(-1), table, word_p, sample_size, key, places.reshape(-1))
    rows = np.concatenate((outputs[..., np.newaxis], negative.reshape(*outputs.shape, sample_size)), axis=2)
    is_target = (np.arange(1 + sample_size) == 0).astype(into.dtype)
    h = into[inputs].mean(axis=1)
    score = np.einsum("nmkd,nd->nmk", out[rows], h)
    loss = np.logaddexp(0, score.astype(np.float64) * (1 - 2 * is_target)).sum()
    slopes = sigmoid_forward(score) - is_target
    dh = np.einsum("nmk,nmkd->nd", slopes, out[rows])
    step = into.dtype.type(-rate)
    np.add.at(out, rows, step * slopes[..., np.newaxis] * h[:, np.newaxis, np.newaxis])
    np.add.at(into, inputs, (step * into.dtype.type(share) * dh)[:, np.newaxis])
    return float(loss)
