"""Layers side by side: heads that share a trunk, twin critics, and networks within networks as one call."""

import copy
import json
import pickle

import kit
import numpy as np
import own_layers
import pytest

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.formats import ModelFileError, description
from fastlayers.layers._nested import leaves
from fastlayers.testing import check_gradients

X, T = kit.numbers((6, 5), np.float64), kit.numbers((6, 4), np.float64, 1)


def affine(inputs, outputs, seed=0, dtype=np.float64):
    return fl.Affine(kit.numbers((inputs, outputs), dtype, seed), kit.numbers((outputs,), dtype, seed + 1))


def network(dtype=np.float64, loss=None):
    """A trunk, a head of two layers, one of one, and x itself; in all of the forms in which one is in another."""
    heads = fl.Parallel(
        [fl.Sequential([affine(4, 3, 2, dtype), fl.Tanh(), affine(3, 2, 4, dtype)]), affine(4, 1, 6, dtype)]
    )
    whole = fl.Parallel([heads, fl.Sequential([]), fl.Sequential([fl.Relu(), fl.Sequential([affine(4, 2, 8, dtype)])])])
    return fl.Sequential([affine(5, 4, 0, dtype), fl.Tanh(), fl.Sequential([whole]), affine(9, 4, 9, dtype)], loss)


@pytest.mark.usefixtures("implementation")
def test_outputs_stand_side_by_side_and_gradients_add_up():
    one, other = affine(5, 3), fl.Sequential([affine(5, 2, 3), fl.Tanh()])
    heads = fl.Parallel([one, other])
    expected = np.concatenate([one.forward(X), other.forward(X)], axis=1)
    y = heads.forward(X)
    kit.assert_same(y, expected)
    kit.assert_same(heads.predict(X), y)
    np.testing.assert_allclose(heads.predict(X[0]), y[0], rtol=1e-13)
    parts = heads.split(y)
    assert [part.shape for part in parts] == [(6, 3), (6, 2)]
    assert all(part.base is not None for part in parts)
    dx = heads.backward(y)
    other.forward(X)
    expected = one.backward(parts[0].copy()) + other.backward(parts[1].copy())
    np.testing.assert_allclose(dx, expected, rtol=1e-13)
    heads.forward(X)
    assert heads.backward(y, need_dx=False) is None
    assert len(heads.params) == len(heads.grads) == 4
    assert check_gradients(network(), np.random.default_rng(0).standard_normal((3, 5))) < 1e-6
    images = fl.Parallel([fl.Pooling(2, 2, 2), fl.AveragePooling(2, 2, 2)])
    assert images.forward(np.ones((2, 3, 4, 6))).shape == (2, 3, 2, 6)
    assert check_gradients(images, np.random.default_rng(0).standard_normal((2, 3, 4, 6))) < 1e-6


def outcomes(net):
    """All that there is to see of some steps."""
    optimizer = fl.Adam(0.01, clip_norm=1.0)
    dtype = net.params[0].dtype
    x, t = X.astype(dtype), T.astype(dtype)
    found = [net.train_step(x, t, optimizer) for _ in range(3)]
    found += [net.gradient(x, t), net.forward(x), net.backward(t), net.predict(x), net.predict(x[0]), net.predict(X)]
    for frozen in ((0,), (0, 2, 4), (2, 3), ()):
        for i, (_, layer) in enumerate(leaves(net.layers)):
            layer.frozen = i in frozen
        found += [net.forward(x), net.backward(t, need_dx=False), *net.grads, net.backward(t), *net.grads]
    net.fit(x, t, epochs=2, batch_size=4, optimizer=fl.SGD(0.1), rng=0)
    found += net.params
    for _, layer in leaves(net.layers):
        found += [value for name, value in sorted(vars(layer).items()) if not name.startswith("_")]
    return [part for each in found for part in (each[1] if isinstance(each, tuple) else [each])]


