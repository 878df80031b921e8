"""The product of volume 2: an affine layer that has no bias, wherever layers go."""

import kit
import numpy as np
import pytest

import fastlayers as fl

W, X, DOUT = (kit.numbers(shape, np.float32, seed) for seed, shape in enumerate([(4, 3), (6, 4), (6, 3)]))


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", kit.FAST)
def test_it_is_what_the_book_has(dtype):
    weights, x, dout = (a.astype(dtype) for a in (W, X, DOUT))
    layer = fl.MatMul(weights)
    (param,), (grad,) = layer.params, layer.grads
    assert param is weights
    assert not grad.any()
    for scale in (dtype(1), dtype(-3)):  # set, and not added to
        np.testing.assert_allclose(layer.forward(scale * x), scale * x @ weights, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(layer.backward(dout), dout @ weights.T, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(grad, scale * x.T @ dout, rtol=1e-5, atol=1e-5)
        assert layer.grads[0] is layer.dW is grad
        np.testing.assert_array_equal(layer.x, scale * x)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("shape", [(4,), (6, 4), (6, 2, 2), (0, 4), (6, 1, 2, 2)])
def test_it_reads_any_input_as_an_affine_layer_does(shape):
    product, affine = fl.MatMul(W), fl.Affine(W)
    x = kit.numbers(shape, np.float32)
    kit.assert_same(product.forward(x), affine.forward(x))
    dout = kit.numbers((*shape[:1], 3) if len(shape) > 1 else (3,), np.float32, 1)
    kit.assert_same(product.backward(dout), affine.backward(dout))
    kit.assert_same(product.dW, affine.dW)
    kit.assert_same(product.predict(x), affine.predict(x))
    assert product.backward(dout, need_dx=False) is None


def test_what_is_no_matrix_is_refused():
    with pytest.raises(TypeError, match="2 positional arguments"):
        fl.MatMul(W, np.zeros(3, np.float32))
    with pytest.raises(ValueError, match=r"layer 0 has parameters of shapes \[\(3,\)\]; expected W \(D, M\)"):
        fl.Sequential([fl.MatMul(W[0])])


def network():
    return fl.Sequential([fl.MatMul(W.copy()), fl.Tanh(), fl.MatMul(W.T.copy())], fl.SoftmaxWithLoss())


def test_pytorch_has_it_as_a_linear_layer_without_a_bias():
    net, other = network(), network()
    state = net.state_dict()
    assert {name: array.shape for name, array in state.items()} == {"0.weight": (3, 4), "2.weight": (4, 3)}
    kit.assert_same(state["0.weight"], np.ascontiguousarray(W.T))
    for param in other.params:
        param[...] = 0
    other.load_state_dict(state)
    kit.assert_same(other.predict(X), net.predict(X))
    with pytest.raises(ValueError, match=r"0\.weight comes with a bias, but layer 0 has none"):
        other.load_state_dict(state | {"0.bias": np.zeros(3)})


def test_it_is_onnxs_operator_of_its_name(tmp_path):
    onnx = pytest.importorskip("onnx")
    fl.Sequential([fl.MatMul(W)]).to_onnx(tmp_path / "model", input_shape=(2, 2))
    assert [node.op_type for node in onnx.load(tmp_path / "model").graph.node] == ["Flatten", "MatMul"]
