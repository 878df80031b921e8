"""Networks that normalise batches: their steps, and the formats that they are kept in."""

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


def normalization(channels, dtype):
    return fl.BatchNormalization(kit.numbers((channels,), dtype, 1), kit.numbers((channels,), dtype, 2))


def network(*, dtype=np.float32, running=True):
    rng = np.random.default_rng(0)
    affine = [rng.standard_normal(shape).astype(dtype) for shape in ((4, 5), (5,), (5, 3), (3,))]
    layer = normalization(5, dtype)
    if running:
        layer.forward(kit.numbers((6, 5), dtype, 7))
    return fl.Sequential([fl.Affine(*affine[:2]), layer, fl.Relu(), fl.Affine(*affine[2:])], fl.SoftmaxWithLoss())


X, T = kit.numbers((30, 4), np.float32, 8), np.arange(30) % 3


def test_a_refused_step_leaves_the_running_statistics_as_they_were():
    net = network()
    before = net.layers[1].running_mean.copy(), net.layers[1].running_var.copy()
    x = X.copy()
    x[-1] = 3e38  # finite, and no product with it is
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="before this step"):
        net.fit(x, T, epochs=1, batch_size=30, optimizer=fl.SGD(0.1))
    np.testing.assert_array_equal((net.layers[1].running_mean, net.layers[1].running_var), before)


def test_a_network_runs_as_one_call_and_predicts_by_what_runs(implementation):
    nets = [network(running=False) for _ in range(2)]
    for _ in range(3):
        one = nets[0].train_step(X, T, fl.SGD(0.1))
        y = X
        for layer in nets[1].layers:
            y = layer.forward(y)
        assert one == nets[1].loss_layer.forward(y, T)
        dout = nets[1].loss_layer.backward()
        for layer in reversed(nets[1].layers):
            dout = layer.backward(dout)
        fl.SGD(0.1).update(nets[1].params, nets[1].grads)
    for a, b in zip(nets[0].params, nets[1].params, strict=True):
        kit.assert_same(a, b)
    kit.assert_same(nets[0].layers[1].running_var, nets[1].layers[1].running_var)
    kit.assert_same(nets[0].predict(X)[:1], nets[0].predict(X[:1]))
    assert bool(nets[0].compiled) == (implementation != "reference")


def test_onnx_refuses_what_has_no_running_statistics(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="layer 1, BatchNormalization, has no running statistics yet"):
        network(running=False).to_onnx(tmp_path / "m.onnx")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("channels", [3, 60])
@pytest.mark.parametrize("dtype", kit.FAST)
def test_onnx_of_images(channels, dtype, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    layer, x = normalization(channels, dtype), kit.numbers((6, 3, 4, 5), dtype, 3) * dtype(2) + dtype(1)
    layer.forward(x)
    W = np.random.default_rng(0).standard_normal((60, 2)).astype(dtype)
    net = fl.Sequential([layer, fl.Relu(), fl.Affine(W)])
    net.to_onnx(tmp_path / "m.onnx", input_shape=(3, 4, 5))
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    np.testing.assert_allclose(session.run(None, {"x": x})[0], net.predict(x), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:eps of BatchNormalization")
def test_state_dict_has_pytorchs_names():
    net = network()
    arrays = net.state_dict()
    assert [*arrays] == [
        *("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "3.weight", "3.bias")
    ]
    other = network(running=False)
    for param in other.params:
        param[...] = 0
    other.load_state_dict({**arrays, "1.num_batches_tracked": np.array(7)})
    kit.assert_same(other.predict(X), net.predict(X))
    assert not np.shares_memory(other.layers[1].running_mean, arrays["1.running_mean"])
    del arrays["1.running_var"]
    with pytest.raises(ValueError, match=r"1\.weight comes without running_var, which layer 1, BatchNorm.*, needs"):
        other.load_state_dict(arrays)
    with pytest.raises(ValueError, match=r"'0\.running_mean' has no place in layer 0, Affine"):
        other.load_state_dict({**net.state_dict(), "0.running_mean": np.zeros(5)})


def test_a_file_whose_statistics_do_not_fit(tmp_path):
    net = network()
    net.layers[1].running_var = np.ones(4, np.float32)
    with pytest.raises(ValueError, match=r"layer 1 has .*running_var \(4,\); expected \(5,\) for each"):
        net.save(tmp_path / "m.npz")
