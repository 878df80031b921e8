"""Vectors of words from a text: word2vec, by the continuous bag of words or the skip-gram, with negative sampling.

>>> import numpy as np
>>> corpus = np.array([0, 1, 2, 3, 4, 1, 5, 6] * 20)
>>> model = Word2Vec(corpus, size=8, window=1, negative=2, sample=0, rng=0)
>>> losses = model.train(corpus, epochs=3, lr=0.1)
>>> losses[-1] < losses[0]
True
>>> model.vectors.shape
(7, 8)

Each step moves the rows that it touches and no others, where layers would make gradients of whole tables; it is that of
volume 2's CBOW and SkipGram under SGD. Saitoh, *Deep Learning from Scratch*, volume 2, chapters 3 and 4.
"""

from .._core.names import hide_internal_bases
from ._corpus import Corpus, read_corpus
from ._model import Word2Vec

__all__ = ["Corpus", "Word2Vec", "read_corpus"]

hide_internal_bases(globals())
