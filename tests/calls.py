"""Arbitrary calls: arguments that go together, most of the time, in any form; and where results are to go."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zoo
from strategies import any_dtype, any_shape, anything, chance, dress, numbers, place, place_anywhere

import fastlayers as fl


@dataclass
class Call:
    """The arguments of a function or a method."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def absolute(self):
        """The same of absolute values: of products the sums of the sizes of their terms."""
        kwargs = {name: value for name, value in self.kwargs.items() if name != "out"}
        return Call(self.name, [None if a is None else np.abs(np.asarray(a, float)) for a in self.args], kwargs)

    def outs(self):
        """The arrays that are given for results."""
        out = self.kwargs.get("out")
        return [a for a in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(a, np.ndarray)]

    def of(self, owner):
        """What becomes of it: its result, or the type and message of the error."""
        return zoo.outcome(getattr(owner, self.name), *self.args, **self.kwargs)


PAIRED = ("mean_squared_error", "sigmoid_cross_entropy", "sigmoid_with_loss")


def is_error(outcome):
    return isinstance(outcome, tuple) and len(outcome) == 2 and isinstance(outcome[0], type)


def silently(function, *args):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args)


# Arrays that go together


def elementwise(r, count, second=None):
    shape, dtype = any_shape(r), any_dtype(r)
    others = [second or (any_dtype(r) if chance(r, 15) else dtype) for _ in range(1, count)]
    return [numbers(r, shape, kind) for kind in (dtype, *others)]


def affine(r, *, comparable):
    """x, W, b and dout. A `comparable` sum has no terms so large that it depends on the order of adding."""
    dtype, specials = any_dtype(r), (np.nan, np.inf, -np.inf) if comparable else None
    n, d, m = (r.choice((3, 4, 1, 2, 0, 8, 10, 16, 19, 35)) for _ in range(3))
    x = r.choice(((n, d), (n, d), (d,), (n, 2, d), (n, 1, d, 2), (n, 2, 1, 1, d)))
    W = (int(np.prod(x[1:])) if len(x) > 1 else d, m)
    dout = (n, m) if len(x) > 1 else (m,)
    kinds = [any_dtype(r) if chance(r, 10) else dtype for _ in range(4)]
    return [numbers(r, shape, kind, specials=specials) for shape, kind in zip((x, W, (m,), dout), kinds, strict=True)]


def scores(r, *, comparable):
    """Scores, and labels or targets. `comparable` targets are finite: infinity times a flushed 0 is anything."""
    rows, classes = r.choice((3, 1, 2, 0, 9, 20)), r.choice((4, 1, 2, 3, 10, 16, 33, 129, 0))
    shape = (rows, classes) if chance(r, 80) else (classes,) if chance(r, 80) else any_shape(r)
    x = numbers(r, shape, any_dtype(r))
    if chance(r, 40):
        t = numbers(r, shape, any_dtype(r) if chance(r, 40) else x.dtype, specials=[np.nan] if comparable else None)
        return [x, np.abs(t) if comparable else t]
    return [x, labels(r, shape)]


def loss_options(r, room, args, *, comparable):
    """Some of the loss's options: most of the time they go with the scores and the labels."""
    x, t = (np.shape(a) if isinstance(a, np.ndarray) else () for a in args)
    dtype = args[0].dtype if isinstance(args[0], np.ndarray) and args[0].dtype in zoo.FAST else any_dtype(r)
    specials = [1] if comparable else None
    options = {
        "weight": lambda: dress(r, room, np.abs(numbers(r, x[1:2] or x[:1], dtype, specials=specials)) + 1),
        "sample_weight": lambda: dress(r, room, np.abs(numbers(r, t[:1], dtype, specials=specials)) + 1),
        "ignore_index": lambda: r.choice((0, 1, -1, -100, 255, 2**31, 2**63, -(2**63))),
        "label_smoothing": lambda: r.choice((0.0, 0.1, 0.5, 1.0, np.float32(0.25))),
        "reduction": lambda: r.choice(("mean", "sum", "none")),
    }
    chosen = r.sample(sorted(options), r.randint(1, 5))
    return {name: anything(r) if chance(r, 5) else options[name]() for name in chosen}


def labels(r, shape):
    """Integers of any kind, one row in ten of them out of range."""
    classes = shape[-1] if shape else 1
    t = np.random.default_rng(r.randint(0, 99)).integers(0, min(max(classes, 1), 128), shape[:-1])
    t = np.asarray(t, r.choice((np.int64, *zoo.INTEGERS)))
    if t.size and chance(r, 10):
        limits = np.iinfo(t.dtype)
        t.flat[r.randrange(t.size)] = r.choice((limits.max, limits.min, min(classes, limits.max)))
    return t


