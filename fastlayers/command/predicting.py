"""What ``fastlayers predict`` does: a saved network on test images of known classes, or on a user's own pictures."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import datasets
from ..functional import softmax
from ..layers import Affine
from ..layers._declaration import params_of
from ..layers._nested import chain
from ..layers._shapes import shapes_through
from ..layers._stack import leaves, takes_indices
from ..network import Sequential
from ..training import finiteness
from ..training.evaluation import classes_of
from . import documents, report, training
from .pictures import read_grey
from .terminal import Style, tell

_LARGEST = 1024  # pixels a side that are tried, where only the network tells how large its images are


class InputError(ValueError):
    """Files that do not fit each other."""


def test(model: Path, idx: Path | None, color: str, style: Style) -> documents.Document:
    """Tell how a network does on images that it has not learned from, and which classes it mixes up."""
    network = _load(model, color)
    dtype = params_of(network)[0].dtype.name
    test = datasets.load_idx_split(idx, "t10k", dtype) if idx else datasets.load_digits(dtype).test
    source = str(idx or "the bundled digits")
    if _takes_rows(network):
        features = params_of(network)[0].shape[0]
        if test.x.shape[1] != features:
            hint = "" if idx else " (is it a network for other images? then give --idx DIR)"
            raise InputError(
                f"{model} takes images of {features} pixels, but those of {source} have {test.x.shape[1]}{hint}"
            )
    else:
        test = test.as_images()
    classes = _classes(network, test.x.shape[1:], f"{model} does not take the images of {source}")
    if test.t.max() >= classes:
        raise InputError(f"{model} knows the classes 0 to {classes - 1}, but {source} has the label {test.t.max()}")
    scores = training.scores_of(network, test.x)
    if not np.isfinite(scores).any():
        raise InputError(f"{model} gives no image of {source} a class: none of its scores is a finite number")
    predicted = classes_of(scores)
    accuracy, counts = float((predicted == test.t).mean()), report.confusion(test.t, predicted, classes)
    print(f"accuracy {style.bold(f'{accuracy:.2%}')} on {len(test.t):,} test images of {source}\n")
    print("rows: the true class; columns: the class predicted\n")
    print(report.confusion_table(counts, test.t, style))
    return documents.prediction(model, source, len(test.t), accuracy, counts)


def classify(model: Path, pictures: Sequence[Path], invert: bool, color: str, style: Style) -> documents.Document:
    """Tell the class of each picture, and how probable the network takes it to be."""
    network = _load(model, color)
    dtype = params_of(network)[0].dtype.name
    found = []
    for path in pictures:
        image = read_grey(path, lambda shape: _image_shape(model, network, shape))
        x = ((255 - image if invert else image) / 255).astype(dtype)
        x = x.reshape((1, -1) if _takes_rows(network) else (1, 1, *x.shape))
        probabilities = softmax(training.scores_of(network, x).astype(np.float64))[0]
        if not np.isfinite(probabilities).all():
            raise InputError(f"{model} gives {path} no class: its scores are no finite numbers")
        found.append(documents.classified(path, probabilities))
        best = np.argsort(-probabilities, kind="stable")[:3]
        others = ", ".join(f"{c} ({probabilities[c]:.1%})" for c in best[1:])
        print(f"{path}: class {style.bold(str(best[0]))} ({probabilities[best[0]]:.1%}){others and f', then {others}'}")
    return documents.classification(model, found)


def _load(model: Path, color: str) -> Sequential:
    """The network, with a warning of parameters that are not finite."""
    network = Sequential.load(model)
    if takes_indices(network.layers):
        kind = type(network.layers[0]).__name__
        raise InputError(f"{model} takes no images: its first layer, {kind}, is given indices")
    found = finiteness.of_layers(network.layers)
    if found is not None:
        tell(Style.of(sys.stderr, color).warning(f"{model}: {found}"))
    return network


def _takes_rows(network: Sequential) -> bool:
    """Whether what is learned begins with an affine layer, which takes an image as one row of pixels."""
    return isinstance(next(layer for _, layer in leaves(network.layers) if params_of(layer)), Affine)


def _classes(network: Sequential, sample: tuple[int, ...], what: str) -> int:
    """How many scores there are for a sample of this shape."""
    try:
        shape = shapes_through(chain(network.layers), sample)[-1]
    except ValueError as error:
        raise InputError(f"{what}: {error}") from None
    if shape is None or len(shape) != 1 or shape[0] is None:
        raise InputError(f"{what}: it gives no scores, but {shape}")
    return shape[0]


def _image_shape(model: str | os.PathLike[str], network: Sequential, shape: tuple[int, int]) -> tuple[int, int]:
    """The height and width that an image of this shape is to have for the network: the same, or a square's."""
    rows = _takes_rows(network)
    tried = (shape, *((side, side) for side in range(1, _LARGEST + 1)))
    if rows:
        side = math.isqrt(params_of(network)[0].shape[0])
        tried = (shape, (side, side))
    for height, width in tried:
        try:
            _classes(network, (height * width,) if rows else (1, height, width), "")
        except InputError:
            continue
        return height, width
    raise InputError(f"{model} takes no images of one channel of {shape[0]}x{shape[1]} pixels, nor square ones")
