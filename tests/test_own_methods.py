"""No file is written of a network that computes by a method of a user's own: the file would compute something else."""

import functools
import importlib.util
import types

import families
import numpy as np
import pytest
from test_families import network

import fastlayers as fl
from fastlayers.formats.kinds import PROBABILITIES
from fastlayers.graph import Graph
from fastlayers.layers._nested import Nested

METHODS = ("forward", "backward", "predict")
FILES = {
    "npz": lambda net, path, **options: net.save(path),
    "safetensors": lambda net, path, **options: net.to_safetensors(path),
}
EXPORTS = {
    "onnx": lambda net, path, **options: net.to_onnx(path, **options),
    "c": lambda net, path, **options: net.to_c(path.with_suffix(".c"), **options),
}
if not importlib.util.find_spec("safetensors"):
    del FILES["safetensors"]
if not importlib.util.find_spec("onnx"):
    del EXPORTS["onnx"]
FORMATS = {**FILES, **EXPORTS}


def of_a_subclass(thing, method, monkeypatch):
    thing.__class__ = type("Mine", (type(thing),), {method: lambda self, *args: 0})


def of_a_subclass_that_wraps_the_packages(thing, method, monkeypatch):
    known = getattr(type(thing), method)
    wrapped = functools.wraps(known)(lambda self, *args: known(self, *args))
    thing.__class__ = type("Mine", (type(thing),), {method: wrapped})


def of_the_instance(thing, method, monkeypatch):
    setattr(thing, method, types.MethodType(lambda self, *args: 0, thing))


def of_the_packages_class(thing, method, monkeypatch):
    wrapped = functools.wraps(getattr(type(thing), method))(lambda self, *args: 0)
    monkeypatch.setattr(type(thing), method, wrapped)


WAYS = (of_a_subclass, of_a_subclass_that_wraps_the_packages, of_the_instance, of_the_packages_class)


def check_refused(net, changed, method, path, formats=FORMATS, **options):
    name = type(changed).__name__
    for kind in formats:
        with pytest.raises(TypeError, match=rf"holds .* not (your {method} of )?[\w.<>]*\b{name}$"):
            FORMATS[kind](net, path, **options)
        assert [*path.parent.iterdir()] == [], kind


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, method)
        for name, entry in families.LAYER.items()
        for method in (METHODS[:2] if entry.is_loss else METHODS if entry.in_network else ())
    ],
)
def test_a_layer_or_a_loss(name, method, way, tmp_path, monkeypatch):
    net, x, *_ = network(families.LAYER[name])
    options = {"input_shape": x.shape[1:]}
    if not families.LAYER[name].is_loss:
        changed, formats = next(layer for layer in net.layers if type(layer).__name__ == name), FORMATS
    else:
        changed, formats = net.loss_layer, FORMATS if name in PROBABILITIES else FILES
        options["probabilities"] = True
    way(changed, method, monkeypatch)
    check_refused(net, changed, method, tmp_path / "m", formats, **options)


def nested():
    def affine(inputs, outputs):
        return fl.Affine(np.ones((inputs, outputs)))

    heads = fl.Parallel([affine(3, 2), fl.Sequential([affine(3, 1), fl.Relu()])])
    return fl.Sequential([fl.Sequential([affine(2, 3), fl.Tanh()]), heads], fl.SoftmaxWithLoss())


PLACES = {
    "the network": lambda net: net,
    "a network within it": lambda net: net.layers[0],
    "layers side by side": lambda net: net.layers[1],
    "a network of these": lambda net: net.layers[1].layers[1],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", PLACES)
def test_a_network(place, method, way, tmp_path, monkeypatch):
    net = nested()
    changed = PLACES[place](net)
    way(changed, method, monkeypatch)
    check_refused(net, changed, method, tmp_path / "m")


@pytest.mark.parametrize("way", WAYS[:3])
@pytest.mark.parametrize("method", ["gradient", "loss"])
def test_what_only_trains_is_no_part_of_a_prediction(method, way, tmp_path, monkeypatch):
    net = nested()
    way(net, method, monkeypatch)
    check_refused(net, net, method, tmp_path / "m", FILES)
    for write in EXPORTS.values():
        write(net, tmp_path / "m")


class Named(fl.Sequential):
    """A user's own, that computes what a `Sequential` does, and is trained otherwise."""

    def __init__(self, layers, loss=None, name=""):
        super().__init__(layers, loss)
        self.name = name

    def train_step(self, *args):
        return 2 * super().train_step(*args)

    def best(self, x):
        return self.predict(x).argmax(axis=-1)


def test_a_subclass_that_computes_the_same(tmp_path):
    """Its class is what it is read as; a network within it has no class in the file but the package's own."""
    net = Named(nested().layers, fl.SoftmaxWithLoss(), "mine")
    for kind, write in FORMATS.items():
        write(net, tmp_path / kind)
    for kind in (Named, fl.Sequential):
        again = kind.load(tmp_path / "npz")
        assert [type(layer) for layer in (again, *again.layers)] == [kind, fl.Sequential, fl.Parallel]
        np.testing.assert_array_equal(again.predict(np.eye(2)), net.predict(np.eye(2)))
        again.save(tmp_path / "npz")
    outer = fl.Sequential([net])
    with pytest.raises(TypeError, match=r"a model file holds Sequential within a network, not \w+\.Named$"):
        outer.save(tmp_path / "outer")
    for write in EXPORTS.values():
        write(outer, tmp_path / "outer")


def test_a_subclass_that_cannot_be_made_of_layers_and_a_loss(tmp_path):
    class Sized(fl.Sequential):
        def __init__(self, *, size):
            super().__init__([fl.Affine(np.ones((size, size)))])

    Sized(size=2).save(tmp_path / "m")
    assert type(fl.Sequential.load(tmp_path / "m")) is fl.Sequential
    with pytest.raises(TypeError, match=r"Sized\.__init__"):  # and not that the file is damaged
        Sized.load(tmp_path / "m")


@pytest.mark.parametrize("way", WAYS[:3])
@pytest.mark.parametrize("place", ["the network", "a network within it"])
def test_a_graph_has_it_as_one_node(place, way, monkeypatch):
    net, x = nested(), np.array([[1.0, -2.0]])
    changed = PLACES[place](net)
    doubled = type(changed).forward

    def forward(self, x):
        return 2 * doubled(self, x)

    if way is of_the_instance:
        changed.forward = types.MethodType(forward, changed)
    else:
        changed.__class__ = type("Mine", (fl.Sequential,), {"forward": forward})
    graph = Graph.of_network(net, x)
    node = next(node for node in graph._nodes if isinstance(node.layer, Nested))
    assert node.layer is changed
    np.testing.assert_array_equal(graph._nodes[-1].outputs[0].value, net.forward(x))
