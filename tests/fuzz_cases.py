"""Every public function and method, to be called with whatever `r` chooses; and what no call may do."""

import contextlib
import inspect
import io
import tempfile
from collections import Counter

import families
import kit
import numpy as np
from calls import any_call, any_layer, any_optimizer
from fuzz_networks import call_fit, call_network, call_parallel
from guarded import PagedArena
from strategies import AskedError, any_dtype, any_form, any_shape, anything, chance, numbers, place
from word_families import indices, sampling

import fastlayers as fl
from fastlayers import initializers, reference, schedules, testing

# `AskedError` is an argument's own error.
ALLOWED = (TypeError, ValueError, MemoryError, AskedError)
ALSO_ALLOWED = {
    **dict.fromkeys(families.LAYERS, (RuntimeError,)),  # backward before forward
    **dict.fromkeys(families.NODES, (OverflowError, RuntimeError)),  # an int that the array's dtype cannot hold
    # What is no layer has no forward; a file may be missing, and so may a package; a fit may come to infinity.
    "Sequential": (RuntimeError, AttributeError, OSError, ImportError, FloatingPointError),
    "Parallel": (RuntimeError, AttributeError),
    "check_gradients": (AssertionError, RuntimeError, AttributeError, OverflowError),
    "numerical_gradient": (OverflowError,),
    "set_backend": (ImportError,),
    "use_backend": (ImportError,),
}


