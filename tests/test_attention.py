"""Attention: what PyTorch's autograd and the book's loops give, special values, shapes, and layers of two inputs."""

import pickle
from pathlib import Path

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.testing import check_gradients

N, T, S, H = 3, 4, 2, 5
RECORDED = np.load(Path(__file__).parent / "data" / "attention.npz")  # by data/capture_attention.py
HS, QUERIES = (kit.numbers(shape, np.float64, seed) for seed, shape in enumerate(((N, T, H), (N, S, H))))


@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_it_is_pytorchs_autograd(implementation, dtype):
    given = {name: RECORDED[name].astype(dtype) for name in ("hs_enc", "hs_dec", "dout")}
    off = {np.float16: 1e-2, np.float32: 1e-5}.get(dtype, 1e-13)
    tolerance, layer = {"rtol": off, "atol": off}, fl.TimeAttention()
    assert layer.attention_weights is None
    y = layer.forward(given["hs_enc"], given["hs_dec"])
    assert y.dtype == dtype
    np.testing.assert_allclose(y, RECORDED["y"], **tolerance)
    steps = layer.attention_weights
    assert len(steps) == given["hs_dec"].shape[1]
    np.testing.assert_allclose(np.stack(steps, axis=1), RECORDED["weights"], **tolerance)
    first = layer.backward(given["dout"])
    for ours, name in zip(first, ("dhs_enc", "dhs_dec"), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, RECORDED[name], **tolerance)
    for again, ours in zip(layer.backward(given["dout"]), first, strict=True):  # the same, in other arrays
        kit.assert_same(again, ours)
        assert not np.shares_memory(again, ours)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, lambda a: a[::-1, ::-1][::-1, ::-1]])
def test_its_parts_are_the_whole(implementation, layout):
    """As in the book, step by step, of `AttentionWeight` and `WeightSum`."""
    whole, hs = fl.TimeAttention(), layout(HS)
    y, dout = whole.forward(hs, layout(QUERIES)), kit.numbers((N, S, H), np.float64, 7)
    dhs, dqueries = whole.backward(layout(dout))
    summed = 0
    for s in range(S):
        h, one, weigh, add = layout(QUERIES)[:, s], fl.Attention(), fl.AttentionWeight(), fl.WeightSum()
        a = weigh.forward(hs, h)
        np.testing.assert_allclose(add.forward(hs, a), y[:, s], rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(one.forward(hs, h), y[:, s], rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(one.attention_weight, a, rtol=1e-13)
        np.testing.assert_allclose(whole.attention_weights[s], a, rtol=1e-13)
        of_sum, da = add.backward(dout[:, s])
        of_weights, dh = weigh.backward(da)
        np.testing.assert_allclose(dh, dqueries[:, s], rtol=1e-12, atol=1e-13)
        for ours, true in zip(one.backward(dout[:, s]), (of_sum + of_weights, dh), strict=True):
            np.testing.assert_allclose(ours, true, rtol=1e-12, atol=1e-13)
        summed = summed + of_sum + of_weights
    np.testing.assert_allclose(dhs, summed, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", [(N, T, H), (0, T, H), (N, 0, H), (N, T, 0), (1, 1, 1)])
def test_gradients_of_any_shape(implementation, shape):
    n, t, h = shape
    hs = kit.numbers(shape, np.float64)
    assert check_gradients(fl.WeightSum(), hs, kit.numbers((n, t), np.float64, 1)) < 1e-7
    assert check_gradients(fl.AttentionWeight(), hs, kit.numbers((n, h), np.float64, 1)) < 1e-7
    assert check_gradients(fl.Attention(), hs, kit.numbers((n, h), np.float64, 1)) < 1e-7
    for steps in (S, 0):
        assert check_gradients(fl.TimeAttention(), hs, kit.numbers((n, steps, h), np.float64, 1)) < 1e-7


def test_products_beyond_exp_are_no_matter(implementation):
    layer = fl.Attention()
    y = layer.forward(1e4 * HS, QUERIES[:, 0])
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(layer.attention_weight, layer.attention_weight == 1)
    assert all(np.isfinite(grad).all() for grad in layer.backward(np.ones((N, H))))


def test_mixed_dtypes_promote_and_lists_are_arrays(implementation):
    y = fl.Attention().forward(HS.astype(np.float32), QUERIES[:, 0])
    assert y.dtype == np.float64
    assert fl.WeightSum().forward([[[1, 2], [3, 4]]], [[1, 2]]).tolist() == [[7.0, 10.0]]


Q = QUERIES[:, 0]
REFUSED = {
    "no steps": (fl.Attention, (Q, Q), r"hs must have shape \(N, T, H\), not \(3, 5\)"),
    "another width": (fl.AttentionWeight, (HS, Q[:, :4]), r"h of shape \(3, 4\) does not fit hs of shape \(3, 4, 5\)"),
    "several queries": (fl.Attention, (HS, QUERIES), r"h of shape \(3, 2, 5\) .*: it must have shape \(3, 5\)"),
    "one query": (fl.TimeAttention, (HS, Q), r"hs_dec must have shape \(N, T, H\), not \(3, 5\)"),
    "fewer samples": (fl.TimeAttention, (HS, QUERIES[:2]), r"hs_dec of shape \(2, 2, 5\) does not fit hs_enc of shape"),
    "more weights": (fl.WeightSum, (HS, Q), r"a of shape \(3, 5\) does not fit hs of .*: it must have shape \(3, 4\)"),
}


@pytest.mark.parametrize(("kind", "given", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(implementation, kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind().forward(*given)


@pytest.mark.parametrize("kind", [fl.WeightSum, fl.AttentionWeight, fl.Attention, fl.TimeAttention])
def test_layers_of_two_inputs(implementation, kind):
    layer, second = kind(), {fl.WeightSum: HS[:, :, 0], fl.TimeAttention: QUERIES}.get(kind, Q)
    with pytest.raises(RuntimeError, match=rf"{kind.__name__}.backward was called before forward"):
        layer.backward(Q)
    y = layer.forward(HS, second)
    assert (layer.params, layer.grads) == ([], [])
    with pytest.raises(ValueError, match="dout of shape"):
        layer.backward(np.ones((N, 9)))
    with pytest.raises(TypeError, match="real numbers"):
        layer.backward(y * 1j)
    for ours, its in zip(pickle.loads(pickle.dumps(layer)).backward(y), layer.backward(y), strict=True):
        kit.assert_same(ours, its)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        fl.Sequential([kind()]).predict(HS)


def test_it_is_a_node_of_a_graph():
    graph, layer = fl.graph.Graph(), fl.Attention()
    hs, h = graph.input(HS, "hs"), graph.input(Q, "h")
    y = graph.apply(layer, hs, h)
    graph.backward(np.ones((N, H)))
    for edge, true in zip((hs, h), layer.backward(np.ones((N, H))), strict=True):
        kit.assert_same(edge.grad, true)
    kit.assert_same(y.value, layer.forward(HS, Q))
