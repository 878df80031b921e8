"""ONNX files: the checker passes them, and ONNX Runtime predicts from them what the network predicts."""

from __future__ import annotations

import errno
import os
import random
import sys
from pathlib import Path
from typing import Any

import kit
import numpy as np
import points
import pytest
from model_files import any_network, every_kind, tiny

import fastlayers as fl

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

TOLERANCE = {"float16": 1e-2, "float32": 1e-6, "float64": 1e-14}
X = np.linspace(-2, 2, 14).reshape(7, 2)


def run(path: Path, x: Any) -> Any:
    """The answer of ONNX Runtime to a file that passes the checker."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


def assert_predicts(path: Path, network: fl.Sequential, x: Any) -> None:
    expected = network.predict(x)
    y = run(path, x)
    assert y.dtype == expected.dtype
    tolerance = TOLERANCE[y.dtype.name]
    largest = max(1, np.abs(expected).max(initial=0))  # of terms of this size small sums are made too
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * largest)


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("batch", [0, 1, 7])
def test_every_layer(tmp_path: Path, dtype: str, batch: int) -> None:
    network = every_kind(dtype)
    network.to_onnx(tmp_path / "m")
    assert_predicts(tmp_path / "m", network, X[:batch].astype(dtype))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_exact_gelu(tmp_path: Path, dtype: str) -> None:
    """Also far out, where nothing is left of the tail."""
    W = np.eye(2, dtype=dtype)
    network = stack(fl.Affine(W), fl.Gelu(), fl.Affine(W))
    network.to_onnx(tmp_path / "m")
    x = np.array([[-1e4, -9], [-8.5, -8.4], [-3, -1], [-0.5, 0]], dtype)
    assert_predicts(tmp_path / "m", network, x)
    assert_predicts(tmp_path / "m", network, -x)


def test_the_operators(tmp_path: Path) -> None:
    activations = ["Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu"]
    layers = [layer for name in activations for layer in (fl.Affine(np.eye(2, dtype="f4")), getattr(fl, name)())]
    fl.Sequential([*layers, fl.Dropout()]).to_onnx(tmp_path / "m")
    assert operators(tmp_path / "m") == [operator for activation in activations for operator in ("Gemm", activation)]


@pytest.mark.parametrize("seed", range(100))
def test_any_network(tmp_path: Path, seed: int) -> None:
    network = any_network(random.Random(seed))
    network.to_onnx(tmp_path / "m")
    assert_predicts(tmp_path / "m", network, X.astype(network.params[0].dtype))


def test_a_slope_keeps_its_digits(tmp_path: Path) -> None:
    """The attribute of ONNX's LeakyRelu is a float32."""
    fl.Sequential([fl.Affine(np.eye(1)), fl.LeakyRelu(0.1)], fl.SoftmaxWithLoss()).to_onnx(tmp_path / "m")
    assert run(tmp_path / "m", np.array([[-1.0]])) == -0.1


@pytest.mark.parametrize("layout", kit.LAYOUTS)
@pytest.mark.parametrize("dtype", kit.FAST)
def test_arrays_of_any_layout_are_written_by_value(tmp_path: Path, layout: str, dtype: type) -> None:
    W, b = kit.numbers((2, 3), dtype), kit.numbers((3,), dtype)
    odd = fl.Affine(kit.LAYOUTS[layout](W), kit.LAYOUTS[layout](b))
    fl.Sequential([odd], fl.SoftmaxWithLoss()).to_onnx(tmp_path / "m")
    assert_predicts(tmp_path / "m", fl.Sequential([fl.Affine(W, b)], fl.SoftmaxWithLoss()), X.astype(dtype))


def test_layers_of_the_pure_path(tmp_path: Path) -> None:
    layers = [fl.reference.Affine(np.eye(2, dtype=np.float32)), fl.reference.Relu()]
    fl.Sequential(layers, fl.reference.SoftmaxWithLoss()).to_onnx(tmp_path / "m", probabilities=True)
    assert operators(tmp_path / "m") == ["Gemm", "Relu", "Cast", "Softmax", "Cast"]


# Input and output


@pytest.mark.parametrize("front", [[], [fl.Relu(), fl.Dropout()]], ids=["affine first", "activation first"])
@pytest.mark.parametrize("shape", [(12,), (2, 6), (1, 3, 4), (3, 2, 1, 2)], ids=str)
def test_samples_of_any_shape(tmp_path: Path, shape: tuple[int, ...], front: list[Any]) -> None:
    network = fl.Sequential([*front, fl.Affine(kit.numbers((12, 3), np.float32))], fl.SoftmaxWithLoss())
    network.to_onnx(tmp_path / "m", input_shape=list(shape))
    assert ("Flatten" in operators(tmp_path / "m")) == (len(shape) > 1)
    assert_predicts(tmp_path / "m", network, kit.numbers((5, *shape), np.float32))


def test_the_batch_has_a_name(tmp_path: Path) -> None:
    tiny().to_onnx(tmp_path / "m")
    model = onnx.load(tmp_path / "m")
    x, y = model.graph.input[0], model.graph.output[0]
    for value in (x, y):
        assert [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] == ["batch", 2]
    assert (x.name, y.name, model.producer_name) == ("x", "y", "fastlayers")


LOSSES = [
    (fl.SoftmaxWithLoss, lambda scores: fl.softmax(scores)),
    (fl.SigmoidWithLoss, lambda scores: fl.sigmoid_forward(scores)),
    (fl.TimeSoftmaxWithLoss, lambda scores: fl.softmax(scores)),
    (fl.TimeSigmoidWithLoss, lambda scores: fl.sigmoid_forward(scores)),
]


