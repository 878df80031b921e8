"""What `Sequential.fit` calls between its steps: stop early, lower the learning rate, keep the best network.

``network.fit(x, t, validation_data=(x_val, t_val), callbacks=[EarlyStopping()])``. A plain function that takes the
`Training` will do for what is your own; `Callback` says what else can be listened to. One callback may serve several
fits, one after another: each begins anew.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ._core import arguments
from ._core.types import Array
from .layers._declaration import copy_buffers, params_of, put_buffers
from .layers._stack import leaves
from .training import finiteness
from .training.callback import Callback, Training

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "ReduceOnPlateau", "Training"]

# What can be watched, and the sign that makes more of it worse.
MONITORS = {"loss": 1, "validation_loss": 1, "validation_accuracy": -1}


class _Watching(Callback):
    """What watches one of the history's lists for epochs that are better than all before."""

    def __init__(self, monitor: object, min_delta: float) -> None:
        self.monitor = arguments.choice("monitor", monitor, tuple(MONITORS))
        self.min_delta = arguments.not_negative("min_delta", min_delta)
        self.best: float | None = None
        self.best_epoch: int | None = None

    def on_fit_begin(self, training: Training) -> None:
        """Begin anew; ValueError if nothing will be recorded of what is watched."""
        if self.monitor not in training.recorded:
            needed = " and a loss that classifies" if self.monitor == "validation_accuracy" else ""
            raise ValueError(f"{type(self).__name__} watches {self.monitor}, which needs validation_data{needed}")
        self.best = self.best_epoch = None

    def _is_better(self, training: Training) -> bool:
        """Whether the epoch is better than the best one, which it then is itself; what is not finite never is."""
        value, sign = getattr(training.history, self.monitor)[-1], MONITORS[self.monitor]
        best = np.inf if self.best is None else sign * self.best - self.min_delta
        if not (np.isfinite(value) and sign * value < best):
            return False
        self.best, self.best_epoch = value, training.epoch
        return True


class EarlyStopping(_Watching):
    """Stop when the network gets no better, and go back to where it was best.

    Parameters
    ----------
    monitor : {"validation_loss", "loss", "validation_accuracy"}
        The list of `History` that is watched.
    patience : int, default 10
        After so many epochs in a row without improvement the training ends.
    min_delta : float, default 0.0
        An improvement is one by more than this.
    restore_best : bool, default True
        Whether the parameters of the best epoch are put back at the end of the training, however it came.

    Attributes
    ----------
    best, best_epoch : float and int, or None
        The best value so far, and its epoch counted from 0.
    waited : int
        For how many epochs it has not improved.

    Notes
    -----
    Prechelt, "Early stopping - but when?", Neural Networks: Tricks of the Trade, 1998. Ctrl-C leaves the parameters as
    they are.

    Examples
    --------
    >>> import numpy as np, fastlayers as fl
    >>> x, t = np.eye(2), [0, 1]
    >>> net = fl.Sequential([fl.Affine(np.zeros((2, 2)))], fl.SoftmaxWithLoss())
    >>> stopping = fl.callbacks.EarlyStopping(patience=3)
    >>> history = net.fit(x, t, 100, validation_data=(x, [1, 0]), callbacks=[stopping])  # the longer, the worse
    >>> history.epochs, stopping.best_epoch
    (4, 0)
    >>> net.loss(x, [1, 0]) == stopping.best
    True
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, min_delta)
        self.patience = arguments.count("patience", patience)
        self.restore_best = bool(restore_best)
        self.waited = 0
        self._params: list[Array] | None = None
        self._buffers: list[tuple[Any, str, Any]] = []

    def on_fit_begin(self, training: Training) -> None:
        """Begin anew; ValueError if nothing will be recorded of what is watched."""
        super().on_fit_begin(training)
        self.waited, self._params = 0, None

    def on_epoch_end(self, training: Training) -> None:
        """Keep a copy of parameters and buffers that are better, or wait."""
        if not self._is_better(training):
            self.waited += 1
            training.stop = training.stop or self.waited >= self.patience
            return
        self.waited = 0
        if self._params is not None:
            _copy(self._params, params_of(training.network))
        elif self.restore_best:
            self._params = [param.copy() for param in params_of(training.network)]
        if self.restore_best:
            self._buffers = copy_buffers(layer for _, layer in leaves(training.network.layers))

    def on_fit_end(self, training: Training) -> None:
        """Put the best parameters back, in place, and the buffers that went with them."""
        if self._params is not None:
            _copy(params_of(training.network), self._params)
            put_buffers(self._buffers)
        self._params, self._buffers = None, []


class ReduceOnPlateau(_Watching):
    """Lower the learning rate whenever the network gets no better.

    Parameters
    ----------
    monitor : {"validation_loss", "loss", "validation_accuracy"}
        As for `EarlyStopping`.
    factor : float, default 0.1
        What the learning rate is multiplied by, in (0, 1).
    patience : int, default 10
        After so many epochs in a row without improvement, and again after as many more.
    min_delta : float, default 0.0
        An improvement is one by more than this.
    min_lr : float, default 0.0
        The learning rate does not go below this.

    Attributes
    ----------
    best, best_epoch : float and int, or None
        The best value so far, and its epoch counted from 0.
    waited : int
        For how many epochs it has not improved, since the last reduction.

    Examples
    --------
    >>> import numpy as np, fastlayers as fl
    >>> x, t = np.eye(2), [0, 1]
    >>> net = fl.Sequential([fl.Affine(np.zeros((2, 2)))], fl.SoftmaxWithLoss())
    >>> halve = fl.callbacks.ReduceOnPlateau(factor=0.5, patience=2)
    >>> net.fit(x, t, 7, optimizer=fl.SGD(1.0), validation_data=(x, [1, 0]), callbacks=[halve]).lr
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 0.0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, min_delta)
        self.factor = arguments.number("factor", factor)
        if not 0 < self.factor < 1:
            raise ValueError(f"factor must lie in (0, 1), not {self.factor}")
        self.patience = arguments.count("patience", patience)
        self.min_lr = arguments.not_negative("min_lr", min_lr)
        self.waited = 0

    def on_fit_begin(self, training: Training) -> None:
        """Begin anew; TypeError where the optimizer's ``lr`` is no number that could be lowered."""
        super().on_fit_begin(training)
        lr = getattr(training.optimizer, "lr", None)
        if lr is None or callable(lr):
            raise TypeError(f"ReduceOnPlateau needs an optimizer whose lr is a number, not {type(lr).__name__}")
        self.waited = 0

    def on_epoch_end(self, training: Training) -> None:
        """Lower ``optimizer.lr`` when it has waited long enough."""
        self.waited = 0 if self._is_better(training) else self.waited + 1
        if self.waited >= self.patience:
            optimizer: Any = training.optimizer
            optimizer.lr = min(optimizer.lr, max(optimizer.lr * self.factor, self.min_lr))
            self.waited = 0


