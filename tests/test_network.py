"""Sequential: prediction, gradients against central differences, training, the user's own layers."""

import itertools

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import numerical_gradient

pytestmark = pytest.mark.usefixtures("implementation")


def network(sizes=(4, 6, 3), activation=fl.Sigmoid, dtype=np.float64, bias=True):
    rng, layers = np.random.default_rng(5), []
    for d, m in itertools.pairwise(sizes):
        layers += [
            fl.Affine(rng.standard_normal((d, m)).astype(dtype), np.zeros(m, dtype) if bias else None),
            activation(),
        ]
    return fl.Sequential(layers[:-1], fl.SoftmaxWithLoss())


X, LABELS = kit.numbers((7, 4), np.float64), np.array([0, 2, 1, 1, 0, 2, 2])
ONE_HOT = np.eye(3)[LABELS]


class Scale:
    """A layer of a user's own, with a parameter W, no bias, and no `need_dx`."""

    def __init__(self, size):
        self.W, self.b, self.dW, self.db = np.full(size, 1.5), None, None, None

    def forward(self, x):
        self.x = x
        return x * self.W

    def backward(self, dout):
        self.dW = (dout * self.x).sum(axis=0)
        return dout * self.W


class Tanh:
    """A layer of a user's own without parameters."""

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y**2)


class Squares:
    """A loss of a user's own."""

    def forward(self, x, t):
        self.difference = x - t
        return float((self.difference**2).sum() / 2)

    def backward(self):
        return self.difference


NETWORKS = {
    "sigmoid": (network, LABELS),
    "relu": (lambda: network(activation=fl.Relu), ONE_HOT),
    "no bias": (lambda: network(bias=False), LABELS),
    "one layer": (lambda: network((4, 3)), LABELS),
    "deep": (lambda: network((4, 5, 6, 3)), np.abs(ONE_HOT - 0.1)),
    "own layer first": (lambda: fl.Sequential([Scale(4), *network().layers], fl.SoftmaxWithLoss()), LABELS),
    "own layer last": (lambda: fl.Sequential([*network().layers, Tanh(), Scale(3)], fl.SoftmaxWithLoss()), LABELS),
    "activation first": (lambda: fl.Sequential([Tanh(), *network().layers], fl.SoftmaxWithLoss()), LABELS),
    "own loss": (lambda: fl.Sequential(network().layers, Squares()), ONE_HOT),
}
every_network = pytest.mark.parametrize(("make", "t"), NETWORKS.values(), ids=NETWORKS)


@every_network
def test_gradients_are_those_of_the_loss_aligned_with_the_parameters(make, t):
    net = make()
    loss, grads = net.gradient(X, t)
    assert loss == net.loss(X, t)
    assert [g.shape for g in grads] == [p.shape for p in net.params]
    for param, grad in zip(net.params, grads, strict=True):
        true = numerical_gradient(lambda _: net.loss(X, t), param)
        np.testing.assert_allclose(grad, true, rtol=1e-6, atol=1e-8)


@every_network
@pytest.mark.parametrize("optimizer", [lambda: fl.SGD(0.05), lambda: fl.Momentum(0.01), lambda: fl.Adam(0.01)])
def test_training_steps(make, t, optimizer):
    """Each gives the loss from before its update, updates the parameters in place, and the loss goes down."""
    net, optimizer = make(), optimizer()
    params, start = net.params, net.loss(X, t)
    for _ in range(30):
        before = net.loss(X, t)
        assert net.train_step(X, t, optimizer) == before
    assert all(ours is theirs for ours, theirs in zip(net.params, params, strict=True))
    assert net.loss(X, t) < start


def test_parameters_are_the_arrays_themselves_in_order():
    net = network()
    first, last = net.layers[0], net.layers[2]
    assert [id(p) for p in net.params] == [id(p) for p in (first.W, first.b, last.W, last.b)]
    assert len(network(bias=False).params) == 2
    assert fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()).params == []


def test_a_network_without_parameters():
    net = fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss())
    loss, grads = net.gradient(X, np.zeros(7, int))
    assert grads == []
    assert net.train_step(X, np.zeros(7, int), fl.SGD()) == loss


def test_gradients_of_one_step_survive_the_next():
    net = network()
    _, grads = net.gradient(X, LABELS)
    before = [g.copy() for g in grads]
    net.gradient(2 * X, LABELS[::-1])
    for grad, true in zip(grads, before, strict=True):
        kit.assert_same(grad, true)


@pytest.mark.parametrize("front", [[], [fl.Relu()]])
def test_dx_of_the_first_layer_is_not_computed(front, monkeypatch):
    asked = []
    backward = fl.Affine.backward

    def spy(self, dout, *, need_dx=True):
        asked.append((self, need_dx))
        return backward(self, dout, need_dx=need_dx)

    monkeypatch.setattr(fl.Affine, "backward", spy)
    monkeypatch.setattr(fl.Relu, "backward", lambda *_: pytest.fail("nothing below the first parameters is of use"))
    net = network((4, 5, 5, 3))
    net.layers[:0] = front
    affine = [layer for layer in net.layers if isinstance(layer, fl.Affine)]
    net.train_step(X, LABELS, fl.SGD())
    assert asked == [(affine[2], True), (affine[1], True), (affine[0], False)]


