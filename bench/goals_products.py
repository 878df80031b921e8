"""The goals of products: a layer's forward and backward, beside NumPy's, and beside what the core can do at most."""

from functools import partial

import limits
import numpy as np
from goals import Bound, Calls, Race, Source, Sweep, case

import fastlayers
from fastlayers.command import cases

SIZES = (
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
SWEEP = {
    "float32": SIZES,
    "float64": ((1, 8, 8), (3, 5, 7), (17, 33, 65), (100, 50, 10), (100, 784, 50), (1000, 20, 5)),
}
SQUARES = (128, 256, 384)
LOOP = "loop in registers"


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


def square(n: int, dtype: str) -> Calls:
    """A layer's product into an array; NumPy's; and as many operations as it has in a loop in registers."""
    x, W, y = cases.Draw(dtype)(n, n), cases.Draw(dtype)(n, n), np.empty((n, n), dtype)
    fastlayers.affine_forward(x, W, out=y)
    np.testing.assert_allclose(y, np.dot(x, W), rtol=1e-3, atol=1e-3)
    calls: Calls = {
        "fastlayers": cases.Call(fastlayers.affine_forward, (x, W), {"out": y}),
        "np.dot": cases.Call(np.dot, (x, W), {"out": np.empty_like(y)}),
    }
    loop = limits.loop(dtype, 2 * n**3)
    return calls if loop is None else {**calls, LOOP: loop}


label = case("affine_forward").label

PRODUCTS = (
    *(
        Race(
            4,
            f"affine_forward into out, no bias, {label((n, n, n))} {dtype}",
            partial(square, n, dtype),
            (Bound(LOOP, least=0.96), Bound("np.dot")),
            seconds=2.0,
            work={"fastlayers": limits.product(n, n, n, dtype)},
        )
        for n in SQUARES
        for dtype in cases.DTYPES
    ),
    *(
        Race(
            4,
            f"affine_forward into out, {label(size)}",
            partial(affine_forward, size, out=True),
            (Bound("np.dot", least=0.97),),
            nbytes=4 * size[1] * size[2],
            seconds=2.0,
            work={"fastlayers": limits.product(*size)},
        )
        for size in ((128, 1024, 1024), (256, 2048, 2048))
    ),
    *(
        Race(
            4,
            f"affine_forward, {label(size)}",
            partial(affine_forward, size),
            (Bound("NumPy", least=1.3),),
            seconds=2.0,
            work={"fastlayers": limits.product(*size)},
        )
        for size in ((100, 50, 10), (16, 64, 32))
    ),
    *(
        Race(
            4,
            f"affine_backward, {label(size)} {dtype}",
            partial(affine_backward, size, dtype),
            (Bound("NumPy", least=least),),
            seconds=2.0,
            work={"fastlayers": limits.both_products(*size, dtype)},
        )
        for least, sizes in {2.0: ((100, 50, 10), (16, 64, 32)), 1.1: [(n, n, n) for n in SQUARES]}.items()
        for size in sizes
        for dtype in cases.DTYPES
    ),
    *(
        Sweep(
            4,
            function.__name__,
            {
                f"{label(size)} {dtype}": partial(function, size, dtype)
                for dtype, sizes in SWEEP.items()
                for size in sizes
            },
            Bound("NumPy", least=1.0),
            work={f"{label(size)} {dtype}": work(*size, dtype) for dtype, sizes in SWEEP.items() for size in sizes},
        )
        for function, work in {affine_forward: limits.product, affine_backward: limits.both_products}.items()
    ),
)
