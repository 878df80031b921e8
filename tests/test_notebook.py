"""The notebook's numbers, digit for digit, and its little networks."""

import numpy as np
import pytest

import fastlayers as fl


@pytest.fixture(params=["fastlayers", "fastlayers.reference"])
def book(request):
    return fl if request.param == "fastlayers" else fl.reference


def test_two_apples(book):
    mul_apple, mul_tax = book.MulLayer(), book.MulLayer()
    price = mul_tax.forward(mul_apple.forward(100, 2), 1.1)
    assert repr(price) == "220.00000000000003"

    dapple_price, dtax = mul_tax.backward(1)
    dapple, dapple_num = mul_apple.backward(dapple_price)
    assert (repr(dapple), repr(dapple_num), repr(dtax)) == ("2.2", "110.00000000000001", "200")


def test_apples_and_oranges(book):
    mul_apple, mul_orange, mul_tax = book.MulLayer(), book.MulLayer(), book.MulLayer()
    add = book.AddLayer()
    all_price = add.forward(mul_apple.forward(100, 2), mul_orange.forward(150, 3))
    price = mul_tax.forward(all_price, 1.1)
    assert repr(price) == "715.0000000000001"

    dall_price, dtax = mul_tax.backward(1)
    dapple_price, dorange_price = add.backward(dall_price)
    dorange, dorange_num = mul_orange.backward(dorange_price)
    dapple, dapple_num = mul_apple.backward(dapple_price)
    printed = [repr(value) for value in (dapple_num, dapple, dorange, dorange_num, dtax)]
    assert printed == ["110.00000000000001", "2.2", "3.3000000000000003", "165.0", "650"]


def test_mask_of_the_relu_example():
    relu = fl.Relu()
    y = relu.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    assert y.tolist() == [[1.0, 0.0], [0.0, 3.0]]
    assert relu.mask.tolist() == [[False, True], [True, False]]


def test_bias_of_the_affine_example():
    x_dot_W = np.array([[0, 0, 0], [10, 10, 10]])
    y = fl.affine_forward(np.eye(2, dtype=int), x_dot_W, np.array([1, 2, 3]))
    assert y.tolist() == [[1, 2, 3], [11, 12, 13]]
    *_, db = fl.affine_backward(np.array([[1, 2, 3], [4, 5, 6]]), np.eye(2, dtype=int), x_dot_W)
    assert db.tolist() == [5, 7, 9]


def test_cross_entropy_of_the_book():
    t = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert fl.cross_entropy_error([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0], t) == 0.510825457099338
    assert fl.cross_entropy_error([0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0], t) == 2.302584092994546


def test_softmax_of_the_book():
    y = fl.softmax([0.3, 2.9, 4.0])
    np.testing.assert_allclose(y, [0.01821127, 0.24519181, 0.73659691], rtol=1e-6)
    assert fl.softmax([1010, 1000, 990]).tolist() == pytest.approx([9.99954600e-01, 4.53978686e-05, 2.06106005e-09])


def test_the_notebooks_two_layer_network_learns_by_the_notebooks_own_loop():
    rng = np.random.default_rng(0)
    x, t = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[1, 0], [0, 1], [0, 1], [1, 0]])
    params = {
        "W1": rng.standard_normal((2, 8)),
        "b1": np.zeros(8),
        "W2": rng.standard_normal((8, 2)),
        "b2": np.zeros(2),
    }
    layers = [fl.Affine(params["W1"], params["b1"]), fl.Relu(), fl.Affine(params["W2"], params["b2"])]
    last = fl.SoftmaxWithLoss()
    for _ in range(300):
        y = x
        for layer in layers:
            y = layer.forward(y)
        loss = last.forward(y, t)
        dout = last.backward(1)
        for layer in reversed(layers):
            dout = layer.backward(dout)
        grads = {"W1": layers[0].dW, "b1": layers[0].db, "W2": layers[2].dW, "b2": layers[2].db}
        for key in params:
            params[key] -= 0.5 * grads[key]
    assert loss < 0.05
