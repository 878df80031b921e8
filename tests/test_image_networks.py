"""Networks of images: as one call, in ONNX, in PyTorch's names, in pieces; bit for bit what their layers are."""

from __future__ import annotations

from pathlib import Path

import kit
import numpy as np
import pytest
from image_network import LABELS, SHAPE, images, network
from test_program import OPTIMIZERS, outcomes

import fastlayers as fl
from fastlayers import initializers
from fastlayers._core import backend


@pytest.mark.parametrize("of", [np.float32, np.float64, np.uint8, np.float16])
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("optimizer", ["SGD with all", "Adam"])
def test_the_same_bits_as_layer_by_layer(compiled, dtype, of, optimizer, monkeypatch):
    x = np.abs(10 * images()).astype(of)

    def steps():
        net = network(dtype)
        net.layers = [*net.layers[:11], *net.layers[11].layers, *net.layers[12:]]  # a network in it runs by itself
        return net, outcomes(net, x, LABELS, None, OPTIMIZERS[optimizer])

    net, together = steps()
    assert net.compiled
    monkeypatch.setattr(backend, "fuses", False)
    _, one_by_one = steps()
    for a, b in zip(together, one_by_one, strict=True):
        np.testing.assert_array_equal(a, b)
        if isinstance(a, np.ndarray):
            kit.assert_same(a, b)


def test_images_whose_gradient_goes_below_an_affine_layer(compiled):
    """Whose dx has the images' shape from the first step on, before the layer was ever given any."""
    W, b = initializers.affine(216, 3, rng=0)
    gamma, beta = np.ones(2, np.float32), np.zeros(2, np.float32)
    net = fl.Sequential([fl.BatchNormalization(gamma, beta), fl.Relu(), fl.Affine(W, b)], fl.SoftmaxWithLoss())
    for _ in range(3):
        _, grads = net.gradient(images(), LABELS)
        assert [grad.shape for grad in grads] == [(2,), (2,), (216, 3), (3,)]
    assert net.backward(net.forward(images())).shape == (7, *SHAPE)


def test_pieces_predict_what_the_whole_predicts(implementation):
    net, x = network(), images(50)
    expected = net._predict_whole(x)
    for batch_size in (None, 1, 7, 50, 99):
        np.testing.assert_allclose(net.predict(x, batch_size), expected, rtol=1e-5, atol=1e-6)


def test_training_learns_and_stops_at_the_best(implementation):
    """Bright above or below: a matter of some steps. The best epoch's running statistics come back with its weights."""
    rng = np.random.default_rng(0)
    t = rng.integers(0, 3, 120)
    x = rng.integers(0, 60, (120, *SHAPE)).astype(np.uint8)
    for c in range(3):
        x[t == c, :, 3 * c : 3 * c + 3] += 60
    net = network()
    net.fit(x, t, 8, 20, optimizer=fl.Adam(0.01), validation_data=(x[:40], t[:40]), rng=0, progress=False)
    assert net.accuracy(x, t) > 0.9
    stopped = network()
    stopping = fl.callbacks.EarlyStopping(patience=1)
    history = stopped.fit(
        x,
        t,
        8,
        20,
        optimizer=fl.Adam(0.3),
        validation_data=(x[:40], t[:40]),
        callbacks=[stopping],
        rng=0,
        progress=False,
    )
    best = min(history.validation_loss)
    assert stopped.loss(x[:40], t[:40]) == pytest.approx(best, rel=1e-5)


