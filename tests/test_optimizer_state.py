"""Each parameter keeps its own state and step count, whatever is trained with it, and through copies and pickles."""

import copy
import gc
import pickle
import weakref
from contextlib import nullcontext

import kit
import numpy as np
import pytest
from ranks import results_on_ranks
from update_rules import OPTIMIZERS

import fastlayers as fl
from fastlayers.mpi import DataParallel
from fastlayers.training.snapshot import Snapshot

pytestmark = pytest.mark.usefixtures("implementation")

every_optimizer = pytest.mark.parametrize(("make", "formula"), OPTIMIZERS.values(), ids=OPTIMIZERS)
X, T = kit.numbers((24, 5), np.float64), np.arange(24) % 3


def affine(inputs, outputs, seed):
    return fl.Affine(kit.numbers((inputs, outputs), np.float64, seed), kit.numbers((outputs,), np.float64, seed + 1))


def network(seed=0, is_tied=False):
    layers = [affine(5, 5, seed), fl.Relu(), affine(5, 5, seed + 2), fl.Tanh(), affine(5, 3, seed + 4)]
    if is_tied:
        layers[2].W = layers[0].W.T
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float16, *kit.FAST])
def test_every_parameter_is_updated_as_if_it_were_alone(make, formula, dtype):
    """In any company, at any position or key, turned, as a view, or new."""
    r, optimizer = np.random.default_rng(0), make()
    shapes = [(3, 3), (3, 3), (3, 3), (2, 3), (3,), (3,), (1, 1), ()]
    params = [r.standard_normal(shape).astype(dtype) for shape in shapes]
    starts, history = [param.astype(float) for param in params], [[] for _ in params]
    for _ in range(40):
        chosen = r.permutation(len(params))[: r.integers(1, len(params))]
        if r.random() < 0.2:
            chosen = [len(params)]
            params.append(r.standard_normal((3, 3)).astype(dtype))
            starts.append(params[-1].astype(float))
            history.append([])
        for _ in range(r.integers(1, 4)):
            given, grads = [], []
            for i in chosen:
                grads.append(r.standard_normal(params[i].shape).astype(dtype))
                history[i].append(grads[-1].astype(float))
                way = r.choice(4, p=[0.7, 0.1, 0.1, 0.1])
                given.append((params[i], params[i], params[i][...], params[i].T)[way])
                grads[-1] = grads[-1].T if way == 3 else grads[-1]
            if r.random() < 0.5:
                keys = r.permutation(len(given)).tolist()
                given, grads = (dict(zip(keys, arrays, strict=True)) for arrays in (given, grads))
            optimizer.update(given, grads)
    rtol = 20 * float(np.finfo(dtype).eps) * max(map(len, history))
    for param, start, grads in zip(params, starts, history, strict=True):
        np.testing.assert_allclose(param.astype(float), formula(start, grads), rtol=rtol, atol=rtol)


def trained_apart(net, own, make):
    """Take a step in which each parameter has an optimizer to itself."""
    _, grads = net.gradient(X, T)
    for param, grad in zip(net.params, grads, strict=True):
        own.setdefault(id(param), (make(), param))[0].update([param], [grad])


CHANGES = {
    "freeze": lambda net: net.layers[0].freeze(),
    "freeze another and unfreeze this one": lambda net: (net.unfreeze(), net.layers[2].freeze()),
    "unfreeze": lambda net: net.unfreeze(),
    "exchange two layers": lambda net: net.layers.__setitem__(slice(0, 3, 2), net.layers[2::-2]),
    "a new array": lambda net: setattr(net.layers[2], "W", kit.numbers((5, 5), np.float64, 9)),
    "another layer": lambda net: net.layers.insert(2, affine(5, 5, 20)),
    "all frozen but this one": lambda net: (net.freeze(), net.layers[0].unfreeze()),
    "all again": lambda net: net.unfreeze(),
}


