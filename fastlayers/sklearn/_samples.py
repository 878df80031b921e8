"""Samples of an estimator, dense or sparse, and how some of them are held out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from .._core import targets
from .._core.types import Array
from ..training import arguments as fit_arguments
from ._finite import in_range

__all__ = ["Order", "Samples", "batch_size_of", "checked_weights", "dense", "hold_out", "warn_of_another_scale"]

_FEWEST_HELD_OUT = 2
_FEWEST_COMPARED, _MOST_COMPARED = 10, 1000  # samples of a validation set; X needs twice as many
_GROSS = 3.0  # times as large


def dense(X: Any) -> Array:
    """X as an array in C order, which the kernels take; a sparse X is filled up."""
    return X if type(X) is np.ndarray else X.toarray(order="C")


class _FilledUp:
    """A sparse matrix whose rows are arrays: no more of it is filled up than is asked for."""

    def __init__(self, X: Any) -> None:
        self._X = X
        self.shape = X.shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> Array:
        return dense(self._X[rows])

    def take(self, rows: Array, axis: int) -> Array:
        """Some rows; there is no other axis that a training takes samples along."""
        return self[rows]


@dataclass(frozen=True)
class Samples:
    """Inputs and what is known of them.

    Attributes
    ----------
    X : ndarray or CSR matrix
        ``(N, D)``. Of a sparse one only a batch at a time is filled up.
    targets : ndarray
        What the loss layer takes, of N rows.
    weights : ndarray or None
        ``(N,)``.
    """

    X: Any
    targets: Array
    weights: Array | None

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def take(self, rows: Array) -> Samples:
        """Those of some rows."""
        weights = None if self.weights is None else self.weights.take(rows)
        return Samples(self.X[rows], self.targets.take(rows, axis=0), weights)

    def as_arrays(self) -> fit_arguments.Samples:
        """These for the loop that trains, which takes the rows of a sparse X as those of an array."""
        X: Any = self.X if type(self.X) is np.ndarray else _FilledUp(self.X)
        return fit_arguments.Samples(X, self.targets, self.weights)

    def checked(self, purpose: str) -> Samples:
        """These; ValueError if none of them counts."""
        if self.weights is not None and not self.weights.any():
            raise ValueError(f"sample_weight is zero for every sample {purpose}: another random_state may do")
        return self


class Order:
    """The order of the samples, which every epoch shuffles once more."""

    def __init__(self, samples: int, random_state: np.random.RandomState) -> None:
        self._order, self._random_state = np.arange(samples), random_state

    def __call__(self, samples: int) -> Array:
        self._order = self._order[self._random_state.permutation(samples)]
        return self._order


def checked_weights(sample_weight: Any, X: Any, name: str = "sample_weight") -> Array | None:
    """Weights ``(N,)`` of X's dtype; ValueError where they do not fit it, none of them counts, or they overflow."""
    if sample_weight is None:
        return None
    weights: Array = in_range(name, _check_sample_weight(sample_weight, X), X.dtype)
    if not weights.min() >= 0:
        raise ValueError(f"sample_weight must not be negative, but there is {weights.min()}")
    if not weights.any():
        raise ValueError("sample_weight is zero for every sample")
    targets.check_sum(name, weights, "the samples", weights.dtype)
    return weights


def batch_size_of(batch_size: int | str, n_samples: int) -> int:
    """How many samples a batch has, of so many; "auto" is 200."""
    if isinstance(batch_size, str):
        return min(200, n_samples)
    if batch_size > n_samples:
        warnings.warn(
            f"batch_size={batch_size} is larger than the number of samples, {n_samples}, and clipped to it",
            stacklevel=2,
        )
    return min(int(batch_size), n_samples)


def hold_out(n_samples: int, fraction: float, random_state: Any, stratify: Array | None = None) -> tuple[Array, Array]:
    """The rows to train on, and those to score on.

    Raises
    ------
    ValueError
        If fewer than two are held out, or a class of `stratify` has fewer than two samples.
    """
    train, held = train_test_split(
        np.arange(n_samples), test_size=fraction, random_state=random_state, stratify=stratify
    )
    if len(held) < _FEWEST_HELD_OUT:
        raise ValueError(
            f"The validation set is too small: {len(held)} of {n_samples} samples. Increase 'validation_fraction' or "
            "the size of your dataset."
        )
    return train, held


def warn_of_another_scale(X: Any, X_val: Any) -> None:
    """Emit a UserWarning if the numbers of a validation set are grossly larger or smaller than those of X.

    The size of a sample is the mean of the absolute values of its features. The sets differ if the median size in
    `X_val` is more than three times or less than a third of the median size in X, and no sample of X has so large or
    so small a size. The second condition prevents warnings of sparse and heavy-tailed data. A few samples may differ so
    by chance; therefore fewer than 20 samples of X or 10 of `X_val` are not compared. Of 2000 samples or more, evenly
    spaced ones are compared, at least 1000.

    Parameters
    ----------
    X, X_val : ndarray or CSR matrix
        ``(N, D)`` and ``(M, D)``, finite.
    """
    if min(X.shape[0] // 2, X_val.shape[0]) < _FEWEST_COMPARED:
        return
    sizes, others = _sizes(X), _sizes(X_val)
    size, other = float(np.median(sizes)), float(np.median(others))
    differs = not size <= _GROSS * other <= _GROSS**2 * size
    if size and other and differs and not sizes.min() <= other <= sizes.max():
        warnings.warn(
            f"X_val is on another scale than X: a typical sample's absolute values have a mean of {other:.3g} in X_val "
            f"and {size:.3g} in X, so scale X_val as X was scaled, which a Pipeline does with "
            "transform_input=['X_val'].",
            stacklevel=2,
        )


def _sizes(X: Any) -> Array:
    """Return the mean absolute value of each of some samples, ``(n,)``."""
    rows = abs(X[:: max(1, X.shape[0] // _MOST_COMPARED)])
    return np.asarray(rows.mean(axis=1, dtype=np.float64)).ravel()
