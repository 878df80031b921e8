"""The goals of single kernels and layers: overhead, memory, loss, products, layers in a loop."""

from typing import Any

import limits
import numpy as np
import peers
from goals import Bound, Calls, PerElement, Race, Source, checked, copy_of
from goals_loss import LOSS
from goals_products import PRODUCTS

import fastlayers
from fastlayers import reference
from fastlayers.command import cases, measured
from fastlayers.command.agreement import check

MATRIX = (4096, 4096)
MATRIX_BYTES = 4 * 4096 * 4096
TEN = (10,)
OF_EACH_NUMBER = ("relu_forward", "relu_backward", "relu", "sigmoid_forward", "sigmoid_backward", "sigmoid", "tanh")


# 1. The overhead of a call


def overhead() -> Calls:
    x = cases.Draw("float32")(*TEN)
    return {
        "np.negative": cases.Call(np.negative, (x,), {"out": np.empty_like(x)}),
        **{name: checked(name, TEN) for name in OF_EACH_NUMBER},
        "Relu()": layer_loop(fastlayers.Relu(), TEN),
        "softmax_cross_entropy": checked("loss, labels", (1, 10)),
    }


def layer_loop(layer: Any, shape: cases.Shape) -> Source:
    """Forward and backward of a layer, after its results were seen to be the reference's."""
    draw = cases.Draw("float32")
    x, dout = draw(*shape), draw(*shape)
    pure = getattr(reference, type(layer).__name__)()
    expected = pure.forward(x), pure.backward(dout)
    terms = 0, np.abs(dout)  # an ulp of the sigmoid's y is one of 1, and dx is dout * y * (1 - y)
    check(
        type(layer).__name__, (layer.forward(x), layer.backward(dout)), expected, measured.TOLERANCE["float32"], terms
    )
    return Source("layer.forward(x); layer.backward(dout)", {"layer": layer, "x": x, "dout": dout})


OVERHEAD = Race(
    1,
    "10 floats",
    overhead,
    (
        *(Bound("np.negative", most=1.0, ours=name) for name in OF_EACH_NUMBER),
        Bound("np.negative", most=4.0, ours="Relu()"),
        Bound("np.negative", most=2.5, ours="softmax_cross_entropy"),
    ),
    seconds=4.0,
)


# 2. What memory bounds

# Bytes and operations of an element of float32.
EACH = {
    "relu_forward": (9, 1),
    "relu_backward": (9, 1),
    "sigmoid_forward": (8, limits.EXP["float32"] + 2),
    "sigmoid_backward": (12, 3),
}
MEMORY_LIMITS = {"relu_forward": 1.25, "relu_backward": 1.25, "sigmoid_forward": 1.3, "sigmoid_backward": 1.65}


def memory() -> Calls:
    calls = {name: checked(name, MATRIX) for name in MEMORY_LIMITS}
    return {"np.copyto": copy_of(calls["relu_forward"].args[0]), **calls}


MEMORY = (
    Race(
        2,
        "4096x4096",
        memory,
        tuple(Bound("np.copyto", most=most, ours=name) for name, most in MEMORY_LIMITS.items()),
        seconds=6.0,
        nbytes=MATRIX_BYTES,
        work={name: limits.elements(4096 * 4096, *each) for name, each in EACH.items()},
    ),
    Race(
        2,
        "128x1024",
        lambda: {"sigmoid_forward": checked("sigmoid_forward", (128, 1024))},
        (PerElement(128 * 1024, most=0.30, ours="sigmoid_forward"),),
        work={"sigmoid_forward": limits.elements(128 * 1024, *EACH["sigmoid_forward"])},
    ),
)


# 5. Layers in a loop, on large arrays


def layers() -> Calls:
    calls: Calls = {name: layer_loop(getattr(fastlayers, name)(), MATRIX) for name in ("Relu", "Sigmoid")}
    return {"np.copyto": copy_of(calls["Relu"].names["x"]), **calls}


LAYERS = Race(
    5,
    "forward and backward, 4096x4096",
    layers,
    (Bound("np.copyto", most=3.2, ours="Relu"), Bound("np.copyto", most=3.6, ours="Sigmoid")),
    seconds=6.0,
    nbytes=MATRIX_BYTES,
    work={
        "Relu": limits.elements(4096 * 4096, 18, 2),
        "Sigmoid": limits.elements(4096 * 4096, 20, limits.EXP["float32"] + 5),
    },
)


def wide_relu() -> Calls:
    loop = layer_loop(fastlayers.Relu(), WIDE)
    calls: Calls = {"Relu": loop}
    if peers.available("torch"):
        calls["PyTorch"] = peers.pytorch_relu(loop.names["x"], loop.names["dout"])
    return calls


WIDE = (1024, 4096)
WIDE_RELU = Race(
    5,
    "forward and backward, 1024x4096",
    wide_relu,
    (Bound("PyTorch", least=1.0, ours="Relu"),),
    nbytes=4 * 1024 * 4096,
    work={"Relu": limits.elements(1024 * 4096, 18, 2)},
)

KERNELS = (OVERHEAD, *MEMORY, *LOSS, *PRODUCTS, LAYERS, WIDE_RELU)
