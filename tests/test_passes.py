"""Layers of images that a network does in one pass: bit for bit what each does by itself, and all there is to read."""

from __future__ import annotations

import copy
import pickle

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers import initializers
from fastlayers._core import backend

LABELS = np.arange(9) % 3

# What stands before a flat layer: the convolution's arguments and options, and what is behind its ReLU.
CASES = {
    "pooled": ((3, 5, 3), {"pad": 1}, fl.Pooling(2, 2)),
    "pooled, one row and column left over": ((3, 5, 2), {}, fl.Pooling(2, 2)),
    "pooled, groups and a stride": ((4, 6, 3), {"pad": (2, 1), "stride": (1, 2), "groups": 2}, fl.Pooling(2, 2)),
    "not pooled": ((3, 9, 3), {"pad": 1, "dilation": 2}, None),
    "pooled by windows that overlap": ((3, 5, 3), {}, fl.Pooling(3, 3)),
    "pooled with a margin": ((3, 5, 3), {}, fl.Pooling(2, 2, pad=1)),
    "average pooling": ((3, 5, 3), {}, fl.AveragePooling(2, 2)),
    "images too large for the cache": ((3, 130, 1), {}, fl.Pooling(2, 2)),
}


def network(case, dtype, bias=True):
    (channels, filters, size), options, behind = CASES[case]
    side = 24 if filters > 100 else 9
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, channels, side, side)).astype(dtype)
    x[0, 0, 0, 0], x[1] = np.nan, 0
    of = {"groups": options.get("groups", 1), "dtype": dtype, "rng": rng}
    W, b = initializers.convolution(channels, filters, size, **of)
    layers = [fl.Convolution(W, b + dtype(0.1) if bias else None, **options), fl.Relu()]
    layers += [] if behind is None else [copy.deepcopy(behind)]
    again, _ = initializers.convolution(filters, 4, 3, rng=rng, dtype=dtype)
    layers += [fl.Convolution(again, None, 1, 1), fl.Relu(), fl.Flatten()]
    y = fl.Sequential(layers).predict(x[:1])
    layers += [fl.Affine(*initializers.affine(y.size, 3, rng=rng, dtype=dtype))]
    return fl.Sequential(layers, fl.SoftmaxWithLoss()), x


def states(net):
    """All that the layers have to be read."""
    names = ("x", "dW", "db", "W", "b", "mask", "arg_max", "col")
    return [getattr(layer, name) for layer in net.layers for name in names if hasattr(layer, name)]


def outcomes(case, dtype, bias=True):
    net, x = network(case, dtype, bias)
    optimizer = fl.Momentum(0.1)
    found = [net.train_step(x[2:], LABELS[2:], optimizer), *states(net)]
    found += [*net.gradient(x, LABELS)[1], *states(net)]
    net.layers[0].b = None if net.layers[0].b is None else net.layers[0].b.copy()
    found += [net.forward(x), *states(net)]
    found += [net.backward(np.ones((9, 3), dtype)), *states(net)]
    found += [net.backward(net.forward(x[:4]), need_dx=False), *states(net)]
    found += [net.train_step(x[2:], LABELS[2:], fl.SGD(0.1)), net.predict(x), net.predict(x[:1])]
    for layer in reversed(net.layers):  # each by itself, behind what was one pass
        found.append(layer.backward(found[-1] if layer is not net.layers[-1] else np.ones((7, 3), dtype)))
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("case", CASES)
def test_the_same_bits_as_one_by_one(compiled, case, dtype, bias, monkeypatch):
    together = outcomes(case, dtype, bias)
    monkeypatch.setattr(backend, "fuses", False)
    one_by_one = outcomes(case, dtype, bias)
    assert len(together) == len(one_by_one)
    for ours, expected in zip(together, one_by_one, strict=True):
        assert type(ours) is type(expected)
        if isinstance(ours, np.ndarray):
            kit.assert_same(ours, expected)
        else:
            assert ours == expected


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        ("pooled", True),
        ("not pooled", True),
        ("pooled with a margin", False),
        ("images too large for the cache", False),
    ],
)
def test_what_lies_between_is_made_when_it_is_read(compiled, case, passes):
    net, x = network(case, np.float32)
    W = net.layers[0].W.copy()
    net.train_step(x[2:], LABELS[2:], fl.SGD(10.0))
    relu = net.layers[1]
    assert ("mask" not in vars(relu)) == passes
    assert (net.layers[0].W != W).any()
    options = {name: getattr(net.layers[0], name) for name in ("stride", "pad", "dilation", "groups")}
    before = fl.convolution_forward(x[2:], W, np.full(len(W), 0.1, np.float32), **options)
    np.testing.assert_array_equal(relu.mask, before <= 0)  # by the weights of that forward
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.layers[1].mask, relu.mask)
    relu.forward(x)
    np.testing.assert_array_equal(relu.mask, x <= 0)


def test_options_that_are_set_in_between(compiled, monkeypatch):
    def steps():
        net, x = network("pooled", np.float32)
        found = [net.train_step(x[2:], LABELS[2:], fl.SGD(0.1))]
        net.layers[2].pool_h, net.layers[2].stride = 3, (3, 2)
        net.layers[6].W = net.layers[6].W[:48].copy()
        return [*found, net.train_step(x[2:], LABELS[2:], fl.SGD(0.1)), *states(net), net.predict(x)]

    together = steps()
    monkeypatch.setattr(backend, "fuses", False)
    for ours, expected in zip(together, steps(), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_gradients_that_were_handed_out(compiled):
    net, x = network("pooled", np.float32)
    _, expected = net.gradient(x[2:], LABELS[2:])
    kept = net.grads
    net.train_step(x[2:], LABELS[2:], fl.SGD(0.0))
    assert all(a is b for a, b in zip(net.grads, kept, strict=True))
    for ours, true in zip(kept, expected, strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", ["pooled", "not pooled"])
def test_the_same_bits_for_any_number_of_threads(compiled, case):
    net, x = network(case, np.float32)
    x, t = np.concatenate([x[2:]] * 40), np.concatenate([LABELS[2:]] * 40)
    found = []
    try:
        for threads in (1, 3):
            fl.set_num_threads(threads)
            found.append([*net.gradient(x, t)[1], net.forward(x), net.backward(np.ones((280, 3), np.float32))])
    finally:
        fl.set_num_threads(1)
    for one, several in zip(*found, strict=True):
        np.testing.assert_array_equal(one, several)
