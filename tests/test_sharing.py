"""Layers that stand at two places, and layers that two networks run: refused, or computed right."""

import copy
import pickle

import kit
import numpy as np
import own_layers
import pytest
from families import LAYER
from family import Arrays

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.testing import check_gradients

pytestmark = pytest.mark.usefixtures("implementation")
RIGHT = 1e-5  # of a gradient of float64 by differences
IN_NETWORKS = [name for name, entry in LAYER.items() if entry.in_network and not entry.is_loss]
SAME_SHAPE = [name for name in IN_NETWORKS if LAYER[name].kind in ("activation", "rows", "normalization")]
PLACES = {
    "beside": lambda layer: [layer, layer],
    "between": lambda layer: [layer, fl.Tanh(), layer],
    "nested": lambda layer: [layer, fl.Sequential([fl.Tanh(), layer])],
    "nested twice": lambda layer: [fl.Sequential([layer]), fl.Sequential([fl.Sequential([layer])])],
    "in parallel": lambda layer: [fl.Parallel([layer, layer])],
    "a network": lambda layer: [(inner := fl.Sequential([layer])), inner],
    "in a branch": lambda layer: [layer, fl.Parallel([fl.Tanh(), fl.Sequential([layer])])],
}


@pytest.fixture(params=[True, False], ids=["fused", "layer by layer"])
def fuses(request, monkeypatch):
    monkeypatch.setattr(backend, "fuses", request.param)


def affine(inputs, outputs, seed=0):
    return fl.Affine(kit.numbers((inputs, outputs), np.float64, seed), kit.numbers((outputs,), np.float64, seed + 1))


def is_right_or_refused(make, x):
    """Whether a network's gradients are those by differences, or it is refused by naming both places."""
    try:
        net = make()
        return check_gradients(net, x) < RIGHT
    except ValueError as error:
        return "is the same object as layer" in str(error)


@pytest.mark.usefixtures("fuses")
@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("name", [*SAME_SHAPE, "Affine", "own"])
def test_a_layer_at_two_places_is_refused_or_right(name, places):
    if name == "own":
        layer, x = own_layers.Scaled(5), Arrays().x
    elif name == "Affine":
        layer, x = affine(5, 5), Arrays().x
    else:
        layer, (x,) = LAYER[name].make(), LAYER[name].inputs(Arrays())
        if LAYER[name].random:
            pytest.skip("it draws anew at each forward")
    assert is_right_or_refused(lambda: fl.Sequential(PLACES[places](layer)), x)


@pytest.mark.usefixtures("fuses")
@pytest.mark.parametrize("change", ["append", "replace", "nested", "in parallel"])
def test_a_layer_that_comes_a_second_time_is_refused_or_right(change):
    relu, x = fl.Relu(), Arrays().x
    inner, branches = fl.Sequential([affine(5, 5)]), fl.Parallel([affine(5, 3), affine(5, 2)])
    net = fl.Sequential([affine(5, 5), relu, inner, branches])
    net.backward(net.forward(x))
    if change == "append":
        net.layers.append(relu)
    elif change == "replace":
        net.layers = [*net.layers, relu]
    elif change == "nested":
        inner.layers.append(relu)
    else:
        branches.layers[0] = branches.layers[1]
    assert is_right_or_refused(lambda: net, x)


# Two networks


def heads(trunk):
    return fl.Sequential([*trunk, affine(5, 2, 3)]), fl.Sequential([*trunk, affine(5, 1, 5)])


TRUNKS = {
    "layers": lambda: [affine(5, 5), fl.Relu()],
    "a user's": lambda: [own_layers.Scaled(5), fl.Relu()],
    "a network": lambda: [fl.Sequential([affine(5, 5), fl.Relu()])],
    "side by side": lambda: [fl.Parallel([affine(5, 3), affine(5, 2)])],
}


@pytest.mark.usefixtures("fuses")
@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("run", ["forward", "train_step", "gradient", "trunk"])
def test_backward_after_another_network_has_run_the_trunk(trunk, run):
    x, trunk = Arrays().x, TRUNKS[trunk]()
    actor, critic = heads(trunk)
    critic.loss_layer = fl.MeanSquaredError()
    others = {
        "forward": lambda: critic.forward(x),
        "train_step": lambda: critic.train_step(x, x[:, :1], fl.SGD(0.0)),
        "gradient": lambda: critic.gradient(x, x[:, :1]),
        "trunk": lambda: fl.Sequential(trunk).forward(x),
    }
    for _ in range(2):  # of the second time everything is compiled
        y = actor.forward(x)
        expected = actor.backward(y)
        critic.predict(x)  # keeps nothing
        kit.assert_same(actor.backward(y), expected)
        grads = [grad.copy() for grad in actor.grads]
        others[run]()
        before = [grad.copy() for grad in actor.grads]
        with pytest.raises(RuntimeError, match=r"layer 0.*another network"):
            actor.backward(y)
        for grad, same in zip(actor.grads, before, strict=True):
            kit.assert_same(grad, same)
        kit.assert_same(actor.forward(x), y)
        kit.assert_same(actor.backward(y), expected)
        for grad, same in zip(actor.grads, grads, strict=True):
            kit.assert_same(grad, same)


