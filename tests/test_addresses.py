"""The same bits wherever arrays lie: whether a product is added in one rounding or two, no address decides.

Where the arrays of a loop lie closer together than a vector is long, other instructions run than elsewhere. So they
are packed into one block of memory here, in any order, next to each other or a few numbers apart, from any offset in a
cache line on. Products of BLAS are not ours to hold to this, and none of them here has a sum.
"""

import random

import families
import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import backend

OFFSETS = 64
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 19, 31, 33, 67, 200)


def packed(arrays, seed):
    """Copies of the arrays in one block of memory, at random; with a seed of 0 each begins a cache line."""
    r = random.Random(seed)
    block = np.zeros(sum(a.nbytes + 128 for a in arrays) + 128, np.uint8)
    start = block.ctypes.data
    at = -start % 64 + (4 * r.randrange(16) if seed else 0)
    copies = list(arrays)
    for i in r.sample(range(len(arrays)), len(arrays)) if seed else range(len(arrays)):
        dtype, nbytes = arrays[i].dtype, arrays[i].nbytes
        at += r.choice((0, 0, 1, 2, 3, 5, 8, 13)) * dtype.itemsize if seed else 0
        at += -(start + at) % (dtype.itemsize if seed else 64)
        copies[i] = block[at : at + nbytes].view(dtype).reshape(arrays[i].shape)
        copies[i][...] = arrays[i]
        at += nbytes
    return copies


def hold_equal(results, what):
    """The results of one call at every offset, in bytes."""
    first, *others = results
    assert all(other == first for other in others), what


# The optimizers' updates, and fits with them

PLAIN, FULL = families.UPDATES, families.FULL_UPDATES
RULES = [
    *((name, PLAIN[name]) for name in PLAIN),
    *((name, FULL[name]) for name in FULL),
    ("momentum_update", (0.1, 0.8, True)),
    ("adam_update", (0.1, 0.8, 0.95, 1e-3, 3, 0.02)),
]


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize(("name", "factors"), RULES)
def test_rules(level, name, factors, dtype):
    for size in SIZES:
        lists = families.update_call(name, dtype, ((1, size), (size,)))[: -len(PLAIN[name])]

        def updated(seed, lists=lists):
            arrays = packed([a for arrays in lists for a in arrays], seed)
            assert getattr(level, name)(*[arrays[i : i + 2] for i in range(0, len(arrays), 2)], *factors) is None
            return b"".join(a.tobytes() for a in arrays)

        hold_equal(map(updated, range(OFFSETS)), f"{size} numbers")


