"""Gradient descent that visits only the rows that an embedding was asked for: the bits of a step that visits all."""

import copy

import kit
import numpy as np
import pytest

import fastlayers as fl

# Columns that are no multiple of a vector, more and fewer than are summed at once; rows begin in the midst of that.
SHAPES = [(3, 1), (50, 3), (300, 33), (5000, 7), (10, 1000), (2, 512), (40, 2048), (0, 4)]


@pytest.mark.parametrize("clip_norm", [None, 1e-3, 1e6])
@pytest.mark.parametrize("dtype", kit.FAST)
def test_the_kernel_gives_the_bits_of_the_dense_one(level, dtype, clip_norm):
    rng = np.random.default_rng(0)
    for (V, D), n in zip(SHAPES * 3, [1, 5, 70] * 8, strict=True):
        W, b, db = kit.numbers((V, D), dtype), kit.numbers((5,), dtype, 1), kit.numbers((5,), dtype, 2)
        W[:, 0] = -0.0
        idx = rng.integers(0, max(V, 1), n if V else 0).astype(rng.choice(["i4", "u2", "i8"]))
        dW = np.zeros((V, D), dtype)
        np.add.at(dW, idx, rng.standard_normal((len(idx), D)).astype(dtype))
        dense = W.copy(), b.copy()
        assert level.sgd_update(dense, (dW, db), 0.1, 0.0, clip_norm) is None
        assert level.sgd_update_of_rows((W, b), (dW, db), 0.1, 0.0, clip_norm, (idx, None)) is None
        for ours, true in zip((W, b), dense, strict=True):
            assert ours.tobytes() == true.tobytes()


def test_no_other_row_is_visited(level):
    W, dW = np.zeros((9, 2)), np.full((9, 2), np.nan)
    dW[[2, 5]] = 1
    assert level.sgd_update_of_rows((W,), (dW,), 0.5, 0.0, None, (np.array([5, 2, 2]),)) is None
    kit.assert_same(W[[2, 5]], np.full((2, 2), -0.5))
    assert not W[[0, 1, 3, 4, 6, 7, 8]].any()


@pytest.mark.parametrize(
    "indices", [np.array([9]), np.array([-1]), np.array([1.0]), np.arange(6)[::2], [1], None], ids=str
)
def test_all_rows_are_visited_where_the_indices_are_none_of_theirs(level, indices):
    W = np.zeros((9, 2))
    assert level.sgd_update_of_rows((W,), (np.ones((9, 2)),), 0.5, 0.0, None, (indices,)) is None
    kit.assert_same(W, np.full((9, 2), -0.5))


def words():
    layers = [
        fl.Embedding(kit.numbers((40, 6), np.float32)),
        fl.Affine(kit.numbers((18, 4), np.float32, 1), np.zeros(4, "f")),
    ]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    "options",
    [{}, {"clip_norm": 0.1}, {"weight_decay": 0.1}, {"lr": -0.5}, {"lr": np.inf}, {"lr": 1e300}, {"lr": 0.0}],
    ids=str,
)
def test_a_network_takes_the_steps_of_one_that_visits_all(options):
    rng = np.random.default_rng(0)
    x, t = rng.integers(0, 40, (32, 3)), rng.integers(0, 4, 32)
    nets = [words() for _ in range(4 if 0 <= options.get("lr", 1) <= 1 else 3)]
    nets[0].grads  # noqa: B018  # these are handed out
    for net in nets:
        net.layers[0].W[:, 0] = -0.0
    dense, *others = nets
    optimizers = [fl.SGD(**options) for _ in nets]
    for i in range(0, 32, 8):
        with np.errstate(all="ignore"):
            _, grads = dense.gradient(x[i : i + 8], t[i : i + 8])
            optimizers[0].update(dense.params, grads)
            for net, optimizer in zip(others[:2], optimizers[1:], strict=False):
                net.train_step(x[i : i + 8], t[i : i + 8], optimizer)
        if i == 8:
            others[1].grads  # noqa: B018
    for net in others[2:]:
        net.fit(x, t, 1, 8, optimizer=optimizers[3], shuffle=False)
    for net in others:
        for ours, true in zip(net.params, dense.params, strict=True):
            assert ours.tobytes() == true.tobytes()


@pytest.mark.usefixtures("compiled")
def test_what_was_written_to_a_gradient_counts():
    """It was handed out, so that another may be a part of it."""
    net, x, t = words(), np.array([[1, 2, 3]]), np.array([0])
    table = net.layers[0].W
    net.gradient(x, t)
    dW = net.layers[0].grads[0]
    before = table.copy()
    net.train_step(x, t, fl.SGD(1.0))
    kit.assert_same(table[5], before[5])
    assert net.layers[0].dW is dW
    dW[5] = 1
    net._update(fl.SGD(1.0), [copy.copy(dW), *net._last_gradients()[1:]])
    kit.assert_same(table[5], before[5] - 1)