def pairs(r, *, comparable):
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


def pairs_options(r, room, args, *, comparable):
    """Some of the options of such a loss."""
    samples = np.shape(args[0])[:1] if isinstance(args[0], np.ndarray) else ()
    dtype = args[0].dtype if isinstance(args[0], np.ndarray) and args[0].dtype in zoo.FAST else any_dtype(r)
    weights = np.abs(numbers(r, samples, dtype, specials=[1] if comparable else None)) + 1
    options = {"sample_weight": dress(r, room, weights), "reduction": r.choice(("mean", "sum", "none"))}
    chosen = r.sample(sorted(options), r.randint(1, 2))
    return {name: anything(r) if chance(r, 5) else options[name] for name in chosen}


def fitting(r, name, *, comparable):
    """Arrays for this function."""
    if name in PAIRED:
        return pairs(r, comparable=comparable)
    if name == "dropout_forward":
        (x,) = elementwise(r, 1)
        draws = np.random.default_rng(r.randint(0, 99)).random(x.shape, np.float32)
        return [x, draws if chance(r, 80) else draws.astype(any_dtype(r))]
    if name.startswith("affine"):
        x, W, b, dout = affine(r, comparable=comparable)
        return [dout, x, W] if name == "affine_backward" else [x, W, b] if chance(r, 70) else [x, W]
    if "entropy" in name or "loss" in name:
        return scores(r, comparable=comparable)
    if name.endswith("backward"):
        return elementwise(r, 2, None if name in ("sigmoid_backward", "tanh_backward") else bool)
    return elementwise(r, 1)


# Functions


def any_call(r, room, name, *, comparable=False):
    """A call of this function: most of the time it makes sense."""
    args, kwargs = fitting(r, name, comparable=comparable), {}
    if chance(r, 12):  # one that does not go with the others
        specials = [np.nan] if comparable else None
        stranger = numbers(r, any_shape(r), any_dtype(r), specials=specials)
        args[r.randrange(len(args))] = np.abs(stranger) if comparable else stranger
    args = [dress(r, room, a) for a in args]
    if name == "softmax" and chance(r, 40):
        kwargs["axis"] = anything(r) if chance(r, 10) else r.randint(-3, 2)
    if name in PAIRED and chance(r, 50):
        kwargs |= pairs_options(r, room, args, comparable=comparable)
    if name.startswith("leaky_relu") and chance(r, 60):
        kwargs["negative_slope"] = anything(r) if chance(r, 10) else r.choice((0.1, 0.0, -0.5, 1.0, 2, np.float32(0.3)))
    if name.startswith("dropout") and chance(r, 60):
        kwargs["p"] = anything(r) if chance(r, 10) else r.choice((0.1, 0.0, 0.75, 1.0, 1, np.float32(0.3)))
    if name in ("softmax_cross_entropy", "softmax_with_loss") and chance(r, 50):
        kwargs |= loss_options(r, room, args, comparable=comparable)
    if name == "affine_backward" and chance(r, 50):
        kwargs["need_dx"] = anything(r) if chance(r, 10) else r.choice((True, False))
    call = Call(name, args, kwargs)
    if name != "cross_entropy_error" and chance(r, 40):
        kwargs["out"] = any_out(r, room, call)
    return call


def any_out(r, room, call):
    """Arrays for the results of this call, mostly."""
    results = silently(call.of, fl.reference)
    parts = [np.ones(3)] if is_error(results) else [part for part in zoo.flat(results) if not isinstance(part, float)]
    targets = tuple(None if part is None else target(r, room, part, call) for part in parts)
    form = r.randint(0, 9)
    if form == 9:
        return r.choice((list(targets), (*targets, None), anything(r)))
    return targets[0] if len(targets) == 1 and form < 6 else targets


def target(r, room, like, call):
    """An array for a result like this one; or nearly, or an input, or one that shares its memory in part."""
    kind = r.randint(0, 19)
    if kind < 3:
        return None
    if kind == 3:
        return r.choice([*call.args, anything(r)])
    if kind < 6:
        return place_anywhere(r, room, like)
    if kind == 6:
        return place(r, room, numbers(r, like.shape, any_dtype(r)))
    if kind == 7:
        return place(r, room, numbers(r, any_shape(r), any_dtype(r)))
    return place(r, room, np.ones_like(like))


# Layers and optimizers: what they are made with, and then called with in turn

