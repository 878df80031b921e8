"""Calls made while the process may not have the memory for them, in a process of its own: ``BACKEND`` is its argument.

Each is tried with more and more memory until it succeeds. Where it fails it must be with a `MemoryError` that leaves
everything as it was, and the same call must succeed as soon as there is memory again.

Linux only, and with ``ENVIRONMENT`` set: else the C library keeps what was freed, and OpenBLAS, which NumPy multiplies
with, ends the process where it has no memory for the work of its threads.
"""

import functools
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import families
import kit
import numpy as np
from family import Arrays

import fastlayers as fl

ROWS, COLUMNS = 512, 512  # in float32 1 MB, beside which Python's own needs are small
ARRAY = ROWS * COLUMNS * 4  # bytes
MOST_STEPS = 100
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}


def limited(extra, function, *args, **kwargs):
    """Call it with so many bytes more than are in use at the moment."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + extra, resource.RLIM_INFINITY))
    try:
        return function(*args, **kwargs)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def large(name):
    """The common call, on large arrays."""
    return families.common_call(name, np.float32, ROWS, COLUMNS)


def of_function(name, arrange):
    """A function that fills arrays given for its results; `arrange` lays out its input."""
    args = [arrange(a) for a in large(name)]
    outs = [np.zeros_like(part) for part in kit.arrays(kit.reference(name, *args))]
    out = tuple(outs) if len(outs) > 1 else outs[0]
    return (lambda: kit.call(name, *args, out=out)), outs


def of_layer(name, method):
    """A layer's forward, once it has gone forward, or its backward."""
    entry, arrays = families.LAYER[name], Arrays(np.float32, (ROWS, COLUMNS))
    layer, (x, *others) = entry.make(arrays=arrays), entry.inputs(arrays)
    y = kit.flat(layer.forward(x, *others))[0]
    args = [2 if entry.is_loss else y] if method == "backward" else [x[::-1].copy(), *others]
    return (lambda: getattr(layer, method)(*args)), layer


def of_optimizer(name, which, **options):
    """An optimizer's first or second update of a parameter and a larger one, with gradients for the reference."""
    optimizer = getattr(fl, name)(**options)
    params = [kit.numbers((rows, COLUMNS), np.float32) for rows in (ROWS // 4, ROWS)]
    grads = [param.astype(np.float16) for param in params]
    if which == "second":
        optimizer.update(params, grads)
    states = [value for value in vars(optimizer).values() if isinstance(value, dict)]
    return (lambda: optimizer.update(params, grads)), [*params, *[a for state in states for a in state.values()]]


def functions():
    """Those that are tried: on the reference without products, since OpenBLAS itself may crash for want of memory."""
    entries = map(families.FUNCTION.get, families.FUNCTIONS)
    return [entry.name for entry in entries if fl.get_backend() == "cython" or entry.sums != "products"]


def cases():
    arrangements = {"plain": np.array, "reversed": lambda a: a[::-1].copy()[::-1]}
    for name in functions():
        for how in ("plain", "reversed"):
            yield f"{name}, {how}", lambda name=name, how=how: of_function(name, arrangements[how])
    for name, entry in families.LAYER.items():
        # Of the reference what is one loop of NumPy: its products, and windows of images, may crash for want of memory.
        has_more = entry.kind in ("affine", "convolution", "images", "sequence", "table", "node")
        for method in ("forward", "backward") if fl.get_backend() == "cython" or not has_more else ():
            yield f"{name}.{method}", lambda name=name, method=method: of_layer(name, method)
    for name in families.OPTIMIZERS:
        for which in ("first", "second"):
            yield f"{name}.update, {which}", lambda name=name, which=which: of_optimizer(name, which)
            options = {"weight_decay": 0.1, "clip_norm": 1.0, **({"nesterov": True} if name == "Momentum" else {})}
            full = functools.partial(of_optimizer, name, which, **options)
            yield f"{name}.update with decay and clipping, {which}", full


def remembered(owner):
    """What a failure must leave: arrays with their numbers, or a layer's attributes, the very objects."""
    if isinstance(owner, list):
        return [a.copy() for a in owner]
    return {name: value for name, value in vars(owner).items() if not name.startswith("_")}


def is_as_before(owner, before):
    if isinstance(owner, list):
        return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(owner, before, strict=True))
    return all(getattr(owner, name) is value for name, value in before.items())


def check(make):
    """How often it failed before it succeeded."""
    call, owner = make()
    before = remembered(owner)
    step_size = ARRAY // 2 if fl.get_backend() == "cython" else ARRAY  # of which a formula has many
    for step in range(MOST_STEPS):
        try:
            limited(step * step_size, call)
        except MemoryError:
            assert is_as_before(owner, before), f"something was written at step {step}"
        else:
            return step
    raise AssertionError("it never succeeded")


def main():
    fl.set_backend(sys.argv[1])
    fl.set_num_threads(2)  # whose threads may not be had for want of memory
    for name, make in cases():
        print(f"{name}: {check(make)}", flush=True)


if __name__ == "__main__":
    # On a thread, whose stack is there from the start: the process's own grows, and where it may not, that is a crash.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(main).result()
