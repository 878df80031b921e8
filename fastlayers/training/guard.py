"""What a fit does about numbers that are not finite: it stops before they are learned, warns once, or goes on.

Data are looked at once, each loss before its step is taken, and what the steps have written at the end of an epoch: a
pass over parameters and an optimizer's state at each step would cost a small network half a step. So where an update
itself came out as infinity, which is seen at a later loss or at the end of an epoch, the parameters before it are gone,
and what is put back is a copy from the beginning of an epoch.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from .._core.callers import stacklevel_of_user
from .._core.types import Array
from ..layers._declaration import copy_buffers, params_of, put_buffers
from ..layers._stack import leaves
from ..layers._state import at_rest
from . import evaluation, finiteness
from .arguments import Samples
from .snapshot import Snapshot

T = TypeVar("T")

# What was written is looked at once so many samples have been learned from: after a small epoch it would cost a small
# network 5 % of it. By samples, and not by time, so that all ranks do so alike.
SAMPLES = 10_000


class Ranks(Protocol):
    """The processes that train one network together."""

    speaks: bool  # whether this is the one whose warnings are shown

    def part(self, n: int) -> slice:
        """Of so many samples, which are this process's."""
        ...

    def gather(self, look: Callable[[], T]) -> list[T]:
        """What each has found, on each."""
        ...


class Alone:
    """One process, which has all."""

    speaks = True

    def part(self, n: int) -> slice:
        """All of them."""
        return slice(0, n)

    def gather(self, look: Callable[[], T]) -> list[T]:
        """What it has found itself."""
        return [look()]


