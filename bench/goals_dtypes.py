"""The goals of mixed dtypes: a network that is given another than its parameters', and layers by hand that promote."""

from functools import partial
from typing import Any

import numpy as np
from goals import OURS, Bound, Calls, Race, Source

import fastlayers
from fastlayers.command import cases

ONE_DTYPE = "in one dtype"
AND_A_PASS = "in one dtype, and a pass"  # by NumPy, over all that is cast

# What a network of float32 is given, and how many times the time of float32 it may take.
INPUTS = {"float64": 1.25, "float16": 1.25, "int64": 1.4, "uint8": 1.4}
SECONDS = 1.5  # each; there are many
SHAPES = (cases.Network((8, 64, 64, 4), 1), cases.Network((2, 16, 3), 32), cases.Network((784, 50, 10), 100))


def given(network: cases.Network, dtype: str) -> tuple[Any, Any, Any]:
    """A network of float32 with its batch: in this dtype, and the same numbers in float32; and their labels."""
    step, (x, t, _), _ = network.step(fastlayers, "float32")
    x = np.abs(20 * x).astype(dtype)
    return step.__self__, (x, x.astype(np.float32)), t  # type: ignore[attr-defined]  # a bound method


def prediction(network: cases.Network, dtype: str) -> Calls:
    net, (x, same), _ = given(network, dtype)
    np.testing.assert_array_equal(net.predict(x), net.predict(same))
    return {OURS: cases.Call(net.predict, (x,), {}), ONE_DTYPE: cases.Call(net.predict, (same,), {})}


def training(network: cases.Network, dtype: str) -> Calls:
    net, (x, same), t = given(network, dtype)
    assert net.loss(x, t) == net.loss(same, t)
    optimizer = fastlayers.SGD(lr=0.0)  # so that what is timed stays the same network
    calls = {OURS: x, ONE_DTYPE: same}
    return {name: cases.Call(net.train_step, (batch, t, optimizer), {}) for name, batch in calls.items()}


def by_hand(network: cases.Network, what: str) -> Calls:
    """The first layer, whose float32 weights are given float64; what is cast are the weights."""
    (W, b), *_ = network.data("float32")[0]
    _, x, _ = network.data("float64")
    mixed, one = fastlayers.Affine(W, b), fastlayers.Affine(W.astype(float), b.astype(float))
    dout = mixed.forward(x)
    np.testing.assert_allclose(dout, one.forward(x), rtol=1e-13, atol=1e-13)
    names = {"mixed": mixed, "one": one, "x": x, "dout": dout, "W": W, "b": b}
    call, cast = {
        "forward": ("forward(x)", "W.astype(float); b.astype(float)"),
        "backward": ("backward(dout)", "W.astype(float)"),
    }[what]
    return {OURS: Source(f"mixed.{call}", names), AND_A_PASS: Source(f"one.{call}; {cast}", names)}


def loss(network: cases.Network, name: str) -> Calls:
    """Scores of float32 against targets of float64."""
    x = cases.Draw("float32")(network.batch, network.widths[-1])
    t = np.abs(cases.Draw("float64")(*x.shape))
    t /= t.sum(axis=1, keepdims=True)
    layer, same = getattr(fastlayers, name)(), t.astype(np.float32)
    assert layer.forward(x, t) == layer.forward(x, same)
    names = {"layer": layer, "x": x, "t": t, "same": same, "np": np}
    return {
        OURS: Source("layer.forward(x, t)", names),
        AND_A_PASS: Source("layer.forward(x, same); t.astype(np.float32)", names),
    }


DTYPES = (
    *(
        Race(
            11,
            f"{what} {network.label(network.widths)}, {dtype}",
            partial(calls, network, dtype),
            (Bound(ONE_DTYPE, most=most),),
            SECONDS,
        )
        for what, calls in {"prediction": prediction, "training step": training}.items()
        for network in SHAPES
        for dtype, most in INPUTS.items()
    ),
    *(
        Race(
            11,
            f"affine {what} {network.label(network.widths[:2])}, float64",
            partial(by_hand, network, what),
            (Bound(AND_A_PASS, most=1.25),),
            SECONDS,
        )
        for network in SHAPES
        for what in ("forward", "backward")
    ),
    *(
        Race(
            11,
            f"{name} {network.batch}x{network.widths[-1]}, float64 targets",
            partial(loss, network, name),
            (Bound(AND_A_PASS, most=1.25),),
            SECONDS,
        )
        for network in SHAPES
        for name in ("SoftmaxWithLoss", "MeanSquaredError", "SigmoidWithLoss")
    ),
)
