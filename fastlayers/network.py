"""A stack of layers with a loss on top: prediction, backpropagation, the training step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ._core.described import DescribedNetwork
from ._core.protocols import Layer, Loss, Optimizer
from ._core.types import Array
from .formats.portable import Portable
from .layers._stack import Stack
from .training import loop
from .training.evaluation import accuracy_of, loss_of
from .training.history import History

__all__ = ["Sequential"]


class Sequential(Portable, DescribedNetwork, Stack):
    """Layers that feed each other, and perhaps a loss: itself a layer, which may stand in another.

    Parameters
    ----------
    layers : iterable of Layer
        Each with ``forward(x)`` and ``backward(dout)``. Your own layers are welcome; what they train they have as
        `Affine` has, ``W``, ``b``, ``dW``, ``db``, or in lists ``params`` and ``grads``, or they name it in
        ``param_names``.
    loss : object, optional
        With ``forward(x, t)`` and ``backward()``, as `SoftmaxWithLoss` has. Without one the network has no `loss`,
        `gradient`, `train_step` and `fit`: it is trained by `forward`, a loss of your own, and `backward`.

    Attributes
    ----------
    layers : list
    loss_layer : object or None
        The two arguments.
    history : History or None
        What the last `fit` measured, also where it ended in an exception or was interrupted.

    Notes
    -----
    A network has the dtype of its parameters: `predict`, `loss`, `gradient` and all that trains cast x to it, once,
    whether x is float64, float16, or the uint8 of images. A finite number that is beyond it is a ValueError. Your own
    layer, where it is the first, is given x as it is; and where parameters have several dtypes, x and they are promoted
    as NumPy does.

    Examples
    --------
    >>> import numpy as np, fastlayers as fl
    >>> rng = np.random.default_rng(0)
    >>> x, t = rng.standard_normal((50, 4)), rng.integers(0, 3, 50)
    >>> net = fl.Sequential(
    ...     [fl.Affine(0.1 * rng.standard_normal((4, 8)), np.zeros(8)), fl.Relu(),
    ...      fl.Affine(0.1 * rng.standard_normal((8, 3)), np.zeros(3))],
    ...     fl.SoftmaxWithLoss())
    >>> before = net.train_step(x, t, fl.SGD(lr=0.1))
    >>> net.loss(x, t) < before
    True

    Without a loss, trained by one that is written in NumPy, here a mean of squares:

    >>> net = fl.Sequential([fl.Affine(np.ones((4, 2)))])
    >>> y = net.forward(x)
    >>> dx = net.backward(2 * y / y.size)
    >>> fl.SGD(lr=0.1).update(net.params, net.grads)
    """

    loss_layer: Loss | None
    history: History | None = None  # here, for networks that were pickled before there was one

    def __init__(self, layers: Iterable[Layer], loss: Loss | None = None) -> None:
        Stack.__init__(self, layers)
        self.loss_layer = loss

    def loss(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The loss of what `predict` gives for x.

        Parameters
        ----------
        x : array_like
            ``(N, ...)``, or one sample ``(D,)``.
        t : array_like
            The labels or targets that the loss takes.
        sample_weight : array_like, optional
            ``(N,)``, how much each sample counts, for a loss that takes it.

        Returns
        -------
        float
            Or what else the loss layer's forward gives.
        """
        return loss_of(self._loss_for("a loss"), self.predict(x), t, sample_weight)

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """The fraction of samples, but those that the loss ignores, whose largest score is the right class.

        Parameters
        ----------
        x : array_like
            ``(N, ...)``, or one sample ``(D,)``.
        t : array_like
            ``(N,)`` labels, or ``(N, C)`` targets, of which the largest counts; one label or ``(C,)`` for one sample.

        Returns
        -------
        float
            From 0 to 1; nan for no sample.

        Raises
        ------
        TypeError, ValueError
            As `softmax_cross_entropy` for labels and targets that do not fit the scores.
        """
        return accuracy_of(self.loss_layer, self.predict(x), t)

    def gradient(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, list[Array]]:
        """The loss in training, and its gradient with respect to each of `params`, by backpropagation.

        Parameters
        ----------
        x, t, sample_weight : array_like
            A batch, as for `loss`.

        Returns
        -------
        loss : float
            As `loss` gives it, with what is dropped in training.
        grads : list of ndarray
            Aligned with `params`.
        """
        loss = self._backpropagate(x, t, sample_weight)
        return loss, self.gradients()

    def train_step(
        self, x: ArrayLike, t: ArrayLike, optimizer: Optimizer, sample_weight: ArrayLike | None = None
    ) -> float:
        """One step: forward, loss, backward, and the optimizer's update of `params` in place.

        Parameters
        ----------
        x, t : array_like
            A batch, as for `loss`.
        optimizer : object
            With ``update(params, grads)``, as those of the package have it.
        sample_weight : array_like, optional
            As for `loss`.

        Returns
        -------
        float
            The loss before the update.
        """
        loss, grads = self.gradient(x, t, sample_weight)
        optimizer.update(self.params, grads)
        return loss

    def fit(
        self,
        x: ArrayLike,
        t: ArrayLike,
        epochs: int = 10,
        batch_size: int = 32,
        *,
        optimizer: Optimizer | None = None,
        validation_data: tuple[ArrayLike, ...] | None = None,
        callbacks: Iterable[Any] = (),
        rng: Any = None,
        sample_weight: ArrayLike | None = None,
        shuffle: bool = True,
        progress: bool | None = None,
        on_nonfinite: Literal["raise", "warn", "ignore"] = "raise",
    ) -> History:
        """Train on batches of the samples, epoch after epoch.

        Parameters
        ----------
        x, t : array_like
            Inputs, and their labels or targets; an entry of each for every sample.
        epochs : int, default 10
            How often each sample has its turn.
        batch_size : int, default 32
            How many samples make a step; the last batch of an epoch has what is left.
        optimizer : object, optional
            A new `Adam` by default.
        validation_data : tuple, optional
            ``(x, t)`` or ``(x, t, sample_weight)``, evaluated after each epoch; and once before, to see that it fits.
        callbacks : iterable, optional
            Of `fastlayers.callbacks`, or functions that are given the `Training` at the end of each epoch.
        rng : int or Generator, optional
            Anything that ``numpy.random.default_rng`` takes: the order of the samples is drawn from it.
        sample_weight : array_like, optional
            ``(N,)``, how much each sample counts, for a loss that takes it: finite, 0 or more, and not all 0. Batches
            of weight 0 alone are passed over.
        shuffle : bool, default True
            Whether each epoch has an order of its own, or all have that of x.
        progress : bool, optional
            Whether to show a bar on standard error; by default where that is a terminal and tqdm is installed.
        on_nonfinite : {"raise", "warn", "ignore"}, default "raise"
            What is done where a number is not finite: an error, one RuntimeWarning for the whole training, or nothing.
            x, t, validation data and parameters are looked at before anything is trained, each loss before its step
            is taken, and what the steps have written after the last epoch, and after one every 10,000 samples or so.

        Returns
        -------
        History
            Also as the attribute `history`, from the first epoch on: Ctrl-C, or an exception in a callback, goes
            through, and leaves the network as the last step left it.

        Raises
        ------
        TypeError, ValueError
            If the arguments do not go together, or x, t, validation data or a parameter hold a number that is not
            finite, before anything is trained; or what a batch does not fit raises.
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

        Examples
        --------
        >>> import numpy as np, fastlayers as fl
        >>> x = np.random.default_rng(0).standard_normal((200, 2))
        >>> net = fl.Sequential([fl.Affine(np.zeros((2, 2)), np.zeros(2))], fl.SoftmaxWithLoss())
        >>> history = net.fit(x, (x[:, 0] > x[:, 1]).astype(int), epochs=30, optimizer=fl.Adam(0.1), rng=0)
        >>> history.epochs, history.loss[-1] < 0.1
        (30, True)
        """
        self._loss_for("a fit")
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
            progress=progress,
            on_nonfinite=on_nonfinite,
        )
        own_step = getattr(self.train_step, "__func__", None) is not Sequential.train_step
        draw = np.random.default_rng(rng).permutation if plan.shuffle else None
        return loop.fit(plan, None if own_step else self.gradient, draw)

    def _backpropagate(self, x: Any, t: ArrayLike, sample_weight: ArrayLike | None) -> float:
        """The loss in training; its gradients are left in the layers."""
        loss_layer: Any = self.loss_layer
        if loss_layer is None:
            loss_layer = self._loss_for("a gradient")
        loss = loss_of(loss_layer, self.forward(x), t, sample_weight)
        first = self._first_with_params()
        if first is not None:
            self._backward_to(first, loss_layer.backward())
        return loss

    def _loss_for(self, what: str) -> Any:
        """The loss layer; TypeError where there is none."""
        if self.loss_layer is None:
            name = type(self).__name__
            raise TypeError(f"this {name} has no loss, which {what} needs: give it one, as {name}(layers, loss)")
        return self.loss_layer
