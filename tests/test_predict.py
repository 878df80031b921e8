"""Prediction: forward without a trace."""

import threading
import tracemalloc

import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.layers import _shapes

RNG = np.random.default_rng(3)
X = RNG.standard_normal((6, 2, 4))
LABELS = np.arange(6) % 3


def affine(inputs, outputs):
    return fl.Affine(RNG.standard_normal((inputs, outputs)), RNG.standard_normal(outputs))


def network():
    return fl.Sequential([affine(8, 7), fl.Relu(), affine(7, 5), fl.Sigmoid(), affine(5, 3)], fl.SoftmaxWithLoss())


@pytest.mark.parametrize("layer", [affine(8, 7), fl.Relu(), fl.Sigmoid(), fl.reference.Relu(), fl.reference.Sigmoid()])
def test_predict_is_forward(implementation, layer):
    np.testing.assert_array_equal(layer.predict(X), layer.forward(X))
    with pytest.raises(TypeError):
        layer.predict("text")


def test_predict_leaves_the_training_state_alone(implementation):
    net = network()
    _, expected = net.gradient(X, LABELS)
    expected = [grad.copy() for grad in expected]
    net.loss(X, LABELS)
    before = [{k: v for k, v in vars(layer).items() if isinstance(v, np.ndarray)} for layer in net.layers]
    net.predict(X[:2] + 1)
    net.accuracy(X[:2] + 1, LABELS[:2])
    for layer, attributes in zip(net.layers, before, strict=True):
        assert all(getattr(layer, name) is value for name, value in attributes.items())
    net.backward(net.loss_layer.backward(), need_dx=False)
    for layer, grad in zip(net.layers[::2], expected[::2], strict=True):
        np.testing.assert_array_equal(layer.dW, grad)


def test_what_passes_in_pieces_is_what_no_single_call_takes(compiled):
    """The numbers from which on pieces are better stand in the kernels once more."""
    layers = fl.Convolution(RNG.standard_normal((2, 1, 2, 2)), 0.0), fl.BatchNormalization(np.ones(3), np.zeros(3))
    shapes = (_shapes._LEAST_IMAGES + 1, 1, 4, 4), (_shapes.MOST_SAMPLES + 1, 3)
    for layer, shape in zip(layers, shapes, strict=True):
        net, x = fl.Sequential([layer], fl.SoftmaxWithLoss()), RNG.standard_normal(shape)
        net.predict(x)
        assert net.compiled
        net._program.pieces.clear()  # what was found of this shape since
        assert net._program.predict(backend.kernels, net.layers, x) is None
        assert len(net._program.predict(backend.kernels, net.layers, x[:-1])) == len(x) - 1


def test_layers_without_predict_have_forward_called():
    class Double:
        def forward(self, x):
            return 2 * np.asarray(x)

        def backward(self, dout):
            return 2 * dout

    assert fl.Sequential([Double(), fl.Relu()], fl.SoftmaxWithLoss()).predict([[1.0, -1.0]]).tolist() == [[2.0, 0.0]]


class Doubled(fl.Relu):
    def forward(self, x):
        return 2 * super().forward(x)


class Tripling:
    def forward(self, x):
        return 3 * super().forward(x)


class Mixed(Tripling, fl.Relu):
    pass


class Predicting(Doubled):
    def predict(self, x):
        return 5 * super().predict(x)


class OwnBase:
    def forward(self, x):
        return np.asarray(x)

    def predict(self, x):
        return np.asarray(x)


class Own(OwnBase):
    def forward(self, x):
        return 7 * np.asarray(x)


class StandIn:
    def __init__(self, layer):
        self._layer = layer

    def __getattr__(self, name):
        return getattr(self._layer, name)


def patched(layer, name, factor):
    setattr(layer, name, lambda x: factor * np.asarray(x))
    return layer


@pytest.mark.parametrize(
    ("layer", "factor"),
    [
        (Doubled(), 2),
        (type("Further", (Doubled,), {})(), 2),
        (Mixed(), 3),
        (Predicting(), 5),
        (Own(), 7),
        (OwnBase(), 1),
        (StandIn(Doubled()), 1),
        (patched(Doubled(), "predict", 11), 11),
        (patched(OwnBase(), "forward", 13), 13),
    ],
)
def test_whatever_is_most_derived_predicts(layer, factor):
    """What is trained is what predicts, for a subclass that overrides `forward` alone."""
    x = np.abs(X[:, 0]).astype(np.float32)
    W = np.eye(4, dtype=np.float32)
    net = fl.Sequential([fl.Affine(W), layer], fl.MeanSquaredError())
    np.testing.assert_array_equal(net.predict(x), factor * x)
    assert net.loss(x, factor * x) == 0


def test_threads_share_a_network(implementation):
    net = network()
    inputs = [RNG.standard_normal((n, 8)) for n in range(1, 9)]
    expected = [net.predict(x) for x in inputs]
    wrong = []

    def predict(i):
        wrong.extend(i for _ in range(200) if not np.array_equal(net.predict(inputs[i]), expected[i]))

    threads = [threading.Thread(target=predict, args=(i,)) for i in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# In pieces


class Counting(fl.Relu):
    """A layer of one's own that tells how many samples it is given at a time."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def predict(self, x):
        self.seen.append(len(x))
        return super().predict(x)


def test_predict_in_pieces_of_the_users(implementation):
    layer = Counting()
    net = fl.Sequential([affine(4, 3), layer], fl.SoftmaxWithLoss())
    x = RNG.standard_normal((10, 4))
    expected = net.predict(x)
    np.testing.assert_allclose(net.predict(x, batch_size=4), expected, rtol=1e-12)
    assert net.accuracy(x, expected.argmax(axis=1), batch_size=7) == 1
    assert layer.seen == [10, 4, 4, 2, 7, 3]
    np.testing.assert_allclose(net.predict(x.tolist(), 10), expected, rtol=1e-12)
    for wrong, error in ((0, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="batch_size must be"):
            net.predict(x, wrong)


def test_layers_of_ones_own_see_all_samples(implementation):
    layer = Counting()
    fl.Sequential([affine(4, 3), layer]).predict(RNG.standard_normal((3000, 4)))
    assert layer.seen == [3000]


def test_many_samples_take_little_memory(implementation):
    """Of 64 MB between two layers no more than a piece is there at a time."""
    net = fl.Sequential([affine(1, 200), fl.Relu(), affine(200, 1)])
    x = np.linspace(-1, 1, 40_000)[:, np.newaxis]
    tracemalloc.start()
    try:
        y = net.predict(x)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert y.shape == (40_000, 1)
    assert most < 16 << 20
    np.testing.assert_allclose(y[-5:], net.predict(x[-5:]), rtol=1e-12)


def test_images_that_an_affine_layer_cannot_take_are_refused_by_their_shape(implementation):
    for net in (fl.Sequential([affine(4, 3)]), fl.Sequential([fl.Parallel([fl.Relu(), affine(4, 3)])])):
        with pytest.raises(ValueError, match=r"x of shape \(2, 3, 3\) does not fit W"):
            net.predict(np.ones((2, 3, 3)))
