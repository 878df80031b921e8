"""The goals of single layers of images: convolution, max pooling, batch normalization."""

import timeit
from functools import partial
from typing import NamedTuple, Self

import book_images
import image_layers
import limits
import numpy as np
import peers
from goals import OURS, Bound, Calls, Race, copy_of
from goals_images import BOOK, bounds
from image_layers import Convolve, Kind, Normalise, Pool

import fastlayers
from fastlayers import reference
from fastlayers.command import cases

TOLERANCE = {"float32": 1e-4, "float64": 1e-12}  # of sums over all places of a batch
COPY, DOT = "np.copyto", "np.dot"
FORWARD, BOTH, PREDICTION = "forward", "forward and backward", "prediction"
SQUARE = 1024


class Products(NamedTuple):
    """A square product by NumPy, as the time that so many operations take of it."""

    product: timeit.Timer
    share: float

    def timer(self) -> Self:
        return self

    def timeit(self, number: int) -> float:
        return self.product.timeit(number) * self.share


def products(flops: float) -> Products:
    a = cases.Draw("float32")(SQUARE, SQUARE)
    return Products(cases.Call(np.dot, (a, a), {"out": np.empty_like(a)}).timer(), flops / (2 * SQUARE**3))


def layer(kind: Kind, passes: str, dtype: str, peer_bounds: tuple[Bound, ...]) -> Calls:
    """Ours, and the contenders that there is a bound for."""
    backward, wanted = passes == BOTH, {bound.peer for bound in peer_bounds}
    _, pure = image_layers.by_layer(kind, reference, dtype, backward)
    expected = pure()
    ours, results = image_layers.by_layer(kind, fastlayers, dtype, backward)
    image_layers.compared(OURS, results(), expected, TOLERANCE[dtype])
    calls: Calls = {OURS: ours}
    if BOOK in wanted:
        calls[BOOK], results = image_layers.by_layer(kind, book_images, dtype, backward)
        image_layers.compared(BOOK, results(), expected, TOLERANCE[dtype])
    elsewhere = {
        "PyTorch": (("torch",), partial(image_layers.pytorch, kind, dtype, backward)),
        "JAX jit": (("jax",), partial(image_layers.jax, kind, dtype, backward)),
        "ONNX Runtime": (("onnxruntime", "onnx"), partial(image_layers.onnx_runtime, kind, dtype)),
    }
    for name, (modules, maker) in elsewhere.items():
        if name in wanted and all(map(peers.available, modules)):
            call = maker()
            image_layers.compared(name, call(), expected, TOLERANCE[dtype])
            calls[name] = cases.Call(call, (), {})
    if COPY in wanted:
        calls[COPY] = copy_of(ours.names["x"])
    if DOT in wanted:
        calls[DOT] = products(work(kind, passes, dtype).flops)
    return calls


def predicting(kind: Kind) -> Calls:
    """By running statistics, after a batch that was seen in training."""
    x, _, parameters = image_layers.drawn(kind, "float32")
    ours, pure = (kind.layer(path, *parameters) for path in (fastlayers, reference))
    for each in (ours, pure):
        each.forward(x)
    np.testing.assert_allclose(ours.predict(x), pure.predict(x), TOLERANCE["float32"], TOLERANCE["float32"])
    return {OURS: cases.Call(ours.forward, (x, False), {}), COPY: copy_of(x)}


def work(kind: Kind, passes: str, dtype: str) -> limits.Work:
    """x is read and y written; backward reads dout and x, or a byte of each index of a pooling, and writes dx."""
    x, y, parameters = image_layers.drawn(kind, dtype)
    numbers = x.size + y.size + sum(array.size for array in parameters)
    net = fastlayers.Sequential([kind.layer(fastlayers, *parameters)])
    flops = len(x) * (net.summary(kind.shape[1:]).flops or 0)
    if passes != BOTH:
        return limits.Work(flops, numbers * x.itemsize, dtype)
    nbytes = (2 * numbers + x.size) * x.itemsize
    if isinstance(kind, Pool):
        nbytes += 2 * y.size - x.nbytes
    return limits.Work(flops * (1 if isinstance(kind, Pool) else 3), nbytes, dtype)


def race(
    what: str, kind: Kind, passes: str, dtype: str = "float32", copies: float | None = None, dot: float | None = None,
    seconds: float = 2.0, **least: float | None,
) -> Race:  # fmt: skip
    found = bounds(**least)
    found += () if copies is None else (Bound(COPY, most=copies),)
    found += () if dot is None else (Bound(DOT, least=dot),)
    return Race(
        15,
        f"{what}, {passes}" + ("" if dtype == "float32" else f", {dtype}"),
        partial(predicting, kind) if passes == PREDICTION else partial(layer, kind, passes, dtype, found),
        found,
        seconds,
        work={OURS: work(kind, passes, dtype)},
    )


WIDE = "convolution 16->32 3x3, 14x14 @32", Convolve((32, 16, 14, 14), 32, 3, 1)
NARROW = "convolution 1->30 5x5, 28x28 @100", Convolve((100, 1, 28, 28), 30, 5)
POOLED = "max pooling 2x2, 100x30x24x24", Pool((100, 30, 24, 24))
ROWS = "batch normalization 100x100", Normalise((100, 100), 100)
CHANNELS = "batch normalization by channel, 32x16x14x14", Normalise((32, 16, 14, 14), 16)
ELEMENTS = "batch normalization by element, 32x16x14x14", Normalise((32, 16, 14, 14), 16 * 14 * 14)

LAYERS = (
    race(*WIDE, FORWARD, b=6, t=0.95, j=1.2, o=0.92, dot=0.95),
    race(*WIDE, BOTH, b=4.9, t=1.0, j=1.25, dot=0.92),
    race(*WIDE, FORWARD, "float64", b=3.2, t=1.65),
    race(*WIDE, BOTH, "float64", b=None, t=None),
    race(*NARROW, FORWARD, b=11.5, t=2.1, j=2.2, o=1.15, dot=0.9),
    race(*NARROW, BOTH, b=6.6, t=6.3, j=10, dot=0.88),
    race(*NARROW, FORWARD, "float64", b=None, t=None),
    race(*NARROW, BOTH, "float64", b=None, t=None),
    race(*POOLED, FORWARD, copies=1.15, b=120, t=25, j=7.5),
    race(*POOLED, BOTH, copies=2.3, b=120, t=25, j=7.5),
    race(*ROWS, BOTH, b=10, t=9.5, j=6),
    race(*CHANNELS, BOTH, copies=4.6, t=None, j=None),
    race(*ELEMENTS, BOTH, copies=4.6, b=8.5, t=5.5, j=6.2),
    race(*CHANNELS, PREDICTION, copies=1.35),
    race(*ELEMENTS, PREDICTION, copies=1.35),
)
