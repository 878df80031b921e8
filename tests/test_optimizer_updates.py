"""An optimizer's counts and states in unusual updates: of floats, of nothing, after a reset or an interrupt."""

import pickle
import warnings

import kit
import numpy as np
import pytest
from update_rules import OPTIMIZERS

import fastlayers as fl
from fastlayers._core import backend

pytestmark = pytest.mark.usefixtures("implementation")

every_optimizer = pytest.mark.parametrize(("make", "formula"), OPTIMIZERS.values(), ids=OPTIMIZERS)


@every_optimizer
@pytest.mark.parametrize("restore", [None, pickle])
def test_floats_in_dictionaries_keep_their_state(make, formula, restore):
    """Those of each dictionary; in a pickle too, whichever dictionary is updated first."""
    optimizer, W = make(), np.ones(2)
    dicts, history = [{"x": 1.0, "W": W}, {"x": np.float64(-3.0)}], [[], []]
    for i, grad in enumerate([0.5, -1.0, 2.0, 0.25, 1.5, -0.5]):
        which = (0, 0, 1, 0, 1, 0)[i]
        history[which].append(grad)
        grads = {"x": grad, "W": np.full(2, grad)}
        optimizer.update(dicts[which], grads)
        if restore and i == 3:
            dicts, optimizer = pickle.loads(pickle.dumps((dicts, optimizer)))
    for params, start, grads in zip(dicts, (1.0, -3.0), history, strict=True):
        np.testing.assert_allclose(params["x"], formula(start, grads), rtol=1e-12)
    np.testing.assert_allclose(dicts[0]["W"], formula(1.0, history[0]), rtol=1e-12)


def test_dictionaries_of_floats_that_are_made_anew_are_told_of_and_forgotten():
    optimizer = fl.Momentum()
    for _ in range(16):
        optimizer.update({"x": 1.0}, {"x": 1.0})
    with pytest.warns(UserWarning, match="more than 16 dictionaries"):
        optimizer.update({"x": 1.0}, {"x": 1.0})
    assert len(optimizer._floats) == 16


@every_optimizer
def test_a_reset_state_starts_from_zero_and_a_step_count_of_ones_own_is_kept(make, formula):
    optimizer, param = make(), np.ones((2, 2))
    grads = [kit.numbers((2, 2), np.float64, seed) for seed in range(3)]
    optimizer.update([param], [grads[0]])
    start, optimizer.t = param.copy(), 0
    for name in optimizer._states:
        setattr(optimizer, name, {})
    for grad in grads[1:]:
        optimizer.update([param], [grad])
    np.testing.assert_allclose(param, formula(start, grads[1:]), rtol=1e-12)
    other = make()
    other.t = 7
    other.update([np.ones(2)], [np.ones(2)])
    assert other.t == 8


@every_optimizer
def test_a_reset_of_parameters_with_different_counts(make, formula):
    optimizer, params = make(), [np.ones(2), np.ones(2)]
    optimizer.update(params[:1], [np.ones(2)])
    optimizer.update(params, [np.ones(2), np.ones(2)])
    starts, optimizer.t = [param.copy() for param in params], 0
    for name in optimizer._states:
        setattr(optimizer, name, {})
    optimizer.update(params, [np.ones(2), np.ones(2)])
    for param, start in zip(params, starts, strict=True):
        np.testing.assert_allclose(param, formula(start, [np.ones(2)]), rtol=1e-12)
    for wrong in (-1, -2, 0.5, None):
        optimizer.t, before = wrong, [param.copy() for param in params]
        with pytest.raises((TypeError, ValueError), match="t must be"):
            optimizer.update(params, [np.ones(2), np.ones(2)])
        for param, start in zip(params, before, strict=True):
            kit.assert_same(param, start)


@every_optimizer
def test_an_update_of_nothing_does_not_count(make, formula):
    net = fl.Sequential([fl.Affine(np.ones((2, 3)), np.zeros(3))], fl.SoftmaxWithLoss()).freeze()
    optimizer, W, grad = make(), np.ones(2), np.full(2, 0.5)
    optimizer.update([], [])
    optimizer.update({}, {})
    net.train_step(np.ones((4, 2)), np.zeros(4, int), optimizer)
    start = W.copy()
    optimizer.update([W], [grad])
    np.testing.assert_allclose(W, formula(start, [grad]), rtol=1e-12)
    assert optimizer.t == 1


@every_optimizer
@pytest.mark.parametrize("as_given", [list, lambda arrays: dict(enumerate(arrays))], ids=["list", "dict"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_interrupt_while_the_kernel_runs_leaves_a_whole_update(make, formula, as_given, at, monkeypatch):
    """Python raises it when the kernel returns; on the reference, that is between any two steps of the formula."""
    params, grads, optimizer = [np.ones(2), np.ones(2)], [np.ones(2), np.ones(2)], make()
    make().update([np.ones(1)], [np.ones(1)])  # now the class has its rule
    name = optimizer._formula.__name__
    kernel = getattr(backend.kernels, name)
    if backend.get_backend() == "reference" or (as_given is list and at == 2):
        pytest.skip("the reference is no single call, and a list of the last update's parameters is updated in C alone")
    calls = [params[:1], params, params]

    def interrupted(*args):
        if kernel(*args) is NotImplemented:
            return NotImplemented
        raise KeyboardInterrupt

    for i, given in enumerate(calls):
        if i != at:
            optimizer.update(as_given(given), as_given(grads[: len(given)]))
            continue
        with monkeypatch.context() as patch:
            patch.setattr(backend.kernels, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                optimizer.update(as_given(given), as_given(grads[: len(given)]))
    for param, count in zip(params, (3, 2), strict=True):
        np.testing.assert_allclose(param, formula(np.ones(2), [np.ones(2)] * count), rtol=1e-12)
    assert optimizer.t == 3


def test_one_optimizer_of_a_dead_and_a_new_network_gives_no_warning():
    optimizer = fl.Adam()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(3):
            W = kit.numbers((2, 2), np.float64, seed)
            optimizer.update([W], [W.copy()])
            optimizer.update([], [])
            del W


@every_optimizer
def test_an_error_of_the_formula_leaves_the_optimizer_as_it_was(make, formula, monkeypatch):
    def fails(*args):
        raise FloatingPointError("overflow")

    optimizer = make()
    # A class of its own: the package's keeps the kernel that it has found for its formula.
    optimizer.__class__ = type("Failing", (type(optimizer),), {"_formula": staticmethod(fails)})
    monkeypatch.setattr(backend.kernels, "fails", None, raising=False)
    before = vars(optimizer).copy()
    with pytest.raises(FloatingPointError):
        optimizer.update([np.ones(2)], [np.ones(2)])
    assert vars(optimizer) == before
