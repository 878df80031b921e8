"""What must not leak: every public function and method in common and odd calls, and in each of its ways to fail."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import pickle
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import families
import kit
import numpy as np
from family import Arrays

import fastlayers as fl
from fastlayers import functional, testing
from fastlayers._core.memory import Recycler, recycler
from fastlayers.schedules import StepDecay


@dataclass
class Case:
    """What is called, the objects that it gets, and the part of the calls that it is worth (some are slow)."""

    name: str
    call: Callable[[], object]
    given: tuple[Any, ...] = ()
    fraction: float = 1.0

    def calls(self, calls: int) -> int:
        return max(int(calls * self.fraction), 10)


def refused(function: Callable[..., object], *args: Any, **kwargs: Any) -> Callable[[], None]:
    """A call that must raise."""

    def call() -> None:
        try:
            function(*args, **kwargs)
        except (TypeError, ValueError, RuntimeError):
            return
        raise AssertionError("nothing was raised")

    return call


def _swapped(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder())


def of_functions(dtype: type = np.float32) -> Iterator[Case]:
    """Each function: the common call, with ``out``, what the kernels decline, large arrays, and what is refused."""
    for name in families.FUNCTIONS:
        function, args = kit.of(functional, name), families.common_call(name, dtype)

        def case(what: str, call: Callable[[], object], *given: Any, fraction: float = 1.0, of: str = name) -> Case:
            return Case(f"{of}, {what}", call, given, fraction)

        yield case("arrays", lambda f=function, a=args: f(*a), *args)
        results = tuple(np.zeros_like(array) for array in kit.arrays(function(*args)))
        out = results if len(results) > 1 else results[0]
        yield case("out", lambda f=function, a=args, o=out: f(*a, out=o), *args, *results)
        recyclers = tuple(recycler() for _ in results)
        memory = recyclers if len(results) > 1 else recyclers[0]
        yield case("recyclers", lambda f=function, a=args, o=memory: f(*a, out=o), *args, *recyclers)
        for what, change in {
            "byte order": _swapped,
            "strides": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
            "float16": lambda a: a.astype(np.float16) if a.dtype.kind == "f" else a,
            "lists": np.ndarray.tolist,
        }.items():
            other = tuple(map(change, args))
            yield case(what, lambda f=function, a=other: f(*a), *other, fraction=0.1)
        if fl.get_backend() == "cython":  # where large arrays are shared out among threads
            large = families.common_call(name, dtype, rows=700, columns=500)
            yield case("large", lambda f=function, a=large: f(*a), *large, fraction=0.0005)
        yield from of_refusals(case, function, args, results, families.FUNCTION[name].any_shapes)


def of_refusals(
    case: Callable[..., Case],
    function: Callable[..., object],
    args: tuple[Any, ...],
    results: tuple[Any, ...],
    any_shapes: bool = False,
) -> Iterator[Case]:
    """What a function refuses: each argument that does not fit, and each array for a result."""
    many = len(results) > 1

    def with_out(i: int, array: Any) -> Any:
        return (*results[:i], array, *results[i + 1 :]) if many else array

    for i, arg in enumerate(args):
        others: dict[str, Any] = {"complex": arg.astype(complex), "no array": "text"}
        if len(args) > 1 and not any_shapes:
            others["shape"] = np.ones(arg.shape[::-1] if arg.ndim > 1 else len(arg) + 1, arg.dtype)
        if arg.dtype.kind == "i":
            others["label"], others["negative label"] = arg + 5, arg - 9
        for what, other in others.items():
            bad = (*args[:i], other, *args[i + 1 :])
            yield case(f"bad {what} at {i}", refused(function, *bad), *bad)
    for i, result in enumerate(results):
        locked = result.copy()
        locked.flags.writeable = False
        others = {"read-only": locked, "complex": result.astype(complex), "shape": result[:-1]}
        for what, other in others.items():
            yield case(f"bad out, {what} at {i}", refused(function, *args, out=with_out(i, other)), *args, other)


def of_loss_options(dtype: type = np.float32) -> Iterator[Case]:
    """The loss with each of its options, taken and refused."""
    x, labels = kit.numbers((6, 5), dtype), np.arange(6) % 5
    good: dict[str, Any] = {
        "weight": np.ones(5, dtype),
        "sample_weight": np.ones(6, dtype),
        "ignore_index": 2,
        "label_smoothing": 0.1,
        "reduction": "none",
    }
    bad: dict[str, Any] = {
        "weight": np.ones(4, dtype),
        "sample_weight": np.ones(5, dtype),
        "ignore_index": 0.5,
        "label_smoothing": 2.0,
        "reduction": "max",
    }
    given = x, labels, *good.values()
    name = "softmax_cross_entropy"
    yield Case(f"{name}, all options", lambda: fl.softmax_cross_entropy(x, labels, **good), given)
    layer = fl.SoftmaxWithLoss(weight=good["weight"], ignore_index=2, label_smoothing=0.1, reduction="none")
    yield Case("SoftmaxWithLoss, all options", lambda: layer.forward(x, labels, good["sample_weight"]), given)
    for option, value in good.items():
        yield Case(f"{name}, {option}", lambda o={option: value}: fl.softmax_cross_entropy(x, labels, **o), given)
    for option, value in bad.items():
        options = good | {option: value}
        yield Case(f"{name}, bad {option}", refused(fl.softmax_cross_entropy, x, labels, **options), given)


def of_layers(dtype: type = np.float32) -> Iterator[Case]:
    """Each layer forward and backward, where its results are kept, where shapes alternate, and where it is refused."""
    arrays = Arrays(dtype)
    for name, entry in families.LAYER.items():
        layer, args, made = entry.make(arrays=arrays), entry.inputs(arrays), entry.arguments(arrays)
        grads = () if entry.is_loss else (np.ones_like(kit.flat(layer.forward(*args))[0]),)
        given = *args, *grads, *made
        layer.forward(*args)
        yield Case(f"{name}, forward", lambda la=layer, a=args: la.forward(*a), given)
        yield Case(f"{name}, backward", lambda la=layer, g=grads: la.backward(*g), given)
        if hasattr(layer, "predict"):
            yield Case(f"{name}, predict", lambda la=layer, a=args: la.predict(*a), given)

        def alternating(la: Any = layer, a: Any = args, g: Any = grads) -> None:
            """Recycled memory of the wrong shape, or held by a weak reference, or by the caller, is let go."""
            half = [array[:3] for array in a]
            held = la.forward(*half), la.backward(*[array[:3] if array.ndim else array for array in g])
            watch = [weakref.ref(array) for array in held if isinstance(array, np.ndarray)]
            la.forward(*a), la.backward(*g)
            la.forward(*a)
            del watch, held

        yield Case(f"{name}, alternating", alternating, given, 0.2)
        bad = tuple(array.astype(complex) for array in args)
        yield Case(f"{name}, bad forward", refused(layer.forward, *bad), (*given, *bad))
        yield Case(f"{name}, bad backward", refused(layer.backward, "text"), given)
        yield Case(f"{name}, early backward", refused(entry.make(arrays=arrays).backward, 1))
        yield Case(f"{name}, pickled", lambda la=layer: pickle.loads(pickle.dumps(la)), given, 0.02)


def of_sampling() -> Iterator[Case]:
    """Words that are drawn, a table of probabilities that is made anew, and targets that are refused."""
    sampler, targets = fl.UnigramSampler(np.arange(40) % 9, 0.75, 3), np.arange(6)

    def anew() -> None:
        sampler.word_p = np.full(9, 1 / 9)

    yield Case("UnigramSampler, draws", lambda: sampler.get_negative_sample(targets), (targets,))
    yield Case("UnigramSampler, probabilities", anew)
    yield Case("UnigramSampler, bad target", refused(sampler.get_negative_sample, targets + 9), (targets,))


def of_training(dtype: type = np.float32) -> Iterator[Case]:
    """Networks, optimizers on lists and dicts, and the updates that they refuse."""
    x, labels = kit.numbers((6, 5), dtype), np.arange(6) % 3
    params = [kit.numbers(shape, dtype, 3) for shape in ((5, 4), (4,), (4, 3), (3,))]
    layers = [fl.Affine(*params[:2]), fl.Relu(), fl.Affine(*params[2:])]
    network = fl.Sequential(layers, fl.SoftmaxWithLoss())
    grads = [array * 0 for array in network.gradient(x, labels)[1]]
    given = x, labels, *params, *grads
    yield Case("Sequential, predict", lambda: network.predict(x), given)
    yield Case("Sequential, loss", lambda: network.loss(x, labels), given)
    yield Case("Sequential, accuracy", lambda: network.accuracy(x, labels), given, 0.2)
    yield Case("Sequential, params", lambda: network.params, given)
    yield Case("Sequential, gradient", lambda: network.gradient(x, labels), given)
    yield Case("Sequential, bad labels", refused(network.gradient, x, labels + 3), given)
    state = network.state_dict()
    yield Case("Sequential, state_dict", network.state_dict, given, 0.2)
    yield Case("Sequential, load_state_dict", lambda: network.load_state_dict(state), (*given, *state.values()), 0.2)
    yield Case("Sequential, bad state", refused(network.load_state_dict, {"0.weight": x}), given, 0.2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.npz"
        yield Case("Sequential, save and load", lambda: (network.save(path), fl.Sequential.load(path)), given, 0.002)
        yield Case("Sequential, to_c", lambda: network.to_c(path.with_suffix(".c"), input_shape=(5,)), given, 0.002)
    named = dict(enumerate(params)), dict(enumerate(grads))
    for optimizer in (fl.SGD(1e-9), fl.Momentum(1e-9), fl.Adam(1e-9)):
        name, of_dicts = type(optimizer).__name__, type(optimizer)(1e-9)
        yield Case(f"{name}, train_step", lambda o=optimizer: network.train_step(x, labels, o), given)
        yield Case(f"{name}, update", lambda o=optimizer: o.update(params, grads), given)
        yield Case(f"{name}, dicts", lambda o=of_dicts: o.update(*named), (*given, *named))
        yield Case(f"{name}, bad shape", refused(optimizer.update, params, [grads[0], *grads[:3]]), given)
        yield Case(f"{name}, bad dtype", refused(optimizer.update, params, [g.astype(complex) for g in grads]), given)
        yield Case(f"{name}, bad number", refused(optimizer.update, params, grads[:3]), given)
    frozen = network.copy().freeze()
    heads = fl.Sequential([fl.Parallel([frozen, fl.Sequential([])])])
    many = np.ones((6, 8), x.dtype)
    yield Case("Parallel", lambda: (heads.forward(x), heads.backward(many), heads.predict(x)), given)
    yield Case("Parallel, bad width", refused(heads.backward, x), given)
    yield Case("copy", network.copy, given)
    yield Case("blend", lambda: frozen.blend(network, 0.5), given)
    yield Case("blend, bad tau", refused(frozen.blend, network, 2), given)
    yield Case("frozen, there and back", lambda: (frozen.forward(x), frozen.backward(np.ones((6, 3), x.dtype))), given)
    yield Case("clip_grads", lambda: fl.clip_grads(grads, 1e9), given)
    yield Case("clip_grads, twice the same", lambda: fl.clip_grads([*grads, grads[0]], 1e9), given)
    yield Case("clip_grads, bad norm", refused(fl.clip_grads, grads, -1), given)
    for name in families.OPTIMIZERS:
        options = {"nesterov": True} if name == "Momentum" else {}
        make = functools.partial(getattr(fl, name), StepDecay(1e-9, 10), weight_decay=1e-9, **options)
        clipped, negative = make(clip_norm=1e-9), make(clip_norm=-1)
        yield Case(f"{name}, clipped", lambda o=clipped: o.update(params, grads), given)
        yield Case(f"{name}, bad clip_norm", refused(negative.update, params, grads), given)


def of_fitting(dtype: type = np.float32) -> Iterator[Case]:
    """Trainings, with each callback, and those that are refused or fail midway."""
    x, labels = kit.numbers((6, 5), dtype), np.arange(6) % 3
    network = fl.Sequential([fl.Affine(kit.numbers((5, 3), dtype)), fl.Relu()], fl.SoftmaxWithLoss())
    given = x, labels, *network.params
    options = {"optimizer": fl.SGD(1e-9), "validation_data": (x, labels), "rng": np.random.default_rng(0)}
    stopping, reducing = fl.callbacks.EarlyStopping(), fl.callbacks.ReduceOnPlateau()

    class Failing(fl.callbacks.Callback):
        def on_step_end(self, training: fl.callbacks.Training) -> None:
            raise ValueError(f"step {training.step}")

    def fit(*callbacks: object, **others: Any) -> Callable[[], object]:
        return lambda: network.fit(x, labels, 2, 4, callbacks=callbacks, **options | others)

    def saved() -> None:
        with tempfile.TemporaryDirectory() as folder:
            fit(fl.callbacks.Checkpoint(Path(folder, "model"), best_only=True))()

    yield Case("Sequential, fit", fit(sample_weight=np.ones(6)), given, 0.02)
    yield Case("EarlyStopping, fit", fit(stopping, lambda training: None), (*given, stopping), 0.02)
    yield Case("ReduceOnPlateau, fit", fit(reducing), (*given, reducing), 0.02)
    yield Case("Checkpoint, fit", saved, given, 0.01)
    yield Case("Callback, fit that fails", refused(fit(Failing())), given, 0.02)
    yield Case("Training, fit that stops", fit(lambda training: setattr(training, "stop", True)), given, 0.02)
    yield Case("Sequential, bad fit", refused(network.fit, x, labels + 3, **options), given, 0.02)
    history = network.fit(x, labels, 2, 4, **options)
    yield Case("Summary", lambda: repr(network.summary()), (network,), 0.1)
    yield Case("History", lambda: (history.as_dict(), history.best_epoch, repr(history)), (history,), 0.1)


def of_the_rest() -> Iterator[Case]:
    """The loss on probabilities, settings of the backend, the Recycler itself, gradient checks."""
    for name in fl.initializers.__all__:
        init = getattr(fl.initializers, name)
        needed = [p.name for p in inspect.signature(init).parameters.values() if p.default is p.empty]
        sizes = ((5, 4),) if needed == ["shape"] else (2, 3, 5)[: len(needed)]
        yield Case(name, lambda init=init, sizes=sizes: init(*sizes, rng=3), fraction=0.1)
        yield Case(f"{name}, bad dtype", refused(init, *sizes, dtype=int))
    for name in fl.schedules.__all__:
        schedule = getattr(fl.schedules, name)
        yield Case(name, lambda schedule=schedule: schedule(0.5, 1)(3))
        yield Case(f"{name}, bad rate", refused(schedule, -0.5, 1))
    y, labels, x = np.full((6, 5), 0.2), np.arange(6) % 5, kit.numbers((3, 2), float)
    numerical, sigmoid, threads = testing.numerical_gradient, fl.Sigmoid(), fl.get_num_threads()

    def shown() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            fl.show_config()

    def backend_used() -> None:
        with fl.use_backend("reference"):
            pass

    images = kit.numbers((2, 3, 5, 6), np.float32)
    col = fl.im2col(images, 2, 3)
    yield Case("im2col", lambda: fl.im2col(images, 2, 3, out=col), (images, col))
    yield Case("im2col, bad", refused(fl.im2col, images, 9, 9), (images,))
    yield Case("col2im", lambda: fl.col2im(col, images.shape, 2, 3), (images, col))
    yield Case("col2im, bad", refused(fl.col2im, images, images.shape, 2, 3), (images,))
    yield Case("cross_entropy_error", lambda: fl.cross_entropy_error(y, labels), (y, labels), 0.1)
    yield Case("cross_entropy_error, bad", refused(fl.cross_entropy_error, y, labels + 1), (y, labels), 0.1)
    yield Case("get_backend", fl.get_backend)
    yield Case("get_num_threads", fl.get_num_threads)
    yield Case("set_num_threads", lambda: fl.set_num_threads(threads))
    yield Case("set_num_threads, bad", refused(fl.set_num_threads, 0))
    yield Case("set_backend, bad", refused(fl.set_backend, "other"))
    yield Case("show_config", shown, fraction=0.001)
    yield Case("use_backend", backend_used, fraction=0.1)
    if Recycler.__module__ != "fastlayers._core.memory":
        memory = recycler()
        yield Case("Recycler.like", lambda: memory.like(x), (memory, x))
        yield Case("Recycler, held", lambda: [memory.like(x) for _ in range(4)], (memory, x))
        yield Case("Recycler.like, bad", refused(memory.like, "text"), (memory,))
        yield Case("Recycler, new", recycler)
    yield Case("numerical_gradient", lambda: numerical(lambda a: float(a.sum()), x), (x,), 0.02)
    yield Case("check_gradients", lambda: testing.check_gradients(sigmoid, x), (x,), 0.005)


GROUPS = of_functions, of_loss_options, of_layers, of_sampling, of_training, of_fitting, of_the_rest


def cases() -> Iterator[Case]:
    for group in GROUPS:
        yield from group()
