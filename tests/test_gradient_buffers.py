"""`Affine.put_gradients_in`: backward writes into the arrays that it is given, parts of one buffer say."""

import copy

import kit
import numpy as np
import pytest

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")


def gone_back(layer, dtype=np.float64):
    layer.forward(kit.numbers((6, 5), dtype))
    return layer.backward(kit.numbers((6, 3), dtype, seed=1))


def affine(bias=True, dtype=np.float64):
    return fl.Affine(kit.numbers((5, 3), dtype, seed=2), kit.numbers((3,), dtype, seed=3) if bias else None)


@pytest.mark.parametrize("dtype", [*kit.FAST, np.longdouble])
def test_gradients_are_written_into_the_buffer(dtype):
    layer, plain, buffer = affine(dtype=dtype), affine(dtype=dtype), np.zeros(18, dtype)
    dW, db = buffer[:15].reshape(5, 3), buffer[15:]
    layer.put_gradients_in(dW, db)
    for _ in range(2):
        dx, expected = gone_back(layer, dtype), gone_back(plain, dtype)
        kit.assert_same(dx, expected)
        kit.assert_same(buffer, np.concatenate([plain.dW.ravel(), plain.db]))
        assert layer.dW is dW
        assert layer.db is db
        buffer[...] = 0


def test_without_a_bias_there_is_only_dw():
    layer, dW = affine(bias=False), np.zeros((5, 3))
    layer.put_gradients_in(dW)
    gone_back(layer)
    assert layer.dW is dW
    assert layer.db is None


def test_dw_alone_leaves_db_as_it_was():
    layer, dW = affine(), np.zeros((5, 3))
    layer.put_gradients_in(dW)
    gone_back(layer)
    assert layer.dW is dW
    np.testing.assert_allclose(layer.db, kit.numbers((6, 3), float, seed=1).sum(axis=0))


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ((np.zeros((3, 5)),), ValueError, r"dW has shape \(3, 5\), but the gradient has shape \(5, 3\)"),
        ((np.zeros((5, 3)), np.zeros(5)), ValueError, r"db has shape \(5,\), but the gradient has shape \(3,\)"),
        (([[0.0]],), TypeError, "dW must be an ndarray, not list"),
        ((None,), TypeError, "dW must be an ndarray, not NoneType"),
        ((kit.LAYOUTS["read-only"](np.zeros((5, 3))),), ValueError, "dW is read-only"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(arrays, error, words):
    layer = affine()
    with pytest.raises(error, match=words):
        layer.put_gradients_in(*arrays)
    gone_back(layer)
    assert layer.dW.base is None


def test_a_gradient_of_another_dtype_is_refused_by_backward():
    layer = affine()
    layer.put_gradients_in(np.zeros((5, 3), np.float32))
    with pytest.raises(TypeError, match="out for dW has dtype float32, but the result has dtype float64"):
        gone_back(layer)


def test_a_copy_has_a_buffer_of_its_own():
    layer, dW = affine(), np.zeros((5, 3))
    layer.put_gradients_in(dW)
    other = copy.deepcopy(layer)
    gone_back(other)
    assert not dW.any()
    assert other.dW.any()