@pytest.mark.parametrize("dtype", kit.FAST)
def test_one_call_gives_the_same_bits_as_layer_by_layer(compiled, dtype, monkeypatch):
    net = network(dtype, fl.MeanSquaredError())
    assert net.compiled
    together = outcomes(net)
    assert type(net._program).__name__ == "Program"
    monkeypatch.setattr(backend, "fuses", False)
    one_by_one = outcomes(network(dtype, fl.MeanSquaredError()))
    assert len(together) == len(one_by_one)
    for a, b in zip(together, one_by_one, strict=True):
        if isinstance(a, np.ndarray):
            kit.assert_same(a, b)
        else:
            assert a == b


def replaced(net):
    net.layers[2].layers[0].layers[0].layers[1] = affine(4, 1, 30)


def another_dtype(net):
    layer = net.layers[2].layers[0].layers[2].layers[1].layers[0]
    layer.W, layer.b = layer.W.astype(np.float32), layer.b.astype(np.float32)


def a_users_layer(net):
    net.layers[2].layers[0].layers[1].layers.append(own_layers.Scaled(4))


def a_method(net):
    inner = net.layers[2].layers[0].layers[2]
    inner.predict = inner.forward = lambda x: np.asarray(fl.Sequential.predict(inner, x)) * 2


def fewer(net):
    del net.layers[2].layers[0].layers[0].layers[0].layers[1]


def as_it_was(net):
    net.layers[2].predict(np.ones((2, 4)))


CHANGES = [replaced, another_dtype, a_users_layer, a_method, fewer, as_it_was]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_within_a_network_changes_what_it_does(compiled, change, monkeypatch):
    net, other = network(), network()
    net.forward(X)
    change(net)
    change(other)
    found = [net.predict(X), net.forward(X), net.predict(X[0])]
    monkeypatch.setattr(backend, "fuses", False)
    for a, b in zip(found, [other.predict(X), other.forward(X), other.predict(X[0])], strict=True):
        kit.assert_same(a, b)


@pytest.mark.usefixtures("implementation")
def test_it_goes_where_networks_go(tmp_path):
    net = network(loss=fl.MeanSquaredError())
    y = net.predict(X)
    for again in (copy.deepcopy(net), net.copy(), pickle.loads(pickle.dumps(net))):
        kit.assert_same(again.predict(X), y)
    net.save(tmp_path / "net.npz")
    kit.assert_same(fl.Sequential.load(tmp_path / "net.npz").predict(X), y)
    summary = net.summary()
    assert [(row.name, row.output_shape) for row in summary.layers[2:3]] == [("Parallel", (9,))]
    assert summary.parameters == sum(param.size for param in net.params)
    assert summary.flops == 2 * sum(p.size for p in net.params if p.ndim == 2) + 4 + 3 + 4
    assert fl.graph.Graph.of_network(net, X, T)._nodes[2].outputs[0].value.shape == (6, 9)
    net.load_state_dict(net.state_dict())
    other = network().blend(net, 0.5)
    assert other is None
    header, arrays = description.describe(net)
    assert header.count('"Parallel"') == 2
    forged = json.loads(header.replace('"loss": null', '"loss": "MeanSquaredError"'))
    forged["sha256"] = description.digest(forged, arrays)
    with pytest.raises(ModelFileError, match=r"layer 2.0 is 'Parallel' with loss='MeanSquaredError'; expected none"):
        description.rebuild(json.dumps(forged), arrays, fl.Sequential)