class Guard:
    """Sees to it that a fit learns from finite numbers alone.

    Parameters
    ----------
    mode : {"raise", "warn", "ignore"}
    network, optimizer : object
        As the fit has them.
    ranks : Ranks
        Who trains together: all come to the same.
    looks_ahead : bool
        Whether a loss is known before its step is taken.

    Attributes
    ----------
    active : bool
        Whether there is anything left to look for: not once there was a warning.
    keeps_buffers : bool
        Whether `before_step` is of use: a step may be refused whose forward has changed buffers.
    """

    def __init__(self, mode: str, network: Any, optimizer: Any, ranks: Ranks, *, looks_ahead: bool) -> None:
        self._network, self._optimizer, self._ranks, self._looks_ahead = network, optimizer, ranks, looks_ahead
        self.active, self._raises = mode != "ignore", mode == "raise"
        self._state, self._epoch_of_state, self._seen = Snapshot(network, optimizer), 0, 0
        self._buffers: list[tuple[Any, str, Any]] = []
        self._buffered = [layer for _, layer in leaves(network.layers) if getattr(layer, "buffer_names", ())]
        self.keeps_buffers = self._raises and looks_ahead and bool(self._buffered)

    # What is looked at

    def begin(self, data: Samples, validation: Samples | None) -> None:
        """Look at what the fit begins with: ValueError where a number of it is not finite."""
        if not self.active:
            return
        found = self._what_is_given("", data) if self._state.look() else self._what_is_written()
        if found is None and validation is not None:
            found = self._what_is_given("validation ", validation)
        if found is not None and self._raises:
            raise ValueError(f"{found}: it must be finite, unless on_nonfinite is 'warn' or 'ignore'")
        if found is not None:
            self._warn(found)

    def before_step(self) -> None:
        """Keep the buffers as they are: a step's forward changes them before its loss is known."""
        self._buffers = copy_buffers(self._buffered)

    def stop_at(self, loss: Any, epoch: int, batch: int, samples: Samples, rows: Array, counts: Array | None) -> None:
        """Tell of a loss that is not finite: FloatingPointError, with what was there before the step put back.

        Parameters
        ----------
        loss : float or ndarray
        epoch, batch : int
            Counted from 0.
        samples : Samples
            This process's part of the batch.
        rows : ndarray
            Where they stand in the user's arrays.
        counts : ndarray or None
            How much each of the user's samples counts in the mean.
        """
        if not self.active:  # there was a warning in this epoch
            return
        found = self._what_is_written() if self._looks_ahead else None
        is_back = self._raises and not (self._looks_ahead and found is None)
        if is_back:
            self._state.put_back()
        elif self._raises:
            put_buffers(self._buffers)
        if found is None:
            why = self._blame(samples, rows, counts)
        else:
            why = f"{found} since an earlier step, for which the learning rate may be too high"
        self._stop(f"the loss is {finiteness.shown_loss(loss)} in epoch {epoch}, batch {batch}: {why}", is_back)

    def end_epoch(self, epoch: int, samples: int) -> None:
        """Look at what was written, if it is time to."""
        self._seen += samples
        if self._seen >= SAMPLES:
            self.end(epoch)

    def end(self, epoch: int) -> None:
        """Tell of a parameter, or an optimizer's state, that is not finite although each loss was."""
        if not self.active or not self._seen:
            return
        if self._state.look():
            self._epoch_of_state, self._seen = epoch + 1, 0
            return
        found = self._what_is_written()
        if self._raises:
            self._state.put_back()
        self._stop(f"{found} after epoch {epoch}, though each loss was finite", is_back=True)

    # What is found

    def _what_is_written(self) -> str | None:
        return finiteness.of_layers(self._network.layers) or finiteness.of_optimizer(self._optimizer)

    def _what_is_given(self, of: str, samples: Samples) -> str | None:
        """The first number of x or t that is not finite; each process looks at its part of them."""
        for name, array in (("x", samples.x), ("t", samples.t)):
            places = self._ranks.gather(functools.partial(_first, array, self._ranks.part(len(array))))
            found = min((place for place in places if place is not None), default=None)
            if found is not None:
                row, *others = found
                index = f", at index {found}" if others else ""
                return f"{of}{name} of shape {array.shape} holds {array[found]:g} in row {row}{index}"
        return None

    def _blame(self, samples: Samples, rows: Array, counts: Array | None) -> str:
        """Of which samples the loss is not finite by itself, and whether they or the parameters are large."""
        found = self._ranks.gather(functools.partial(self._bad, samples, rows, counts))
        bad = [sample for of_rank, _ in found for sample in of_rank]
        if not bad:
            return "that of each sample by itself is finite"
        row, largest = min(bad)
        of_params = max(map(_largest, params_of(self._network)), default=0)
        return (
            f"that of {len(bad)} of its {sum(counted for _, counted in found)} samples by itself is not finite either, "
            f"first of row {row} of x and t (x is up to {largest:.3g} there, parameters up to {of_params:.3g})"
        )

    def _bad(self, samples: Samples, rows: Array, counts: Array | None) -> tuple[list[tuple[int, float]], int]:
        """The rows whose loss is not finite by itself, each with its largest number; and how many rows count."""
        if not len(samples.x):
            return [], 0
        network, bad, counted = self._network, [], 0
        with np.errstate(all="ignore"), at_rest(network.layers):
            scores = evaluation.scores_of(network, samples.x)
            for i, row in enumerate(rows.tolist()):
                if counts is not None and not np.any(counts[row]):
                    continue  # the mean of nothing is nan
                weights = None if samples.weights is None else samples.weights[i : i + 1]
                loss = evaluation.loss_of(network.loss_layer, scores[i : i + 1], samples.t[i : i + 1], weights)
                counted += 1
                if not finiteness.is_finite_loss(loss):
                    bad.append((row, _largest(samples.x[i])))
        return bad, counted

    # What is done

    def _stop(self, found: str, is_back: bool) -> None:
        if self._raises:
            left = f"at the beginning of epoch {self._epoch_of_state}" if is_back else "before this step"
            raise FloatingPointError(f"{found}; parameters and optimizer are as they were {left}")
        self._warn(found)

    def _warn(self, found: str) -> None:
        self.active = False
        if self._ranks.speaks:
            warnings.warn(f"{found}; the training goes on", RuntimeWarning, stacklevel=stacklevel_of_user())


def _largest(array: Any) -> float:
    """The largest magnitude, of numbers; nan of what else an array may hold."""
    array = np.asarray(array)
    return float(np.max(np.abs(array), initial=0)) if array.dtype.kind in "biufc" else float("nan")


def _first(array: Array, part: slice) -> tuple[int, ...] | None:
    """Where the first number of a part of an array is that is not finite, in the whole of it."""
    place = finiteness.first_nonfinite(array[part])
    return (part.start + place[0], *place[1:]) if place else None
