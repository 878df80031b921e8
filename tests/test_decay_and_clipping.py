"""Weight decay, clipping, Nesterov's momentum and AdamW, against their formulas and against scikit-learn."""

import copy
import itertools
import math
import pickle
import tracemalloc

import families
import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import backend

DTYPES = (np.float16, *kit.FAST, np.longdouble)
LR, ALPHA, BETA1, BETA2, EPS = 0.1, 0.8, 0.8, 0.95, 1e-3


def norm(grads):
    return math.sqrt(math.fsum(float(g) ** 2 for grad in grads for g in np.ravel(grad)))


def effective(params, grads, decay, clip):
    """By hand: what the rule is to see as the gradients."""
    scale = 1 if clip is None else min(1, clip / (norm(grads) + 1e-6))
    return [scale * g + (decay * p if p.ndim > 1 else 0) for p, g in zip(params, grads, strict=True)]


def by_hand(name, params, steps, decay, clip):
    """The parameters after all steps, in long doubles."""
    params = [p.astype(np.longdouble) for p in params]
    m, v = ([np.zeros_like(p) for p in params] for _ in range(2))
    for t, grads in enumerate(steps, start=1):
        grads = [g.astype(np.longdouble) for g in grads]
        grads = effective(params, grads, 0 if name == "AdamW" else decay, clip)
        for i, g in enumerate(grads):
            if name == "SGD":
                params[i] = params[i] - LR * g
            elif name in ("Momentum", "Nesterov"):
                v[i] = ALPHA * v[i] - LR * g
                params[i] = params[i] + (v[i] if name == "Momentum" else ALPHA * v[i] - LR * g)
            elif name in ("AdaGrad", "RMSprop"):
                v[i] = v[i] + g * g if name == "AdaGrad" else ALPHA * v[i] + (1 - ALPHA) * g * g
                params[i] = params[i] - LR * g / (np.sqrt(v[i]) + 1e-7)
            else:
                m[i] = BETA1 * m[i] + (1 - BETA1) * g
                v[i] = BETA2 * v[i] + (1 - BETA2) * g**2
                if name == "AdamW" and params[i].ndim > 1:
                    params[i] = params[i] - LR * decay * params[i]
                root = np.sqrt(v[i] / (1 - BETA2**t))
                params[i] = params[i] - LR * (m[i] / (1 - BETA1**t)) / (root + EPS)
    return params


MAKE = {
    "SGD": lambda owner, **options: owner.SGD(LR, **options),
    "Momentum": lambda owner, **options: owner.Momentum(LR, ALPHA, **options),
    "Nesterov": lambda owner, **options: owner.Nesterov(LR, ALPHA, **options),
    "AdaGrad": lambda owner, **options: owner.AdaGrad(LR, **options),
    "RMSprop": lambda owner, **options: owner.RMSprop(LR, ALPHA, **options),
    "Adam": lambda owner, **options: owner.Adam(LR, BETA1, BETA2, EPS, **options),
    "AdamW": lambda owner, **options: owner.AdamW(LR, BETA1, BETA2, EPS, **options),
}
SHAPES = ((40, 30), (30,), (30, 3), (3,), (2, 2, 2), ())  # the first is longer than a chunk
every_optimizer = pytest.mark.parametrize("name", MAKE)
on_every_implementation = pytest.mark.usefixtures("implementation")


def problem(dtype=np.float64, steps=1):
    params = [kit.numbers(shape, dtype, i) for i, shape in enumerate(SHAPES)]
    return params, [[kit.numbers(shape, dtype, 5 + i) for shape in SHAPES] for i in range(steps)]


