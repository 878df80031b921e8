"""A network in a network, and a network without a loss."""

import numpy as np
import pytest
from own_layers import OfThePackage, T, X, affine, network

import fastlayers as fl
from fastlayers.testing import check_gradients


def nested():
    return fl.Sequential(
        [affine(), fl.Sequential([fl.Relu(), affine(seed=3), fl.Sequential([fl.Tanh()])]), affine(4, 3, 2)],
        fl.SoftmaxWithLoss(weight=np.array([1.0, 2.0, 3.0])),
    )


def flat():
    layers = nested().layers
    return fl.Sequential([layers[0], *layers[1].layers[:2], fl.Tanh(), layers[2]], fl.SoftmaxWithLoss(weight=[1, 2, 3]))


@pytest.mark.usefixtures("implementation")
def test_a_nested_network_is_trained_as_its_layers():
    net, expected = nested(), flat()
    np.testing.assert_array_equal(net.predict(X), expected.predict(X))
    assert net.fit(X, T, epochs=2, rng=0).loss == expected.fit(X, T, epochs=2, rng=0).loss
    for param, other in zip(net.params, expected.params, strict=True):
        np.testing.assert_array_equal(param, other)
    net.train_step(X.astype(np.float32), T, fl.SGD())
    assert check_gradients(fl.Sequential(net.layers), X) < 1e-6


def test_a_nested_network_travels(tmp_path):
    net = nested()
    net.layers[1].loss_layer = fl.MeanSquaredError(reduction="sum")
    net.save(tmp_path / "m.npz")
    again = fl.Sequential.load(tmp_path / "m.npz")
    assert repr(again) == repr(net)
    assert type(again.layers[1]) is fl.Sequential
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert [*net.state_dict()] == ["0.weight", "0.bias", "1.1.weight", "1.1.bias", "2.weight", "2.bias"]
    again.load_state_dict(nested().state_dict())
    again.layers[1].layers[1].W = np.ones((3, 3))
    with pytest.raises(ValueError, match=r"layer 1\.1 has parameters of shapes"):
        again.save(tmp_path / "other.npz")


def test_a_nested_network_as_a_graph_of_onnx(tmp_path):
    pytest.importorskip("onnx")
    session = pytest.importorskip("onnxruntime").InferenceSession
    nested().to_onnx(tmp_path / "m.onnx")
    (y,) = session(tmp_path / "m.onnx").run(None, {"x": X})
    np.testing.assert_allclose(y, flat().predict(X), rtol=1e-12)


def test_without_a_loss(tmp_path):
    net = network(loss=False)
    for use in (
        lambda: net.loss(X, T),
        lambda: net.gradient(X, T),
        lambda: net.train_step(X, T, fl.SGD()),
        lambda: net.fit(X, T),
    ):
        with pytest.raises(TypeError, match="this Sequential has no loss"):
            use()
    assert net.backward(np.ones_like(net.forward(X))).shape == X.shape
    assert net.backward(np.ones((6, 3)), need_dx=False) is None
    net.save(tmp_path / "m.npz")
    again = fl.Sequential.load(tmp_path / "m.npz")
    assert again.loss_layer is None
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_onnx_refuses_a_layer_that_it_does_not_know(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(TypeError, match="an ONNX file holds"):
        network(OfThePackage()).to_onnx(tmp_path / "m.onnx")
