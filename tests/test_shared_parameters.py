"""Parameters that several layers share: one array, or its transpose, which is trained by the sum of its gradients."""

import copy
import json
import pickle

import families
import kit
import numpy as np
import pytest
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers.formats import ModelFileError, description
from fastlayers.mpi import DataParallel

V, D = 7, 3
RNG = np.random.default_rng(0)
X, T = RNG.integers(0, V, 24), RNG.integers(0, V, 24)
every_optimizer = pytest.mark.parametrize("name", families.OPTIMIZERS)


def tied(dtype=np.float64):
    """A model of words whose table is what gives the scores too."""
    W = kit.numbers((V, D), dtype)
    layers = [fl.Embedding(W), fl.Affine(kit.numbers((D, D), dtype, 1), np.zeros(D, dtype)), fl.Affine(W.T)]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


def is_tied(net):
    return np.shares_memory(net.layers[0].W, net.layers[-1].W)


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float16, *kit.FAST])
@pytest.mark.parametrize(
    "as_given", [list, lambda arrays: {"abcd"[i]: a for i, a in enumerate(arrays)}], ids=["list", "dict"]
)
def test_an_array_that_is_given_several_times_has_one_step_by_the_sum(implementation, name, dtype, as_given):
    once, several = (getattr(fl, name)(0.1, weight_decay=0.2, clip_norm=1.5) for _ in range(2))
    b, W = kit.numbers((3,), dtype), kit.numbers((4, 3), dtype, 1)
    b_alone, W_alone = b.copy(), W.copy()
    for seed in range(3):
        of_b, of_W, turned, of_view = (
            kit.numbers(shape, dtype, 10 * seed + i) for i, shape in enumerate([(3,), (4, 3), (3, 4), (4, 3)])
        )
        several.update(as_given([W, b, W.T, W[:]]), as_given([of_W, of_b, turned, of_view]))
        once.update(as_given([W_alone, b_alone]), as_given([of_W + turned.T + of_view, of_b]))
    kit.assert_same(W, W_alone)
    kit.assert_same(b, b_alone)
    assert several.t == 3


@every_optimizer
def test_memory_that_is_shared_otherwise_is_refused_with_nothing_written(implementation, name):
    W = kit.numbers((4, 3), np.float64)
    before, optimizer = W.copy(), getattr(fl, name)()
    with pytest.raises(
        ValueError, match=r"parameter 1 of shape \(2, 3\) shares memory with parameter 0 of shape \(4, 3"
    ):
        optimizer.update([W, W[1:3]], [np.ones((4, 3)), np.ones((2, 3))])
    kit.assert_same(W, before)
    assert optimizer.t == 0
    optimizer.update([W[::2], W[1::2]], [np.ones((2, 3)), np.ones((2, 3))])  # side by side, which is apart


@pytest.mark.parametrize("way", ["train_step", "fit", "subclass", "ranks"])
def test_a_network_trains_what_its_layers_share(implementation, without_mpi4py, way):
    """However its steps are taken; `gradient` gives each layer's own part."""
    net, by_hand = tied(), tied()
    options = {"lr": 0.1, "weight_decay": 0.01, "clip_norm": 0.5}
    optimizer = fl.Adam(**options)
    for x, t in zip(X.reshape(4, 6), T.reshape(4, 6), strict=True):
        _, (table, W, b, scores) = by_hand.gradient(x, t)
        optimizer.update(by_hand.params[:3], [table + scores.T, W, b])
    if way == "train_step":
        optimizer = fl.Adam(**options)
        for x, t in zip(X.reshape(4, 6), T.reshape(4, 6), strict=True):
            net.train_step(x, t, optimizer)
    elif way == "ranks":
        fit = {"epochs": 1, "batch_size": 6, "shuffle": False}
        nets = [copy.deepcopy(net) for _ in range(2)]
        results_on_ranks(
            2, lambda comm: DataParallel(nets[comm.rank], comm).fit(X, T, optimizer=fl.Adam(**options), **fit)
        )
        net = nets[1]
    else:
        if way == "subclass":
            net.train_step = lambda *args: fl.Sequential.train_step(net, *args)
        net.fit(X, T, epochs=1, batch_size=6, optimizer=fl.Adam(**options), shuffle=False)
    for ours, true in zip(net.params, by_hand.params, strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-9)
    assert is_tied(net)


def saved(form):
    def copied(net, tmp_path):
        path = tmp_path / "model"
        if form == "safetensors":
            pytest.importorskip("safetensors")
            net.to_safetensors(path)
            return fl.Sequential.from_safetensors(path)
        net.save(path)
        return fl.Sequential.load(path)

    return copied


COPIES = {
    "deepcopy": lambda net, _: copy.deepcopy(net),
    "pickle": lambda net, _: pickle.loads(pickle.dumps(net)),
    "nested": lambda net, _: copy.deepcopy(fl.Sequential([net, fl.Relu()])).layers[0],
    "npz": saved("npz"),
    "safetensors": saved("safetensors"),
}


def test_a_summary_counts_it_once():
    assert [layer.parameters for layer in tied().summary(()).layers] == [V * D, D * D + D, 0]


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_shares_what_its_original_shares(tmp_path, how):
    net = tied()
    made = COPIES[how](net, tmp_path)
    assert is_tied(made)
    assert not any(np.shares_memory(a, b) for a in net.params for b in made.params)
    for ours, true in zip(made.params, net.params, strict=True):
        kit.assert_same(ours, true)


def test_a_copy_of_a_users_layer_shares_what_its_original_shares():
    class Own:
        def __init__(self, *params):
            self.params = list(params)

        def forward(self, x):
            return x

    W = np.ones((2, 3))
    first, last = copy.deepcopy(fl.Sequential([fl.MatMul(W), Own(np.ones(1), W.T)])).layers
    assert np.shares_memory(first.W, last.params[1])
    assert not np.shares_memory(first.W, W)


def test_a_file_that_ties_what_it_does_not_have_as_one():
    net = tied()
    for tie, said in {
        ("1.W", ("0.W", True)): "its header ties 1.W to 0.W, but they differ",
        ("2.W", ("0.W", 1)): r"its header ties 2.W to \['0.W', 1\]; expected",
        ("2.W", ("9.W", True)): r"its header ties 2.W to \['9.W', True\]; expected",
    }.items():
        text, arrays = description.describe(net)
        header = json.loads(text)
        header["tied"] = {tie[0]: [*tie[1]]}
        header["sha256"] = description.digest(header, arrays)
        with pytest.raises(ModelFileError, match=said):
            description.rebuild(json.dumps(header), arrays, fl.Sequential)


def test_a_state_dict_has_the_array_under_each_name():
    net, other = tied(), tied()
    arrays = net.state_dict()
    kit.assert_same(arrays["0.weight"], arrays["2.weight"])  # PyTorch turns that of a linear layer
    arrays = {name: 2 * array for name, array in arrays.items()}
    other.load_state_dict(arrays)
    kit.assert_same(other.params[0], 2 * net.params[0])
    assert is_tied(other)
    arrays["2.weight"] = arrays["2.weight"] + 1
    with pytest.raises(ValueError, match=r"2.weight differs from 0.weight, but the network has one array for both"):
        other.load_state_dict(arrays)
    kit.assert_same(other.params[0], 2 * net.params[0])
