"""What a layer says of itself is what is trained, saved, checked, sent and put back: by declaration or by lists."""

import copy
import pickle

import numpy as np
import pytest
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers.formats import kinds
from fastlayers.graph import Graph
from fastlayers.layers._base import LayerBase
from fastlayers.mpi import DataParallel
from fastlayers.testing import check_gradients

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 4))
T = RNG.integers(0, 3, 6)


class Scaled:
    """A user's own layer, with a declaration and a buffer."""

    param_names = ("gamma", "beta")
    buffer_names = ("seen",)

    def __init__(self, n=4):
        self.gamma, self.beta, self.seen = np.ones(n), np.zeros(n), None

    def forward(self, x):
        self.x = x
        self.seen = x.mean(axis=0) if self.seen is None else 0.5 * self.seen + 0.5 * x.mean(axis=0)
        return self.predict(x)

    def predict(self, x):
        return x * self.gamma + self.beta

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        return dout * self.gamma


class Listed:
    """The same as volume 2 writes it."""

    def __init__(self, n=4):
        self.params = [np.ones(n), np.zeros(n)]
        self.grads = [np.zeros(n), np.zeros(n)]

    def forward(self, x):
        self.x = x
        return x * self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = (dout * self.x).sum(axis=0)
        self.grads[1][...] = dout.sum(axis=0)
        return dout * self.params[0]


class Weighted:
    """The same with volume 1's names."""

    def __init__(self, n=4):
        self.W, self.b = np.ones(n), np.zeros(n)

    def forward(self, x):
        self.x = x
        return x * self.W + self.b

    def backward(self, dout):
        self.dW, self.db = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        return dout * self.W


class OfThePackage(LayerBase, Scaled):
    """The same as a layer of this package would be."""

    param_names = ("gamma", "beta")
    buffer_names = ("seen",)
    dgamma = dbeta = None

    def __init__(self, gamma=(1.0,) * 4, beta=(0.0,) * 4, seen=None):
        self.gamma, self.beta, self.seen = np.array(gamma), np.array(beta), seen

    def backward(self, dout):
        self._set_gradients(gamma=(dout * self.x).sum(axis=0), beta=dout.sum(axis=0))
        return dout * self.gamma


WAYS = {"declared": Scaled, "lists": Listed, "W and b": Weighted, "of the package": OfThePackage}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def own(request):
    return request.param


def affine(d=4, m=4, seed=1):
    rng = np.random.default_rng(seed)
    return fl.Affine(rng.standard_normal((d, m)), rng.standard_normal(m))


def network(*middle, loss=True):
    return fl.Sequential([affine(), *middle, affine(4, 3, 2)], fl.SoftmaxWithLoss() if loss else None)


# All that reads it


def test_every_way_is_trained_alike(own):
    net, expected = network(own()), network(Weighted())
    for _ in range(3):
        assert net.train_step(X, T, fl.SGD(0.1)) == expected.train_step(X, T, fl.SGD(0.1))
    assert [p.shape for p in net.params] == [(4, 4), (4,), (4,), (4,), (4, 3), (3,)]
    for param, other in zip(net.params, expected.params, strict=True):
        np.testing.assert_array_equal(param, other)
    assert net.params[2].std() > 0


def test_every_way_is_checked_and_drawn(own):
    assert check_gradients(own(), X) < 1e-6

    class Wrong(own):
        def backward(self, dout):
            return super().backward(2 * dout) / 2

    with pytest.raises(AssertionError, match=r"the gradient of (gamma|W|params\[0\]) is off"):
        check_gradients(Wrong(), X)
    assert "(4,)" in Graph.of_network(network(own()), X, T).to_dot()


def test_a_parameter_that_is_not_finite_is_named(own):
    net = network(own())
    net.params[3][1] = np.nan
    with pytest.raises(ValueError, match=r"(beta|b|params\[1\]) of layer 1 holds nan"):
        net.fit(X, T, epochs=1)


def test_it_is_the_parameters_dtype_that_counts(own):
    layer = own()
    for param in layer.params if hasattr(layer, "params") else [getattr(layer, "gamma", None)]:
        if param is not None:
            assert fl.Sequential([fl.Relu(), layer]).predict(X.astype(np.float32)).dtype == np.float64