def test_prediction_gives_scores():
    net = network()
    scores = net.predict(X)
    hidden = 1 / (1 + np.exp(-X @ net.params[0]))
    np.testing.assert_allclose(scores, hidden @ net.params[2], rtol=1e-12)
    np.testing.assert_array_equal(net.predict(X.tolist()), scores)
    assert fl.Sequential([], fl.SoftmaxWithLoss()).predict([[1, 2]]).tolist() == [[1, 2]]


def test_accuracy_with_labels_and_one_hot():
    identity = fl.Sequential([fl.Affine(np.eye(3))], fl.SoftmaxWithLoss())
    x, labels = np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 0])
    for t in (labels, labels.tolist(), np.eye(3)[labels], np.eye(3, dtype=bool)[labels], labels.astype(np.uint8)):
        accuracy = identity.accuracy(x, t)
        assert type(accuracy) is float
        assert accuracy == 0.75
    assert np.isnan(identity.accuracy(np.empty((0, 3)), np.empty(0, int)))
    for wrong in (labels[:3], labels[:, None, None], 0):
        with pytest.raises(ValueError, match="does not fit scores of shape"):
            identity.accuracy(x, wrong)


def test_input_is_not_written_to():
    x, t = X.copy(), ONE_HOT.copy()
    network(activation=fl.Relu).train_step(x, t, fl.SGD(1.0))
    kit.assert_same(x, X)
    kit.assert_same(t, ONE_HOT)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_dtype_is_kept_in_training(dtype):
    net = network(dtype=dtype)
    net.train_step(X.astype(dtype), LABELS, fl.Adam())
    assert (
        {p.dtype for p in net.params}
        == {g.dtype for g in net.gradient(X.astype(dtype), LABELS)[1]}
        == {np.dtype(dtype)}
    )


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("activation", [fl.Relu, fl.Sigmoid])
def test_learns_exclusive_or(activation, dtype):
    x, t = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype), np.array([0, 1, 1, 0])
    net, adam = network((2, 16, 2), activation, dtype), fl.Adam(0.05)
    losses = [net.train_step(x, t, adam) for _ in range(300)]
    assert losses[-1] < 0.05 < losses[0]
    assert net.accuracy(x, t) == 1


def test_learns_blobs():
    rng = np.random.default_rng(0)
    t = rng.integers(0, 3, 300)
    x = rng.standard_normal((300, 2)) + 5 * np.array([[0, 0], [0, 1], [1, 0]])[t]
    net, sgd = network((2, 20, 3), fl.Relu), fl.SGD(0.1)
    for step in range(300):
        batch = slice(step % 10 * 30, step % 10 * 30 + 30)
        net.train_step(x[batch], t[batch], sgd)
    assert net.accuracy(x, t) > 0.97


def test_both_paths_train_alike(implementation):
    """float64: the losses of a hundred steps are equal to 1e-9."""
    ours, pure = network((4, 8, 3), fl.Relu), network((4, 8, 3), fl.Relu)
    twins = {fl.Affine: fl.reference.Affine, fl.Relu: fl.reference.Relu}
    for layer in pure.layers:
        layer.__class__ = twins[type(layer)]
    pure.loss_layer = fl.reference.SoftmaxWithLoss()
    for _ in range(100):
        losses = [net.train_step(X, LABELS, fl.SGD(0.1)) for net in (ours, pure)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-9)


IDENTITY = fl.Sequential([fl.Affine(np.eye(3))], fl.SoftmaxWithLoss())


@pytest.mark.parametrize("t", [[[0], [1], [2]], np.eye(3, 7), [0, 1], [0, 1, 3], [0, 1, -1]])
def test_accuracy_refuses_what_the_loss_refuses(t):
    with pytest.raises(ValueError, match=r"does not fit|outside"):
        IDENTITY.accuracy(np.eye(3), t)


@pytest.mark.parametrize("t", [["a", "b", "c"], [0.0, 1.0, 2.0], [True, False, True]])
def test_accuracy_refuses_labels_that_are_no_integers(t):
    with pytest.raises(TypeError):
        IDENTITY.accuracy(np.eye(3), t)


def test_accuracy_of_one_sample():
    assert IDENTITY.accuracy([0.0, 5.0, 0.0], 1) == 1.0
    assert IDENTITY.accuracy([0.0, 5.0, 0.0], [0, 0, 1]) == 0.0


def test_a_first_layer_that_only_delegates():
    class Wrapper:
        """Its backward is found on the instance alone."""

        def __init__(self, layer):
            self.layer = layer

        def __getattr__(self, name):
            return getattr(self.__dict__["layer"], name)

    inner = fl.Affine(np.eye(3))
    network = fl.Sequential([Wrapper(inner), fl.Relu()], fl.SoftmaxWithLoss())
    _, grads = network.gradient(np.eye(3), [0, 1, 2])
    assert grads[0] is inner.dW
