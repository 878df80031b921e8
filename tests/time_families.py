"""The entries of `families` for what works on sequences, step by step, and arguments for them."""

import functools

import arbitrary
import numpy as np
import word_families
from family import Layer
from strategies import any_dtype, chance, numbers


def affine(r, *, comparable=False):
    """As for an affine layer, mostly of steps along the last axis."""
    x, *params = arbitrary.affine_layer(r, comparable=comparable)
    if chance(r, 70):
        shape = r.choice(((3, 2), (1, 4), (0, 2), (2, 0), (2, 1, 3)))
        specials = [float("nan"), float("inf")] if comparable else None
        x = numbers(r, (*shape, params[0].shape[0]), x.dtype, specials=specials)
    return [x, *params]


def scores(r, *, comparable=False):
    """Scores of steps, and labels or one-hot rows of them."""
    shape = (*r.choice(((3, 2), (1, 4), (5,), (), (0, 2), (2, 0), (2, 1, 3))), r.choice((4, 1, 2, 10, 33, 0)))
    x, t = numbers(r, shape, any_dtype(r)), arbitrary.labels(r, shape)
    if chance(r, 30):
        t = (t[..., np.newaxis] == np.arange(shape[-1])).astype(any_dtype(r))
    return [x, t]


def attention(r, *, comparable=False, second="steps"):
    """Steps, and what goes with them: a number for each ("weights"), a query, or queries of several ("steps")."""
    n, t, h, s = (r.choice((3, 1, 2, 0, 5)) for _ in range(4))
    of_second = {"weights": (n, t), "query": (n, h), "steps": (n, s, h)}[second]
    dtype, specials = any_dtype(r), (np.nan, np.inf, -np.inf) if comparable else None
    kinds = dtype, any_dtype(r) if chance(r, 15) else dtype
    return [
        numbers(r, shape, kind, specials=specials) for shape, kind in zip(((n, t, h), of_second), kinds, strict=True)
    ]


def of_attention(name, second):
    """An entry; of a common call each row of x is a sample of one step."""
    inputs = {"weights": lambda a: a.x[:, :1], "query": lambda a: a.dout, "steps": lambda a: a.dout[:, np.newaxis]}
    return Layer(
        name,
        lambda a: (a.x[:, np.newaxis], inputs[second](a)),
        arbitrary=functools.partial(attention, second=second),
        kind="node",
    )


ENTRIES = (
    Layer("TimeAffine", arguments=lambda a: (a.W, a.b), arbitrary=affine, kind="affine"),
    Layer(
        "TimeEmbedding",
        lambda a: (a.indices,),
        arguments=lambda a: (a.table,),
        arbitrary=word_families.forward,
        kind="indices",
    ),
    Layer("TimeDropout", made=arbitrary.probability_and_seed, options={"dropout_ratio": 0.25}, random=True),
    Layer(
        "TimeSoftmaxWithLoss",
        lambda a: (a.x, a.labels),
        arbitrary=scores,
        kind="loss",
    ),
    Layer("TimeSigmoidWithLoss", lambda a: (a.x, a.bits), arbitrary=arbitrary.pairs, kind="loss"),
    of_attention("WeightSum", "weights"),
    of_attention("AttentionWeight", "query"),
    of_attention("Attention", "query"),
    of_attention("TimeAttention", "steps"),
)
