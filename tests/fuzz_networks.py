"""Networks and what travels with them, to be called with whatever `r` chooses: methods, files, trainings, callbacks."""

import contextlib
import io
import itertools
import tempfile
from pathlib import Path

import families
import kit
import numpy as np
from arbitrary import labels
from strategies import any_form, anything, chance, numbers, place

import fastlayers as fl
from fastlayers import callbacks, reference


def call_network(caller, r, name, owner):
    """A network that fits together, mostly, and every method of it."""
    arena, prefix = caller.arena, ("reference." if owner is reference else "") + name
    widths, dtype = [r.choice((1, 2, 3, 5, 10)) for _ in range(r.randint(1, 3))], r.choice(kit.FLOATS)
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        W, b = numbers(r, (inputs, outputs), dtype), numbers(r, (outputs,), dtype)
        layers += [
            owner.Affine(place(r, arena, W), place(r, arena, b)),
            getattr(owner, r.choice(families.ACTIVATIONS))(),
        ]
    if chance(r, 10):
        layers.insert(r.randint(0, len(layers)), anything(r))
    if layers and chance(r, 50):
        layers = within_others(caller, r, prefix, owner, layers)
    loss = anything(r) if chance(r, 5) else getattr(owner, r.choice(("SoftmaxWithLoss", *families.LOSSES)))()
    network = caller.attempt(prefix, owner.Sequential, anything(r) if chance(r, 5) else layers, loss)
    if network is None:
        return
    x, t = any_form(r, arena, numbers(r, (4, widths[0]), dtype)), any_form(r, arena, labels(r, (4, widths[-1])))
    optimizer = anything(r) if chance(r, 10) else getattr(owner, r.choice([*families.OPTIMIZERS]))()
    caller.attempt(f"{prefix}.params", lambda: network.params)
    caller.attempt(f"{prefix}.compiled", lambda: network.compiled)
    caller.attempt(f"{prefix}.reset_state", network.reset_state)
    shape = {} if chance(r, 50) else {"input_shape": anything(r) if chance(r, 50) else widths[:1]}
    summary = caller.attempt(f"{prefix}.summary", network.summary, **shape)
    if summary is not None:
        caller.attempt("Summary", fl.Summary, summary.input_shape, summary.layers)
        for number in ("flops", "parameters"):
            caller.attempt(f"Summary.{number}", getattr, summary, number)
    pieces = {"batch_size": anything(r) if chance(r, 30) else r.randint(1, 5)} if chance(r, 30) else {}
    caller.attempt(f"{prefix}.predict", network.predict, x, **pieces)
    y = caller.attempt(f"{prefix}.forward", network.forward, x)
    dout = (
        anything(r)
        if not isinstance(y, np.ndarray) or chance(r, 5)
        else place(r, arena, numbers(r, np.shape(y), dtype))
    )
    caller.attempt(f"{prefix}.backward", network.backward, dout, need_dx=chance(r, 50))
    if chance(r, 50):
        caller.attempt(f"{prefix}.grads", lambda: network.grads)
    for method in r.sample(["loss", "accuracy", "gradient"], 3):
        caller.attempt(f"{prefix}.{method}", getattr(network, method), x, t)
    params = [p for p in network.params if isinstance(p, np.ndarray)]
    caller.attempt(f"{prefix}.train_step", network.train_step, x, t, optimizer, outs=params)
    other = caller.attempt(f"{prefix}.copy", network.copy)
    other = anything(r) if other is None or chance(r, 10) else other
    caller.attempt(f"{prefix}.blend", network.blend, other, anything(r) if chance(r, 20) else 0.5, outs=params)
    for method in ("freeze", "unfreeze"):
        caller.attempt(f"{prefix}.{method}", getattr(network, method))
        caller.attempt(f"{prefix}.frozen", getattr, network, "frozen")
        caller.attempt(f"{prefix}.backward", network.backward, dout)
    if chance(r, 10):
        call_formats(caller, r, prefix, network, params)


def call_parallel(caller, r, name, owner):
    """Layers side by side, mostly some that fit what they are given."""
    prefix, width, dtype = (
        ("reference." if owner is reference else "") + name,
        r.choice((1, 2, 5)),
        r.choice(kit.FLOATS),
    )
    layers = [owner.Affine(numbers(r, (width, r.choice((1, 2, 3))), dtype)) for _ in range(r.randint(1, 3))]
    layers += [owner.Sequential([owner.Relu()]), *([anything(r)] if chance(r, 10) else [])]
    heads = caller.attempt(prefix, owner.Parallel, anything(r) if chance(r, 10) else layers)
    if heads is None:
        return
    y = caller.attempt(f"{prefix}.forward", heads.forward, numbers(r, (4, width), dtype))
    x = anything(r) if y is None or chance(r, 20) else y
    for method in ("predict", "backward", "split"):
        caller.attempt(f"{prefix}.{method}", getattr(heads, method), x)
    for kept in ("params", "grads"):
        caller.attempt(f"{prefix}.{kept}", getattr, heads, kept)
    other = caller.attempt(f"{prefix}.copy", heads.copy)
    params = [p for layer in layers for p in getattr(layer, "params", ()) if isinstance(p, np.ndarray)]
    tau = anything(r) if chance(r, 20) else 0.5
    caller.attempt(f"{prefix}.blend", heads.blend, anything(r) if other is None else other, tau, outs=params)
    for method in ("freeze", "unfreeze", "reset_state"):
        caller.attempt(f"{prefix}.{method}", getattr(heads, method))
    caller.attempt(f"{prefix}.frozen", getattr, heads, "frozen")


