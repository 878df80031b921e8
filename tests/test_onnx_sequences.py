"""ONNX files of networks of sequences: ONNX Runtime gives what they predict, of any length, and carries their state."""

import numpy as np
import pytest
from kit import numbers

import fastlayers as fl

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

D, H, V = 3, 4, 9
GATES = {"TimeRNN": 1, "TimeGRU": 3, "TimeLSTM": 4, "TimeBiLSTM": 4}
TOLERANCE = {"float16": 5e-3, "float32": 1e-6, "float64": 1e-14}


def recurrent(kind, dtype="float32", **options):
    shapes = [(D, GATES[kind] * H), (H, GATES[kind] * H), (GATES[kind] * H,)] * (1 + (kind == "TimeBiLSTM"))
    return getattr(fl, kind)(*(numbers(shape, dtype, i) / 4 for i, shape in enumerate(shapes)), **options)


def of_each_step(inputs, outputs, dtype="float32"):
    return fl.TimeAffine(numbers((inputs, outputs), dtype, 7) / 4, numbers((outputs,), dtype, 8))


def written(net, path, shape):
    """The file, once it has passed the checker, as ONNX Runtime reads it, and its operators."""
    net.to_onnx(path, input_shape=shape)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3  # that a state can be given is worth a warning
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, [node.op_type for node in model.graph.node]


def assert_gives(y, expected):
    tolerance = TOLERANCE[expected.dtype.name]
    assert (y.dtype, y.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", GATES)
def test_a_layer_of_all_steps(tmp_path, kind, dtype):
    net = fl.Sequential([recurrent(kind, dtype)])
    session, operators = written(net, tmp_path / "m", (5, D))
    assert ("Scan" if dtype == "float64" else kind[-4:].removeprefix("e")) in operators
    assert not session.get_overridable_initializers()
    for shape in ((2, 5, D), (3, 1, D), (1, 8, D)):
        x = numbers(shape, dtype, sum(shape))
        (y,) = session.run(None, {"x": x})
        assert_gives(y, net.predict(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", GATES)
def test_the_state_goes_in_and_comes_out(tmp_path, kind, dtype):
    layer = recurrent(kind, dtype, stateful=True)
    owners = {"1.": layer}
    if kind == "TimeBiLSTM":
        owners = {"1.forward_lstm.": layer.forward_lstm, "1.backward_lstm.": layer.backward_lstm}
    net = fl.Sequential([fl.Relu(), layer, of_each_step(H * len(owners), 2, dtype)])
    session, _ = written(net, tmp_path / "m", (5, D))
    states = [state.name for state in session.get_overridable_initializers()]
    assert [output.name for output in session.get_outputs()] == ["y", *(f"{state}.next" for state in states)]
    assert states == [f"{owner}{of}" for owner in owners for of in ("hc" if "LSTM" in kind else "h")]
    given = {}
    for steps in (4, 1, 7):
        x = numbers((2, steps, D), dtype, steps)
        y, *found = session.run(None, {"x": x, **given})
        assert_gives(y, net.predict(x))
        given = dict(zip(states, found, strict=True))
    for name, array in given.items():
        assert_gives(array, getattr(owners[name[:-1]], name[-1]))
    layer.reset_state()  # with nothing given a file begins as a layer does then
    x = numbers((3, 2, D), dtype)
    assert_gives(session.run(["y"], {"x": x})[0], net.predict(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_of_words(tmp_path, dtype):
    """Layers of each step, one above another, and an affine layer that takes so many steps as it has weights for."""
    layers = [
        fl.TimeEmbedding(numbers((V, D), dtype)),
        recurrent("TimeBiLSTM", dtype),
        fl.TimeDropout(),
        of_each_step(2 * H, D, dtype),
        fl.Sequential([recurrent("TimeGRU", dtype), of_each_step(H, 2, dtype)]),
    ]
    idx = np.random.default_rng(0).integers(0, V, (4, 6))
    net = fl.Sequential(layers)
    session, _ = written(net, tmp_path / "m", (6,))
    assert session.get_outputs()[0].shape == ["batch", "steps", 2]
    for x in (idx, idx[:1, :2]):
        assert_gives(session.run(None, {"x": x})[0], net.predict(x))
    net = fl.Sequential([*layers, fl.Affine(numbers((12, 2), dtype))])
    session, _ = written(net, tmp_path / "m", (6,))
    assert_gives(session.run(None, {"x": idx})[0], net.predict(idx))
    with pytest.raises(Exception, match="Got: 5 Expected: 6"):
        session.run(None, {"x": idx[:, :5]})
