"""Arbitrary calls: the arguments of `arbitrary` in any form, and where results are to go."""

import functools
import inspect
import random
import warnings
import zlib
from dataclasses import dataclass, field
from typing import Any

import families
import kit
import numpy as np
from strategies import any_dtype, any_form, any_shape, anything, chance, numbers, place, place_anywhere

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
        return kit.outcome(getattr(owner, self.name), *self.args, **self.kwargs)


def is_error(outcome):
    return isinstance(outcome, tuple) and len(outcome) == 2 and isinstance(outcome[0], type)


def silently(function, *args):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args)


def drawn(test):
    """Have a test run with many an `r`, the same in every run, and others for each case; a failure says with which."""
    signature = inspect.signature(test)

    @functools.wraps(test)
    def runs(request, **given):
        for number in range(kit.amount(short=30, rest=100, every=300)):
            seed = zlib.crc32(f"{request.node.name} {number}".encode())
            try:
                test(**given, r=random.Random(seed))
            except BaseException as error:
                error.add_note(f"with r = random.Random({seed})")
                raise

    others = [parameter for name, parameter in signature.parameters.items() if name != "r"]
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    runs.__signature__ = signature.replace(parameters=[request, *others])
    return runs


# Functions


def any_call(r, arena, name, *, comparable=False):
    """A call of this function: most of the time it makes sense."""
    entry = families.FUNCTION[name]
    args = entry.arbitrary(r, comparable=comparable)
    if chance(r, 12):  # one that does not go with the others
        specials = [np.nan] if comparable else None
        stranger = numbers(r, any_shape(r), any_dtype(r), specials=specials)
        args[r.randrange(len(args))] = np.abs(stranger) if comparable else stranger
    args = [any_form(r, arena, a) for a in args]
    kwargs = entry.options(r, arena, args, comparable=comparable)
    call = Call(name, args, kwargs)
    if entry.results and chance(r, 40):
        kwargs["out"] = any_out(r, arena, call)
    return call


def any_out(r, arena, call):
    """Arrays for the results of this call, mostly."""
    results = silently(call.of, fl.reference)
    parts = [np.ones(3)] if is_error(results) else [part for part in kit.flat(results) if not isinstance(part, float)]
    targets = tuple(None if part is None else target(r, arena, part, call) for part in parts)
    form = r.randint(0, 9)
    if form == 9:
        return r.choice((list(targets), (*targets, None), anything(r)))
    return targets[0] if len(targets) == 1 and form < 6 else targets


def target(r, arena, like, call):
    """An array for a result like this one; or nearly, or an input, or one that shares its memory in part."""
    kind = r.randint(0, 19)
    if kind < 3:
        return None
    if kind == 3:
        return r.choice([*call.args, anything(r)])
    if kind < 6:
        return place_anywhere(r, arena, like)
    if kind == 6:
        return place(r, arena, numbers(r, like.shape, any_dtype(r)))
    if kind == 7:
        return place(r, arena, numbers(r, any_shape(r), any_dtype(r)))
    return place(r, arena, np.ones_like(like))


# Layers and optimizers: what they are made with, and then called with in turn


def any_layer(r, arena, name, *, comparable=False):
    """What to make a layer with, and a few calls of it: forward, mostly, before backward."""
    entry = families.LAYER[name]
    arrays = [any_form(r, arena, a) for a in entry.arbitrary(r, comparable=comparable)]
    has_params = entry.kind in ("affine", "convolution", "indices", "normalization", "sequence")
    taken = 1 if has_params else 2 if entry.kind == "table" else len(arrays)
    arrays, made = arrays[:taken], [*arrays[taken:], *entry.made(r)]
    if len(arrays) == 2 and chance(r, 20):
        arrays[r.randint(0, 1)] = anything(r)
    forward = Call("forward", arrays)
    y = silently(kit.outcome, lambda: forward.of(getattr(fl.reference, name)(*made)))
    # Steps have products, in which BLAS leaves out zeros, whatever they are multiplied with.
    specials = None if not comparable else [0] if entry.kind == "sequence" else [np.nan]
    dout = place(r, arena, numbers(r, np.shape(y), any_dtype(r), specials=specials))
    if is_error(y) or chance(r, 15):
        dout = any_form(r, arena, numbers(r, any_shape(r), any_dtype(r), specials=specials))
    elif entry.is_loss and chance(r, 70):
        dout = r.choice((1, 0.5, -2, np.float32(3)))
    kwargs = {"need_dx": chance(r, 50)} if has_params and chance(r, 50) else {}
    backward = Call("backward", [] if entry.is_loss and chance(r, 30) else [dout], kwargs)
    calls = [forward, backward, backward, forward, backward] if chance(r, 90) else [backward]
    if hasattr(getattr(fl, name), "predict") and chance(r, 40):
        calls.insert(r.randint(0, len(calls)), Call("predict", arrays))
    return made, calls


def any_optimizer(r, arena, name, *, comparable=False):
    """What to make an optimizer with, and a few updates of the same parameters.

    A `comparable` one keeps some of its state: a mean that forgets all is what rounding leaves of a large one before.
    """
    made = []
    for i in range(r.randint(0, 4)):
        some = (0.1, 0.5, np.float32(0.25)) if comparable and i else (0.1, 0.5, 0, np.float32(0.25))
        made.append(anything(r) if chance(r, 5) else r.choice(some))
    shapes = [any_shape(r) for _ in range(r.randint(0, 3))]
    dtype = r.choice(kit.FLOATS) if chance(r, 20) else r.choice(kit.FAST)
    params = [any_form(r, arena, numbers(r, shape, dtype)) for shape in shapes]
    calls = []
    for _ in range(r.randint(1, 3)):
        grads = [any_form(r, arena, numbers(r, shape, any_dtype(r) if chance(r, 15) else dtype)) for shape in shapes]
        if chance(r, 5):
            grads = grads[:-1]
        calls.append(Call("update", collection(r, params, grads)))
    if made and chance(r, 15):
        made[0] = lambda step: 0.5 / (step + 1)
    return made[: families.OPTIMIZERS[name]], optimizer_options(r, name), calls


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
