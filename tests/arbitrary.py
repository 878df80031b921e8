"""Arguments that go together, most of the time, for the fuzzer and the tests of agreement.

`comparable` arguments have no result that depends on the order in which numbers are added.
"""

import functools

import kit
import numpy as np
from strategies import any_dtype, any_form, any_shape, anything, chance, numbers

import fastlayers as fl


def elementwise(r, *, comparable=False, count, second=None):
    """So many arrays of one shape, mostly of one dtype; the `second` of a dtype of its own."""
    shape, dtype = any_shape(r), any_dtype(r)
    others = [second or (any_dtype(r) if chance(r, 15) else dtype) for _ in range(1, count)]
    return [numbers(r, shape, kind) for kind in (dtype, *others)]


def affine(r, *, comparable=False):
    """x, W, b and dout. A `comparable` sum has no terms so large that it depends on the order of adding."""
    dtype, specials = any_dtype(r), (np.nan, np.inf, -np.inf) if comparable else None
    n, d, m = (r.choice((3, 4, 1, 2, 0, 8, 10, 16, 19, 35)) for _ in range(3))
    x = r.choice(((n, d), (n, d), (d,), (n, 2, d), (n, 1, d, 2), (n, 2, 1, 1, d)))
    W = (int(np.prod(x[1:])) if len(x) > 1 else d, m)
    dout = (n, m) if len(x) > 1 else (m,)
    kinds = [any_dtype(r) if chance(r, 10) else dtype for _ in range(4)]
    return [numbers(r, shape, kind, specials=specials) for shape, kind in zip((x, W, (m,), dout), kinds, strict=True)]


def scores(r, *, comparable=False):
    """Scores, and labels or targets. `comparable` targets are finite: infinity times a flushed 0 is anything."""
    rows, classes = r.choice((3, 1, 2, 0, 9, 20)), r.choice((4, 1, 2, 3, 10, 16, 33, 129, 0))
    shape = (rows, classes) if chance(r, 80) else (classes,) if chance(r, 80) else any_shape(r)
    x = numbers(r, shape, any_dtype(r))
    if chance(r, 40):
        t = numbers(r, shape, any_dtype(r) if chance(r, 40) else x.dtype, specials=[np.nan] if comparable else None)
        return [x, np.abs(t) if comparable else t]
    return [x, labels(r, shape)]


def probabilities(r, *, comparable=False):
    """Probabilities, and labels or targets."""
    x, t = scores(r, comparable=comparable)
    return [fl.reference.softmax(x, axis=min(1, x.ndim - 1)) if x.ndim else x, t]


def with_probabilities(r, *, comparable=False):
    """A gradient, and as many probabilities."""
    dout, x = two(r)
    return [dout, fl.reference.softmax(x) if x.ndim else x]


def terms_over_rows(dout, y, axis=-1, **_):
    """How large the two terms are that the gradient of softmax is the difference of."""
    with np.errstate(all="ignore"):
        dout, y = np.abs(np.asarray(dout, float)), np.abs(np.asarray(y, float))
        return [y * (dout + np.sum(dout * y, axis=int(axis), keepdims=True))]


def loss_options(r, arena, args, *, comparable):
    """Some of the loss's options: most of the time they go with the scores and the labels."""
    x, t = (np.shape(a) if isinstance(a, np.ndarray) else () for a in args)
    dtype = args[0].dtype if isinstance(args[0], np.ndarray) and args[0].dtype in kit.FAST else any_dtype(r)
    specials = [1] if comparable else None
    options = {
        "weight": lambda: any_form(r, arena, np.abs(numbers(r, x[1:2] or x[:1], dtype, specials=specials)) + 1),
        "sample_weight": lambda: any_form(r, arena, np.abs(numbers(r, t[:1], dtype, specials=specials)) + 1),
        "ignore_index": lambda: r.choice((0, 1, -1, -100, 255, 2**31, 2**63, -(2**63))),
        "label_smoothing": lambda: r.choice((0.0, 0.1, 0.5, 1.0, np.float32(0.25))),
        "reduction": lambda: r.choice(("mean", "sum", "none")),
    }
    chosen = r.sample(sorted(options), r.randint(1, 5))
    return {name: anything(r, comparable=comparable) if chance(r, 5) else options[name]() for name in chosen}


def labels(r, shape):
    """Integers of any kind, one row in ten of them out of range."""
    classes = shape[-1] if shape else 1
    t = np.random.default_rng(r.randint(0, 99)).integers(0, min(max(classes, 1), 128), shape[:-1])
    t = np.asarray(t, r.choice((np.int64, *kit.INTEGERS)))
    if t.size and chance(r, 10):
        limits = np.iinfo(t.dtype)
        t.flat[r.randrange(t.size)] = r.choice((limits.max, limits.min, min(classes, limits.max)))
    return t


def pairs(r, *, comparable=False):
    """Numbers, and a target in [0, 1] for each, or for each sample of one number."""
    shape = any_shape(r)
    x = numbers(r, shape, any_dtype(r))
    if len(shape) > 1 and shape[-1] == 1 and chance(r, 50):
        shape = shape[:-1]
    t = np.random.default_rng(r.randint(0, 99)).random(shape)
    t = np.asarray(t if chance(r, 40) else np.round(t))
    t = t.astype(any_dtype(r) if chance(r, 50) else x.dtype)
    if t.size and chance(r, 10):
        t.flat[r.randrange(t.size)] = 2 if comparable or t.dtype.kind != "f" else r.choice((2, -1, np.nan, np.inf))
    return [x, t]


def pairs_options(r, arena, args, *, comparable, **values):
    """Some of the options of such a loss, of which it may have more with these values."""
    samples = np.shape(args[0])[:1] if isinstance(args[0], np.ndarray) else ()
    dtype = args[0].dtype if isinstance(args[0], np.ndarray) and args[0].dtype in kit.FAST else any_dtype(r)
    weights = np.abs(numbers(r, samples, dtype, specials=[1] if comparable else None)) + 1
    options = {"sample_weight": any_form(r, arena, weights), "reduction": r.choice(("mean", "sum", "none"))}
    options |= {name: r.choice(some) for name, some in values.items()}
    chosen = r.sample(sorted(options), r.randint(1, len(options)))
    return {name: anything(r, comparable=comparable) if chance(r, 5) else options[name] for name in chosen}


one = functools.partial(elementwise, count=1)
two = functools.partial(elementwise, count=2)


def with_draws(r, *, comparable=False):
    """Numbers, and as many draws for dropout, mostly of float32."""
    (x,) = one(r)
    draws = np.random.default_rng(r.randint(0, 99)).random(x.shape, np.float32)
    return [x, draws if chance(r, 80) else draws.astype(any_dtype(r))]


def probability_and_seed(r):
    """What to make a dropout with: of a seed, so that both paths draw the same."""
    return [anything(r) if chance(r, 10) else r.choice((0.1, 0.0, 0.75, 1.0)), r.randint(0, 99)]


def affine_forward(r, *, comparable=False):
    x, W, b, _ = affine(r, comparable=comparable)
    return [x, W, b] if chance(r, 70) else [x, W]


def affine_backward(r, *, comparable=False):
    x, W, _, dout = affine(r, comparable=comparable)
    return [dout, x, W]


def affine_layer(r, *, comparable=False):
    """The input of a layer and what it is made with: parameters that fit it."""
    x, W, b, _ = affine(r, comparable=comparable)
    return [x, *([W, b] if chance(r, 70) else [W])]


def product_layer(r, *, comparable=False):
    """The same of a layer without a bias."""
    return affine_layer(r, comparable=comparable)[:2]