ACTIVATIONS = ("Relu", "LeakyRelu", "Dropout", "Sigmoid", "Tanh")
LOSSES = {"SoftmaxWithLoss": scores, "SigmoidWithLoss": pairs, "MeanSquaredError": pairs}
LAYERS = (*ACTIVATIONS, "Affine", *LOSSES, "MulLayer", "AddLayer")
OPTIMIZERS = ("SGD", "Momentum", "Adam", "AdamW")


def any_layer(r, room, name, *, comparable=False):
    """What to make a layer with, and a few calls of it: forward, mostly, before backward."""
    made, arrays = [], elementwise(r, 2 if name in ("MulLayer", "AddLayer") else 1)
    if name == "Affine":
        x, W, b, _ = affine(r, comparable=comparable)
        arrays, made = [x], [W, b] if chance(r, 70) else [W]
    if name in LOSSES:
        arrays = LOSSES[name](r, comparable=comparable)
    if name == "LeakyRelu" and chance(r, 70):
        made = [anything(r) if chance(r, 10) else r.choice((0.1, 0.0, -0.5, np.float32(0.3)))]
    if name == "Dropout":  # of a seed, so that both paths draw the same
        made = [anything(r) if chance(r, 10) else r.choice((0.1, 0.0, 0.75, 1.0)), r.randint(0, 99)]
    arrays = [dress(r, room, a) for a in arrays]
    made = [dress(r, room, a) for a in made] if name == "Affine" else made
    if len(arrays) == 2 and chance(r, 20):
        arrays[r.randint(0, 1)] = anything(r)
    forward = Call("forward", arrays)
    y = silently(zoo.outcome, lambda: forward.of(getattr(fl.reference, name)(*made)))
    dout = place(r, room, numbers(r, np.shape(y), any_dtype(r), specials=[np.nan] if comparable else None))
    if is_error(y) or chance(r, 15):
        dout = dress(r, room, numbers(r, any_shape(r), any_dtype(r), specials=[np.nan] if comparable else None))
    elif name in LOSSES and chance(r, 70):
        dout = r.choice((1, 0.5, -2, np.float32(3)))
    kwargs = {"need_dx": chance(r, 50)} if name == "Affine" and chance(r, 50) else {}
    backward = Call("backward", [] if name in LOSSES and chance(r, 30) else [dout], kwargs)
    calls = [forward, backward, backward, forward, backward] if chance(r, 90) else [backward]
    if name in (*ACTIVATIONS, "Affine") and chance(r, 40):
        calls.insert(r.randint(0, len(calls)), Call("predict", arrays))
    return made, calls


def any_optimizer(r, room, name):
    """What to make an optimizer with, and a few updates of the same parameters."""
    made = [anything(r) if chance(r, 5) else r.choice((0.1, 0.5, 0, np.float32(0.25))) for _ in range(r.randint(0, 4))]
    shapes = [any_shape(r) for _ in range(r.randint(0, 3))]
    dtype = r.choice(zoo.FLOATS) if chance(r, 20) else r.choice(zoo.FAST)
    params = [dress(r, room, numbers(r, shape, dtype)) for shape in shapes]
    calls = []
    for _ in range(r.randint(1, 3)):
        grads = [dress(r, room, numbers(r, shape, any_dtype(r) if chance(r, 15) else dtype)) for shape in shapes]
        if chance(r, 5):
            grads = grads[:-1]
        calls.append(Call("update", collection(r, params, grads)))
    if made and chance(r, 15):
        made[0] = lambda step: 0.5 / (step + 1)
    return made[: {"SGD": 1, "Momentum": 2}.get(name, 4)], optimizer_options(r, name), calls


def optimizer_options(r, name):
    """None of them, mostly, or some."""
    options = {
        "weight_decay": lambda: r.choice((0.0, 0.125, 1, np.float32(0.25), -0.5)),
        "clip_norm": lambda: r.choice((None, 1.0, 0.5, 1e3, 1, np.float64(2.0), 0.0)),
    }
    if name == "Momentum":
        options["nesterov"] = lambda: r.choice((True, False, np.True_))
    chosen = r.sample(sorted(options), r.randint(0, len(options))) if chance(r, 60) else []
    return {option: anything(r) if chance(r, 5) else options[option]() for option in chosen}


def collection(r, params, grads):
    """Lists, mostly, or dictionaries, or what is neither."""
    kind = r.randint(0, 9)
    if kind < 7:
        return [params, grads]
    if kind < 9:
        return [dict(enumerate(params)), dict(enumerate(grads))]
    return [r.choice((tuple(params), dict(enumerate(params)), anything(r))), grads]
