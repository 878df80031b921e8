"""Vectors of words, learned from a text or from batches of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments, backend
from .._core.files import atomic_write, open_regular
from .._core.types import Array
from ..formulas import word2vec as formulas
from ..layers import UnigramSampler
from ._vectors import WordVectors

MODELS = ("cbow", "skipgram")
CHUNK = 10_000  # words that are learned at one rate, and before an interrupt is heard


class Word2Vec(WordVectors):
    r"""Vectors of words, learned by what stands beside each.

    Parameters
    ----------
    corpus : array_like of int
        A text as `read_corpus` gives it, whose words are counted: its ids, from 0 on, and -1 between sentences.
    words : sequence of str, optional
        The word of each number, by which it can be asked for.
    model : {"cbow", "skipgram"}, default "cbow"
        Whether the mean of the contexts predicts the word, or the word each of its contexts.
    size : int, default 100
        How many numbers a vector has.
    window : int, default 5
        How many words on each side are contexts, at most.
    negative : int, default 5
        How many words are drawn for each that is predicted.
    power : float, default 0.75
        What counts are raised to, to draw by.
    sample : float, default 1e-3
        A word that is more than this fraction of the text is left out now and then: with the fraction f of the text it
        is kept with the probability :math:`\sqrt{sample / f} + sample / f`. With 0 all words are kept.
    shrink : bool, default True
        Whether each word's window is of 1 to `window` words, by chance; else it is `window`, as in the book.
    rng : int, numpy.random.Generator or other seed, optional
        What `numpy.random.default_rng` takes: from the same seed the same vectors, as far as rounding goes on both
        backends.

    Attributes
    ----------
    W_in, W_out : ndarray
        ``(V, size)``, float32: the vectors, and those that they are multiplied with.
    counts : ndarray
        ``(V,)``, how often each word occurs.
    words : list of str or None
        As given.
    sampler : UnigramSampler
        What draws.

    Notes
    -----
    The loss of a word is that of `NegativeSamplingLoss`. A text is learned word by word, one after another, at a rate
    that falls from `lr` to `min_lr`; by the skip-gram the contexts of a word are one step. By the continuous bag of
    words each context goes down the whole slope of their mean, as in word2vec's own code; `train_step` goes down the
    gradient itself, a fraction of it. On compiled kernels it all runs on one thread, and others may run beside it.

    Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS 2013.
    Saitoh, *Deep Learning from Scratch*, volume 2, section 4.2.
    """

    def __init__(
        self,
        corpus: ArrayLike,
        words: Sequence[str] | None = None,
        *,
        model: str = "cbow",
        size: int = 100,
        window: int = 5,
        negative: int = 5,
        power: float = 0.75,
        sample: float = 1e-3,
        shrink: bool = True,
        rng: Any = None,
    ) -> None:
        ids = arguments.integers("corpus", corpus).reshape(-1)
        self.model = arguments.choice("model", model, MODELS)
        self.window = arguments.count("window", window)
        self.sample = arguments.not_negative("sample", sample)
        self.shrink = arguments.switch("shrink", shrink)
        self.sampler = UnigramSampler(ids[ids >= 0], power, negative, rng)
        self.counts = np.bincount(ids[ids >= 0].astype(np.intp, copy=False))
        size = arguments.count("size", size)
        if words is not None and len(words) != len(self.counts):
            raise ValueError(
                f"words must have a word for each of the {len(self.counts)} of the corpus, not {len(words)}"
            )
        self.words = None if words is None else [*words]
        self._numbers = {word: i for i, word in enumerate(self.words or ())}
        self.W_in = (self.rng.random((len(self.counts), size), np.float32) - np.float32(0.5)) / np.float32(size)
        self.W_out = np.zeros((len(self.counts), size), np.float32)

    @property
    def rng(self) -> np.random.Generator:
        """Where all draws come from."""
        return self.sampler.rng

    def _learns_by(self) -> tuple[Array, Array, Array, Array, int]:
        sampler = self.sampler
        return self.W_in, self.W_out, sampler._table, sampler.word_p, sampler.sample_size

    def train(self, corpus: ArrayLike, epochs: int = 5, lr: float = 0.025, min_lr: float = 1e-4) -> list[float]:
        """Learn a text, word by word.

        Parameters
        ----------
        corpus : array_like of int
            The text, mostly the one that the words were counted in.
        epochs : int, default 5
            How often it is gone through.
        lr, min_lr : float
            The learning rate at the beginning and at the end, between which it falls evenly.

        Returns
        -------
        list of float
            The mean loss of each epoch, over all words that were predicted; nan where none was.

        Raises
        ------
        TypeError, ValueError
            If corpus does not hold integers, or has a word that was not counted (the message has its place); if a
            number is not what it should be.
        """
        ids = arguments.integers("corpus", corpus).reshape(-1)
        place = arguments.first_outside(ids, len(self.counts), ids < 0)
        if place is not None:
            raise ValueError(f"corpus has {ids[place]} at {place[0]}, which is not one of the {len(self.counts)} words")
        ids = ids.astype(np.int32)
        first, last = arguments.positive("lr", lr), arguments.not_negative("min_lr", min_lr)
        starts = range(0, len(ids), CHUNK)
        losses, keep = [], self._kept()
        steps = max(arguments.count("epochs", epochs, 0) * len(starts), 1)
        for epoch in range(epochs):
            loss, targets = 0.0, 0
            for i, start in enumerate(starts):
                rate = first + (last - first) * ((epoch * len(starts) + i) / steps)
                found = backend.run(
                    formulas.word2vec_text, ids[start : start + CHUNK], keep, *self._learns_by(), self.window,
                    self.shrink, self.model == "skipgram", rate, float(self.rng.random()),
                )  # fmt: skip
                loss, targets = loss + found[0], targets + found[1]
            losses.append(loss / targets if targets else float("nan"))
        return losses

    def train_step(self, contexts: ArrayLike, target: ArrayLike, lr: float = 0.025) -> float:
        """One step of SGD on a batch, down the gradients of its mean loss: volume 2's CBOW or SkipGram.

        Parameters
        ----------
        contexts : array_like of int
            ``(N, C)``, the words beside each target.
        target : array_like of int
            ``(N,)``.
        lr : float, default 0.025
            The learning rate.

        Returns
        -------
        float
            The mean over the batch, before the step; by the skip-gram of the sum over the contexts. nan of no target.

        Raises
        ------
        TypeError, ValueError
            If they do not hold integers, have other shapes, or a word outside ``[0, V)``.
        """
        draw, rate = float(self.rng.random()), arguments.not_negative("lr", lr)
        skips = self.model == "skipgram"
        if (
            type(target) is np.ndarray
            and type(contexts) is np.ndarray
            and (target.ndim, contexts.ndim) == (1, 2)
            and target.size
        ):
            given = (target, contexts) if skips else (contexts, target)
            found = backend.kernels.word2vec_batch(*given, *self._learns_by(), rate / len(target), draw)
            if found is not NotImplemented:
                return found / len(target)  # type: ignore[no-any-return]
        beside, words = arguments.integers("contexts", contexts), arguments.integers("target", target)
        if words.ndim != 1 or beside.ndim != 2 or len(beside) != len(words) or beside.shape[1] == 0:
            raise ValueError(f"contexts must have shape (N, C) and target (N,), not {beside.shape} and {words.shape}")
        beside = arguments.check_within("contexts", beside, len(self.counts))
        words = arguments.check_within("target", words, len(self.counts))[:, np.newaxis]
        if not len(words):
            return float("nan")
        inputs, outputs = (words, beside) if skips else (beside, words)
        loss: float = backend.run(formulas.word2vec_batch, inputs, outputs, *self._learns_by(), rate / len(words), draw)
        return loss / len(words)

    def _kept(self) -> Array:
        """The probability that a word is learned where it occurs."""
        if self.sample == 0:
            return np.ones(len(self.counts))
        share = self.sample * self.counts.sum() / np.maximum(self.counts, 1)
        kept: Array = np.minimum(np.sqrt(share) + share, 1)
        return kept

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all but the generator to an ``.npz`` file, which is there whole or not at all."""
        options = {name: getattr(self, name) for name in ("model", "window", "sample", "shrink")}
        options |= {"negative": self.sampler.sample_size}
        arrays: dict[str, Any] = {name: getattr(self, name) for name in ("W_in", "W_out", "counts")}
        arrays |= {"word_p": self.sampler.word_p, "options": json.dumps(options), "words": json.dumps(self.words)}
        with atomic_write(path) as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str], rng: Any = None) -> Self:
        """Read what `save` has written; ValueError where it is no such file."""
        try:
            with open_regular(path) as raw, np.load(raw, allow_pickle=False) as file:
                found = {name: file[name] for name in ("W_in", "W_out", "counts", "word_p", "options", "words")}
            options, words = json.loads(str(found["options"])), json.loads(str(found["words"]))
            size, negative = found["W_in"].shape[1], options.pop("negative")
            model = cls(np.arange(len(found["counts"])), words, size=size, negative=negative, **options)
            if not model.W_in.shape == found["W_in"].shape == found["W_out"].shape:
                raise ValueError("its tables do not fit each other")
            if not model.W_in.dtype == found["W_in"].dtype == found["W_out"].dtype:
                raise ValueError("its tables are not of float32")
            counts = arguments.integers("counts", found["counts"])
            if not model.counts.shape == counts.shape == found["word_p"].shape or (counts < 0).any():
                raise ValueError("its counts do not fit its tables")
            model.sampler.word_p = found["word_p"]
        except (ValueError, KeyError, TypeError, IndexError, EOFError, BadZipFile) as error:
            raise ValueError(f"{os.fspath(path)} is no file of a Word2Vec: {error}") from None
        model.W_in, model.W_out, model.counts = found["W_in"], found["W_out"], found["counts"]
        model.sampler.rng = np.random.default_rng(rng)
        return model
