"""The book's layers: attributes, gradients against central differences, aliasing, copies, the pure twins."""

import copy
import pickle
import re
import types

import families
import kit
import numpy as np
import pytest
from family import Arrays

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.testing import check_gradients, numerical_gradient

pytestmark = pytest.mark.usefixtures("implementation")


def affine(dtype=np.float64, bias=True):
    return fl.Affine(kit.numbers((4, 3), dtype, 1), kit.numbers((3,), dtype, 2) if bias else None)


ARRAYS = Arrays(np.float64, (5, 4))
every_layer = pytest.mark.parametrize("entry", families.LAYER.values(), ids=families.LAYER)


def gone_forward(entry):
    """A layer, what its forward was given and what its backward takes."""
    layer, inputs = entry.make(arrays=ARRAYS), entry.inputs(ARRAYS)
    return layer, inputs, np.ones(np.shape(kit.flat(layer.forward(*inputs))[0]))


@every_layer
def test_backward_before_forward(entry):
    layer = entry.make(arrays=ARRAYS)
    with pytest.raises(RuntimeError, match=f"{type(layer).__name__}.backward was called before forward"):
        layer.backward(1.0)


@every_layer
def test_no_result_changes_later(entry):
    """Every call gives arrays of its own, and writes to nothing that it was given or has given."""
    layer, inputs, dout = gone_forward(entry)
    given = [a.copy() for a in inputs]
    results = [*kit.flat(layer.forward(*inputs)), *kit.flat(layer.backward(dout)), *kit.flat(layer.backward(dout))]
    kept = [np.copy(r) for r in results]
    layer.forward(*[a[::-1].copy() for a in inputs])
    for result in kit.arrays(kit.flat(layer.backward(2 * dout))):
        result[...] = 99
    kit.arrays(kit.flat(layer.backward(dout)))
    for result, before in zip(results, kept, strict=True):
        np.testing.assert_array_equal(result, before)
    for array, before in zip(inputs, given, strict=True):
        kit.assert_same(array, before)
    np.testing.assert_array_equal(dout, np.ones(dout.shape))
    owned = [r for r in results if isinstance(r, np.ndarray) and r.ndim]
    for i, array in enumerate(owned):
        assert not any(np.shares_memory(array, other) for other in [*owned[:i], *inputs, dout])