DECAY = {"weight_decay": 0.02, "clip_norm": 0.5}
OPTIMIZERS = {
    "SGD": (fl.SGD, {"lr": 0.1}, ()),
    "SGD, decay": (fl.SGD, {"lr": 0.1, **DECAY}, ()),
    "Momentum": (fl.Momentum, {"lr": 0.1}, ("v",)),
    "Momentum, decay": (fl.Momentum, {"lr": 0.1, **DECAY}, ("v",)),
    "Nesterov": (fl.Momentum, {"lr": 0.1, "nesterov": True}, ("v",)),
    "Nesterov, decay": (fl.Momentum, {"lr": 0.1, "nesterov": True, **DECAY}, ("v",)),
    "RMSprop": (fl.RMSprop, {"lr": 0.1}, ("h",)),
    "RMSprop, decay": (fl.RMSprop, {"lr": 0.1, **DECAY}, ("h",)),
    "Adam": (fl.Adam, {"lr": 0.1}, ("m", "v")),
    "Adam, decay": (fl.Adam, {"lr": 0.1, **DECAY}, ("m", "v")),
    "AdamW": (fl.AdamW, {"lr": 0.1}, ("m", "v")),
    "AdamW, decay": (fl.AdamW, {"lr": 0.1, **DECAY}, ("m", "v")),
}


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize(("make", "options", "states"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_fits(level, make, options, states, dtype, monkeypatch):
    """Of one sample at a time, and one class at the end, so that BLAS has no sum to order."""
    monkeypatch.setattr(backend, "kernels", level)
    shapes = ((6, 5), (5,), (5, 1), (1,))
    start = [kit.numbers(shape, dtype) / 3 for shape in shapes]
    x, t = kit.numbers((4, 1, 6), dtype), np.array([0, 1, 1, 0], dtype).reshape(4, 1, 1)

    def fitted(seed):
        zeros = [np.zeros(shape, dtype) for _ in states for shape in shapes]
        samples, targets, *arrays = packed([x, t, *start, *zeros], seed)
        W1, b1, W2, b2 = arrays[:4]
        optimizer = make(**options)
        for i, state in enumerate(states, start=1):
            getattr(optimizer, state).update(enumerate(arrays[4 * i : 4 * i + 4]))
        net = fl.Sequential([fl.Affine(W1, b1), fl.Tanh(), fl.Affine(W2, b2)], fl.SigmoidWithLoss())
        losses = [net.train_step(*sample, optimizer) for sample in zip(samples, targets, strict=True)]
        return losses, [a.tobytes() for a in arrays]

    hold_equal(map(fitted, range(OFFSETS)), "losses, parameters, state")


# The functions

LABELS = np.arange(64) * 7
LOSS_OPTIONS = {
    "softmax_cross_entropy": ({}, {"label_smoothing": 0.1}, {"reduction": "none"}),
    "softmax_with_loss": ({}, {"label_smoothing": 0.1}),
    "softmax_gradient": ({}, {"reduction": "none"}),
    "mean_squared_error": ({}, {"reduction": "none"}),
    "huber_loss": ({}, {"reduction": "none"}),
    "sigmoid_cross_entropy": ({}, {"reduction": "none"}),
    "sigmoid_with_loss": ({},),
}


def answer(level, name, args, options, seed):
    """A call of packed arrays, into packed arrays: all that it gives, in bytes."""
    function, entry = kit.of(level, name), families.FUNCTION[name]
    expected = function(*args, **options)
    assert expected is not NotImplemented
    arrays = kit.arrays(expected)[-len(families.RESULTS.get(name, ())) :]
    weights = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}
    results = [] if entry.of_layer else [np.zeros_like(a) for a in arrays]
    placed = packed([*args, *weights.values(), *results], seed)
    options = {**options, **dict(zip(weights, placed[len(args) :], strict=False))}
    if results:
        outs = tuple(placed[-len(results) :])
        options["out"] = outs if len(outs) > 1 else outs[0]
    if entry.by_place:
        given = getattr(level, name)(*placed[: len(args)], *entry.needed.values(), options["out"])
    else:
        given = function(*placed[: len(args)], **options)
    assert given is not NotImplemented
    return [np.asarray(part).tobytes() for part in kit.flat(given) if part is not None]


def calls(name, dtype):
    """Arguments and options of every kind that a kernel takes."""
    for shape in [*((1, n) for n in SIZES), (3, 5), (40, 10), (17, 3), (2, 1100)]:
        args = families.common_call(name, dtype, *shape)
        weighted = {"sample_weight": np.abs(kit.numbers(shape[:1], dtype)) + 1}
        if name in LOSS_OPTIONS and name.startswith("softmax_"):
            for weights in (weighted, {**weighted, "weight": np.abs(kit.numbers(shape[1:], dtype)) + 1}):
                yield args, weights
            if name != "softmax_gradient":  # whose kernel is for labels
                yield (args[0], np.abs(kit.numbers(shape, dtype, 4))), {}
        elif name in LOSS_OPTIONS:
            yield args, weighted
            yield (args[0], (args[1] > 0).astype(dtype)), {}
        for options in LOSS_OPTIONS.get(name, ({},)):
            yield args, options


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", [name for name in families.KERNELS if families.FUNCTION[name].sums != "products"])
def test_functions(level, name, dtype):
    for args, options in calls(name, dtype):
        results = (answer(level, name, args, options, seed) for seed in range(0, OFFSETS, 6))
        hold_equal(results, f"{args[0].shape}, {[*options]}")


@pytest.mark.parametrize("dtype", kit.FAST)
def test_affine(level, dtype):
    """One sample is ours, and so are small matrices; ``test_products.py`` has others."""
    shapes = [*((1, n, 9) for n in SIZES), (1, 7, 64), (5, 8, 16), (5, 32, 32), (6, 32, 64)]
    for rows, inputs, columns in shapes:
        W, b = kit.numbers((inputs, columns), dtype, 2), kit.numbers((columns,), dtype, 3)
        x, dout = kit.numbers((rows, inputs), dtype), kit.numbers((rows, columns), dtype, 1)
        calls = [("affine_forward", (x, W, b)), ("affine_forward", (x, W))]
        calls += [("affine_backward", (dout, x, W))] if rows > 1 else []
        for name, args in calls:
            results = (answer(level, name, args, {}, seed) for seed in range(0, OFFSETS, 3))
            hold_equal(results, f"{name} of {rows, inputs, columns}")
    for rows, columns in [(1, 9), (40, 10), (33, 64), (3, 700)]:  # the sums over a batch
        args = kit.numbers((rows, columns), dtype), np.zeros((rows, 1), dtype), np.zeros((1, columns), dtype)
        hold_equal((answer(level, "affine_backward", args, {}, seed) for seed in range(0, OFFSETS, 3)), "db")
