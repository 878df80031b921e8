"""A fit under way, and those who listen to it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .._core.progress import Progress
from .._core.protocols import Optimizer
from .history import History

__all__ = ["Callback", "Training"]

HOOKS = ("on_fit_begin", "on_step_end", "on_epoch_end", "on_fit_end")

Hook = Callable[["Training"], object]


class Training:
    """A fit under way, as its callbacks see it.

    Parameters
    ----------
    network : Sequential
        The one that is trained.
    optimizer : object
        As `Sequential.fit` was given it.
    recorded : frozenset of str
        The lists of `history` that will be filled.
    progress : Progress
        The bar, or none.

    Attributes
    ----------
    history : History
        Of the epochs that are over.
    epoch : int
        The epoch under way, counted from 0.
    step : int
        How many batches had their turn, in all epochs.
    loss : float, ndarray or None
        What `Sequential.train_step` gave for the last batch; kept up to date where there is an ``on_step_end``.
    stop : bool
        Set it to end the training after this epoch; or, in ``on_step_end``, after this step, so that the epoch is a
        short one.
    """

    def __init__(self, network: Any, optimizer: Optimizer, recorded: frozenset[str], progress: Progress) -> None:
        self.network = network
        self.optimizer = optimizer
        self.recorded = recorded
        self.progress = progress
        self.history = History()
        self.epoch = 0
        self.step = 0
        self.loss: Any = None
        self.stop = False

    def say(self, line: str) -> None:
        """Print a line on standard output, above the progress bar if there is one.

        Parameters
        ----------
        line : str
            Without its end.
        """
        self.progress.say(line)


class Callback:
    """Called while a network is trained: override any of these methods; each gets the `Training`.

    What is not overridden is never called, so steps cost nothing where nobody listens to them. An object of another
    class that has one of these methods will do too, and so will a plain function, called at the end of each epoch.

    Examples
    --------
    >>> import numpy as np, fastlayers as fl
    >>> class StopBelow(fl.callbacks.Callback):
    ...     def on_epoch_end(self, training):
    ...         training.stop = training.history.loss[-1] < 0.5
    >>> network = fl.Sequential([fl.Affine(np.zeros((1, 2)))], fl.SoftmaxWithLoss())
    >>> history = network.fit([[1.0], [-1.0]], [0, 1], epochs=1000, optimizer=fl.SGD(0.1), callbacks=[StopBelow()])
    >>> history.epochs
    6
    """

    def on_fit_begin(self, training: Training) -> None:
        """All arguments were checked, and nothing is trained yet: what is wrong should be said now."""

    def on_step_end(self, training: Training) -> None:
        """A batch had its turn, and the parameters were updated (unless nothing of it has any weight)."""

    def on_epoch_end(self, training: Training) -> None:
        """Every sample had its turn, and ``training.history`` has the epoch's numbers."""

    def on_fit_end(self, training: Training) -> None:
        """The last epoch is over. Not called where an exception or Ctrl-C ends the training."""


def listeners(callbacks: Any) -> list[object]:
    """The callbacks, each with one of the hooks."""
    try:
        found = list(callbacks)
    except TypeError:
        raise TypeError(f"callbacks must be a list of callbacks, not {kind(callbacks)}") from None
    for i, callback in enumerate(found):
        if isinstance(callback, type) or not any(hooks([callback], name) for name in HOOKS):
            if isinstance(callback, type | Callback) or not callable(callback):
                raise TypeError(
                    f"callbacks[{i}] must be a function or have one of {', '.join(HOOKS)}, not {kind(callback)}"
                )
            found[i] = SimpleNamespace(on_epoch_end=callback)
    return found


def hooks(callbacks: list[object], name: str) -> list[Hook]:
    """The methods of this name; those that only `Callback` has do nothing, and are left out."""
    found = [getattr(callback, name, None) for callback in callbacks]
    nothing = getattr(Callback, name)
    return [hook for hook in found if callable(hook) and getattr(hook, "__func__", None) is not nothing]


def kind(value: object) -> str:
    """How to name an argument that is of no use; a class where an instance of it was meant."""
    return f"the class {value.__name__} itself" if isinstance(value, type) else type(value).__name__
