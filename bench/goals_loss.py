"""What the report asks of the loss and its gradient."""

from functools import partial

import limits
import numpy as np
import peers
from goals import Bound, Calls, Race, Source, checked, copy_of

import fastlayers
from fastlayers.command import cases

LOSS_FLOPS = 4  # of a number beside its exp: what it is shifted by, the sum, the scale, the label's one


def loss(size: cases.Shape, dtype: str) -> Calls:
    ours = checked("loss, labels", size, dtype)
    x, t = ours.args
    calls: Calls = {"np.copyto": copy_of(x), "softmax_cross_entropy": ours}
    if peers.available("torch"):
        calls["PyTorch"] = peers.pytorch_loss(x, t)
    return calls


def loss_race(size: cases.Shape, dtype: str, *bounds: tuple[str, float | None, float | None]) -> Race:
    return Race(
        3,
        f"{size[0]}x{size[1]} {dtype}",
        partial(loss, size, dtype),
        tuple(Bound(peer, most, least, "softmax_cross_entropy") for peer, most, least in bounds),
        nbytes=size[0] * size[1] * np.dtype(dtype).itemsize,
        work={"softmax_cross_entropy": limits.exponentials(size[0] * size[1], 2, LOSS_FLOPS, dtype)},
    )


# What the loss of targets is held against, and that of smoothed labels, which have weights beside.
LABELS, WEIGHTED, SMOOTHED = "labels", "weighted", "smoothed labels alone"


def narrow(dtype: str) -> Calls:
    """Rows of ten classes, with labels or targets; and with weights, the labels smoothed or not."""
    names = (LABELS, "targets", WEIGHTED, "smoothed")
    calls: Calls = {name: checked(f"loss, {name}", (100, 10), dtype) for name in names}
    return calls | {SMOOTHED: calls[LABELS]._replace(kwargs={**calls[LABELS].kwargs, "label_smoothing": 0.1})}


def layer(size: cases.Shape, dtype: str) -> Calls:
    """Forward and backward of the layer, which keeps the probabilities too."""
    x, t = checked("loss, labels", size, dtype).args
    names = {"layer": fastlayers.SoftmaxWithLoss(), "x": x, "t": t}
    calls: Calls = {"SoftmaxWithLoss": Source("layer.forward(x, t); layer.backward()", names)}
    if peers.available("torch"):
        calls["PyTorch"] = peers.pytorch_loss(x, t)
    return calls


LOSS = (
    loss_race((512, 32000), "float32", ("np.copyto", 1.6, None), ("PyTorch", None, 6)),
    loss_race((512, 32000), "float64", ("np.copyto", 2.0, None)),
    loss_race((128, 1000), "float32", ("PyTorch", None, 3)),
    *(loss_race(size, "float32", ("PyTorch", None, 8)) for size in ((100, 10), (32, 100), (1, 1000))),
    *(
        Race(
            3,
            f"100x10 {dtype}",
            partial(narrow, dtype),
            (
                Bound(LABELS, most=1.5, ours="targets"),
                Bound(LABELS, most=1.5, ours=SMOOTHED),
                Bound(WEIGHTED, most=1.5, ours="smoothed"),
            ),
        )
        for dtype in cases.DTYPES
    ),
    *(
        Race(
            3,
            f"forward and backward, {size[0]}x{size[1]} {dtype}",
            partial(layer, size, dtype),
            (Bound("PyTorch", least=least, ours="SoftmaxWithLoss"),),
            nbytes=size[0] * size[1] * np.dtype(dtype).itemsize,
            work={"SoftmaxWithLoss": limits.exponentials(size[0] * size[1], 3, LOSS_FLOPS, dtype)},
        )
        for dtype, least, sizes in (
            ("float32", 2.5, ((128, 1000), (1024, 1000), (64, 32000))),
            ("float64", 3, ((128, 1000), (1024, 1000))),
        )
        for size in sizes
    ),
)
