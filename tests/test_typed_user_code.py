# pyright: strict
"""What a user writes, in types: run as a test, and read by mypy and pyright (`.ci/types`) on the installed package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import pytest
from numpy.typing import NDArray

import fastlayers as fl
from fastlayers.graph import Graph
from fastlayers.testing import check_gradients

Array = NDArray[Any]
F32 = NDArray[np.float32]

rng = np.random.default_rng(0)
x: F32 = rng.standard_normal((30, 4)).astype(np.float32)
t: NDArray[np.int64] = rng.integers(0, 3, 30)


class Scale:
    """A layer of one's own, which inherits nothing, with a parameter and no bias."""

    def __init__(self, size: int) -> None:
        self.W: Array = np.ones(size, np.float32)
        self.b: Array | None = None
        self.dW: Array | None = None
        self.db: Array | None = None
        self.x: Array | None = None

    def forward(self, x: Array) -> Array:
        self.x = x
        return x * self.W

    def backward(self, dout: Array) -> Array:
        assert self.x is not None
        self.dW = (dout * self.x).sum(axis=0)
        return dout * self.W


class Squares:
    """A loss of one's own."""

    def __init__(self) -> None:
        self.difference: Array = np.empty(0)

    def forward(self, x: Array, t: Array) -> float:
        self.difference = x - t
        return float(np.square(self.difference).sum() / 2)

    def backward(self) -> Array:
        return self.difference


class Descent:
    """An optimizer of one's own."""

    def update(self, params: list[Array], grads: list[Array]) -> None:
        for param, grad in zip(params, grads, strict=True):
            param -= 0.1 * grad


class Stop(fl.callbacks.Callback):
    """A callback of one's own."""

    def on_epoch_end(self, training: fl.callbacks.Training) -> None:
        training.stop = training.epoch == 1


def show(training: fl.callbacks.Training) -> None:
    print(training.epoch)


def affine(d: int, m: int) -> fl.Affine:
    W, b = fl.initializers.affine(d, m, rng=rng)
    return fl.Affine(W, b)


def widths(layers: Sequence[fl.Layer]) -> int:
    return len(layers)


def test_layers_by_hand() -> None:
    layer = affine(4, 3)
    assert_type(layer.forward(x), Array)
    dout = np.ones((30, 3), np.float32)
    assert_type(layer.backward(dout), Array)
    assert_type(layer.backward(dout, need_dx=True), Array)
    assert_type(layer.backward(dout, need_dx=False), None)
    need_dx = bool(x.size)
    assert_type(layer.backward(dout, need_dx=need_dx), Array | None)
    dx = fl.Relu().predict(layer.backward(dout)).sum(axis=0)  # an array, not one or None
    assert dx.shape == (4,)
    assert_type(layer.dW, Array | None)
    loss = fl.SoftmaxWithLoss(label_smoothing=0.1, reduction="mean")
    loss.forward(layer.forward(x), t)
    assert_type(loss.backward(), Array)
    assert check_gradients(fl.Tanh(), np.linspace(-1.0, 1.0, 6)) < 1e-6


def test_different_layers_in_a_list_are_layers() -> None:
    layers = [affine(4, 8), fl.Relu(), fl.Dropout(0.1, rng=1), affine(8, 3)]
    y: Array = x
    for layer in layers:
        assert_type(layer.predict(y), Array)
        y = layer.forward(y)
    dout: Array = np.ones_like(y)
    for layer in reversed(layers):
        dout = layer.backward(dout)
    assert widths(layers) == 4
    net = fl.Sequential(layers, fl.SoftmaxWithLoss())
    assert_type(net.predict(x), Array)

    own: list[fl.Layer] = [Scale(4), fl.Sigmoid(), affine(4, 3)]
    own.append(Scale(3))
    fl.Sequential(own, Squares()).train_step(x, np.zeros((30, 3)), Descent())
    fl.Sequential([Scale(4), affine(4, 3), fl.Tanh()], fl.SoftmaxWithLoss()).predict(x)
    books = {"Affine1": affine(4, 3), "Relu1": fl.Relu()}  # as in the book
    scores: Array = x
    for layer in books.values():
        scores = layer.forward(scores)


