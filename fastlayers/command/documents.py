"""What ``--json`` prints: one document, valid JSON whatever the numbers are, with the keys that ``--help`` tells."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core.backend import get_num_threads
from ..datasets import Dataset
from ..formats.c import CFile
from .networks import Settings, parameters
from .training import Run, differences

Document = dict[str, Any]


def dumps(document: Document) -> str:
    """Write a document; null stands for a number that is not finite, for which JSON has no name."""
    return json.dumps(_finite(document), indent=1, allow_nan=False)


def training(data: Dataset, settings: Settings, runs: Sequence[Run], processes: int) -> Document:
    """Describe what was trained, how, and what came of it."""
    return {
        "data": {
            "name": data.name,
            "features": data.features,
            "classes": data.classes,
            "train_images": len(data.train.t),
            "test_images": len(data.test.t),
        },
        "network": {
            "kind": settings.network,
            "sizes": settings.sizes(data),
            "activation": settings.activation,
            "dropout": settings.dropout,
            "dtype": settings.dtype,
            "parameters": parameters(data, settings),
        },
        "training": {
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "optimizer": settings.optimizer,
            "lr": settings.lr,
            "weight_decay": settings.weight_decay,
            "seed": settings.seed,
            "threads": get_num_threads(),
            "processes": processes,
        },
        "runs": [_run(run) for run in runs],
        "comparison": _comparison(*runs) if len(runs) == 2 else None,
    }


def prediction(
    model: str | os.PathLike[str], source: str, images: int, accuracy: float, counts: NDArray[np.int64]
) -> Document:
    """Describe the network and the images that it was tested on, and how it did."""
    return {
        "model": os.fspath(model),
        "data": source,
        "images": images,
        "accuracy": accuracy,
        "confusion": counts.tolist(),
    }


def classification(model: str | os.PathLike[str], pictures: Sequence[Document]) -> Document:
    """Describe the network and the pictures that it was asked about."""
    return {"model": os.fspath(model), "pictures": [*pictures]}


def classified(path: str | os.PathLike[str], probabilities: NDArray[np.float64]) -> Document:
    """Describe what a network takes a picture for."""
    return {"file": os.fspath(path), "class": int(probabilities.argmax()), "probabilities": probabilities.tolist()}


def exported(model: str | os.PathLike[str], file: str | os.PathLike[str], written: CFile | None = None) -> Document:
    """Describe what a network was written to, and what a C file takes."""
    return {
        "model": os.fspath(model),
        "file": os.fspath(file),
        "header": None if written is None else written.header,
        "function": None if written is None else written.name,
        "flash": None if written is None else written.sizes.constants,
        "ram": None if written is None else written.sizes.stack + written.sizes.state,
    }


def _run(run: Run) -> Document:
    return {
        "backend": run.backend,
        "steps": len(run.losses),
        "median_step": run.median,
        "mean_step": run.mean,
        "train_loss": run.train_loss,
        "train_accuracy": run.train_accuracy,
        "test_accuracy": run.test_accuracy,
    }


def _comparison(reference: Run, compiled: Run) -> Document:
    return {"ratio": reference.median / compiled.median, "largest_difference": max(differences(reference, compiled))}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
