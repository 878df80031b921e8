"""A network as one compiled call: the same bits and attributes as the walk over its layers, and never out of date."""

import copy
import gc
import math
import pickle
import sys
import threading
from pathlib import Path

import kit
import numpy as np
import pytest
from programs import T, X, network

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.layers import _sharing

PACKAGE = Path(fl.__file__).parent
OPTIMIZERS = {
    "SGD": lambda: fl.SGD(0.1),
    "SGD with all": lambda: fl.SGD(0.1, weight_decay=0.01, clip_norm=0.5),
    "scheduled": lambda: fl.SGD(lambda step: 0.1 / (1 + step)),
    "Momentum": lambda: fl.Momentum(0.05),
    "Nesterov": lambda: fl.Momentum(0.05, nesterov=True),
    "AdaGrad": lambda: fl.AdaGrad(0.05),
    "RMSprop": lambda: fl.RMSprop(0.01, weight_decay=0.01),
    "Adam": lambda: fl.Adam(0.01, clip_norm=1.0),
    "AdamW": lambda: fl.AdamW(0.01),
}
ACTIVATIONS = [
    fl.Relu,
    fl.Sigmoid,
    fl.Tanh,
    fl.Silu,
    fl.Elu,
    fl.LeakyRelu,
    fl.Softmax,
    fl.Gelu,
    lambda: fl.Gelu("tanh"),
    lambda: fl.Elu(0.3),
    lambda: fl.Dropout(0.3, rng=1),
]