@every_optimizer
@pytest.mark.parametrize("way", ["train_step", "fit"])
def test_a_network_that_changes_keeps_the_state_of_every_parameter(make, formula, way):
    net, alone, optimizer, own = network(), network(), make(), {}
    for change in (lambda net: net, *CHANGES.values()):
        change(net)
        change(alone)
        for _ in range(3):
            if way == "train_step":
                net.train_step(X, T, optimizer)
            else:
                net.fit(X, T, epochs=1, batch_size=len(X), shuffle=False, optimizer=optimizer)
            trained_apart(alone, own, make)
        for ours, true in zip(net.params, alone.params, strict=True):
            np.testing.assert_allclose(ours, true, rtol=1e-12, atol=1e-13)


@every_optimizer
def test_another_network_starts_afresh_and_the_first_goes_on(make, formula):
    optimizer, rates = make(), []
    optimizer.lr = lambda step: rates.append(step) or 0.1 / (step + 1)
    nets, alone = [network(), network(6)], [network(), network(6)]
    optimizers = [make(), make()]
    for each in optimizers:
        each.lr = lambda step: 0.1 / (step + 1)
    for i in (0, 0, 0, 1, 1, 0, 1, 0):
        nets[i].train_step(X, T, optimizer)
        alone[i].train_step(X, T, optimizers[i])
        assert optimizer.t == optimizers[i].t
    assert rates == [0, 1, 2, 0, 1, 3, 2, 4]
    for net, true in zip(nets, alone, strict=True):
        for a, b in zip(net.params, true.params, strict=True):
            kit.assert_same(a, b)


def test_a_network_that_is_gone_leaves_nothing_in_the_optimizer():
    optimizer = fl.Adam()
    for seed in range(5):
        net = network(seed)
        net.train_step(X, T, optimizer)
        lives = weakref.ref(net.layers[0].W)
    net = network()
    gc.collect()
    net.train_step(X, T, optimizer)
    gc.collect()
    assert lives() is None
    net.layers[0].freeze()
    net.train_step(X, T, optimizer)
    assert len(optimizer._apart) == 2


RESTORED = {
    "pickle": lambda net, optimizer: pickle.loads(pickle.dumps((net, optimizer))),
    "deepcopy": lambda net, optimizer: copy.deepcopy((net, optimizer)),
    "the optimizer first": lambda net, optimizer: pickle.loads(pickle.dumps((optimizer, net)))[::-1],
    "copy of the optimizer": lambda net, optimizer: (net, copied_with_states(optimizer)),
}


def copied_with_states(optimizer):
    other = copy.copy(optimizer)
    for name in optimizer._states:
        setattr(other, name, getattr(other, name).copy())
    return other


STEPS = {
    "train_step": lambda net, optimizer: net.train_step(X, T, optimizer),
    "fit": lambda net, optimizer: net.fit(X, T, epochs=1, batch_size=8, shuffle=False, optimizer=optimizer),
    "ranks": lambda net, optimizer: results_on_ranks(
        1, lambda comm: DataParallel(net, comm).fit(X, T, epochs=1, batch_size=8, shuffle=False, optimizer=optimizer)
    ),
}


def trained(make, step, is_tied, restore=None, at=None):
    """The parameters after training with changes; `restore` makes them and the optimizer anew before step `at`."""
    net, optimizer = network(is_tied=is_tied), make()
    changes = {1: "freeze", 2: "exchange two layers", 3: "freeze another and unfreeze this one", 5: "unfreeze"}
    for i in range(6):
        if i in changes:
            CHANGES[changes[i]](net)
        if i == at:
            net, optimizer = restore(net, optimizer)
        step(net, optimizer)
    return [*net.params, *(np.asarray(optimizer.t),)]


@every_optimizer
@pytest.mark.parametrize("way", STEPS)
@pytest.mark.parametrize("is_tied", [False, True])
def test_training_that_is_interrupted_is_bit_equal_to_training_that_is_not(make, formula, way, is_tied, without_mpi4py):
    true = trained(make, STEPS[way], is_tied)
    for restore in RESTORED.values():
        for at in range(6):
            for a, b in zip(trained(make, STEPS[way], is_tied, restore, at), true, strict=True):
                kit.assert_same(a, b)


