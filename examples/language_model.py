"""
A language model of a text
==========================

Rnnlm of *Deep Learning from Scratch 2*: an embedding, an LSTM whose state goes on from batch to batch, and the scores
of all words. It learns a text, tells the perplexity of the tenth that it has not learned, and writes. Any text will do,
also one that is compressed by gzip. With the Jargon File, Debian's package ``dict-jargon``::

    python examples/language_model.py /usr/share/dictd/jargon.dict.dz
"""

import argparse
import gzip
import re
from collections import Counter
from pathlib import Path
from pydoc_data import topics

import numpy as np

import fastlayers as fl

UNITS, BATCH, STEPS = 100, 20, 35


def read(path):
    """The text of a file, or Python's."""
    if path is None:
        return "\n".join(topics.topics.values())
    found = Path(path).read_bytes()
    return (gzip.decompress(found) if found[:2] == b"\x1f\x8b" else found).decode("utf-8", "replace")


def indices(text, count):
    """Each word and mark as an index, and the so many most frequent of them, of which the first is for all others."""
    words = re.findall(r"[a-z]+(?:'[a-z]+)?|[.,;:?!]", text.lower())
    names = ["<unk>", *(word for word, _ in Counter(words).most_common(count - 1))]
    places = {name: i for i, name in enumerate(names)}
    return np.array([places.get(word, 0) for word in words]), names


def network(words, rng):
    """The book's Rnnlm, of vectors and states of `UNITS` numbers."""

    def weights(*shape):
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

    H, zeros = UNITS, np.zeros(max(words, 4 * UNITS), np.float32)
    layers = [
        fl.TimeEmbedding(weights(words, H)),
        fl.TimeLSTM(weights(H, 4 * H), weights(H, 4 * H), zeros[: 4 * H].copy(), stateful=True),
        fl.TimeAffine(weights(H, words), zeros[:words].copy()),
    ]
    return fl.Sequential(layers, fl.TimeSoftmaxWithLoss())


def optimizer():
    """As the book has it."""
    return fl.SGD(lr=20.0, clip_norm=0.25)


def written(net, names, count, rng):
    """So many words, each drawn by the scores that the ones before it have led to."""
    net.reset_state()
    word, found = names.index("."), []
    for _ in range(count):
        scores = net.predict(np.array([[word]]))[0, 0].astype(float)
        scores[0] = -np.inf
        word = rng.choice(len(names), p=fl.softmax(scores))
        found.append(names[word])
    return re.sub(" (?=[.,;:?!])", "", " ".join(found))


def tell(training):
    """A line for an epoch that is over."""
    history = training.history
    own, other = history.perplexity[-1], history.validation_perplexity[-1]
    training.say(f"epoch {history.epochs}, {history.seconds[-1]:.1f} s: perplexity {own:.1f}, of the rest {other:.1f}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Learn a text word by word, and write one.")
    parser.add_argument("text", nargs="?", help="a file; what Python's help() shows if it is left out")
    parser.add_argument("--words", type=int, default=10_000, metavar="N", help="so many that differ (10000)")
    parser.add_argument("--epochs", type=int, default=8, metavar="N", help="8 by default")
    given = parser.parse_args(arguments)

    corpus, names = indices(read(given.text), given.words)
    train, rest = (fl.training.running_text(part, BATCH, STEPS) for part in np.split(corpus, [len(corpus) * 9 // 10]))
    print(f"{len(corpus):,} words, {len(names):,} of them different, {np.mean(corpus == 0):.1%} rare; {train}")
    rng = np.random.default_rng(0)
    net = network(len(names), rng)
    slower = fl.callbacks.ReduceOnPlateau(factor=0.25, patience=1)
    net.fit(train, epochs=given.epochs, optimizer=optimizer(), validation_data=rest, callbacks=[tell, slower])
    print(written(net, names, 60, rng))


if __name__ == "__main__":
    main()
