"""`fit`, of one network and of one that several processes train."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._core.protocols import Optimizer
from .._core.types import Array
from . import loop
from .guard import Ranks
from .history import History
from .text import RunningText

__all__ = ["Fitted"]

# Of the number of samples: their order for an epoch.
Draw = Callable[[int], Array]


class Fitted:
    """What can be fitted: it has layers, a loss layer, params, gradient and train_step."""

    history: History | None = None  # here, for networks that were pickled before there was one

    def fit(
        self,
        x: ArrayLike | RunningText,
        t: ArrayLike | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        *,
        optimizer: Optimizer | None = None,
        validation_data: tuple[ArrayLike, ...] | RunningText | None = None,
        callbacks: Iterable[Any] = (),
        rng: Any = None,
        sample_weight: ArrayLike | None = None,
        shuffle: bool = True,
        progress: bool | None = None,
        on_nonfinite: Literal["raise", "warn", "ignore"] = "raise",
        accumulate: int = 1,
    ) -> History:
        """Train on batches of the samples, epoch after epoch.

        Parameters
        ----------
        x, t : array_like
            Inputs, and their labels or targets; an entry of each for every sample. Or x is of `training.running_text`,
            which has its own labels, batches and order, and goes on through the epochs.
        epochs : int, default 10
            How often each sample has its turn.
        batch_size : int, default 32
            How many samples make a step; the last batch of an epoch has what is left.
        optimizer : object, optional
            A new `Adam` by default.
        validation_data : tuple, optional
            ``(x, t)`` or ``(x, t, sample_weight)``, or running text, of which the loss alone is recorded; evaluated
            after each epoch, and once before, to see that it fits.
        callbacks : iterable, optional
            Of `fastlayers.callbacks`, or functions that are given the `Training` at the end of each epoch.
        rng : int or Generator, optional
            Anything that ``numpy.random.default_rng`` takes: the order of the samples is drawn from it.
        sample_weight : array_like, optional
            ``(N,)``, how much each sample counts, for a loss that takes it: finite, 0 or more, and not all 0. Batches
            of weight 0 alone are passed over. With `TimeSoftmaxWithLoss` ``(N, T)``, each step's: a mask.
        shuffle : bool, default True
            Whether each epoch has an order of its own, or all have that of x.
        progress : bool, optional
            Whether to show a bar on standard error; by default where that is a terminal and tqdm is installed.
        on_nonfinite : {"raise", "warn", "ignore"}, default "raise"
            What is done where a number is not finite: an error, one RuntimeWarning for the whole training, or nothing.
            x, t, validation data and parameters are looked at before anything is trained, each loss before its step
            is taken, and what the steps have written after the last epoch, and after one every 10,000 samples or so.
        accumulate : int, default 1
            How many batches make one step: their gradients are averaged before each update, which equals one batch of
            all their samples, to rounding, in less memory. Batch normalization still goes by each batch.

        Returns
        -------
        History
            Also as the attribute `history`, from the first epoch on: Ctrl-C, or an exception in a callback, goes
            through, and leaves the network as the last step left it.

        Raises
        ------
        TypeError, ValueError
            If the arguments do not go together, the network has no parameters to train, or x, t, validation data or a
            parameter hold a number that is not finite, before anything is trained; or if a batch does not fit.
        FloatingPointError
            If a loss is not finite: parameters and optimizer are as they were before this step, and the message has
            epoch and batch, counted from 0, and the row of x if a sample is to blame. Where an earlier step has left a
            parameter or an optimizer's state that is not finite, which is found at a later loss or at the end of an
            epoch, they are as they were at the beginning of an epoch, which the message names.
        ImportError
            If a bar is asked for and tqdm is not installed.

        Notes
        -----
        A ``train_step`` or ``gradient`` that a subclass overrides is what takes the steps; where it is ``train_step``,
        its loss is seen after the step, and the beginning of an epoch is what is put back.

        Layers that keep a state begin each epoch from zero; but running text goes on, and so does the state. With a
        layer that is ``stateful`` the state goes on from batch to batch: so these must not be shuffled, and must be of
        one size. Validation begins from zero, and leaves the state as it was.

        Examples
        --------
        >>> import numpy as np, fastlayers as fl
        >>> x = np.random.default_rng(0).standard_normal((200, 2))
        >>> net = fl.Sequential([fl.Affine(np.zeros((2, 2)), np.zeros(2))], fl.SoftmaxWithLoss())
        >>> history = net.fit(x, (x[:, 0] > x[:, 1]).astype(int), epochs=30, optimizer=fl.Adam(0.1), rng=0)
        >>> history.epochs, history.loss[-1] < 0.1
        (30, True)
        """
        ranks = self._ranks()

        def prepare() -> tuple[loop.Plan, Draw | None]:
            plan = loop.prepare(
                self,
                x,
                t,
                epochs,
                batch_size,
                optimizer=optimizer,
                validation_data=validation_data,
                callbacks=callbacks,
                sample_weight=sample_weight,
                shuffle=shuffle,
                progress=progress if ranks is None or ranks.speaks else False,
                on_nonfinite=on_nonfinite,
                accumulate=accumulate,
            )
            return plan, self._order(rng) if plan.shuffle else None

        plan, draw = self._prepared(prepare)
        gradient = self._gradient_of_step()
        if gradient is None and plan.accumulate > 1:
            raise TypeError(
                f"accumulate is {plan.accumulate}, but {type(self).__name__} overrides train_step, which updates after "
                "each batch: accumulate must be 1"
            )
        return loop.fit(plan, gradient, draw, ranks)

    # What is otherwise where several processes train

    def _ranks(self) -> Ranks | None:
        """The processes that train together, if there are several."""
        return None

    def _order(self, rng: Any) -> Draw:
        """What gives the order of the samples for an epoch."""
        return np.random.default_rng(rng).permutation

    def _prepared(self, prepare: Callable[[], tuple[loop.Plan, Draw | None]]) -> tuple[loop.Plan, Draw | None]:
        """What `prepare` gives, once the arguments are seen to be right for all."""
        return prepare()

    def _gradient_of_step(self) -> loop.Gradient | None:
        """What gives a batch's loss and gradient; None where ``train_step`` is to take the steps."""
        raise NotImplementedError