class Checkpoint(_Watching):
    """Save the network after each epoch, or after each that is the best so far.

    One with a parameter that is not finite is not saved, as may come of ``on_nonfinite="ignore"``: the file keeps the
    last that was.

    Parameters
    ----------
    path : str or path-like
        As for `Sequential.save`: the file is replaced whole or not at all, so it always holds a network.
    best_only : bool, default False
        Whether an epoch that is not better than all before is not saved.
    monitor : {"validation_loss", "loss", "validation_accuracy"}
        The list of `History` that is watched with `best_only`.

    Attributes
    ----------
    best, best_epoch : float and int, or None
        With `best_only`, those of the network in the file.

    Raises
    ------
    OSError
        If the file cannot be written: at the beginning of the training, if that is known by then.
    TypeError, ValueError
        At the beginning of the training, if the network cannot be saved, as `Sequential.save` says; but where that
        method is a subclass's own.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, best_only: bool = False, monitor: str = "validation_loss"
    ) -> None:
        super().__init__(monitor, 0.0)
        self.path = os.fspath(path)
        self.best_only = bool(best_only)

    def on_fit_begin(self, training: Training) -> None:
        """See that the network can be saved and the file written, and that what is watched will be recorded."""
        if self.best_only:
            super().on_fit_begin(training)
        # These bring in more of the standard library than all of training.
        from ._core.files import check_writable
        from .formats.description import describe
        from .formats.portable import Portable

        network = getattr(training.network, "network", training.network)  # the one that several processes train
        if getattr(type(network), "save", None) is Portable.save:
            describe(network)
        check_writable(self.path)

    def on_epoch_end(self, training: Training) -> None:
        """Save the network."""
        is_wanted = not self.best_only or self._is_better(training)
        if is_wanted and finiteness.of_layers(training.network.layers) is None:
            training.network.save(self.path)


def _copy(into: list[Array], arrays: list[Array]) -> None:
    for array, other in zip(into, arrays, strict=True):
        np.copyto(array, other)