def test_training_and_files(tmp_path: Path) -> None:
    net = fl.Sequential([affine(4, 8), fl.LeakyRelu(0.1), affine(8, 3)], fl.SoftmaxWithLoss())
    optimizer = fl.AdamW(fl.schedules.CosineDecay(0.01, steps=10), weight_decay=0.01, clip_norm=1.0)
    assert_type(net.train_step(x, t, fl.Momentum(0.1, nesterov=True)), float)
    history = net.fit(
        x,
        t,
        epochs=3,
        batch_size=10,
        optimizer=optimizer,
        validation_data=(x, t),
        callbacks=[
            Stop(),
            fl.callbacks.EarlyStopping(patience=2),
            fl.callbacks.Checkpoint(tmp_path / "best.npz", best_only=True),
            show,
        ],
        rng=0,
        sample_weight=np.ones(30),
        progress=False,
    )
    assert_type(history, fl.History)
    assert_type(history.loss, list[float])
    assert_type(net.accuracy(x, t), float)
    loss, grads = net.gradient(x, t)
    assert_type(loss, float)
    assert_type(grads, list[Array])
    assert_type(net.params, list[Array])

    net.save(tmp_path / "net.npz")
    assert_type(fl.Sequential.load(tmp_path / "net.npz"), fl.Sequential)
    state = net.state_dict()
    assert_type(state, dict[str, Array])
    net.load_state_dict(state)
    net.load_state_dict(state, names=["0", "2"])
    net.load_state_dict(state, names={"0": net.layers[0], "2": 2})
    assert repr(net).startswith("Sequential(")


def test_optimizers_with_lists_and_dicts() -> None:
    W, b = np.ones((2, 2)), np.zeros(2)
    optimizers = [fl.SGD(0.1), fl.Momentum(0.1), fl.Adam(lr=lambda step: 0.1 / (1 + step))]
    for optimizer in optimizers:
        optimizer.update({"W": W, "b": b}, {"W": np.ones((2, 2)), "b": np.ones(2)})
    fl.SGD(0.1).update([W, b], [np.ones((2, 2)), np.ones(2)])
    fl.reference.SGD(0.1).update((W,), (np.ones((2, 2)),))


def test_functions() -> None:
    y, mask = np.empty_like(x), np.empty(x.shape, bool)
    assert_type(fl.relu_forward(x, out=(y, mask)), tuple[Array, Array])
    assert_type(fl.relu_forward(x, out=(y, None)), tuple[Array, Array])
    assert_type(fl.relu([1.0, -1.0], out=(np.empty(2),)), Array)
    assert_type(fl.sigmoid_forward(x, out=y), Array)
    assert_type(fl.tanh(x, out=y), Array)
    assert_type(fl.softmax(x, axis=-1, out=y), Array)
    loss, dx = fl.softmax_cross_entropy(x, t % 3, out=y)
    assert_type(loss, float)
    assert_type(dx, Array)
    losses, _ = fl.softmax_cross_entropy(x, t, reduction="none")
    assert_type(losses, Array)
    assert_type(fl.cross_entropy_error(fl.softmax(x), t), float)
    fl.affine_forward(x, np.ones((4, 2), np.float32), out=np.empty((30, 2), np.float32))
    assert_type(fl.reference.softmax(x), Array)


def test_settings_and_modules_that_come_when_they_are_used() -> None:
    with fl.use_backend("reference"):
        assert_type(fl.get_backend(), str)
    assert_type(fl.datasets.Split(x, t), fl.datasets.Split)
    graph = fl.graph.Graph()
    assert_type(graph, Graph)
    edge = graph.apply(fl.MulLayer(), graph.input(100.0, "apple"), graph.input(2.0, "number"))
    assert_type(edge, fl.graph.Edge)


def test_a_name_that_is_not_there_is_an_error_to_a_type_checker_too() -> None:
    with pytest.raises(AttributeError):
        _ = fl.Afine  # type: ignore[attr-defined]
