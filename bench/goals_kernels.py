"""The goals of single kernels and layers: overhead, memory, loss, products, layers in a loop."""

from functools import partial
from typing import Any

import numpy as np
from goals import Bound, Calls, PerElement, Race, Source, Sweep, case, checked, copy_of
from goals_loss import LOSS

import fastlayers
from fastlayers import reference
from fastlayers.command import cases, measured
from fastlayers.command.agreement import check

MATRIX = (4096, 4096)
MATRIX_BYTES = 4 * 4096 * 4096
TEN = (10,)


# 1. The overhead of a call


def overhead() -> Calls:
    x = cases.Draw("float32")(*TEN)
    kernels = ("relu_forward", "relu_backward", "relu", "sigmoid_forward", "sigmoid_backward")
    return {
        "np.negative": cases.Call(np.negative, (x,), {"out": np.empty_like(x)}),
        **{name: checked(name, TEN) for name in kernels},
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
        *(
            Bound("np.negative", most=1.0, ours=name)
            for name in ("relu_forward", "relu_backward", "relu", "sigmoid_forward", "sigmoid_backward")
        ),
        Bound("np.negative", most=4.0, ours="Relu()"),
        Bound("np.negative", most=2.5, ours="softmax_cross_entropy"),
    ),
    seconds=4.0,
)


# 2. What memory bounds

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
    ),
    Race(
        2,
        "128x1024",
        lambda: {"sigmoid_forward": checked("sigmoid_forward", (128, 1024))},
        (PerElement(128 * 1024, most=0.30, ours="sigmoid_forward"),),
    ),
)


# 4. Products

SWEEP = (
    (1, 8, 8),
    (1, 64, 64),
    (1, 784, 50),
    (3, 5, 7),
    (16, 64, 32),
    (17, 33, 65),
    (32, 128, 128),
    (64, 10, 1000),
    (64, 1000, 10),
    (100, 50, 10),
    (100, 784, 50),
    (128, 256, 256),
    (256, 31, 33),
    (1000, 20, 5),
    (2, 512, 512),
    (128, 1024, 1024),
)
SWEEP_FLOAT64 = ((1, 8, 8), (3, 5, 7), (17, 33, 65), (100, 50, 10), (100, 784, 50), (1000, 20, 5))


def affine_forward(size: cases.Shape, dtype: str = "float32", out: bool = False) -> Calls:
    """Ours, with its array given or not; NumPy's product and bias; the product alone into an array that is there."""
    calls = case("affine_forward").prepare(size, dtype)
    x, W, b = calls["cython"].args
    return {
        "fastlayers": calls["cython out=" if out else "cython"],
        "NumPy": Source("np.dot(x, W) + b", {"np": np, "x": x, "W": W, "b": b}),
        "np.dot": cases.Call(np.dot, (x, W), {"out": np.empty((size[0], size[2]), dtype)}),
    }


def affine_backward(size: cases.Shape, dtype: str = "float32", out: bool = False) -> Calls:
    """Ours; NumPy's three calls; the two products alone into arrays that are there."""
    calls = case("affine_backward").prepare(size, dtype)
    dout, x, W = calls["cython"].args
    names = {"np": np, "x": x, "W": W, "dout": dout, "dx": np.empty_like(x), "dW": np.empty_like(W)}
    return {
        "fastlayers": calls["cython out=" if out else "cython"],
        "NumPy": Source("np.dot(dout, W.T); np.dot(x.T, dout); dout.sum(axis=0)", names),
        "np.dot": Source("np.dot(dout, W.T, out=dx); np.dot(x.T, dout, out=dW)", names),
    }


label = case("affine_forward").label

PRODUCTS = (
    *(
        Race(
            4,
            f"affine_forward into out, {label(size)}",
            partial(affine_forward, size, out=True),
            (Bound("np.dot", least=0.97),),
            nbytes=4 * size[1] * size[2],
        )
        for size in ((128, 1024, 1024), (256, 2048, 2048))
    ),
    *(
        Race(4, f"affine_forward, {label(size)}", partial(affine_forward, size), (Bound("NumPy", least=1.3),))
        for size in ((100, 50, 10), (16, 64, 32))
    ),
    *(
        Race(4, f"affine_backward, {label(size)}", partial(affine_backward, size), (Bound("NumPy", least=1.8),))
        for size in ((100, 50, 10), (16, 64, 32))
    ),
    *(
        Sweep(
            4,
            function.__name__,
            {
                f"{label(size)} {dtype}": partial(function, size, dtype)
                for dtype, sizes in {"float32": SWEEP, "float64": SWEEP_FLOAT64}.items()
                for size in sizes
            },
            Bound("NumPy", least=1.0),
        )
        for function in (affine_forward, affine_backward)
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
)

KERNELS = (OVERHEAD, *MEMORY, *LOSS, *PRODUCTS, LAYERS)