@pytest.mark.parametrize("dtype", kit.FLOATS[:3])
@pytest.mark.parametrize(("loss", "of"), LOSSES, ids=[loss.__name__ for loss, _ in LOSSES])
def test_probabilities(tmp_path: Path, dtype: type, loss: Any, of: Any) -> None:
    network, x = tiny(np.dtype(dtype).name), X.astype(dtype)
    if loss.__name__.startswith("Time"):  # three steps a sample
        network.layers = [fl.TimeAffine(layer.W) if type(layer) is fl.Affine else layer for layer in network.layers]
        x = np.stack([x, 2 * x, -x], axis=1)
    network.loss_layer = loss()
    network.to_onnx(tmp_path / "m", input_shape=x.shape[1:], probabilities=True)
    tolerance = TOLERANCE[np.dtype(dtype).name]
    np.testing.assert_allclose(run(tmp_path / "m", x), of(network.predict(x)), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("classes", [1, 31, 1000])
def test_softmax_is_as_accurate_as_ours(tmp_path: Path, dtype: type, classes: int) -> None:
    """ONNX Runtime's own operator is off by up to 64 ulp in float32, 505 in float64, and its sums by 41."""
    found = points.batch(dtype, classes)
    scores = fl.Sequential([fl.Affine(np.eye(classes, dtype=dtype))], fl.SoftmaxWithLoss())
    scores.to_onnx(tmp_path / "m", probabilities=True)
    y = run(tmp_path / "m", found.x)
    assert np.all((y >= 0) & (y <= 1))
    assert points.sums_off(y).max() <= 5
    assert classes > 1 or np.all(y == 1)
    _, off = points.softmax_errors(lambda x: y, found)
    assert off.max() <= 5


@pytest.mark.parametrize("dtype", kit.FAST)
def test_infinite_scores(tmp_path: Path, dtype: type) -> None:
    """No class of a score of -inf has a part; +inf, or -inf alone, is nan."""
    network = fl.Sequential([fl.Affine(np.ones((1, 2), dtype), np.array([0, -np.inf], dtype))], fl.SoftmaxWithLoss())
    network.to_onnx(tmp_path / "m", probabilities=True)
    x = np.array([[1], [-np.inf], [np.nan]], dtype)
    with np.errstate(invalid="ignore"):
        scores = network.predict(x)
    np.testing.assert_array_equal(run(tmp_path / "m", x), fl.softmax(scores))


# What is refused


class Softsign(fl.Relu):
    pass


class Squares:
    """A loss of a user's own."""

    def forward(self, x: Any, t: Any) -> Any:
        return None

    def backward(self, dout: Any = 1) -> Any:
        return None


def stack(*layers: Any, loss: Any = None) -> fl.Sequential:
    return fl.Sequential([*layers], loss or fl.SoftmaxWithLoss())


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path, W = tmp_path / "m", np.ones((2, 2))
    with pytest.raises(TypeError, match=r"an ONNX file holds Affine, .*, not test_onnx\.Softsign"):
        stack(fl.Affine(W), Softsign()).to_onnx(path)
    for loss in (Squares(), fl.MeanSquaredError()):
        with pytest.raises(
            TypeError, match=rf"holds SoftmaxWithLoss, SigmoidWithLoss, .*, not .*\.{type(loss).__name__}$"
        ):
            stack(fl.Affine(W), loss=loss).to_onnx(path, probabilities=True)
    with pytest.raises(TypeError, match="int64"):
        stack(fl.Affine(W.astype(np.int64))).to_onnx(path)
    with pytest.raises(TypeError, match="float32, float64"), pytest.warns(UserWarning, match="layer 1"):
        stack(fl.Affine(W), fl.Affine(W.astype(np.float32))).to_onnx(path)
    with pytest.raises(ValueError, match="no parameters"):
        stack(fl.Relu()).to_onnx(path)
    with pytest.raises(ValueError, match=r"layer 1 has parameters of shapes \[\(3, 2\)\]; expected W \(2, M\)"):
        stack(fl.Affine(W), fl.Affine(np.ones((3, 2)))).to_onnx(path)
    with pytest.raises(ValueError, match="more than the"):
        stack(fl.Affine(np.broadcast_to(1.0, (2, 1 << 28)))).to_onnx(path)  # which takes no memory
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("shape", [(3,), (2, 2), (), (-1, -2), (1, 0)], ids=str)
def test_a_shape_that_does_not_fit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"input_shape .*(does not fit: layer 0 has parameters|must have sizes)"):
        tiny().to_onnx(tmp_path / "m", input_shape=shape)


def test_a_shape_of_other_numbers(tmp_path: Path) -> None:
    for shape in ((2.0,), ("2",), 2):
        with pytest.raises(TypeError, match="input_shape"):
            tiny().to_onnx(tmp_path / "m", input_shape=shape)  # type: ignore[arg-type]  # what a user may do


def test_a_loss_of_ones_own_does_not_matter_to_scores(tmp_path: Path) -> None:
    network = stack(fl.Affine(np.ones((2, 2))), loss=Squares())
    network.to_onnx(tmp_path / "m")
    assert_predicts(tmp_path / "m", network, X)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tiny().to_onnx(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        tiny(seed=9).to_onnx(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"an ONNX file needs onnx.*pip install 'onnx>="):
        tiny().to_onnx(tmp_path / "m")
