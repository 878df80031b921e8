"""The goals of training from end to end: `fit` beside a loop in PyTorch, and estimators beside scikit-learn's."""

import functools
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import peers
from goals import OURS, Bound, Calls, Race

import fastlayers
from fastlayers import datasets
from fastlayers.command import cases

# A folder of files in the MNIST format; Debian's package dataset-fashion-mnist has this one.
FOLDER, DEBIAN = "BENCH_IDX", "/usr/share/datasets/fashion-mnist"
SAMPLES, WIDTHS = 60_000, (784, 50, 10)
FEW = 800  # samples, whole batches, whose losses are compared before anything is timed
LOSS_TOLERANCE = 1e-3  # of a whole epoch, in which float32's rounding is magnified
SCIKIT_LEARN = "scikit-learn"
Fit = Callable[[], float]


def folder() -> Path:
    return Path(os.environ.get(FOLDER) or DEBIAN)


def kind() -> str:
    """What the images are: random ones where the folder is not there."""
    return folder().resolve().name if folder().is_dir() else "random"


@functools.cache
def images() -> tuple[Any, Any]:
    """The images and their labels."""
    if folder().is_dir():
        train = datasets.load_idx_split(folder(), "train")
        return train.x, train.t
    draw = np.random.default_rng(0)
    return draw.random((SAMPLES, WIDTHS[0]), np.float32), draw.integers(0, WIDTHS[-1], SAMPLES)


def fitting(batch: int, samples: int = SAMPLES) -> Calls:
    """An epoch of `Sequential.fit` with Adam, shuffled; and the same loop in PyTorch."""
    network, (x, t) = cases.Network(WIDTHS, batch), (array[:samples] for array in images())

    def epoch_of(x: Any, t: Any, shuffle: bool = True) -> Fit:
        net: fastlayers.Sequential = network.step(fastlayers, "float32").function.__self__  # type: ignore[attr-defined]
        options: dict[str, Any] = {"optimizer": fastlayers.Adam(), "rng": np.random.default_rng(0), "shuffle": shuffle}
        return lambda: net.fit(x, t, 1, batch, **options).loss[0]

    calls: Calls = {OURS: cases.Call(epoch_of(x, t), (), {})}
    if peers.available("torch"):
        few = x[:FEW], t[:FEW]
        expected = peers.pytorch_epoch(network, *few)(np.arange(FEW))
        np.testing.assert_allclose(epoch_of(*few, shuffle=False)(), expected, rtol=LOSS_TOLERANCE)
        calls["PyTorch"] = cases.Call(peers.pytorch_epoch(network, x, t), (), {})
    return calls


def estimator(package: str, X: Any, y: Any, hidden: int, batch: int, epochs: int, **parameters: Any) -> Any:
    """An ``MLPClassifier`` of ours or scikit-learn's, and its fit of so many epochs, which gives its loss."""
    if package == OURS:
        from fastlayers.sklearn import MLPClassifier
    else:
        from sklearn.neural_network import MLPClassifier
    from sklearn.exceptions import ConvergenceWarning

    rule = {"batch_size": batch, "max_iter": epochs, "tol": 0, "n_iter_no_change": np.inf, "random_state": 0}
    model = MLPClassifier((hidden,), **rule, **parameters)

    def fit() -> float:
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # so many are what is asked for
            return float(model.fit(X, y).loss_)

    return model, fit


def estimators(X: Any, y: Any, hidden: int, batch: int, epochs: int) -> Calls:
    """Both, after a fit of few samples came to the same loss."""
    if not peers.available("sklearn"):  # ours are estimators of its kind
        return {}
    losses = [estimator(package, X[:FEW], y[:FEW], hidden, batch, 1)[1]() for package in (OURS, SCIKIT_LEARN)]
    np.testing.assert_allclose(*losses, rtol=LOSS_TOLERANCE)
    fits = {package: estimator(package, X, y, hidden, batch, epochs)[1] for package in (OURS, SCIKIT_LEARN)}
    return {package: cases.Call(fit, (), {}) for package, fit in fits.items()}


def on_images(batch: int, samples: int = SAMPLES) -> Calls:
    x, t = images()
    return estimators(x[:samples], t[:samples], WIDTHS[1], batch, 1)


def on_digits(epochs: int) -> Calls:
    if not peers.available("sklearn"):
        return {}
    return estimators(*digits("float32"), 64, 32, epochs)


def digits(dtype: str) -> tuple[Any, Any]:
    """All of scikit-learn's, pixels from 0 to 1."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(dtype), y


def what(images: str, batch: int) -> str:
    return f"784-50-10 with Adam, an epoch of {images}, batch {batch}"


IMAGES = f"{SAMPLES:,} {kind()} images"
NBYTES = 4 * SAMPLES * WIDTHS[0]
FITS = (
    *(
        Race(
            12, f"fit of {what(IMAGES, batch)}", partial(fitting, batch), (Bound("PyTorch", least=least),), 6.0, NBYTES
        )
        for batch, least in {100: 3.5, 32: 6}.items()
    ),
    *(
        Race(
            12,
            f"estimator, {what(IMAGES, batch)}",
            partial(on_images, batch),
            (Bound(SCIKIT_LEARN, least=least),),
            6.0,
            NBYTES,
        )
        for batch, least in {100: 3, 32: 6}.items()
    ),
    Race(
        12,
        "estimator, 64-64-10 with Adam, 50 epochs of digits, batch 32",
        partial(on_digits, 50),
        (Bound(SCIKIT_LEARN, least=8),),
        6.0,
    ),
)
