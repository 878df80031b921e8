"""The shape of a sample on its way through layers: what each takes and gives; and how many of them pass at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._core import arguments
from .._core.types import Array, Shape
from ._base import OWN, LayerBase, size_of
from ._nested import Nested, chain, leaves
from ._state import first_stateful

__all__ = ["MOST_SAMPLES", "flops_of", "in_pieces", "piece_of", "shapes_through"]

# So many samples at a time: the activations of all of a large data set may not fit in memory, and those of few stay in
# the cache. Of 128 to 10,000 this was the fastest, or within a percent of it, for all networks from 64-32-10 to
# 784-512-512-10. Images are larger: of these as many as keep what lies between two layers in a cache.
MOST_SAMPLES = 1024
_CACHED = 1 << 20  # bytes
_LEAST_IMAGES = 8


def shapes_through(layers: Iterable[tuple[str, Any]], shape: Shape = None) -> list[Shape]:
    """What goes out of each layer, which comes with its place, for a sample of this shape.

    Parameters
    ----------
    layers : iterable of (str, Layer)
        As `chain` gives them.
    shape : tuple of (int or None), optional
        Without the batch; a size that is None is not known, and nothing is if it is None itself, as it is behind a
        user's own layer.

    Returns
    -------
    list of (tuple of (int or None) or None)

    Raises
    ------
    ValueError
        If a layer's parameters do not fit each other or what comes in; the message has the layer's place.
    """
    shapes = []
    for place, layer in layers:
        try:
            shape = layer._output_shape(shape) if isinstance(layer, LayerBase | Nested) else None
        except ValueError as error:
            raise ValueError(f"layer {place} {error}") from None
        shapes.append(shape)
    return shapes


def flops_of(layer: Any, into: Shape, out: Shape) -> int | None:
    """The floating-point operations of a layer's prediction of a sample, by the shapes; None where it is not known."""
    if not isinstance(layer, LayerBase | Nested) or into is None or out is None or None in (*into, *out):
        return None
    flops: int | None = layer._flops(into, out)  # type: ignore[arg-type]
    return flops


def in_pieces(predict: Callable[[Any], Array], x: Any, size: int | None = MOST_SAMPLES) -> Array:
    """``predict(x)``, of at most `size` samples at a time."""
    if size is None or len(x) <= size:
        return predict(x)
    return np.concatenate([predict(x[i : i + size]) for i in range(0, len(x), size)])


def _is_within_pass(layers: list[tuple[str, Any]], i: int) -> bool:
    """Whether a compiled call makes no array of what goes out of the i-th layer, but goes on with it in the cache."""
    names = [type(layer).__name__ for _, layer in layers[max(i, 0) : i + 2]]
    return i >= 0 and names in (["Convolution", "Relu"], ["Relu", "Pooling"])


def piece_of(layers: list[Any], x: Any, batch_size: int | None, *, of_indices: bool = False) -> int | None:
    """How many samples of x are to pass through layers at a time; None for all.

    A sample has one axis or more, but may be a single index where x is `of_indices`.
    A layer of a user's own may look at all of them, so that they pass at once unless `batch_size` says otherwise; and
    the state of a stateful layer has a row for each, so that they always do.
    """
    found = [*chain(layers)]
    size = None if batch_size is None else arguments.count("batch_size", batch_size)
    if first_stateful(layers) is not None:
        return None
    if size is not None:
        return size
    if np.ndim(x) < (1 if of_indices else 2) or not all(type(layer) in OWN for _, layer in leaves(layers)):
        return None
    try:
        shapes = [np.shape(x)[1:], *shapes_through(found, np.shape(x)[1:])]
    except (ValueError, TypeError, AttributeError, ZeroDivisionError):  # the layer that is not in order says so itself
        return None
    if all(shape is None or len(shape) <= 1 for shape in shapes):
        return MOST_SAMPLES
    largest = max(size_of(shape) or 1 for i, shape in enumerate(shapes) if not _is_within_pass(found, i - 1))
    return min(max(_CACHED // (4 * largest), _LEAST_IMAGES), MOST_SAMPLES)