@every_layer
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies(entry, duplicate):
    duplicate(entry.make(arrays=ARRAYS))  # also before forward
    layer, _, dout = gone_forward(entry)
    twin = duplicate(layer)
    for ours, theirs in zip(kit.flat(layer.backward(dout)), kit.flat(twin.backward(dout)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_layer
def test_a_failed_forward_leaves_the_layer_as_it_was(entry):
    layer, inputs, dout = gone_forward(entry)
    before = [np.copy(r) for r in kit.flat(layer.backward(dout))]
    with pytest.raises(TypeError):
        layer.forward(*["text", 1.5][: len(inputs)])
    for result, true in zip(kit.flat(layer.backward(dout)), before, strict=True):
        np.testing.assert_array_equal(result, true)


@every_layer
def test_a_dout_of_a_wrong_shape_is_refused_with_nothing_written(entry):
    layer, _, dout = gone_forward(entry)
    layer.backward(dout)
    grads = layer.grads if hasattr(layer, "grads") else []
    before = [grad.copy() for grad in grads]
    shape = dout.shape
    wrong = [(*shape[:i], shape[i] + change, *shape[i + 1 :]) for i in range(len(shape)) for change in (-1, 1)]
    for given in [*wrong, (*shape, 1), (1, *shape), (3,)]:
        expected = re.escape(str(shape)) if shape else "must be one number"
        with pytest.raises(ValueError, match=expected) as info:
            layer.backward(np.ones(given))
        assert str(given) in str(info.value)
        assert all(np.array_equal(grad, kept) for grad, kept in zip(grads, before, strict=True))


# Gradients


@every_layer
def test_gradients_against_central_differences(entry, monkeypatch):
    """Away from 0, where some layers have no gradient; of what is drawn, the same draws again and again."""
    layer, (x, *others) = entry.make(arrays=ARRAYS), entry.inputs(ARRAYS)
    if entry.random:
        draws = types.SimpleNamespace(
            random=lambda *shape, **options: np.random.default_rng(1).random(*shape, **options)
        )
        monkeypatch.setattr(layer, "rng", draws)
    x = np.where(np.abs(x) < 0.1, 0.5, x) if x.dtype.kind == "f" else x
    assert check_gradients(layer, x, *others) < 1e-7


@pytest.mark.parametrize("shape", [(4,), (5, 4), (5, 2, 2), (2, 1, 2, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_affine_of_any_shape(shape, bias):
    assert check_gradients(affine(bias=bias), kit.numbers(shape, np.float64)) < 1e-7


TARGETS = {
    "labels": np.array([0, 3, 1, 1, 2]),
    "one-hot": np.eye(4)[[0, 3, 1, 1, 2]],
    "soft": np.abs(kit.numbers((5, 4), np.float64, 7)),
    "of no weight": np.zeros((5, 4)),
}


@pytest.mark.parametrize("t", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("scale", [1, 0.5, -3])
def test_gradient_of_the_loss(t, scale):
    x, layer = kit.numbers((5, 4), np.float64), fl.SoftmaxWithLoss()
    layer.forward(x, t)
    dx = layer.backward(scale)
    true = scale * numerical_gradient(lambda x: fl.SoftmaxWithLoss().forward(x, t), x)
    np.testing.assert_allclose(dx, true, rtol=1e-7, atol=1e-9)


# Attributes


def test_attributes_of_mul_and_add_on_plain_numbers():
    mul, add = fl.MulLayer(), fl.AddLayer()
    assert (mul.forward(3, 4), mul.x, mul.y, mul.backward(2)) == (12, 3, 4, (8, 6))
    assert (add.forward(3, 4), add.backward(2)) == (7, (2, 2))
    for layer in (mul, add):
        assert {type(value) for value in (layer.forward(3, 4), *layer.backward(2))} == {int}
        assert {type(value) for value in (layer.forward(3.0, 4), *layer.backward(1.5))} == {float}
    assert fl.MulLayer().forward(0, 0) == 0


@pytest.mark.parametrize("dtype", kit.FAST)
def test_attributes_of_relu_and_sigmoid(dtype):
    x, relu, sigmoid = kit.numbers((5, 4), dtype), fl.Relu(), fl.Sigmoid()
    assert relu.mask is None
    assert sigmoid.out is None
    relu.forward(x)
    kit.assert_same(relu.mask, x <= 0)
    y = sigmoid.forward(x)
    kit.assert_same(sigmoid.out, y)


def test_affine_keeps_the_callers_arrays():
    x, W, b = kit.numbers((5, 4), np.float64), np.ones((4, 3)), np.ones(3)
    layer = fl.Affine(W, b)
    assert layer.x is layer.dW is layer.db is None
    before = layer.forward(x)
    assert layer.W is W
    assert layer.b is b
    assert layer.x is x
    W += 1
    b -= 0.5
    kit.assert_close(layer.forward(x), (2 * before - 1.5).astype(np.longdouble), ulps=400)
    layer.backward(np.ones((5, 3)))
    assert layer.dW.shape == W.shape
    kit.assert_same(layer.db, np.full(3, 5.0))


def test_affine_flattens_and_restores():
    x, layer = kit.numbers((5, 2, 2), np.float32), affine(np.float32)
    assert layer.forward(x).shape == (5, 3)
    assert layer.x.shape == (5, 4)
    assert np.shares_memory(layer.x, x)
    assert layer.backward(np.ones((5, 3), np.float32)).shape == (5, 2, 2)


def test_affine_without_bias_and_without_dx():
    layer = affine(bias=False)
    layer.forward(kit.numbers((5, 4), np.float64))
    assert layer.backward(np.ones((5, 3)), need_dx=False) is None
    assert layer.b is layer.db is None
    assert layer.dW.shape == (4, 3)


def test_gradients_of_an_earlier_backward_are_kept():
    """Whoever collects ``dW`` step by step holds different arrays."""
    layer = affine()
    layer.forward(kit.numbers((5, 4), np.float64))
    layer.backward(np.ones((5, 3)))
    dW, db, before = layer.dW, layer.db, layer.dW.copy()
    layer.backward(np.zeros((5, 3)))
    kit.assert_same(dW, before)
    kit.assert_same(db, np.full(3, 5.0))


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("shape", [(5, 4), (4,)])
def test_attributes_of_softmax_with_loss(dtype, shape):
    x, layer = kit.numbers(shape, dtype), fl.SoftmaxWithLoss()
    t = np.zeros(shape[:-1], int)
    loss = layer.forward(x, t)
    assert type(loss) is float
    assert layer.loss == loss
    assert layer.t is t
    np.testing.assert_allclose(layer.y, fl.softmax(x), rtol=1e-6 if dtype is np.float32 else 1e-14)
    assert layer.y.dtype == dtype
    function_loss, function_dx = fl.softmax_cross_entropy(x, t)
    assert loss == function_loss
    kit.assert_same(layer.backward(), function_dx)
    for dout in (2.5, np.float64(2.5), np.float32(2.5), np.array(2.5)):
        kit.assert_same(layer.backward(dout), function_dx * dtype(2.5))


def test_layers_take_lists():
    assert fl.Relu().forward([-1, 2]).tolist() == [0, 2]
    assert fl.Sigmoid().forward([0]).tolist() == [0.5]
    assert fl.Affine([[1, 2]], [1, 1]).forward([[3]]).tolist() == [[4, 7]]
    assert fl.SoftmaxWithLoss().forward([[0, 0]], [1]) == pytest.approx(np.log(2))


# The pure twins


@pytest.mark.parametrize("name", [name for name in families.LAYERS if name not in (*families.NODES, "Flatten")])
def test_reference_layers_use_the_pure_path_whatever_the_backend(name, monkeypatch):
    entry = families.LAYER[name]
    _, inputs, dout = gone_forward(entry)

    class Forbidden:
        def __getattr__(self, kernel):
            raise AssertionError(f"{kernel} was asked for")

    monkeypatch.setattr(backend, "kernels", Forbidden())
    twin = entry.make(fl.reference, ARRAYS)
    assert isinstance(twin, getattr(fl, name))
    twin.forward(*inputs)
    twin.backward(dout)
    pickle.loads(pickle.dumps(twin)).backward(dout)
    with pytest.raises(AssertionError, match="was asked for"):
        entry.make(arrays=ARRAYS).forward(*inputs)
