"""Numbers and a target for each, as a loss over them takes them: all seen to fit as one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import floating, place_of, real
from .targets import check_sum, checked_reduction, weights
from .types import Array


class Pairs:
    """Numbers, and a target for each, as rows ``(N, K)`` of samples.

    Parameters
    ----------
    name : str
        What the numbers are called, as an argument.
    probabilities : bool
        Whether the targets must lie in [0, 1].
    """

    def __init__(
        self,
        name: str,
        x: ArrayLike,
        t: ArrayLike,
        sample_weight: ArrayLike | None = None,
        reduction: str = "mean",
        *,
        probabilities: bool = False,
    ) -> None:
        x, t = floating(name, x), real("t", t)
        check_pairs(name, x.shape, t)
        reduction = checked_reduction(reduction)
        if sample_weight is not None:
            sample_weight = weights("sample_weight", sample_weight, x.shape[:1], "one for each sample", x.dtype)
        if probabilities:
            check_probabilities(t)
        self._shape, self._t_shape = x.shape, t.shape
        rows = (x.shape[0], math.prod(x.shape[1:])) if x.ndim else (1, 1)
        if reduction == "mean" and sample_weight is not None:  # which counts for each number of its sample
            wide = np.result_type(x, np.float64)
            with np.errstate(over="ignore"):
                of_numbers = sample_weight.astype(wide) * rows[1]
            check_sum("sample_weight", of_numbers, "the numbers of all samples", wide)
        self.arguments: dict[str, Any] = {
            name: np.asarray(x.reshape(rows), order="C"),
            "t": np.asarray(t.reshape(rows), dtype=x.dtype, order="C"),
            "sample_weight": sample_weight,
            "reduction": reduction,
        }

    def loss(self, loss: Any) -> float | Array:
        """A loss for each target, where those are asked for."""
        return loss.reshape(self._t_shape) if isinstance(loss, np.ndarray) else loss

    def restored(self, rows: Array) -> Array:
        """Rows in the shape of the numbers."""
        return rows.reshape(self._shape)


def check_pairs(name: str, shape: tuple[int, ...], t: Array) -> None:
    """See that there is a target for each number; those of a last axis of one may lack that."""
    fits = t.shape == shape or (len(shape) > 1 and shape[-1] == 1 and t.shape == shape[:-1])
    if not fits:
        or_so = f" or {shape[:-1]}" if len(shape) > 1 and shape[-1] == 1 else ""
        raise ValueError(f"t of shape {t.shape} does not fit {name} of shape {shape}: t must have shape {shape}{or_so}")


def check_probabilities(t: Array, of: str = "") -> None:
    wrong = np.argwhere(~((t >= 0) & (t <= 1)))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ValueError(f"{of}target {t[place]} at {place_of(place)} is outside [0, 1]")
