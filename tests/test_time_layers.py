"""Layers of each step of a sequence: what the book's loops over time give, and networks of them, wherever these go."""

import sys
from pathlib import Path

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.testing import check_gradients

N, T, D, M, V = 4, 3, 5, 2, 7
W, B = kit.numbers((D, M), np.float64, 1), kit.numbers((M,), np.float64, 2)
X, DOUT = kit.numbers((N, T, D), np.float64), kit.numbers((N, T, M), np.float64, 3)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("layout", [np.ascontiguousarray, lambda a: a[:, ::-1], np.asfortranarray])
def test_an_affine_layer_goes_step_by_step(implementation, dtype, layout):
    x, dout, weights, bias = layout(X.astype(dtype)), layout(DOUT.astype(dtype)), W.astype(dtype), B.astype(dtype)
    layer, tolerance = fl.TimeAffine(weights, bias), 1e-5 if dtype == np.float32 else 1e-12
    grads = layer.grads
    y, steps = layer.forward(x), [fl.Affine(weights, bias) for _ in range(T)]
    assert layer.x is x
    assert y.dtype == dtype
    expected = np.stack([step.forward(x[:, t].copy()) for t, step in enumerate(steps)], axis=1)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    for times in (1, 2):  # set, and not added to
        dx = layer.backward(times * dout)
        expected = np.stack([step.backward(times * dout[:, t]) for t, step in enumerate(steps)], axis=1)
        np.testing.assert_allclose(dx, expected, rtol=tolerance, atol=tolerance)
        for grad, ours, name in zip(grads, layer.grads, ("dW", "db"), strict=True):
            assert grad is ours is getattr(layer, name)
            np.testing.assert_allclose(
                grad, sum(getattr(step, name) for step in steps), rtol=tolerance, atol=10 * tolerance
            )
    assert layer.backward(dout, need_dx=False) is None


@pytest.mark.parametrize("shape", [(D,), (N, D), (0, T, D), (N, 0, D), (2, 1, T, D)])
def test_any_axes_may_stand_before_the_last(implementation, shape):
    layer, x = fl.TimeAffine(W, B), kit.numbers(shape, np.float64)
    np.testing.assert_allclose(layer.forward(x), x @ W + B, rtol=1e-12, atol=1e-12)
    assert layer.predict(x).shape == (*shape[:-1], M)
    assert check_gradients(layer, x) < 1e-7
    assert layer.dW.shape == W.shape


def test_what_does_not_fit_a_step_is_refused(implementation):
    layer = fl.TimeAffine(W.T)  # of steps of 2 numbers: a sample of one number in each of two steps would have as many
    with pytest.raises(ValueError, match=r"x of shape \(4, 2, 1\) does not fit W of shape \(2, 5\): a step must have"):
        layer.forward(np.ones((N, 2, 1)))
    layer.forward(np.ones((N, T, M)))
    for wrong in ((N * T, D), (N, T, M), (T, N, D)):
        with pytest.raises(ValueError, match=r"dout of shape \(.*\) does not fit the output of shape \(4, 3, 5\)"):
            layer.backward(np.ones(wrong))


def test_dropout_goes_by_its_attribute(implementation):
    layer, x = fl.TimeDropout(0.5, rng=0), kit.numbers((N, T, D), np.float64)
    assert layer.train_flg
    kit.assert_same(layer.forward(x), fl.Dropout(0.5, rng=0).forward(x))
    kit.assert_same(layer.backward(x), np.where(layer.mask, 2 * x, 0))
    mask, layer.train_flg = layer.mask, False
    assert layer.forward(x) is x
    assert layer.mask is mask
    kit.assert_same(layer.backward(x[:, :1]), x[:, :1])  # through the last forward, which dropped nothing
    layer.train_flg = True
    assert layer.forward(x, train_flg=False) is x
    assert (layer.forward(x) == 0).any()
    kit.assert_same(layer.backward(x), np.where(layer.mask, 2 * x, 0))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        fl.TimeDropout().backward(x)


# Networks of them


def network(dtype=np.float32):
    layers = [
        fl.TimeEmbedding(kit.numbers((V, D), dtype, 5)),
        fl.TimeDropout(0.25, rng=0),
        fl.TimeAffine(W.astype(dtype), B.astype(dtype)),
    ]
    return fl.Sequential(layers, fl.MeanSquaredError())


IDX, TARGETS = np.arange(N * T).reshape(N, T) % V, DOUT.astype(np.float32)


def test_a_network_of_them_is_one_call_with_the_bits_of_each(implementation, monkeypatch):
    net, other = network(), network()
    assert bool(net.compiled) == (implementation != "reference")
    losses = [net.train_step(IDX, TARGETS, fl.SGD(0.1)) for _ in range(3)]
    monkeypatch.setattr(backend, "fuses", False)
    assert [other.train_step(IDX, TARGETS, fl.SGD(0.1)) for _ in range(3)] == losses
    for ours, its in zip(net.params, other.params, strict=True):
        kit.assert_same(ours, its)
    table, weights, bias = net.params
    np.testing.assert_allclose(net.predict(IDX), table[IDX] @ weights + bias, rtol=1e-5, atol=1e-5)
    net.layers[1].train_flg = False
    rows, (_, dW, _) = table[IDX].reshape(-1, D), net.gradient(IDX, TARGETS)[1]
    dout = 2 * (rows @ weights + bias - TARGETS.reshape(-1, M)) / TARGETS.size
    np.testing.assert_allclose(dW, rows.T @ dout, rtol=1e-4, atol=1e-5)


