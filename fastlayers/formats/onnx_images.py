"""What becomes of layers of images in an ONNX graph.

Convolution and average pooling have operators of their names, which runtimes lack in float64: there each is products,
or sums, of windows that are gathered from a row of an image's numbers, behind which stands a zero for the margins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.types import Array
from .._core.windows import Pair, pair
from ..layers._base import size_of
from .onnx_nodes import Node, steps

_GATHER = "rows = Flatten x; padded = Pad rows pads; windows = Gather padded places; "
_CONVOLUTION = steps(f"{_GATHER}products = MatMul filters windows; y = Reshape products shape")
_WITH_BIAS = steps(f"{_GATHER}products = MatMul filters windows; maps = Reshape products shape; y = Add maps bias")
_MEANS = steps(f"{_GATHER}sums = ReduceSum windows last; means = Mul sums factors; y = Reshape means shape")


def convolution(graph: Any, node: Node) -> None:
    """Conv; of float64 as said above."""
    layer, W = node.layer, node.own["W"]
    stride, pad, dilation = _pairs(layer.stride, layer.pad, layer.dilation)
    if node.dtype != "float64":
        graph.add(
            "Conv",
            node.place,
            node.own,
            kernel_shape=W.shape[2:],
            strides=stride,
            pads=(*pad, *pad),
            dilations=dilation,
            group=layer.groups,
        )
        return
    places = _places(node, W.shape[2:], stride, pad, dilation)
    high, wide = places.shape[-2:]
    inner = math.prod(W.shape[1:])
    arrays = {
        "places": places.reshape(layer.groups, inner, high * wide),
        "filters": W.reshape(layer.groups, -1, inner),
        "shape": np.array([-1, len(W), high, wide]),
    }
    if "b" in node.own:
        arrays["bias"] = node.own["b"].reshape(-1, 1, 1)
    graph.add_steps(node.place, _WITH_BIAS if "b" in node.own else _CONVOLUTION, {**arrays, "pads": _PADS})


def max_pooling(graph: Any, node: Node) -> None:
    """MaxPool."""
    graph.add("MaxPool", node.place, **_pool(node))


def average_pooling(graph: Any, node: Node) -> None:
    """AveragePool; of float64 as said above."""
    layer = node.layer
    if node.dtype != "float64":
        graph.add("AveragePool", node.place, **_pool(node), count_include_pad=int(layer.count_include_pad))
        return
    stride, pad = _pairs(layer.stride, layer.pad)
    window = layer.pool_h, layer.pool_w
    places = _places(node, window, stride, pad, (1, 1))
    channels, *_, high, wide = places.shape
    places = places.reshape(channels, math.prod(window), high * wide).transpose(0, 2, 1)
    sizes = np.count_nonzero(places[0] < (size_of(node.shape) or 0), axis=1)[:, np.newaxis]
    counts = np.full_like(sizes, math.prod(window)) if layer.count_include_pad else sizes
    arrays = {
        "places": places,
        "last": np.array([-1]),
        "factors": 1 / counts,
        "shape": np.array([-1, channels, high, wide]),
    }
    graph.add_steps(node.place, _MEANS, {**arrays, "pads": _PADS})


def global_average_pooling(graph: Any, node: Node) -> None:
    """GlobalAveragePool, of float64 ReduceMean, and what leaves one number a channel."""
    if node.dtype == "float64":
        graph.add("ReduceMean", f"{node.place}.mean", axes=[2, 3])
    else:
        graph.add("GlobalAveragePool", f"{node.place}.mean")
    graph.add("Flatten", node.place)


_PADS = np.array([0, 0, 0, 1])  # of rows: one number more behind each


def _pool(node: Node) -> dict[str, Sequence[int]]:
    stride, pad = _pairs(node.layer.stride, node.layer.pad)
    return {"kernel_shape": (node.layer.pool_h, node.layer.pool_w), "strides": stride, "pads": (*pad, *pad)}


def _pairs(*options: Pair) -> list[tuple[int, int]]:
    return [pair("option", option, 0) for option in options]


def _places(
    node: Node, window: Sequence[int], stride: Sequence[int], pad: Sequence[int], dilation: Sequence[int]
) -> Array:
    """Where each number of each window is in an image's row, ``(C, height, width, OH, OW)``; margins' are behind it."""
    channels, height, width = (size or 0 for size in node.shape or (0, 0, 0))
    numbers = np.arange(channels * height * width).reshape(channels, height, width)
    padded = np.pad(numbers, ((0, 0), *((margin, margin) for margin in pad)), constant_values=numbers.size)
    reach = tuple((size - 1) * step + 1 for size, step in zip(window, dilation, strict=True))
    found = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    found = found[:, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    return found.transpose(0, 3, 4, 1, 2)
