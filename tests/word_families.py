"""The entries of `families` for what works on indices, such as the numbers of words, and arguments for them."""

import kit
import numpy as np
from family import ROWS, Function, Layer
from strategies import any_dtype, any_shape, anything, chance, numbers

import fastlayers as fl


def indices(r, shape, rows):
    """Indices of any integer dtype, of which now and then one is outside the table."""
    idx = np.random.default_rng(r.randint(0, 99)).integers(0, max(rows, 1), shape)
    idx = np.asarray(idx, r.choice((np.int64, *kit.INTEGERS)))
    if idx.size and chance(r, 10):
        limits = np.iinfo(idx.dtype)
        idx.flat[r.randrange(idx.size)] = r.choice((limits.max, limits.min, min(rows, limits.max)))
    return idx


def forward(r, *, comparable=False):
    """Indices and a table."""
    rows, columns = r.choice((ROWS, 1, 2, 100, 0)), r.choice((4, 1, 2, 0, 16, 33, 600))
    shape = r.choice(((5,), (), (0,), (3, 4), (70,), (2, 0, 3), (2, 3, 4)))
    W = (rows, columns) if chance(r, 90) else any_shape(r)
    return [indices(r, shape, rows), numbers(r, W, any_dtype(r))]


def backward(r, *, comparable=False):
    """The gradient of so many rows, and their indices. A `comparable` sum has no terms that depend on their order."""
    idx, W = forward(r)
    columns = W.shape[-1] if W.ndim else 3
    specials = (np.nan, np.inf, -np.inf) if comparable else None
    return [numbers(r, (*idx.shape, columns), any_dtype(r), specials=specials), idx]


def backward_options(r, arena, args, *, comparable):
    """How many rows the table has, mostly as many as the indices need."""
    idx = args[1]
    needed = 1
    if isinstance(idx, np.ndarray) and idx.size and idx.dtype.kind in "iu":
        needed += int(np.max(np.asarray(idx)))
    return {"rows": anything(r) if chance(r, 5) else max(min(needed, 200), 0) + r.choice((0, 0, 1, 5))}


def terms(dout, idx, rows, out=None):
    """How large the sums of the sizes of what is added are."""
    return (fl.reference.embedding_backward(np.abs(np.asarray(dout, float)), idx, rows),)


def with_vectors(r, *, comparable=False):
    """A vector for each index, the indices, and the table."""
    idx, W = forward(r)
    specials = (np.nan, np.inf, -np.inf) if comparable else None
    return [numbers(r, (*idx.shape, W.shape[-1] if W.ndim else 3), any_dtype(r), specials=specials), idx, W]


def sampling(r):
    """A corpus, what its counts are raised to, how many words are drawn, and a seed."""
    corpus = np.arange(r.choice((ROWS, 1, 2))) if chance(r, 90) else anything(r)
    return [corpus, r.choice((0.75, 0, -1, np.float32(2))), r.choice((0, 1, 1, 6, anything(r))), r.randint(0, 9)]


ENTRIES = (
    Function(
        "embedding_forward",
        ("y",),
        lambda a: (a.indices, a.table),
        forward,
        in_place=(),
        any_shapes=True,
        by_place=True,
    ),
    Function(
        "embedding_backward",
        ("dW",),
        lambda a: (a.dout, a.indices),
        backward,
        backward_options,
        in_place=(),
        sums=terms,
        needed={"rows": ROWS},
        by_place=True,
    ),
    Layer(
        "Embedding",
        lambda a: (a.indices,),
        arguments=lambda a: (a.table,),
        arbitrary=forward,
        kind="indices",
    ),
    Layer(
        "EmbeddingDot",
        lambda a: (a.x, a.indices),
        arguments=lambda a: (a.table,),
        arbitrary=with_vectors,
        kind="table",
    ),
    Layer(
        "NegativeSamplingLoss",
        lambda a: (a.x, a.indices),
        arguments=lambda a: (a.table, np.arange(ROWS), 0.75, 3),
        arbitrary=with_vectors,
        made=sampling,
        kind="table",
        random=True,
    ),
)
