"""Saving a network while it trains."""

from __future__ import annotations

import time
from pathlib import Path

from .training import Run

_BETWEEN_SAVES = 1.0  # seconds: a tiny network has thousands of epochs a minute, and each save waits for the disk


class Saver:
    """Saves the network after an epoch, once a second at most, so that Ctrl-C loses little of the training.

    Where a second backend repeats the training, the file never goes back to a network that has trained for less.

    Parameters
    ----------
    path : Path or None
        Of the file; None saves nothing.

    Attributes
    ----------
    epochs : int
        Of training that the network in the file has had.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.epochs = 0
        self._due = 0.0

    def __call__(self, run: Run) -> None:
        """Save the network of a run, where it is time to."""
        epochs = len(run.train_loss)
        if self.path is not None and epochs > self.epochs and time.monotonic() >= self._due:
            run.network.save(self.path)
            self.epochs, self._due = epochs, time.monotonic() + _BETWEEN_SAVES
