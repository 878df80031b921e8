"""Networks that are given indices: these reach the first layer as they are, wherever such a network goes."""

import kit
import numpy as np
import pytest
from commands import fail
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers._core import backend
from fastlayers.mpi import DataParallel
from fastlayers.testing import check_gradients

V, D = 40, 6
RNG = np.random.default_rng(0)
X, T = RNG.integers(0, V, (50, 3)), RNG.integers(0, 4, 50)
TABLE = kit.numbers((V, D), np.float32)


def words(axes=1, dtype=np.float32):
    """A network of so many words a sample, each an index."""
    inputs = 3 * D if axes else D
    W, b = kit.numbers((inputs, 4), dtype, 1), np.zeros(4, dtype)
    return fl.Sequential([fl.Embedding(TABLE.astype(dtype)), fl.Affine(W, b)], fl.SoftmaxWithLoss())


def by_hand(x):
    """Scores, loss and gradients of `words`, with all in NumPy and float64."""
    net = words(axes=x.ndim - 1, dtype=np.float64)
    table, W, _ = net.params
    rows = table[x].reshape(len(x), -1)
    loss, dout = fl.reference.softmax_cross_entropy(rows @ W, T)
    dtable = np.zeros_like(table)
    np.add.at(dtable, x, (dout @ W.T).reshape(*x.shape, D))
    return rows @ W, loss, [dtable, rows.T @ dout, dout.sum(axis=0)]


@pytest.mark.parametrize("dtype", kit.INTEGERS)
@pytest.mark.parametrize("x", [X, X[:, 0]], ids=["several", "one"])
def test_indices_are_given_to_the_first_layer_as_they_are(implementation, x, dtype):
    net, x = words(axes=x.ndim - 1), x.astype(dtype)
    assert bool(net.compiled) == (implementation != "reference")
    scores, loss, grads = by_hand(x)
    np.testing.assert_allclose(net.predict(x), scores, rtol=1e-4, atol=1e-4)
    found, found_grads = net.gradient(x, T)
    assert net.layers[0].idx is x
    assert found == pytest.approx(loss, rel=1e-5)
    for ours, true in zip(found_grads, grads, strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-4, atol=1e-5)
    assert net.forward(x).dtype == np.float32
    assert net.backward(np.ones((50, 4), np.float32)) is None
    before = net.params[0].copy()
    net.train_step(x, T, fl.SGD(0.5))
    np.testing.assert_allclose(net.params[0], before - 0.5 * grads[0], rtol=1e-4, atol=1e-4)
    untouched = np.setdiff1d(np.arange(V), x)
    kit.assert_same(net.params[0][untouched], before[untouched])


def test_what_only_gives_the_indices_another_shape_comes_before(implementation):
    net = words()
    scores = net.predict(X)
    net.layers.insert(0, fl.Flatten())
    kit.assert_same(net.predict(X.reshape(50, 1, 3)), scores)
    net.forward(X.reshape(50, 1, 3))
    assert net.backward(np.ones((50, 4), np.float32)) is None
    kit.assert_same(net.layers[1].dW, fl.embedding_backward(net.layers[2].backward(np.ones((50, 4), np.float32)), X, V))
    nested = fl.Sequential([fl.Sequential(net.layers[:2]), net.layers[2]], fl.SoftmaxWithLoss())
    kit.assert_same(nested.predict(X), scores)
    assert nested.gradient(X, T)[0] == net.gradient(X, T)[0]


@pytest.mark.parametrize("of_fit", [False, True])
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (X.astype(np.float32), TypeError, "must hold integers, not float32"),
        (X > 3, TypeError, "must hold integers, not bool"),
        (np.where(X[7, 1] == X, V, X), ValueError, rf"has {V} at index \(\d+, \d\), which is outside \[0, {V}\)"),
        (np.where(X[7, 1] == X, -1, X), ValueError, "has -1 at index"),
    ],
)
def test_what_is_no_index_is_refused(implementation, wrong, error, message, of_fit):
    net = words()
    before = [param.copy() for param in net.params]
    if of_fit:  # before anything is trained
        with pytest.raises(error, match=f"^x {message}"):
            net.fit(wrong, T, 1)
        with pytest.raises(error, match=f"^validation x {message}"):
            net.fit(X, T, 1, validation_data=(wrong, T))
    else:
        for call in (net.predict, net.forward, lambda x: net.train_step(x, T, fl.SGD())):
            with pytest.raises(error, match=f"^idx {message}"):
                call(wrong)
    for param, kept in zip(net.params, before, strict=True):
        kit.assert_same(param, kept)


@pytest.mark.parametrize("x", [X.astype(np.uint8), X[:, 1]], ids=["several", "one"])
def test_it_learns_from_indices_of_any_dtype(implementation, x):
    t = x.reshape(50, -1)[:, 0] % 4
    net = words(axes=x.ndim - 1)
    history = net.fit(x, t, 30, 10, optimizer=fl.Adam(0.05), validation_data=(x, t), rng=0)
    assert history.loss[-1] < 0.1 < history.loss[0]
    assert history.validation_accuracy[-1] == net.accuracy(x, t) == 1.0


