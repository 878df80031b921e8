"""Computation graphs: the numbers of the book's figures, a network's shapes, and pictures that hold them."""

import html
import importlib.util
import re
import shutil
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import fastlayers as fl
from fastlayers.graph import Graph, drawing
from fastlayers.graph.nodes import picture

no_graphviz = pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
no_matplotlib = pytest.mark.skipif(not importlib.util.find_spec("matplotlib"), reason="matplotlib is not installed")
ENGINES = [pytest.param("graphviz", marks=no_graphviz), pytest.param("matplotlib", marks=no_matplotlib)]


def apples_and_oranges():
    graph = Graph()
    apple, apples = graph.input(100, "apple"), graph.input(2, "apples")
    orange, oranges = graph.input(150, "orange"), graph.input(3, "oranges")
    tax = graph.input(1.1, "tax")
    fruit = graph.apply(
        fl.AddLayer(), graph.apply(fl.MulLayer(), apple, apples), graph.apply(fl.MulLayer(), orange, oranges)
    )
    price = graph.apply(fl.MulLayer(), fruit, tax, name="price")
    return graph, price, [apple, apples, orange, oranges, tax]


def network(dtype=np.float64):
    rng = np.random.default_rng(0)
    W1, W2 = rng.standard_normal((4, 5)).astype(dtype), rng.standard_normal((5, 3)).astype(dtype)
    layers = [fl.Affine(W1, np.zeros(5, dtype)), fl.Relu(), fl.Affine(W2)]
    return fl.Sequential(layers, fl.SoftmaxWithLoss()), rng.standard_normal((7, 4)).astype(dtype), np.arange(7) % 3