# Volume 2's lists


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grads_stay_the_same_objects_once_they_are_read(dtype):
    layer = fl.Affine(np.ones((4, 3), dtype), np.zeros(3, dtype))
    assert layer.params[0] is layer.W
    assert layer.params[1] is layer.b
    assert (layer.dW, layer.db) == (None, None)
    x, dout = X.astype(dtype), np.ones((6, 3), dtype)
    layer.forward(x)
    layer.backward(dout)
    fresh = layer.dW
    layer.backward(2 * dout)
    assert layer.dW is not fresh  # as ever, until they are read
    grads = layer.grads
    assert grads[0] is layer.dW
    np.testing.assert_array_equal(grads[0], 2 * fresh)
    for times in (1, 3):
        layer.backward(times * dout)
        assert all(a is b for a, b in zip(grads, [layer.dW, layer.db], strict=True))
        assert all(a is b for a, b in zip(grads, layer.grads, strict=True))
        np.testing.assert_allclose(grads[0], times * fresh, rtol=1e-5)
        np.testing.assert_array_equal(grads[1], times * dout.sum(axis=0))


@pytest.mark.usefixtures("implementation")
def test_before_a_backward_they_are_zeros_of_the_parameters_kind():
    layer = fl.Affine(np.ones((4, 3), np.float32))
    (grad,) = layer.grads
    assert (grad.shape, grad.dtype, np.any(grad)) == ((4, 3), np.float32, False)
    layer.forward(X)  # float64: the gradient is too, and is cast to what was handed out
    layer.backward(np.ones((6, 3)))
    assert layer.dW is grad
    np.testing.assert_allclose(grad, X.sum(axis=0)[:, np.newaxis].repeat(3, axis=1), rtol=1e-5)


def test_of_integers_the_gradients_are_floats():
    layer = fl.Affine([[1, 2], [3, 4]], [0, 0])
    grads = layer.grads
    layer.forward([[1.0, 1.0]])
    layer.backward([[0.5, 0.25]])
    assert [grad.tolist() for grad in grads] == [[[0.5, 0.25], [0.5, 0.25]], [0.5, 0.25]]


def test_a_parameter_that_is_assigned_is_seen_and_one_of_another_shape_has_other_gradients():
    layer = affine()
    before = layer.grads
    layer.W = np.ones((4, 4))
    assert layer.params[0] is layer.W
    assert layer.grads[0] is before[0]
    layer.W, layer.b = np.ones((4, 2)), None
    assert [grad.shape for grad in layer.grads] == [(4, 2)]
    layer.forward(X)
    layer.backward(np.ones((6, 2)))
    assert layer.grads[0] is layer.dW
    assert not before[0].any()


@pytest.mark.parametrize("name", fl.layers.__all__)
def test_every_layer_has_both_lists(name):
    layer = affine() if name == "Affine" else getattr(fl, name)()
    assert [len(layer.params), len(layer.grads)] == ([2, 2] if name == "Affine" else [0, 0])


def test_a_network_as_volume_2_writes_it(own):
    """Lists made once, handed to an optimizer after every backward."""
    layers, loss_layer = [affine(), own(), affine(4, 3, 2)], fl.SoftmaxWithLoss()
    net = fl.Sequential(layers)  # which hands out gradients of layers that set new ones, too
    params, grads = net.params, net.grads
    expected = network(own())
    optimizer, other = fl.Adam(0.1), fl.Adam(0.1)
    for _ in range(3):
        loss = loss_layer.forward(net.forward(X), T)
        net.backward(loss_layer.backward())
        optimizer.update(params, grads)
        assert loss == expected.train_step(X, T, other)
    assert all(a is b for a, b in zip(grads, net.grads, strict=True))
    for param, value in zip(params, expected.params, strict=True):
        np.testing.assert_array_equal(param, value)