def public_names(module=fl, prefix=""):
    """Every function, class and method that users may call; and the properties."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield from public_names(value, f"{name}.")
        elif callable(value) and not getattr(value, "_is_protocol", False):
            yield prefix + name
            if inspect.isclass(value):
                methods = inspect.getmembers(value, lambda member: callable(member) or isinstance(member, property))
                yield from (f"{prefix}{name}.{method}" for method, _ in methods if not method.startswith("_"))


PROPERTIES = {
    "Dropout": ("p",),
    "Convolution": ("col", "col_W"),
    "Pooling": ("arg_max",),
    "EmbeddingDot": ("W", "dW"),
    "NegativeSamplingLoss": ("rng", "sample_size"),
    "Attention": ("attention_weight",),
    "TimeAttention": ("attention_weights",),
    "TimeBiLSTM": ("stateful",),
    "TimeDropout": ("p",),
    "TimeSoftmaxWithLoss": ("ignore_index",),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), ("cache",)),
}


class FaultError(Exception):
    """A call did what none may do."""


def arrays_of(result):
    """The arrays in it, in lists and tuples too."""
    if isinstance(result, np.ndarray):
        yield result
    elif isinstance(result, (list, tuple)):
        for part in result:
            yield from arrays_of(part)


class Caller:
    """Makes calls, and looks at what they did."""

    def __init__(self):
        self.arena = PagedArena()
        self.folder = tempfile.TemporaryDirectory()  # for files; the last caller deletes it
        self.counts = Counter()

    def attempt(self, name, function, *args, outs=(), **kwargs):
        """The result, or None after an error that is allowed; nothing but `outs` may have been written to."""
        self.counts[name] += 1
        before = self.arena.state()
        family = name.removeprefix("reference.").removeprefix("testing.").split(".")[0]
        try:
            result = function(*args, **kwargs)
        except (*ALLOWED, *ALSO_ALLOWED.get(family, ())) as error:
            if isinstance(error, (RecursionError, NotImplementedError)):
                raise
            # A training that ends for a loss that is not finite keeps the steps before it.
            result, outs = None, outs if isinstance(error, FloatingPointError) else ()
        if not self.arena.is_unchanged(before, but=outs):
            raise FaultError(f"{name} wrote to what it was not given to write to")
        for array in arrays_of(result):
            array.copy()  # all of it can be read
        return result


# A family of public names each, to be called with whatever `r` chooses


def call_function(caller, r, name, owner):
    call = any_call(r, caller.arena, name)
    prefix = "reference." if owner is reference else ""
    caller.attempt(prefix + name, getattr(owner, name), *call.args, outs=call.outs(), **call.kwargs)


def call_large(caller, r, name, owner):
    """As many numbers as are shared out among threads."""
    args = families.common_call(name, r.choice(kit.FAST), rows=r.randint(1, 3000), columns=r.randint(1, 300))
    caller.attempt(name, kit.of(owner, name), *[place(r, caller.arena, a) for a in args])


def call_layer(caller, r, name, owner):
    made, calls = any_layer(r, caller.arena, name)
    prefix = ("reference." if owner is reference else "") + name
    layer = caller.attempt(prefix, getattr(owner, name), *made)
    if layer is None:
        return
    caller.attempt(f"{prefix}.params", lambda: layer.params)
    if chance(r, 50):  # from then on backward writes into them
        caller.attempt(f"{prefix}.grads", lambda: layer.grads)
    for call in calls:
        caller.attempt(f"{prefix}.{call.name}", getattr(layer, call.name), *call.args, **call.kwargs)
    for attribute in PROPERTIES.get(name, ()):
        caller.attempt(f"{prefix}.{attribute}", getattr, layer, attribute)
    for method in ("freeze", "unfreeze"):
        caller.attempt(f"{prefix}.{method}", getattr(layer, method))
        caller.attempt(f"{prefix}.frozen", getattr, layer, "frozen")
    if hasattr(layer, "set_state"):
        states = [numbers(r, any_shape(r), any_dtype(r)) for _ in range(2 if name == "TimeLSTM" else 1)]
        caller.attempt(f"{prefix}.set_state", layer.set_state, *states)
        caller.attempt(f"{prefix}.forward", layer.forward, *calls[0].args)
    if hasattr(layer, "reset_state"):
        caller.attempt(f"{prefix}.reset_state", layer.reset_state)
    if name in ("SigmoidWithLoss", "TimeSigmoidWithLoss"):
        caller.attempt(f"{prefix}.accuracy", layer.accuracy, *calls[0].args[:2])
    if hasattr(layer, "put_gradients_in"):
        buffers = [numbers(r, np.shape(param), r.choice(kit.FAST)) for param in (layer.W, layer.b)]
        buffers = [place(r, caller.arena, a) if chance(r, 80) else anything(r) for a in buffers]
        caller.attempt(f"{prefix}.put_gradients_in", layer.put_gradients_in, *buffers)
        outs = [a for a in buffers if isinstance(a, np.ndarray)]
        for call in calls:
            caller.attempt(f"{prefix}.{call.name}", getattr(layer, call.name), *call.args, outs=outs, **call.kwargs)


def call_sampler(caller, r, name, owner):
    prefix = ("reference." if owner is reference else "") + name
    sampler = caller.attempt(prefix, getattr(owner, name), *sampling(r))
    if sampler is not None:
        for attribute in ("vocab_size", "word_p", "sample_size"):
            caller.attempt(f"{prefix}.{attribute}", getattr, sampler, attribute)
        target = anything(r) if chance(r, 10) else any_form(r, caller.arena, indices(r, (5,), sampler.vocab_size))
        caller.attempt(f"{prefix}.get_negative_sample", sampler.get_negative_sample, target)


def call_running_text(caller, r, name, owner):
    """A text of any length, in any number of pieces, and what its epochs are."""
    corpus = any_form(r, caller.arena, indices(r, (r.choice((0, 1, 7, 60)),), 9))
    sizes = [anything(r) if chance(r, 10) else r.choice((1, 2, 5, 0)) for _ in range(2)]
    text = caller.attempt("training.running_text", owner.running_text, corpus, *sizes)
    if text is None:
        text = owner.running_text(np.arange(20), 2, 3)
    caller.attempt("training.RunningText", owner.RunningText, corpus, *sizes)
    caller.attempt("training.RunningText.epoch", text.epoch, anything(r) if chance(r, 20) else r.randint(0, 5))


def call_optimizer(caller, r, name, owner):
    made, options, calls = any_optimizer(r, caller.arena, name)
    prefix = ("reference." if owner is reference else "") + name
    optimizer = caller.attempt(prefix, getattr(owner, name), *made, **options)
    for call in calls if optimizer is not None else []:
        params = list(call.args[0].values()) if isinstance(call.args[0], dict) else call.args[0]
        outs = [p for p in params if isinstance(p, np.ndarray)] if isinstance(params, (list, tuple)) else []
        caller.attempt(f"{prefix}.update", optimizer.update, *call.args, outs=outs)


def call_clip_grads(caller, r, name, owner):
    """Gradients of any shapes, now and then one of them again; and any norm."""
    grads = [any_form(r, caller.arena, numbers(r, any_shape(r), any_dtype(r))) for _ in range(r.randint(0, 4))]
    if grads and chance(r, 30):
        grads.append(r.choice((grads[0], grads[0].T if isinstance(grads[0], np.ndarray) else 1, anything(r))))
    norm = anything(r) if chance(r, 15) else r.choice((1.0, 1e-3, 1, np.float32(0.5), 0.0, np.inf))
    prefix = "reference." if owner is reference else ""
    outs = [grad for grad in grads if isinstance(grad, np.ndarray)]
    caller.attempt(f"{prefix}{name}", owner.clip_grads, grads, norm, outs=outs)


def call_numerical_gradient(caller, r, name, owner):
    function = anything(r) if chance(r, 15) else r.choice((np.sum, np.mean, lambda a: float(np.sum(a * a)), np.abs))
    kwargs = {"h": anything(r)} if chance(r, 15) else {}
    caller.attempt(f"testing.{name}", owner.numerical_gradient, function, small(caller, r), **kwargs)


def call_check_gradients(caller, r, name, owner):
    layer = r.choice(
        (
            fl.Relu,
            fl.Tanh,
            fl.MulLayer,
            fl.SoftmaxWithLoss,
            fl.MeanSquaredError,
            fl.HuberLoss,
            fl.reference.Sigmoid,
            fl.AddLayer,
            object,
        )
    )()
    kwargs = {name: anything(r) for name in ("rng", "tolerance") if chance(r, 5)}
    inputs = [small(caller, r) for _ in range(r.choice((1, 2, 2, 0, 3)))]
    caller.attempt(f"testing.{name}", owner.check_gradients, layer, *inputs, **kwargs)


def small(caller, r):
    """An array whose gradient is soon known. Of no longdouble: what pads its 10 bytes to 16 is not put back."""
    return any_form(
        r, caller.arena, numbers(r, r.choice(((), (3,), (2, 2), (0, 2))), r.choice((np.float16, *kit.FAST)))
    )


def call_settings(caller, r, name, owner):
    """The backend and the threads, which are put back before the next call."""
    argument = r.choice(("auto", "cython", "reference", 1, 3)) if chance(r, 50) else anything(r)

    def use_backend():
        with owner.use_backend(argument):
            return owner.get_backend()

    caller.attempt("use_backend", use_backend)
    for setting in ("set_backend", "set_num_threads"):
        caller.attempt(setting, getattr(owner, setting), argument)
    for question in ("get_backend", "get_num_threads", "show_config"):
        with contextlib.redirect_stdout(io.StringIO()):
            caller.attempt(question, getattr(owner, question))


def call_schedule(caller, r, name, owner):
    given = [anything(r) if chance(r, 15) else r.choice((0.5, 10, 3, 1, 0.1)) for _ in range(r.randint(0, 4))]
    schedule = caller.attempt(f"schedules.{name}", getattr(owner, name), *given)
    if schedule is not None:
        caller.attempt(f"schedules.{name}", schedule, r.choice((0, 1, 7, 10**6)))


def call_initializer(caller, r, name, owner):
    parameters = inspect.signature(getattr(owner, name)).parameters
    needed = [p.name for p in parameters.values() if p.default is p.empty]
    sizes = [
        r.choice((-1, 1.5, None, "2", True, np.int8(3))) if chance(r, 15) else r.randint(0, 5)
        for _ in range(max(2, len(needed)))
    ]
    arguments = sizes[: len(needed)]
    if needed == ["shape"]:
        arguments = [anything(r) if chance(r, 10) else r.choice((tuple, list))(sizes)]
    kwargs = {option: anything(r) for option in ("rng", "dtype") if chance(r, 15)}
    if "init" in parameters and chance(r, 20):
        kwargs[r.choice(("init", "bias"))] = r.choice((initializers.xavier_normal, False, anything(r)))
    caller.attempt(f"initializers.{name}", getattr(owner, name), *arguments, **kwargs)


CASES = [(call_function, name, owner) for name in fl.functional.__all__ for owner in (fl, fl, reference)]
CASES += [(call_layer, name, owner) for name in families.LAYERS for owner in (fl, reference)]
CASES += [(call_sampler, name, owner) for name in families.NO_LAYERS for owner in (fl, reference)]
CASES += [(call_optimizer, name, owner) for name in families.OPTIMIZERS for owner in (fl, reference)]
CASES += [(call_clip_grads, "clip_grads", owner) for owner in (fl, reference)]
CASES += [(call_schedule, name, schedules) for name in schedules.__all__]
CASES += [(call_initializer, name, initializers) for name in initializers.__all__]
CASES += [(call_network, "Sequential", owner) for owner in (fl, reference)]
CASES += [(call_parallel, "Parallel", owner) for owner in (fl, reference)]
CASES += [(call_fit, "Sequential", owner) for owner in (fl, reference)]
CASES += [(call_numerical_gradient, "numerical_gradient", testing), (call_check_gradients, "check_gradients", testing)]
CASES += [(call_running_text, "running_text", fl.training)]
CASES += [(call_settings, "settings", fl)]