@on_every_implementation
@every_optimizer
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("decay", "clip"), [(0.0, None), (0.25, None), (0.0, 0.5), (0.25, 0.5), (0.25, 1e6)])
def test_formula(name, dtype, decay, clip):
    params, steps = problem(dtype, 4)
    true = by_hand(name, params, steps, decay, clip)
    optimizer = MAKE[name](fl, weight_decay=decay, clip_norm=clip)
    for t, grads in enumerate(steps):
        assert optimizer.t == t
        before = [g.copy() for g in grads]
        optimizer.update(params, grads)
        for grad, copied in zip(grads, before, strict=True):
            kit.assert_same(grad, copied)
    eps = max(float(np.finfo(dtype).eps), float(np.finfo(float).eps))
    for param, expected in zip(params, true, strict=True):
        assert param.dtype == dtype
        np.testing.assert_allclose(param.astype(float), expected.astype(float), rtol=200 * eps, atol=200 * eps)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("name", families.UPDATES)
def test_the_kernel_takes_every_form_of_its_rule_and_agrees_with_the_reference(level, name, order, dtype):
    """Arrays round the length of a chunk, and one of several spans."""
    shapes = [(1, 1), (511, 1), (512, 1), (513, 1), (40, 30), (1, 40_000), (30,), ()]
    lists = len(families.update_call(name)) - len(families.UPDATES[name])
    own = {"momentum_update": [(0.1, 0.8, True), (0.1, 0.8, False)]}.get(name, [families.UPDATES[name]])
    last = {"adam_update": [(True,), (False,)]}.get(name, [()])
    for factors in itertools.product(own, [(0.0,), (0.02,)], [(None,), (0.5,), (1e9,)], last):
        ours, true = (
            [[np.array(a, order=order) for a in arrays] for arrays in families.update_call(name, dtype, shapes)[:lists]]
            for _ in range(2)
        )
        assert getattr(level, name)(*ours, *itertools.chain(*factors)) is None
        kit.formula(name)(*true, *itertools.chain(*factors))
        rtol, atol = (2e-6, 1e-6) if dtype is np.float32 else (1e-13, 1e-14)
        for a, b in zip(itertools.chain(*ours), itertools.chain(*true), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@on_every_implementation
@every_optimizer
def test_nothing_else_changes_a_bit(name):
    """Gradients within the norm, and no decay, give what the optimizer gives without either."""
    (plain, steps), (asked, _) = problem(np.float32, 3), problem(np.float32)
    without, within = MAKE[name](fl, weight_decay=0), MAKE[name](fl, weight_decay=0, clip_norm=1e4)
    for grads in steps:
        without.update(plain, grads)
        within.update(asked, grads)
    for a, b in zip(plain, asked, strict=True):
        kit.assert_same(a, b)


@on_every_implementation
@every_optimizer
@pytest.mark.parametrize("dtype", kit.FAST)
def test_a_bias_does_not_decay(name, dtype):
    """Nor is it multiplied by 0, which would make nan of infinity."""
    bias, weight = np.array([1.0, np.inf], dtype), np.ones((1, 2), dtype)
    MAKE[name](fl, weight_decay=0.5).update([weight, bias], [np.zeros((1, 2), dtype), np.zeros(2, dtype)])
    kit.assert_same(bias, np.array([1.0, np.inf], dtype))
    assert np.all(weight < 1)


@on_every_implementation
@every_optimizer
@pytest.mark.parametrize("kind", [np.float16, np.float64, np.longdouble, np.int8, np.uint8, np.int64, np.bool_])
def test_gradients_of_another_dtype(name, kind):
    """They count as the numbers that they are: the square of an int8 is not an int8."""
    params, grads = [kit.numbers((2, 1), np.float32), np.ones(1, np.float32)], [np.array([[100], [1]], kind)]
    grads.append(np.ones(1, np.float32))
    true = by_hand(name, params, [grads], 0.25, 0.5)
    MAKE[name](fl, weight_decay=0.25, clip_norm=0.5).update(params, grads)
    for param, expected in zip(params, true, strict=True):
        np.testing.assert_allclose(param, expected.astype(float), rtol=1e-5)


@on_every_implementation
@every_optimizer
def test_a_parameter_that_is_its_own_gradient(name):
    """The norm and the gradient are read before the parameter is written to."""
    start = [kit.numbers((40, 30), np.float64)]
    true = by_hand(name, start, [start], 0.25, 0.5)
    param = start[0].copy()
    MAKE[name](fl, weight_decay=0.25, clip_norm=0.5).update([param], [param])
    np.testing.assert_allclose(param, true[0].astype(float), rtol=1e-12)


@every_optimizer
def test_the_compiled_path_needs_no_memory_of_the_parameters_size(name, level, monkeypatch):
    monkeypatch.setattr(backend, "kernels", level)
    param, grad = np.ones((1000, 500)), np.full((1000, 500), 0.1)
    optimizer = MAKE[name](fl, weight_decay=0.25, clip_norm=0.5)
    optimizer.update([param], [grad])  # makes the state
    tracemalloc.start()
    optimizer.update([param], [grad])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000


# scikit-learn


@on_every_implementation
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_scikit_learns(nesterov):
    theirs = pytest.importorskip("sklearn.neural_network._stochastic_optimizers")
    ours, steps = problem(np.float64, 6)
    ours = [np.array(p, ndmin=1) for p in ours]
    true = [p.copy() for p in ours]
    peer = theirs.SGDOptimizer(true, LR, momentum=ALPHA, nesterov=nesterov)
    optimizer = fl.Momentum(LR, ALPHA, nesterov=nesterov)
    for grads in steps:
        grads = [np.array(g, ndmin=1) for g in grads]
        peer.update_params(true, grads)
        optimizer.update(ours, grads)
    for a, b in zip(ours, true, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)


@on_every_implementation
def test_adam_is_scikit_learns():
    """Its epsilon is added before the correction of v, so it is made to be nothing in both."""
    theirs = pytest.importorskip("sklearn.neural_network._stochastic_optimizers")
    ours, steps = problem(np.float64, 6)
    ours = [np.array(p, ndmin=1) for p in ours]
    true = [p.copy() for p in ours]
    peer = theirs.AdamOptimizer(true, LR, BETA1, BETA2, epsilon=1e-300)
    optimizer = fl.Adam(LR, BETA1, BETA2, 1e-300)
    for grads in steps:
        grads = [np.array(g, ndmin=1) for g in grads]
        peer.update_params(true, grads)
        optimizer.update(ours, grads)
    for a, b in zip(ours, true, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


# Objects


@every_optimizer
def test_an_optimizer_that_was_pickled_or_copied_goes_on(name):
    params, steps = problem(np.float64, 6)
    optimizer = MAKE[name](fl, weight_decay=0.25, clip_norm=0.5)
    optimizer.lr = fl.schedules.StepDecay(0.1, every=2)
    for grads in steps[:3]:
        optimizer.update(params, grads)
    copies = [copy.deepcopy((params, optimizer)), pickle.loads(pickle.dumps((params, optimizer)))]
    for grads in steps[3:]:
        optimizer.update(params, grads)
    for start, other in copies:
        for grads in steps[3:]:
            other.update(start, grads)
        assert (other.t, other.lr) == (6, optimizer.lr)
        for a, b in zip(start, params, strict=True):
            kit.assert_same(a, b)


@on_every_implementation
@pytest.mark.parametrize("old", [fl.SGD, fl.Momentum, fl.Adam], ids=lambda c: c.__name__)
def test_an_optimizer_of_before_there_were_these(old):
    """One that was pickled without their attributes is one that has not been asked for them."""
    optimizer, new = old(), old()
    for name in ("weight_decay", "clip_norm", "nesterov", *(["t"] if old is not fl.Adam else [])):
        vars(optimizer).pop(name, None)
    params, [grads] = problem(np.float32)
    true = [p.copy() for p in params]
    for _ in range(2):
        optimizer.update(params, grads)
        new.update(true, grads)
    assert optimizer.t == 2
    for a, b in zip(params, true, strict=True):
        kit.assert_same(a, b)


def test_defaults():
    for optimizer in (fl.SGD(), fl.Momentum(), fl.Adam()):
        assert (optimizer.weight_decay, optimizer.clip_norm, optimizer.t) == (0.0, None, 0)
    assert fl.Momentum().nesterov is False
    assert (fl.AdamW().weight_decay, fl.AdamW().clip_norm) == (0.01, None)
    assert isinstance(fl.AdamW(), fl.Adam)