def random_case(seed):
    """A network, its input and targets, and the arguments of a step."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, rng.integers(2, 6)).tolist()
    dtype = rng.choice([np.float32, np.float64])
    activations = rng.choice(ACTIVATIONS, 3)
    loss = rng.choice(
        [
            fl.SoftmaxWithLoss(),
            fl.SoftmaxWithLoss(label_smoothing=0.1, ignore_index=0, reduction="sum"),
            fl.SigmoidWithLoss(),
            fl.MeanSquaredError(),
            fl.HuberLoss(0.5),
        ]
    )
    net = network(rng, sizes, activations, dtype, loss, bias=bool(rng.integers(4)))
    for i in range(len(net.layers), 0, -1):
        if type(net.layers[i - 1]) is fl.Affine and rng.integers(4) == 0:  # a layer that runs by its methods
            net.layers.insert(i, fl.BatchNormalization(*rng.random((2, net.layers[i - 1].W.shape[1])).astype(dtype)))
    rows = int(rng.choice([1, 2, 7, 16, 33, 100]))
    x = rng.standard_normal((rows, sizes[0])).astype(rng.choice([dtype, dtype, np.float64, np.float16]))
    if isinstance(loss, fl.SoftmaxWithLoss):
        t = rng.integers(0, sizes[-1], rows)
    else:
        t = rng.random((rows, sizes[-1])).astype(dtype)
    weights = rng.random(rows).astype(dtype) + dtype(0.1) if rng.integers(2) else None
    return net, x, t, weights, OPTIMIZERS[rng.choice(list(OPTIMIZERS))]


def outcomes(net, x, t, weights, make_optimizer):
    """All that there is to see of some steps."""
    optimizer = make_optimizer()
    found = [net.train_step(x, t, optimizer, weights) for _ in range(3)]
    loss, grads = net.gradient(x, t, weights)
    y = net.forward(x)
    dx = net.backward(np.ones_like(y))
    assert net.backward(y, need_dx=False) is None
    sample = x[:1] if any(isinstance(layer, fl.BatchNormalization) for layer in net.layers) else x[0]
    found += [loss, *grads, *net.params, y, dx, net.predict(x), net.predict(sample), net.loss(x, t), optimizer.t]
    for layer in [*net.layers, net.loss_layer]:
        found += [value for name, value in sorted(vars(layer).items()) if not name.startswith("_") and name != "rng"]
    found += [state[key] for name in ("v", "m", "h") for state in [getattr(optimizer, name, {})] for key in state]
    return found


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # one that goes astray does so to the same bits
@pytest.mark.parametrize("seed", range(60))
def test_the_same_bits_as_layer_by_layer(compiled, seed, monkeypatch):
    case = random_case(seed)
    assert case[0].compiled
    together = outcomes(*case)
    assert type(case[0]._program).__name__ == "Program"
    monkeypatch.setattr(backend, "fuses", False)
    case = random_case(seed)
    assert not case[0].compiled
    one_by_one = outcomes(*case)
    assert len(together) == len(one_by_one)
    for a, b in zip(together, one_by_one, strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b)
        if isinstance(a, np.ndarray):
            kit.assert_same(a, b)


@pytest.mark.parametrize("loss", [fl.SoftmaxWithLoss, fl.SigmoidWithLoss, fl.MeanSquaredError, fl.HuberLoss])
@pytest.mark.parametrize("activation", [*fl.layers.ACTIVATIONS.values(), fl.Softmax])
@pytest.mark.parametrize("bias", [True, False])
def test_no_layer_is_asked_in_python(compiled, activation, loss, bias):
    net = network(np.random.default_rng(0), (4, 6, 5, 3), [activation], loss=loss(), bias=bias)
    x, optimizer = kit.numbers((5, 4), np.float64), fl.Adam()
    t = np.array([0, 2, 1, 1, 0]) if loss is fl.SoftmaxWithLoss else np.zeros((5, 3))
    entered = set()

    def watch(frame, event, _):
        if event == "call" and PACKAGE in Path(frame.f_code.co_filename).parents:
            entered.add((Path(frame.f_code.co_filename).name, frame.f_code.co_name))

    for _ in range(2):  # of the first, layers have more attributes than before
        net.forward(x)
        net.train_step(x, t, optimizer)
    sys.setprofile(watch)
    try:
        (
            net.train_step(x, t, optimizer),
            net.predict(x),
            net.predict(x[0]),
            net.forward(x),
            net.backward(np.ones((5, 3))),
        )
    finally:
        sys.setprofile(None)
    asked = {("network.py", "train_step"), *(("_stack.py", name) for name in ("predict", "forward", "backward"))}
    assert entered == asked


def test_fit_runs_as_one_call(compiled, monkeypatch):
    histories = []
    for fuses in (True, False):
        monkeypatch.setattr(backend, "fuses", fuses)
        net = network(np.random.default_rng(0), activations=[fl.Tanh])
        history = net.fit(kit.numbers((50, 4), np.float64), np.arange(50) % 3, epochs=3, batch_size=8, rng=1)
        histories.append([*history.loss, *net.params])
        assert bool(net.compiled) is fuses
    for a, b in zip(*histories, strict=True):
        np.testing.assert_array_equal(a, b)


def test_copies_and_pickles_have_programs_of_their_own(compiled):
    net = network(np.random.default_rng(0))
    expected = net.predict(X)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        other.layers[0].W += 1
        np.testing.assert_array_equal(net.predict(X), expected)
        assert not np.array_equal(other.predict(X), expected)


def test_errors_are_those_of_the_layers(compiled, monkeypatch):
    wrong = [
        lambda net: net.predict(np.ones((7, 5))),
        lambda net: net.predict(np.full((7, 4), 1j)),
        lambda net: net.train_step(X, T + 5, fl.SGD()),
        lambda net: net.train_step(X, T, fl.SGD(lr=1j)),
        lambda net: net.train_step(X, T, object()),
        lambda net: net.backward(np.ones((3, 3))),
    ]
    for call in wrong:
        messages = []
        for fuses in (True, False):
            monkeypatch.setattr(backend, "fuses", fuses)
            net = network(np.random.default_rng(0))
            net.forward(X)
            with pytest.raises(Exception) as caught:  # noqa: PT011
                call(net)
            messages.append((caught.type, str(caught.value)))
            np.testing.assert_array_equal(net.params[0], network(np.random.default_rng(0)).params[0])
        assert messages[0] == messages[1]


def test_many_threads_predict_while_parameters_change(compiled):
    net = network(np.random.default_rng(0), (4, 30, 30, 3), [fl.Tanh], np.float32)
    x, W = kit.numbers((1, 4), np.float32), net.layers[2].W
    expected = []
    for array in (W, 2 * W):
        net.layers[2].W = array
        expected.append(net.predict(x).tobytes())
    odd, stop = [], threading.Event()

    def predict():
        while not stop.is_set():
            if net.predict(x).tobytes() not in expected:
                odd.append(1)

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        net.layers[2].W = W.copy()
        net.layers[2].W = 2 * W
    stop.set()
    for thread in threads:
        thread.join()
    assert not odd


def test_nothing_is_kept_of_calls(compiled):
    net, optimizer = network(np.random.default_rng(0)), fl.SGD(0.0)

    def calls():
        net.train_step(X, T, optimizer), net.predict(X), net.forward(X), net.gradient(X, T)
        with pytest.raises(ValueError, match="label 9"):
            net.train_step(X, T + 9, optimizer)
        with pytest.raises(ValueError, match="shape"):
            net.predict(X[:, 1:])
        net.train_step(X, T, optimizer)
        gc.collect()
        counted = [
            *net.params,
            X,
            T,
            *net.layers,
            net.loss_layer,
            optimizer,
            *map(vars, net.layers),
            fl.Affine,
            fl.Relu,
        ]
        return [sys.getrefcount(one) for one in counted]

    before = calls()
    assert [calls(), calls()] == [before, before]


def test_a_result_stays_while_it_is_held(compiled):
    net = network(np.random.default_rng(0), dtype=np.float32)
    x = kit.numbers((5, 1, 4), np.float32)
    held = [net.predict(row) for row in x]
    for row, y in zip(x, held, strict=True):
        np.testing.assert_array_equal(y, net.predict(row))


def test_numpy_warns_of_what_is_not_finite_as_layer_by_layer(compiled, monkeypatch):
    net = network(np.random.default_rng(0), dtype=np.float32)
    net.layers[0].W[...] = 3e38
    for fuses in (True, False):
        monkeypatch.setattr(backend, "fuses", fuses)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            net.predict(np.full((1, 4), 3e38, np.float32))


def test_no_made_up_program_crashes(level):
    kernels, layer, affine = level, fl.Tanh(), fl.Affine(np.ones((4, 2)))
    for make in (
        lambda: kernels.Step(object()),
        lambda: kernels.Step(layer, "nothing"),
        lambda: kernels.Step(layer, "affine", kernels.affine_forward, kernels.affine_backward, kernels.affine_forward),
        lambda: kernels.Step.__new__(kernels.Step),
        lambda: kernels.Program.__new__(kernels.Program),
        lambda: kernels.Program(kernels, [layer], kernels.LossStep(None), None, None),
        lambda: kernels.Program(math, [kernels.Step(layer)], kernels.LossStep(None), None, None),
        lambda: kernels.Program(kernels, [kernels.Step(layer)] * 65, kernels.LossStep(None), None, None),
        *(
            lambda places=places, nests=nests: kernels.Program(
                kernels, [kernels.Step(layer)], kernels.LossStep(None), None, None, places, nests
            )
            for places, nests in (
                ([(0, -1)], ()),
                ([(1, 0)], [(fl.Sequential([layer]), 5, 0)]),
                ([(1, 0)], [(fl.Sequential([layer]), -1, 0)]),
                ([(1, 0)], [(fl.Sequential([layer]), 0, -1)]),
            )
        ),
        lambda: type("Sub", (kernels.Program,), {}),
    ):
        with pytest.raises((TypeError, ValueError, AttributeError, KeyError)):
            make()
    _sharing.mark_run([layer, affine], object())  # a program declines forward of a layer without a mark
    step = kernels.Step(layer, "mask", lambda *_: 1, lambda *_: 1, lambda *_: ())
    program = kernels.Program(kernels, [step], kernels.LossStep(None), None, None)
    for call in (lambda: program.forward(kernels, [layer], X), lambda: program.predict(kernels, [layer], X)):
        with pytest.raises(TypeError, match="expected a tuple"):
            call()
    step = kernels.Step(affine, "affine", lambda *_: 1, lambda *_: (1,), lambda *_: 1)
    program = kernels.Program(kernels, [step], kernels.LossStep(None), None, None)
    assert program.forward(kernels, [affine], X) == 1
    program = kernels.Program(
        kernels, [kernels.Step(affine, "affine", lambda *_: 1, lambda *_: (1,))], kernels.LossStep(None), None, None
    )
    assert program.backward(kernels, [affine], X, True) is NotImplemented
    program.forward(kernels, [affine], X)
    with pytest.raises(TypeError, match="expected a tuple"):
        program.backward(kernels, [affine], X, True)
    layer._memory = ()
    with pytest.raises(TypeError, match="expected a tuple"):
        kernels.Step(layer, "out", *[kernels.tanh_forward] * 3)
    assert program.forward(None, [layer], X) is NotImplemented
    assert program.gradient(kernels, [layer], None, X, T, None) is NotImplemented