@pytest.mark.parametrize("restore", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
@every_optimizer
def test_an_optimizer_that_is_restored_alone_goes_on_by_position(make, formula, restore):
    net, optimizer = network(), make()
    net.layers[0].freeze()
    net.train_step(X, T, optimizer)
    net.unfreeze()  # parameters with different numbers of updates
    net.train_step(X, T, optimizer)
    other, again = network(), restore(optimizer)
    for param, start in zip(other.params, net.params, strict=True):
        param[...] = start
    is_told = pytest.warns(UserWarning, match="without the arrays that it updates") if again._states else nullcontext()
    with is_told:
        other.train_step(X, T, again)
    other.train_step(X, T, again)
    for _ in range(2):
        net.train_step(X, T, optimizer)
    assert again.t == optimizer.t
    for a, b in zip(other.params, net.params, strict=True):
        kit.assert_same(a, b)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "SGD"])
def test_states_that_fit_no_parameter_are_refused_and_those_that_are_lost_are_told_of(name):
    net, optimizer = network(), getattr(fl, name)()
    net.train_step(X, T, optimizer)
    other = fl.Sequential([affine(5, 3, 0)], fl.SoftmaxWithLoss())
    before = [param.copy() for param in other.params]
    with pytest.raises(ValueError, match="copy or pickle an optimizer together with its network"):
        other.train_step(X, T, copy.deepcopy(optimizer))
    wide = fl.Sequential([affine(5, 5, 0), affine(5, 5, 2), affine(5, 4, 4)], fl.SoftmaxWithLoss())
    with pytest.raises(ValueError, match=r"parameter 4 has shape \(5, 3\), but the parameter has shape \(5, 4\)"):
        wide.train_step(X, T, copy.deepcopy(optimizer))
    for param, start in zip(other.params, before, strict=True):
        kit.assert_same(param, start)
    net.layers[0].freeze()
    net.train_step(X, T, optimizer)
    again = pickle.loads(pickle.dumps((net, optimizer)))[1]
    with pytest.warns(UserWarning, match="those of 2 arrays"):
        net.train_step(X, T, again)


def test_what_is_replaced_before_the_first_step_of_a_restored_optimizer_is_new():
    net, optimizer = network(), fl.Adam(0.1)
    net.train_step(X, T, optimizer)
    net, optimizer = pickle.loads(pickle.dumps((net, optimizer)))
    net.layers[-1] = affine(5, 3, 30)
    alone, (W, b) = fl.Adam(0.1), (param.copy() for param in net.layers[-1].params)
    alone.update([W, b], net.gradient(X, T)[1][-2:])
    net.train_step(X, T, optimizer)
    kit.assert_same(net.layers[-1].W, W)
    kit.assert_same(net.layers[-1].b, b)


@every_optimizer
@pytest.mark.parametrize("as_given", [list, lambda arrays: dict(zip("abc", arrays, strict=True))], ids=["list", "dict"])
def test_one_gradient_array_that_is_given_twice_is_refused(make, formula, as_given):
    grad, b, optimizer = np.ones((3, 3)), np.ones(3), make()
    for again in (grad, grad[:], grad.T):
        for tied in (True, False):
            params = [np.ones((3, 3)), b, np.ones((3, 3))]
            params[2] = params[0] if tied else params[2]
            with pytest.raises(ValueError, match=r"gradient (2|'c') is the same array as gradient (0|'a')"):
                optimizer.update(as_given(params), as_given([grad, np.ones(3), again]))
            for param in params:
                kit.assert_same(param, np.ones_like(param))
    assert optimizer.t == 0


@every_optimizer
def test_a_snapshot_has_the_states_of_what_was_frozen_when_it_was_taken(make, formula):
    net, optimizer = network(), make()
    net.train_step(X, T, optimizer)
    net.layers[0].freeze()
    net.train_step(X, T, optimizer)
    twin, again = copy.deepcopy((net, optimizer))
    snapshot = Snapshot(net, optimizer)
    assert snapshot.look()
    for other in (net, twin):
        other.layers[0].unfreeze()
    net.train_step(X, T, optimizer)
    snapshot.put_back()
    for _ in range(2):
        net.train_step(X, T, optimizer)
        twin.train_step(X, T, again)
    for a, b in zip(net.params, twin.params, strict=True):
        kit.assert_same(a, b)