def texts(svg):
    return [node.text for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def boxes_and_arrows(graph):
    drawn = picture(graph._nodes)
    named = [box.text for box in drawn.boxes]
    return named, [(named[a.tail], named[a.head], a.above, a.below) for a in drawn.arrows]


def test_the_books_apples_and_oranges():
    graph, price, inputs = apples_and_oranges()
    assert repr(price.value) == "715.0000000000001"
    assert all(edge.grad is None for edge in inputs)
    graph.backward()
    grads = [repr(edge.grad) for edge in inputs]
    assert grads == ["2.2", "110.00000000000001", "3.3000000000000003", "165.0", "650"]
    graph.backward(2)
    assert inputs[0].grad == 4.4


def test_a_value_that_goes_into_two_nodes_gets_the_sum():
    graph = Graph()
    x = graph.input(3.0, "x")
    square = graph.apply(fl.MulLayer(), x, x)
    graph.apply(fl.AddLayer(), square, x)
    graph.backward()
    assert x.grad == 7
    _, arrows = boxes_and_arrows(graph)
    assert [below for tail, *_, below in arrows if tail == "x"] == ["3", "3", "1"]  # each arrow has its own part


def test_a_network(implementation):
    net, x, t = network()
    loss, grads = net.gradient(x, t)
    graph = Graph.of_network(net, x, t)
    named, arrows = boxes_and_arrows(graph)
    assert named == ["x", "W1", "b1", "Affine", "Relu", "W2", "Affine", "t", "SoftmaxWithLoss", "loss"]
    assert ("W1", "Affine", "(4, 5)", "(4, 5)") in arrows
    assert ("b1", "Affine", "(5,)", "(5,)") in arrows
    assert ("t", "SoftmaxWithLoss", "(7,)", "") in arrows
    assert ("SoftmaxWithLoss", "loss", f"{loss:.4g}", "1") in arrows
    params = [edge for node in graph._nodes for edge in node.params]
    for edge, grad in zip(params, grads, strict=True):
        np.testing.assert_array_equal(edge.grad, grad)
    np.testing.assert_allclose(
        graph._inputs[0].grad, fl.testing.numerical_gradient(lambda x: net.loss(x, t), x), atol=1e-8
    )


def test_a_network_without_targets_ends_with_its_scores():
    net, x, _ = network()
    named, arrows = boxes_and_arrows(Graph.of_network(net, x))
    assert arrows[-1] == ("Affine", "scores", "(7, 3)", "")
    assert named[-1] == "scores"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_picture_has_every_number(engine, tmp_path):
    graph, *_ = apples_and_oranges()
    graph.backward()
    graph.save(tmp_path / "graph.svg", engine=engine)
    svg = (tmp_path / "graph.svg").read_text()
    expected = {"apple", "apples", "orange", "oranges", "tax", "price"}
    expected |= {"100", "2", "150", "3", "1.1", "200", "450", "650", "715", "2.2", "110", "3.3", "165"}
    if engine == "graphviz":  # matplotlib draws letters as outlines, and says what they are beside them
        assert expected <= set(texts(svg))
    else:
        assert expected <= set(re.findall(r"<!-- (.*?) -->", svg))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("suffix", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_kinds_of_file(engine, suffix, begins, tmp_path):
    net, x, t = network(np.float32)
    path = tmp_path / f"graph.{suffix}"
    Graph.of_network(net, x, t).save(path, engine=engine)
    assert path.read_bytes().startswith(begins)


@pytest.mark.parametrize("engine", ENGINES)
def test_text_is_text_whatever_is_in_it(engine):
    graph = Graph()
    names = ['<b> & "\\N', "</td>", "$\\nothing$"]
    graph.apply(fl.AddLayer(), graph.input(1, names[0]), graph.input(2, names[1]), name=names[2])
    svg = drawing.draw(picture(graph._nodes), "svg", engine).decode()
    written = texts(svg) if engine == "graphviz" else map(html.unescape, re.findall(r"<!-- (.*?) -->", svg))
    assert set(names) <= set(written)


def test_no_two_boxes_are_on_one_place():
    for graph in (apples_and_oranges()[0], Graph.of_network(*network())):
        places = drawing._grid(picture(graph._nodes))
        assert len(set(places)) == len(places)


@no_matplotlib
def test_what_goes_into_several_nodes_has_its_texts_side_by_side():
    """Each arrow has a gradient of its own: 3, 3 and 1 of x x + x."""
    graph = Graph()
    x = graph.input(3, "x")
    graph.apply(fl.AddLayer(), graph.apply(fl.MulLayer(), x, x), x)
    graph.backward()
    svg = drawing.draw(picture(graph._nodes), "svg", "matplotlib").decode()
    places = re.findall(r"<!-- (?:3|1) -->\s*<g [^>]*?translate\(([^)]*)\)", svg)
    assert len(places) == len(set(places)) == 8


@no_matplotlib
def test_an_empty_graph_is_drawn_too(tmp_path):
    Graph().save(tmp_path / "empty.svg", engine="matplotlib")
    assert "digraph" in Graph().to_dot()


@no_matplotlib
def test_what_a_notebook_shows_is_what_is_saved(monkeypatch):
    graph, *_ = apples_and_oranges()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "<svg" in graph._repr_svg_()


@no_matplotlib
def test_without_graphviz(monkeypatch, tmp_path):
    graph, *_ = apples_and_oranges()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    graph.save(tmp_path / "graph.png")
    with pytest.raises(ImportError, match="dot is not on the PATH"):
        graph.save(tmp_path / "graph.png", engine="graphviz")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"needs matplotlib.*pip install .*'matplotlib>="):
        graph.save(tmp_path / "graph.png")


def test_what_dot_says_when_it_fails(monkeypatch, tmp_path):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\ncat > /dev/null\necho no font at all >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    with pytest.raises(RuntimeError, match="dot failed: no font at all"):
        apples_and_oranges()[0].save(tmp_path / "graph.svg")
    assert not (tmp_path / "graph.svg").exists()


@pytest.mark.parametrize(
    ("name", "engine", "words"),
    [("graph.gif", None, "svg, png or pdf, not 'gif'"), ("graph", None, "not ''"), ("graph.svg", "tikz", "'tikz'")],
)
def test_other_files_and_engines_are_refused(name, engine, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        apples_and_oranges()[0].save(tmp_path / name, engine=engine)
    assert not (tmp_path / name).exists()


def test_what_cannot_be_recorded():
    graph = Graph()
    with pytest.raises(RuntimeError, match="no node"):
        graph.backward()
    layer, x = fl.MulLayer(), graph.input(2, "x")
    with pytest.raises(TypeError, match=r"3 is not an Edge.*Graph\.input"):
        graph.apply(layer, x, 3)
    with pytest.raises(ValueError, match="'y' is not of this graph"):
        graph.apply(layer, x, Graph().input(3, "y"))
    graph.apply(layer, x, x)
    with pytest.raises(ValueError, match="this MulLayer was applied before"):
        graph.apply(layer, x, x)

    class Wrong:
        def forward(self, x):
            return x

        def backward(self, dout):
            return dout, dout

    graph.apply(Wrong(), x)
    with pytest.raises(ValueError, match=r"Wrong\.backward gave 2 gradients for 1 inputs"):
        graph.backward()


def test_a_layer_that_gives_nothing_back_is_a_dead_end():
    class Source:
        def forward(self, x):
            return x

        def backward(self, dout):
            return None

    graph = Graph()
    x = graph.input(2.0, "x")
    graph.apply(fl.AddLayer(), x, graph.apply(Source(), x))
    graph.backward()
    assert x.grad == 1


def test_what_leads_nowhere_has_no_gradient():
    graph = Graph()
    x = graph.input(2.0, "x")
    aside = graph.apply(fl.AddLayer(), x, x, name="aside")
    graph.apply(fl.MulLayer(), x, x)
    graph.backward()
    assert aside.grad is None
    assert x.grad == 4
    _, arrows = boxes_and_arrows(graph)
    assert ("+", "aside", "4", "") in arrows
