"""What a layer says of itself is what is trained, saved, checked, sent and put back: by declaration or by lists."""

import numpy as np
import pytest
from own_layers import Listed, OfThePackage, Scaled, T, Weighted, X, network
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers.formats import kinds
from fastlayers.graph import Graph
from fastlayers.mpi import DataParallel
from fastlayers.testing import check_gradients

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
    monkeypatch.setattr(kinds, "overridden", lambda *_: None)  # its methods are written here
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


@pytest.mark.parametrize("kind", [Scaled, OfThePackage])
def test_a_refused_step_leaves_the_buffers_as_they_were(kind):
    layer = kind()
    net = network(layer)
    net.forward(X)
    before = layer.seen.copy()
    x = X.copy()
    x[-1] = 1e308  # finite, and no product with it is
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="before this step"):
        net.fit(x, T, epochs=1, batch_size=6, optimizer=fl.SGD(0.1))
    np.testing.assert_array_equal(layer.seen, before)