def within_others(caller, r, prefix, owner, layers):
    """The layers with some of them in a network, beside another that is given the same."""
    begin = r.randrange(len(layers))
    end = r.randint(begin, len(layers))
    inner = caller.attempt(prefix, owner.Sequential, layers[begin:end])
    beside = [inner or owner.Sequential([]), owner.Sequential([])]
    name = prefix.replace("Sequential", "Parallel")
    heads = caller.attempt(name, owner.Parallel, beside[: r.randint(0, 2)])
    return layers if heads is None else [*layers[:begin], heads, *layers[end:]]


def call_formats(caller, r, prefix, network, params):
    """What a network is written to, and read from: the file that it wrote, mostly with a byte that is another."""
    folder = Path(caller.folder.name)
    options = {"input_shape": anything(r), "probabilities": anything(r)} if chance(r, 30) else {}
    caller.attempt(f"{prefix}.to_onnx", network.to_onnx, folder / "onnx", **options)
    names = [anything(r)] if chance(r, 10) else []
    caller.attempt(f"{prefix}.to_c", network.to_c, anything(r) if chance(r, 5) else folder / "m.c", *names, **options)
    for write, read in (("save", "load"), ("to_safetensors", "from_safetensors")):
        path = r.choice((folder, folder / "a" / "b", None, 3, b"\0", "")) if chance(r, 20) else folder / write
        caller.attempt(f"{prefix}.{write}", getattr(network, write), path)
        if path == folder / write and path.exists() and chance(r, 70):
            damaged = bytearray(path.read_bytes())
            damaged[r.randrange(len(damaged))] = r.randrange(256)
            path.write_bytes(damaged)
        caller.attempt(f"{prefix}.{read}", getattr(type(network), read), path)
    state = caller.attempt(f"{prefix}.state_dict", network.state_dict)
    if state and chance(r, 30):
        state[r.choice((*state, "other"))] = anything(r)
    state = anything(r) if state is None or chance(r, 5) else state
    names = {"names": anything(r)} if chance(r, 20) else {}
    caller.attempt(f"{prefix}.load_state_dict", network.load_state_dict, state, outs=params, **names)


def call_fit(caller, r, name, owner):
    """A training, with callbacks, mostly; one that succeeds; what they leave, and each method of the callbacks."""
    arena, prefix, dtype = caller.arena, ("reference." if owner is reference else "") + name, r.choice(kit.FAST)
    params = [place(r, arena, numbers(r, shape, dtype)) for shape in ((3, 4), (4,))]
    network, kept = owner.Sequential([owner.Affine(*params)], owner.SoftmaxWithLoss()), []
    data = [any_form(r, arena, numbers(r, (6, 3), dtype)), any_form(r, arena, labels(r, (6, 4)))]
    options = {
        "optimizer": getattr(owner, r.choice([*families.OPTIMIZERS]))(),
        "validation_data": data,
        "sample_weight": any_form(r, arena, numbers(r, (6,), dtype)),
        "rng": r.choice((0, None, np.random.default_rng(1))),
        "shuffle": chance(r, 50),
        "callbacks": [any_callback(caller, r), kept.append],
    }
    options = {key: anything(r) if chance(r, 3) else value for key, value in options.items() if chance(r, 60)}
    counts = r.choice((1, 2, 2, 2, 0, 0.5, "text")), r.choice((1, 4, 4, 4, 100, 0, 10**30, None))
    caller.attempt(f"{prefix}.fit", network.fit, *data, *counts, outs=params, **options)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        called = callbacks.Callback(), callbacks.Checkpoint(Path(folder, "model")), any_callback(caller, r)
        owner.Sequential([owner.Affine(np.ones((3, 4)))], owner.SoftmaxWithLoss()).fit(
            np.ones((6, 3)), [0] * 6, 1, callbacks=[kept.append]
        )
        caller.attempt("callbacks.Training.say", kept[-1].say, anything(r))
        for callback, hook in itertools.product(called, ("on_fit_begin", "on_step_end", "on_epoch_end", "on_fit_end")):
            if isinstance(callback, callbacks.Callback):
                caller.attempt(f"callbacks.{type(callback).__name__}.{hook}", getattr(callback, hook), kept[-1])
    history = (
        caller.attempt("History", fl.History, r.choice(([0.5, float("nan")], [], anything(r)))) or kept[-1].history
    )
    caller.attempt("History.as_dict", history.as_dict)
    caller.attempt("History.epochs", lambda: history.epochs)
    caller.attempt("History.best_epoch", lambda: history.best_epoch)
    caller.attempt("History.perplexity", lambda: history.perplexity)
    caller.attempt("History.validation_perplexity", lambda: history.validation_perplexity)


def any_callback(caller, r):
    """One of the package's, or a function that listens, or what is none."""
    kind = r.choice(("EarlyStopping", "ReduceOnPlateau", "Callback", "Checkpoint", "Training", "function"))
    if kind == "function":
        return lambda training: setattr(training, "stop", chance(r, 20))
    made = {"EarlyStopping": ("loss", 1, 0.1), "ReduceOnPlateau": ("loss", 0.5, 1, 0.1, 0.01), "Training": (None,) * 4}
    args = [anything(r) if chance(r, 10) else arg for arg in made.get(kind, ())]
    if kind == "Checkpoint":  # which would save wherever it is told to
        caller.attempt("callbacks.Checkpoint", callbacks.Checkpoint, anything(r))
        return None
    return caller.attempt(f"callbacks.{kind}", getattr(callbacks, kind), *args)
