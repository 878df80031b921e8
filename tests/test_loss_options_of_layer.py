"""The loss layer's options, which are the function's, and options that are refused."""

import kit
import numpy as np
import pytest

import fastlayers as fl


@pytest.mark.usefixtures("implementation")
def test_the_layer_has_the_same_options():
    rng = np.random.default_rng(4)
    x, labels = rng.standard_normal((6, 3)), np.array([0, 1, 2, 0, 1, 1])
    options = {"weight": [1.0, 2.0, 0.5], "ignore_index": 0, "label_smoothing": 0.2}
    sample_weight = rng.uniform(1, 2, 6)
    for reduction in ("mean", "sum", "none"):
        layer = fl.SoftmaxWithLoss(**options, reduction=reduction)
        for weights in (None, sample_weight):
            loss, dx = fl.softmax_cross_entropy(x, labels, **options, reduction=reduction, sample_weight=weights)
            np.testing.assert_array_equal(layer.forward(x, labels, weights), loss)
            np.testing.assert_array_equal(layer.backward(), dx)
            np.testing.assert_array_equal(layer.backward(2.5), 2.5 * dx)
            np.testing.assert_allclose(layer.y, fl.softmax(x), rtol=1e-14)
    layer.label_smoothing, layer.ignore_index, layer.weight, layer.reduction = 0.0, None, None, "mean"
    assert layer.forward(x, labels) == fl.softmax_cross_entropy(x, labels)[0]


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4)], ids=str)
def test_a_gradient_for_each_loss(shape):
    x = np.random.default_rng(5).standard_normal(shape)
    labels = np.zeros(shape[:1] + shape[2:], int)
    layer = fl.SoftmaxWithLoss(reduction="none")
    loss = layer.forward(x, labels)
    dout = np.arange(1.0, loss.size + 1).reshape(loss.shape)
    np.testing.assert_array_equal(layer.backward(dout), layer.backward() * np.expand_dims(dout, 1))
    with pytest.raises(ValueError, match="does not fit the loss"):
        layer.backward(dout[:1])


# Bad options

X, T, SOFT = np.ones((3, 4)), np.array([0, 1, 2]), np.full((3, 4), 0.25)
BAD = {
    "weight of another length": ({"weight": np.ones(3)}, ValueError, ("(3,)", "(4,)", "weight")),
    "weight of more axes": ({"weight": np.ones((1, 4))}, ValueError, ("(1, 4)", "(4,)")),
    "complex weight": ({"weight": 1j * np.ones(4)}, TypeError, ("weight", "complex128")),
    "sample weight of another length": ({"sample_weight": np.ones(4)}, ValueError, ("(4,)", "(3,)", "sample_weight")),
    "one sample weight": ({"sample_weight": 1.0}, ValueError, ("()", "(3,)")),
    "negative smoothing": ({"label_smoothing": -0.1}, ValueError, ("[0, 1]", "-0.1")),
    "smoothing above 1": ({"label_smoothing": 1.5}, ValueError, ("[0, 1]", "1.5")),
    "nan smoothing": ({"label_smoothing": np.nan}, ValueError, ("[0, 1]", "nan")),
    "smoothing of no number": ({"label_smoothing": "a"}, TypeError, ("label_smoothing", "str")),
    "several smoothings": ({"label_smoothing": [0.1, 0.2]}, ValueError, ("label_smoothing", "(2,)")),
    "another reduction": ({"reduction": "average"}, ValueError, ("mean, sum, none", "'average'")),
    "no reduction": ({"reduction": None}, ValueError, ("mean, sum, none", "None")),
    "a float to ignore": ({"ignore_index": 1.0}, TypeError, ("ignore_index", "float")),
}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize(("options", "error", "words"), BAD.values(), ids=BAD)
def test_bad_options(options, error, words):
    options = options.copy()
    kit.Bad("softmax_cross_entropy", (X, T), error, words, options.copy()).check()
    layer, sample_weight = fl.SoftmaxWithLoss(), options.pop("sample_weight", None)
    vars(layer).update(options)
    with pytest.raises(error):
        layer.forward(X, T, sample_weight)
    assert layer.loss is None


@pytest.mark.usefixtures("implementation")
def test_an_ignored_label_beside_targets():
    kit.Bad("softmax_cross_entropy", (X, SOFT), ValueError, ("ignore_index=1", "(3, 4)"), {"ignore_index": 1}).check()