@pytest.mark.usefixtures("fuses")
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_is_another_network_and_goes_back_from_the_same_forward(duplicate):
    x, net = Arrays().x, fl.Sequential([affine(5, 5), fl.Sequential([fl.Relu()])])
    y = net.forward(x)
    expected = net.backward(y)
    other = duplicate(net)
    kit.assert_same(other.backward(y), expected)
    if duplicate is copy.copy:
        net.forward(x)
        with pytest.raises(RuntimeError, match="another network"):
            other.backward(y)
    else:
        other.forward(x)
        kit.assert_same(net.backward(y), expected)


@pytest.mark.usefixtures("fuses")
def test_a_nested_network_is_run_by_itself_and_within_another():
    x, inner = Arrays().x, fl.Sequential([affine(5, 5), fl.Relu()])
    net = fl.Sequential([inner, affine(5, 2)])
    for _ in range(2):
        y = net.forward(x)
        net.backward(y)
        net.backward(y)
        inner.backward(x)
        copy.deepcopy(net).layers[0].backward(x)
        inner.backward(inner.forward(x))
        with pytest.raises(RuntimeError, match=r"layer 0\.0, Affine"):
            net.backward(y)


# Gradients that are added


def networks_to_accumulate():
    yield "affine", fl.Sequential([affine(5, 4), fl.Relu(), affine(4, 3, 2)])
    yield "side by side", fl.Parallel([affine(5, 2), fl.Sequential([affine(5, 2, 2)])])
    yield "own", fl.Sequential([own_layers.Scaled(5), own_layers.Listed(5), own_layers.Weighted(5), affine(5, 3)])
    W = kit.numbers((5, 5), np.float64)
    yield "tied", fl.Sequential([fl.MatMul(W), fl.Tanh(), fl.MatMul(W)])


@pytest.mark.usefixtures("fuses")
@pytest.mark.parametrize("name", [name for name, _ in networks_to_accumulate()])
def test_gradients_are_added(name):
    x, net = Arrays().x, dict(networks_to_accumulate())[name]
    y = net.forward(x)
    assert net.grads  # handed out
    net.backward(y, accumulate=True)  # to zeros
    first = [grad.copy() for grad in net.grads]
    net.backward(y)
    handed_out = net.grads
    for grad, expected in zip(handed_out, first, strict=True):
        kit.assert_same(grad, expected)
    dx = net.backward(2 * y, accumulate=True)
    kit.assert_same(dx, net.copy().backward(2 * y))
    assert net.backward(y, need_dx=False, accumulate=True) is None
    for grad, expected in zip(handed_out, first, strict=True):
        np.testing.assert_allclose(grad, 4 * expected, rtol=1e-12)
    with pytest.raises(ValueError, match="shape"):
        net.backward(np.ones((6, 9)), accumulate=True)
    for grad, expected in zip(net.grads, first, strict=True):
        np.testing.assert_allclose(grad, 4 * expected, rtol=1e-12)


FITS = {
    "mean": lambda: (fl.SoftmaxWithLoss(), {}),
    "sum": lambda: (fl.SoftmaxWithLoss(reduction="sum"), {}),
    "weights": lambda: (fl.SoftmaxWithLoss(), {"sample_weight": np.linspace(0, 2, 26)}),
    "ignored": lambda: (fl.SoftmaxWithLoss(ignore_index=1), {}),
}


@pytest.mark.usefixtures("fuses")
@pytest.mark.parametrize("case", FITS)
@pytest.mark.parametrize("batches", [2, 3, 100])
def test_a_fit_that_accumulates_is_one_of_larger_batches(case, batches):
    x, t = kit.numbers((26, 5), np.float64), np.arange(26) % 3
    seen, results = [], []
    for size, accumulate in ((4 * batches, 1), (4, batches)):
        loss, options = FITS[case]()
        net = fl.Sequential([affine(5, 4), fl.Tanh(), affine(4, 3, 2)], loss)
        history = net.fit(
            x, t, 3, size, optimizer=fl.Adam(0.01), rng=0, accumulate=accumulate, callbacks=[_Counts(seen)], **options
        )
        results.append((history.loss, net.params))
    (losses, params), (other_losses, other_params) = results
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    for param, other in zip(params, other_params, strict=True):
        np.testing.assert_allclose(other, param, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(other_losses, losses, rtol=1e-9)


class _Counts:
    """Writes down how many steps there were after each, and the loss of the last."""

    def __init__(self, seen):
        self.seen = seen

    def on_step_end(self, training):
        self.seen.append((training.step, round(training.loss, 9)))


def test_accumulation_is_refused_where_a_subclass_updates_by_itself():
    class Own(fl.Sequential):
        def train_step(self, x, t, optimizer, sample_weight=None):
            return super().train_step(x, t, optimizer, sample_weight)

    net = Own([affine(5, 3)], fl.SoftmaxWithLoss())
    with pytest.raises(TypeError, match="Own overrides train_step"):
        net.fit(Arrays().x, np.arange(6) % 3, accumulate=2)
    with pytest.raises(ValueError, match="accumulate"):
        net.fit(Arrays().x, np.arange(6) % 3, accumulate=0)