def test_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    net = network(np.float32)
    net.to_onnx(tmp_path / "net.onnx")
    found = runtime.InferenceSession(tmp_path / "net.onnx").run(None, {"x": X.astype(np.float32)})[0]
    np.testing.assert_allclose(found, net.predict(X), rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("implementation")
def test_a_users_layers_stand_in_it_too():
    class Twice:
        def forward(self, x):
            return 2 * x

        def backward(self, dout):
            return 2 * dout

    net = fl.Sequential([fl.Parallel([own_layers.Scaled(5), Twice(), own_layers.Listed(5)])])
    assert net.forward(X).shape == (6, 15)
    assert len(net.params) == 4
    assert check_gradients(net, X) < 1e-6
    assert net.backward(np.ones((6, 15)), need_dx=False) is None
    handed = net.grads
    for need_dx in (True, False):
        net.backward(np.zeros((6, 15)), need_dx=need_dx)
        assert not any(grad.any() for grad in handed)
        net.backward(np.ones((6, 15)), need_dx=need_dx)
        assert all(grad.any() for grad in handed)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("fuses", [True, False])
def test_indices_have_no_gradient_wherever_they_are_looked_up(fuses, monkeypatch):
    monkeypatch.setattr(backend, "fuses", fuses)
    words = [fl.Embedding(kit.numbers((9, 3), np.float64, seed)) for seed in (0, 1)]
    for inner in (fl.Sequential(words[:1]), fl.Parallel(words)):
        net = fl.Sequential([fl.Flatten(), inner])
        y = net.forward(np.arange(6).reshape(2, 3))
        assert net.backward(y) is None
        assert all(grad.any() for grad in net.grads)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("fuses", [True, False])
def test_some_look_up_indices_and_others_take_them_as_numbers(fuses, monkeypatch, tmp_path):
    monkeypatch.setattr(backend, "fuses", fuses)
    words = fl.Sequential([fl.Embedding(kit.numbers((9, 3), np.float64)), fl.Flatten()])
    x = np.arange(8).reshape(2, 4)
    first, last = (fl.Sequential([fl.Parallel(layers)]) for layers in ([words, affine(4, 2)], [affine(4, 2), words]))
    for method in ("predict", "forward"):
        y = getattr(first, method)(x)
        kit.assert_same(getattr(last, method)(x), np.concatenate([y[:, 12:], y[:, :12]], axis=1))
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="layers side by side take indices and numbers"):
        first.to_onnx(tmp_path / "net.onnx", input_shape=(4,))


@pytest.mark.usefixtures("implementation")
def test_what_is_refused():
    with pytest.raises(ValueError, match="Parallel needs one layer or more"):
        fl.Parallel([])
    heads = fl.Parallel([affine(5, 3), affine(5, 2)])
    for call in (lambda: heads.backward(T), lambda: fl.Parallel([fl.Sequential([]), affine(5, 1)]).split(T)):
        with pytest.raises(RuntimeError, match="before forward"):
            call()
    assert [part.shape for part in heads.split(heads.predict(X))] == [(6, 3), (6, 2)]  # as the parameters say
    net = fl.Sequential([heads])
    heads.forward(X)
    for call in (heads.backward, heads.split, lambda dout: net.forward(X) is None or net.backward(dout)):
        with pytest.raises(ValueError, match=r"of shape \(6, 4\) does not fit the layers' outputs of widths \(3, 2\)"):
            call(T)
    images = np.ones((2, 3, 4, 4))
    odd = fl.Parallel([fl.Pooling(2, 2, 2), fl.Pooling(2, 2, 1)])
    for net in (odd, fl.Sequential([odd])):
        for call in (net.forward, net.predict):
            with pytest.raises(
                ValueError, match=r"layer 1 of Parallel gives shape \(2, 3, 3, 3\) and layer 0 \(2, 3, 2, 2\)"
            ):
                call(images)
    with pytest.raises(ValueError, match=r"layer 0 gives \(3, 3, 3\) by its layer 1, but \(3, 2, 2\) by layer 0"):
        fl.Sequential([odd, affine(1, 1)]).summary((3, 4, 4))
    with pytest.raises(ValueError, match=r"layer 1 has, as its layer 0.1 has parameters of shapes"):
        fl.Sequential([affine(5, 3), fl.Parallel([fl.Sequential([fl.Relu(), affine(5, 2)])])]).summary()