def of_any_steps():
    rng = np.random.default_rng(4)
    layers = [fl.TimeAffine(rng.standard_normal((D, 4)), rng.standard_normal(4)), fl.Tanh()]
    layers += [fl.TimeAffine(rng.standard_normal((4, 6)).T.copy().T), fl.Relu(), fl.TimeAffine(rng.random((6, M)))]
    return fl.Sequential(layers, fl.MeanSquaredError())


@pytest.mark.parametrize("shape", [(D,), (N, D), (N, T, D), (1, 1, D), (0, T, D), (N, 0, D), (2, 1, T, D)])
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_steps_of_any_shape_have_the_same_bits_in_one_call(implementation, monkeypatch, shape, dtype):
    x, found = kit.numbers(shape, dtype), []
    for fuses in (True, False):
        monkeypatch.setattr(backend, "fuses", fuses)
        net = of_any_steps()
        y = net.forward(x)
        found.append([y, net.predict(x), net.backward(np.ones_like(y)), net.backward(y[..., ::-1]), *net.grads])
        loss, grads = net.gradient(x, 0 * y)
        found[-1] += [np.asarray(loss), net.train_step(x, 0 * y, fl.Adam(0.1)), *grads, *net.params, net.layers[2].x]
    for ours, true in zip(*found, strict=True):
        kit.assert_same(np.asarray(ours), np.asarray(true))
    assert found[0][0].shape == (*shape[:-1], M)
    assert found[0][2].shape == shape


@pytest.mark.parametrize("fuses", [True, False])
def test_a_network_refuses_other_steps(implementation, monkeypatch, fuses):
    monkeypatch.setattr(backend, "fuses", fuses)
    net = of_any_steps()
    for call in (net.predict, net.forward):
        for wrong in ((N, T, D - 1), (N, D, 1), (N, T, D, 2)):
            with pytest.raises(ValueError, match=r"x of shape .* does not fit W of shape \(5, 4\): a step must have"):
                call(np.ones(wrong))
    net.forward(X)
    for wrong in ((N, T, D), (N * T, M), (T, N, M), (N, T, M, 1)):
        with pytest.raises(ValueError, match=r"dout of shape .* does not fit the output of shape \(4, 3, 2\)"):
            net.backward(np.ones(wrong))


def test_in_one_call_no_step_is_made_in_python(compiled):
    net, entered = of_any_steps(), []

    def watch(frame, event, _):
        if event == "call" and Path(frame.f_code.co_filename).name == "time_affine.py":
            entered.append(frame.f_code.co_name)

    net.train_step(X, DOUT, fl.SGD(0.1))
    net.predict(X)
    sys.setprofile(watch)
    try:
        net.train_step(X, DOUT, fl.SGD(0.1))
        net.predict(X)
    finally:
        sys.setprofile(None)
    assert entered == []


def test_a_summary_of_steps():
    rows = network().summary((T,)).layers
    assert [row.output_shape for row in rows] == [(T, D), (T, D), (T, M)]
    assert [row.flops for row in rows] == [0, 0, T * 2 * D * M]
    with pytest.raises(ValueError, match="input_shape is needed: layer 0, TimeAffine, takes samples of more than one"):
        fl.Sequential([fl.TimeAffine(W)]).summary()
    with pytest.raises(ValueError, match=r"layer 0 has parameters of shapes \[\(5, 2\)\]; expected W \(4, M\)"):
        fl.Sequential([fl.TimeAffine(W)]).summary((T, 4))


def test_a_fit_refuses_other_steps_before_anything_is_trained(implementation):
    net = fl.Sequential([fl.Tanh(), fl.TimeAffine(W.copy(), B.copy())], fl.MeanSquaredError())
    with pytest.raises(ValueError, match=r"x of shape \(4, 3, 6\) does not fit W of shape \(5, 2\): a step must have"):
        net.fit(np.ones((N, T, 6)), DOUT, 1)
    with pytest.raises(ValueError, match=r"t of shape \(4, 2\) does not fit outputs of shape \(4, 3, 2\)"):
        net.fit(X, DOUT[:, 0], 1)
    assert net.fit(X, DOUT, 30, optimizer=fl.Adam(0.05), rng=0).loss[-1] < net.history.loss[0] / 2


def test_others_have_them(tmp_path):
    net = network()
    state = net.state_dict()
    assert {name: a.shape for name, a in state.items()} == {"0.weight": (V, D), "2.weight": (M, D), "2.bias": (M,)}
    net.load_state_dict({name: 2 * array for name, array in state.items()})
    np.testing.assert_allclose(net.layers[2].W, 2 * W, rtol=1e-6)
    runtime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    net.to_onnx(tmp_path / "m", input_shape=(T,))
    assert [node.op_type for node in onnx.load(tmp_path / "m").graph.node] == ["Gather", "MatMul", "Add"]
    (y,) = runtime.InferenceSession(tmp_path / "m").run(None, {"x": IDX})
    np.testing.assert_allclose(y, net.predict(IDX), rtol=1e-5, atol=1e-5)