def test_gradient_gives_arrays_of_its_own(own):
    net = network(own())
    handed_out = net.grads
    _, first = net.gradient(X, T)
    kept = [grad.copy() for grad in first]
    _, second = net.gradient(2 * X, T)
    assert not any(a is b for a in first for b in [*handed_out, *second])
    for grad, value in zip(first, kept, strict=True):
        np.testing.assert_array_equal(grad, value)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_hands_out_its_own(copied):
    layer = affine()
    grads = layer.grads
    other = copied(layer)
    other.forward(X)
    other.backward(np.ones((6, 4)))
    assert other.grads[0] is other.dW
    assert not grads[0].any()


# What says nothing, or too little


def test_what_looks_like_parameters_is_not_passed_over():
    class Silent(Scaled):
        param_names = ()

        def __init__(self):
            super().__init__()
            self.dgamma = self.dbeta = None

    for use in (lambda: network(Silent()), lambda: network(fl.Sequential([Silent()], None))):
        with pytest.raises(
            TypeError, match=r"layer [01] is a Silent that has gamma with dgamma and beta .* param_names"
        ):
            use()
    with pytest.raises(TypeError, match=r'param_names = \("gamma", "beta",\)'):
        check_gradients(Silent(), X)


def test_a_parameter_without_a_gradient_is_named():
    class Lacking(Scaled):
        def backward(self, dout):
            return dout

    with pytest.raises(TypeError, match="Lacking has the parameter gamma, but backward has not set dgamma"):
        network(Lacking()).train_step(X, T, fl.SGD())

    class Short(Listed):
        def backward(self, dout):
            self.grads = []
            return dout

    with pytest.raises(TypeError, match="Short has 2 params, but 0 grads"):
        network(Short()).train_step(X, T, fl.SGD())


def test_what_cannot_be_saved_is_named(own, tmp_path):
    for save in (lambda net: net.save(tmp_path / "m"), lambda net: net.state_dict()):
        with pytest.raises(TypeError, match=f"{own.__name__}"):
            save(network(own()))
    assert not list(tmp_path.iterdir())


# A network in a network


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


# Buffers


def test_early_stopping_puts_buffers_back_with_the_parameters():
    for layer in (Scaled(), OfThePackage()):
        stopping, seen = fl.callbacks.EarlyStopping("loss", patience=2), []
        net = network(layer)
        watch = [stopping, lambda training, layer=layer, seen=seen: seen.append(layer.seen.copy())]
        net.fit(X, T, 20, optimizer=fl.SGD(lambda step: 0.1 if step < 3 else 5.0), callbacks=watch, rng=0)
        assert len(seen) > stopping.best_epoch + 1
        np.testing.assert_array_equal(layer.seen, seen[stopping.best_epoch])


def test_buffers_are_saved_and_read(tmp_path, monkeypatch):
    monkeypatch.setitem(kinds.LAYERS, "OfThePackage", OfThePackage)
    monkeypatch.setattr(fl.layers, "OfThePackage", OfThePackage, raising=False)
    net = network(OfThePackage())
    net.save(tmp_path / "new.npz")
    assert fl.Sequential.load(tmp_path / "new.npz").layers[1].seen is None
    net.train_step(X, T, fl.SGD())
    net.save(tmp_path / "m.npz")
    again = fl.Sequential.load(tmp_path / "m.npz").layers[1]
    np.testing.assert_array_equal(again.seen, net.layers[1].seen)
    np.testing.assert_array_equal(again.gamma, net.layers[1].gamma)
    with pytest.raises(TypeError, match="layer 1 is a OfThePackage with parameters"):
        net.state_dict()


@pytest.mark.usefixtures("without_mpi4py")
def test_every_rank_has_the_parameters_and_buffers_of_the_first():
    def work(comm):
        net = network(OfThePackage())
        net.layers[1].seen = np.full(4, float(comm.rank))
        parallel = DataParallel(net, comm)
        at_first = net.layers[1].seen.copy()
        part = slice(comm.rank, None, comm.size)
        parallel.train_step(X[part], T[part], fl.SGD(0.1))
        return at_first, net.layers[1].seen, net.params

    results = results_on_ranks(2, work)
    for of_rank in results:
        assert not of_rank[0].any()
        np.testing.assert_array_equal(of_rank[1], results[0][1])
        for param, other in zip(of_rank[2], results[0][2], strict=True):
            np.testing.assert_array_equal(param, other)
