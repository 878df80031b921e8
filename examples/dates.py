"""
Dates of many forms, by attention
=================================

A network reads dates as people write them, ``TUESDAY, SEPTEMBER 25, 1984`` or ``2/10/93``, and says each as
``1984-09-25``. It is that of the last chapter of *Deep Learning from Scratch 2*: an encoder, and a decoder that looks
at all states of the encoder. ``python examples/dates.py`` learns from 45,000 dates that the script makes, is asked for
5,000 others, and prints after each epoch how many are right in every character; ``--picture FILE`` draws what it looks
at.
"""

import argparse
import datetime
import time

import numpy as np

import fastlayers as fl
from fastlayers.schedules import CosineDecay

LENGTH = 29  # of the longest form
FORMS = (
    "{0:%B} {0.day}, {0.year}",
    "{0:%b} {0.day}, {0.year}",
    "{0.month}/{0.day}/{0:%y}",
    "{0:%A, %B} {0.day}, {0.year}",
)
CASES = (str, str.lower, str.upper)


def pairs(count, rng):
    """Dates of the years from 1970 to 2019, as people write them and as one form, which ``_`` begins."""
    days = [datetime.date(1970, 1, 1) + datetime.timedelta(int(day)) for day in rng.integers(0, 50 * 365, count)]
    kinds = rng.integers(len(FORMS), size=count), rng.integers(len(CASES), size=count)
    written = [CASES[case](FORMS[form].format(day)) for day, form, case in zip(days, *kinds, strict=True)]
    return [line.ljust(LENGTH) for line in written], [f"_{day}" for day in days]


class AttentionSeq2seq:
    """The book's network, of questions and answers ``(N, T)``."""

    def __init__(self, characters, embedded, units, rng):
        def weights(*shape):
            return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

        def lstm(stateful):
            zeros = np.zeros(4 * units, np.float32)
            return fl.TimeLSTM(weights(embedded, 4 * units), weights(units, 4 * units), zeros, stateful)

        def embedding():
            return fl.TimeEmbedding((0.01 * rng.standard_normal((characters, embedded))).astype(np.float32))

        self.encoder = embedding(), lstm(False)
        self.decoder = embedding(), lstm(True)
        self.attention, self.loss = fl.TimeAttention(), fl.TimeSoftmaxWithLoss()
        self.affine = fl.TimeAffine(weights(2 * units, characters), np.zeros(characters, np.float32))
        layers = [*self.encoder, *self.decoder, self.affine]
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]

    def read(self, x):
        embedding, lstm = self.encoder
        self.states = lstm.forward(embedding.forward(x))
        self.decoder[1].set_state(self.states[:, -1])

    def scores(self, t):
        embedding, lstm = self.decoder
        h = lstm.forward(embedding.forward(t))
        return self.affine.forward(np.concatenate((self.attention.forward(self.states, h), h), axis=2))

    def train_step(self, x, t, optimizer):
        self.read(x)
        loss = self.loss.forward(self.scores(t[:, :-1]), t[:, 1:])
        dc, dh = np.split(self.affine.backward(self.loss.backward()), 2, axis=2)
        dstates, of_attention = self.attention.backward(dc)
        embedding, lstm = self.decoder
        embedding.backward(lstm.backward(dh + of_attention))
        dstates[:, -1] += lstm.dh  # of the state that the decoder began with
        embedding, lstm = self.encoder
        embedding.backward(lstm.backward(dstates))
        optimizer.update(self.params, self.grads)
        return loss

    def answer(self, x, first, count):
        self.read(x)
        said = [np.full((len(x), 1), first)]
        for _ in range(count):
            said.append(self.scores(said[-1]).argmax(axis=2))
        return np.hstack(said)


def draw(net, questions, x, t, characters, path):
    """The weights of three answers: a row for each of its characters, a column for each of the question."""
    import matplotlib.pyplot as plt

    net.read(x)
    answers = net.scores(t[:, :-1]).argmax(axis=2)
    weights = np.stack(net.attention.attention_weights, axis=1)
    figure, axes = plt.subplots(1, len(x), figsize=(5 * len(x), 3.4), layout="constrained")
    for axis, question, answer, shown in zip(axes, questions, answers, weights, strict=True):
        axis.imshow(shown[:, ::-1][:, : len(question.rstrip())], cmap="Greys", vmin=0, vmax=1)
        axis.set_xticks(range(len(question.rstrip())), question.rstrip())
        axis.set_yticks(range(len(answer)), [characters[i] for i in answer])
    figure.savefig(path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Learn to read dates, by an encoder, a decoder and attention.")
    for name, default in (("pairs", 50_000), ("epochs", 3), ("units", 128), ("batch", 128)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{default} by default")
    parser.add_argument("--picture", metavar="FILE", help="where to draw what the network looks at; needs matplotlib")
    given = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    questions, answers = pairs(given.pairs, rng)
    characters = sorted({*"".join(questions + answers)})
    x, t = (np.array([[characters.index(c) for c in line] for line in lines]) for lines in (questions, answers))
    x = np.ascontiguousarray(x[:, ::-1])  # as in the book: the encoder ends where a date begins, and not with spaces
    learned = given.pairs * 9 // 10
    steps = learned // given.batch

    net = AttentionSeq2seq(len(characters), 16, given.units, rng)
    optimizer = fl.Adam(CosineDecay(0.004, steps=given.epochs * steps), clip_norm=5.0)
    start = time.perf_counter()
    for epoch in range(given.epochs):
        order = rng.permutation(learned)[: steps * given.batch].reshape(steps, given.batch)
        loss = np.mean([net.train_step(x[batch], t[batch], optimizer) for batch in order])
        right = (net.answer(x[learned:], characters.index("_"), 10) == t[learned:]).all(axis=1).mean()
        print(f"epoch {epoch + 1}, {time.perf_counter() - start:.1f} s: loss {loss:.4f}, {right:.2%} right", flush=True)
    if given.picture:
        shown = [
            next(i for i in range(learned, given.pairs) if form(questions[i])) for form in (str.istitle, str.isupper)
        ]
        shown.append(next(i for i in range(learned, given.pairs) if "/" in questions[i]))
        draw(net, [questions[i] for i in shown], x[shown], t[shown], characters, given.picture)


if __name__ == "__main__":
    main()
