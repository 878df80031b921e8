"""The entries of `families` for what works on sequences, step by step, and arguments for them."""

import arbitrary
import word_families
from family import Layer
from strategies import chance, numbers


def affine(r, *, comparable=False):
    """As for an affine layer, mostly of steps along the last axis."""
    x, *params = arbitrary.affine_layer(r, comparable=comparable)
    if chance(r, 70):
        shape = r.choice(((3, 2), (1, 4), (0, 2), (2, 0), (2, 1, 3)))
        specials = [float("nan"), float("inf")] if comparable else None
        x = numbers(r, (*shape, params[0].shape[0]), x.dtype, specials=specials)
    return [x, *params]


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
)