def test_summary():
    summary = network().summary(SHAPE)
    shapes = [row.output_shape for row in summary.layers]
    assert shapes[:5] == [(6, 9, 6), (6, 9, 6), (6, 9, 6), (6, 5, 4), (4, 5, 4)]
    assert shapes[5:] == [(4, 5, 4), (4, 6, 5), (4, 7, 5), (4, 7, 5), (4, 7, 5), (4, 7, 5), (140,), (8,), (8,), (3,)]
    rows = {row.place: row for row in summary.layers}
    assert rows["0"].flops == 2 * 2 * 9 * 6 * 9 * 6  # with a bias: as many additions as products
    assert rows["4"].flops == (2 * 3 * 9 - 1) * 4 * 5 * 4
    assert rows["3"].flops == 4 * 6 * 5 * 4
    with pytest.raises(
        ValueError, match=r"layer 0 has parameters .*\(6, 2, 3, 3\).* for a sample of shape \(3, 9, 12\)"
    ):
        network().summary((3, 9, 12))
    with pytest.raises(ValueError, match=r"layer 8 has gamma \(140,\), .* for a sample of shape \(4, 7, 6\)"):
        network().summary((2, 9, 16))
    with pytest.raises(ValueError, match="input_shape is needed: layer 0, Convolution,"):
        network().summary()
    with pytest.raises(ValueError, match=r"layer 0 .*a sample of shape \(24,\)"):
        network().summary((24,))


def test_a_recorded_network_of_pytorch():
    with np.load(Path(__file__).parent / "data" / "state_dict_images.npz") as archive:
        arrays = dict(archive)
    x, y = arrays.pop("x"), arrays.pop("y")
    zeros = {key: np.zeros(array.shape, array.dtype) for key, array in arrays.items()}
    net = fl.Sequential(
        [
            fl.Convolution(zeros["0.weight"], zeros["0.bias"], stride=2, pad=1),
            fl.BatchNormalization(zeros["1.weight"], zeros["1.bias"], eps=1e-3),
            fl.Relu(),
            fl.Pooling(3, 3, stride=2, pad=1),
            fl.Convolution(zeros["4.weight"], pad=(1, 1), groups=2, dilation=(1, 2)),
            fl.AveragePooling(2, 2, stride=1, pad=1, count_include_pad=False),
            fl.Flatten(),
            fl.Affine(zeros["7.weight"].T.copy(), zeros["7.bias"]),
            fl.BatchNormalization(zeros["8.weight"], zeros["8.bias"], eps=1e-3),
            fl.Affine(zeros["9.weight"].T.copy(), zeros["9.bias"]),
        ],
        fl.SoftmaxWithLoss(),
    )
    net.load_state_dict(arrays)
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-4, atol=1e-5)
    back = net.state_dict()
    assert list(back) == [key for key in arrays if not key.endswith("num_batches_tracked")]
    for key, array in back.items():
        kit.assert_same(array, arrays[key])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files(tmp_path, suffix):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    net = network()
    net.save(tmp_path / f"m{suffix}")
    again = fl.Sequential.load(tmp_path / f"m{suffix}")
    assert repr(again) == repr(net)
    np.testing.assert_array_equal(again.predict(images()), net.predict(images()))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 7])
def test_onnx(tmp_path, dtype, rows):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from test_onnx import assert_predicts

    net = network(dtype)
    net.layers.insert(11, fl.Convolution(np.eye(4, dtype=dtype)[:, :, np.newaxis, np.newaxis]))
    net.to_onnx(tmp_path / "m", input_shape=SHAPE)
    assert_predicts(tmp_path / "m", net, images(rows, dtype))
    pooled = fl.Sequential([*net.layers[:11], fl.GlobalAveragePooling()])
    pooled.to_onnx(tmp_path / "m", input_shape=SHAPE)
    assert_predicts(tmp_path / "m", pooled, images(rows, dtype))


def test_onnx_has_to_be_told_the_shape_of_images(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="input_shape is needed: layer 0, Convolution, takes samples of more than one"):
        network().to_onnx(tmp_path / "m")
    with pytest.raises(ValueError, match=r"input_shape \(2, 9, 16\) does not fit: layer 8"):
        network().to_onnx(tmp_path / "m", input_shape=(2, 9, 16))
    assert [*tmp_path.iterdir()] == []