def test_without_samples_nothing_goes_wrong(implementation):
    for x in (X[:0], X[:0, 0]):
        net = words(axes=x.ndim - 1)
        assert net.predict(x).shape == (0, 4)
        loss, (dW, *_) = net.gradient(x, T[:0])
        assert np.isnan(loss)
        kit.assert_same(dW, np.zeros((V, D), np.float32))


@pytest.mark.parametrize("shape", [(5000,), (5000, 3)])
def test_many_indices_pass_in_pieces(implementation, shape, monkeypatch):
    seen, table = [], fl.Embedding.predict
    monkeypatch.setattr(fl.Embedding, "predict", lambda layer, idx: seen.append(len(idx)) or table(layer, idx))
    net, x = words(axes=len(shape) - 1), RNG.integers(0, V, shape)
    scores = net.predict(x)
    assert max(seen) <= 1024
    assert sum(seen) == 5000
    kit.assert_same(scores[1500:1510], net.predict(x[1500:1510]))
    seen.clear()
    net.predict(x, batch_size=2000)
    assert seen == [2000, 2000, 1000]


@pytest.mark.parametrize("shape", [(5000,), (5000, 3)])
def test_no_single_call_takes_many_indices(compiled, shape):
    net, x = words(axes=len(shape) - 1), RNG.integers(0, V, shape)
    net.predict(x)
    assert net.compiled
    assert net._program.predict(backend.kernels, net.layers, x) is None
    assert len(net._program.predict(backend.kernels, net.layers, x[:100])) == 100


def test_gradients_against_central_differences():
    assert check_gradients(words(dtype=np.float64), X[:4]) < 1e-7


# Where it goes


@pytest.mark.usefixtures("without_mpi4py")
@pytest.mark.thread_unsafe(reason="has threads of its own")
def test_ranks_give_what_one_gives():
    expected, x = words(), X.astype(np.int32)
    losses = [expected.train_step(x, T, fl.SGD(0.1)) for _ in range(3)]
    fitted = words()
    fitted.fit(x, T, 2, 10, optimizer=fl.SGD(0.1), rng=3)

    def work(comm):
        together, other = DataParallel(words(), comm), DataParallel(words(), comm)
        other.fit(x, T, 2, 10, optimizer=fl.SGD(0.1), rng=3)
        step = [together.train_step(*together.shard(x, T), fl.SGD(0.1)) for _ in range(3)]
        return step, [param.copy() for param in together.params], [param.copy() for param in other.params]

    for step, params, of_fit in results_on_ranks(3, work):
        np.testing.assert_allclose(step, losses, rtol=1e-5)
        for ours, true in zip([*params, *of_fit], [*expected.params, *fitted.params], strict=True):
            np.testing.assert_allclose(ours, true, rtol=1e-4, atol=1e-5)


def test_a_summary_of_one_index_and_of_several():
    assert [layer.output_shape for layer in words(axes=0).summary(()).layers] == [(D,), (4,)]
    table = words().summary((3,))
    assert [layer.output_shape for layer in table.layers] == [(3, D), (4,)]
    assert [layer.parameters for layer in table.layers] == [V * D, 3 * D * 4 + 4]
    assert [layer.flops for layer in table.layers] == [0, 2 * 3 * D * 4]
    with pytest.raises(ValueError, match="input_shape is needed: layer 0, Embedding, takes samples of more than one"):
        words().summary()
    with pytest.raises(ValueError, match="sizes of 1 or more"):
        fl.Sequential([fl.Affine(np.ones((2, 2)))]).summary(())


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("x", [X, X[:, 0]], ids=["several", "one"])
def test_onnx_takes_indices_of_int64(tmp_path, x, dtype):
    runtime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    net = words(axes=x.ndim - 1, dtype=dtype)
    net.to_onnx(tmp_path / "m", input_shape=x.shape[1:])
    graph = onnx.load(tmp_path / "m").graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT64
    assert [node.op_type for node in graph.node] == ["Gather", *(["Flatten"] if x.ndim > 1 else []), "Gemm"]
    (y,) = runtime.InferenceSession(tmp_path / "m").run(None, {"x": x})
    np.testing.assert_allclose(y, net.predict(x), rtol=1e-5, atol=1e-5)


def test_pytorchs_embedding_has_its_weight_as_it_is():
    arrays = words().state_dict()
    assert {name: array.shape for name, array in arrays.items()} == {
        "0.weight": (V, D),
        "1.weight": (4, 3 * D),
        "1.bias": (4,),
    }
    net = words()
    net.load_state_dict({"embed.weight": 2 * arrays["0.weight"], "fc.weight": arrays["1.weight"], "fc.bias": T[:4]})
    kit.assert_same(net.layers[0].W, 2 * TABLE)
    with pytest.raises(ValueError, match=r"the key '0\.bias' has no place in layer 0, Embedding"):
        net.load_state_dict({**arrays, "0.bias": np.zeros(D)})


def test_the_command_has_no_images_for_it(tmp_path):
    words().save(tmp_path / "words.npz")
    error = fail("predict", tmp_path / "words.npz")
    assert "takes no images: its first layer, Embedding, is given indices" in error
