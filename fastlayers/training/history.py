"""What a training has come to, epoch by epoch."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, fields

__all__ = ["History"]


@dataclass(repr=False)
class History:
    """What `Sequential.fit` measured, a number for each epoch.

    Parameters
    ----------
    loss : list of float
        The mean loss of the epoch's samples, each as it was when its batch had its turn.
    validation_loss : list of float
        `Sequential.loss` of the validation data after the epoch; empty without such data.
    validation_accuracy : list of float
        Its accuracy, where the loss is a classifier's; else empty.
    lr : list of float
        The learning rate of the epoch's last step; empty where the optimizer has no ``lr``.
    seconds : list of float
        The time of its steps and its validation; callbacks are not counted.

    Notes
    -----
    Epochs are counted from 0, as the lists are.

    Examples
    --------
    >>> history = History(loss=[2.5, 1.25, 0.75], validation_loss=[2.0, 1.5, 1.75])
    >>> history
    History(epochs=3, best_epoch=1, loss=0.75, validation_loss=1.75)
    >>> history.as_dict()
    {'loss': [2.5, 1.25, 0.75], 'validation_loss': [2.0, 1.5, 1.75]}
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return len(self.loss)

    @property
    def perplexity(self) -> list[float]:
        """Of `loss` its exponential: what a language model with the mean loss of a word hesitates between."""
        return [_exp(loss) for loss in self.loss]

    @property
    def validation_perplexity(self) -> list[float]:
        """Of `validation_loss` its exponential."""
        return [_exp(loss) for loss in self.validation_loss]

    @property
    def best_epoch(self) -> int | None:
        """The first epoch of the lowest validation loss, or loss without validation; None where none is a number."""
        losses = self.validation_loss or self.loss
        found = [epoch for epoch, loss in enumerate(losses) if not math.isnan(loss)]
        return min(found, key=lambda epoch: losses[epoch], default=None)

    def as_dict(self) -> dict[str, list[float]]:
        """The lists by name, but those that are empty.

        Returns
        -------
        dict of str to list of float
            Copies; ``pandas.DataFrame`` takes it.
        """
        lists = {entry.name: list(getattr(self, entry.name)) for entry in fields(self)}
        return {name: values for name, values in lists.items() if values}

    def __repr__(self) -> str:
        last = [f"{name}={values[-1]:.4g}" for name, values in self.as_dict().items()]
        return f"History({', '.join([f'epochs={self.epochs}', f'best_epoch={self.best_epoch}', *last])})"


def _exp(loss: float) -> float:
    """The exponential; infinity where it is beyond a float."""
    return math.exp(loss) if not loss > math.log(sys.float_info.max) else math.inf
