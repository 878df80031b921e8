"""A stack of layers with a loss on top: prediction, backpropagation, the training step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from ._core import backend
from ._core.described import DescribedNetwork
from ._core.protocols import Layer, Loss, Optimizer
from ._core.types import Array
from .formats.portable import Portable
from .layers._calling import takes
from .layers._construction import asks_for_brackets, check_loss
from .layers._program import Compiled, overridden, reason_against
from .layers._stack import Stack
from .layers._summary import Summary, summary_of
from .layers.parallel import Parallel
from .training.evaluation import accuracy_of, loss_of
from .training.fitted import Draw, Fitted
from .training.loop import Gradient, Plan

__all__ = ["Parallel", "Sequential"]


class Sequential(Fitted, Portable, DescribedNetwork, Stack):
    """Layers that feed each other, and perhaps a loss: itself a layer, which may stand in another.

    Parameters
    ----------
    layers : iterable of Layer
        Each with ``forward(x)`` and ``backward(dout)``. Your own layers are welcome; what they train they have as
        `Affine` has, ``W``, ``b``, ``dW``, ``db``, or in lists ``params`` and ``grads``, or they name it in
        ``param_names``. One whose forward takes ``train_flg`` is told by it whether the network trains.
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
    `forward`, `gradient`, `train_step` and `fit` are training: dropout drops, and batch normalization goes by the batch
    and moves its running statistics on. `predict`, `loss` and `accuracy` are prediction, which changes nothing but the
    state of recurrent layers that are ``stateful``: a layer predicts by its ``predict``, or by
    ``forward(x, train_flg=False)``, or by ``forward(x)``.

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

    @asks_for_brackets
    def __init__(self, layers: Iterable[Layer], loss: Loss | None = None) -> None:
        Stack.__init__(self, layers)
        check_loss(loss, self.layers, type(self).__name__)
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

    def accuracy(self, x: ArrayLike, t: ArrayLike, batch_size: int | None = None) -> float:
        """The fraction of samples, but those that the loss ignores, whose largest score is the right class.

        Parameters
        ----------
        x : array_like
            ``(N, ...)``, or one sample ``(D,)``.
        t : array_like
            ``(N,)`` labels, or ``(N, C)`` targets, of which the largest counts; one label or ``(C,)`` for one sample.
            With `TimeSoftmaxWithLoss` ``(N, T)`` labels: each step is one to be right.
        batch_size : int, optional
            So many samples are predicted at a time; by default as `predict` has it.

        Returns
        -------
        float
            From 0 to 1; nan for no sample.

        Raises
        ------
        TypeError, ValueError
            As `softmax_cross_entropy` for labels and targets that do not fit the scores.
        """
        # A user's subclass may have a `predict` that takes x alone: it is given batch_size only where that was given.
        scores = self.predict(x) if batch_size is None else self.predict(x, batch_size)
        return accuracy_of(self.loss_layer, scores, t)

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
        result = self._in_one_call(x, t, sample_weight)
        if result is NotImplemented:
            result = self._walk(x, t, sample_weight), self._last_gradients()
        return result  # type: ignore[no-any-return]

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
        loss = self._program.train_step(backend.kernels, self.layers, self.loss_layer, x, t, optimizer, sample_weight)
        if loss is NotImplemented:
            loss = self._in_new_program("train_step", x, t, optimizer, sample_weight)
        if loss is NotImplemented:
            loss, grads = self.gradient(x, t, sample_weight)
            optimizer.update(self.params, grads)
        return loss  # type: ignore[no-any-return]

    def summary(self, input_shape: Sequence[int] | None = None) -> Summary:
        """What each layer gives, holds and costs for one sample: a table, once all shapes are seen to fit.

        Parameters
        ----------
        input_shape : sequence of int, optional
            The shape of one sample, without the batch, as ``(1, 28, 28)``; by default ``(D,)``, as many numbers as the
            first layer with parameters takes. One that takes images has to be told.

        Returns
        -------
        Summary
            Which is shown and printed as a table. Its ``layers`` have ``output_shape``, ``parameters`` and ``flops``
            each. FLOPs are those of a prediction: of a product each multiplication and each addition, of an activation
            one for each number. What goes out of a layer of your own is not known, nor what it costs, and is ``?``.

        Raises
        ------
        TypeError, ValueError
            If `input_shape` is no sequence of sizes, or a layer's parameters do not fit what comes in: the message has
            the layer's place, and both shapes.

        Examples
        --------
        >>> import fastlayers as fl
        >>> affine = fl.initializers.affine
        >>> net = fl.Sequential([fl.Affine(*affine(784, 50)), fl.Relu(), fl.Affine(*affine(50, 10))])
        >>> net.summary((1, 28, 28))
           layer    output       parameters   FLOPs
        -------------------------------------------
           (input)  (1, 28, 28)
        0  Affine   (50,)            39,250  78,400
        1  Relu     (50,)                 0      50
        2  Affine   (10,)               510   1,000
        -------------------------------------------
           all                       39,760  79,450
        """
        return summary_of(self, input_shape)

    @property
    def compiled(self) -> Compiled:
        """Whether the next call runs as one compiled call; where not, its `reason` is why.

        It is true of a network of the package's own layers on compiled kernels. Such a call gives the same numbers, to
        the last bit, and leaves the same attributes in the layers, as one that asks each layer in turn. What is not
        taken in one call is asked so. ``FASTLAYERS_FUSE=0`` in the environment has all networks ask each layer.
        """
        return Compiled(reason_against(self))

    def _update(self, optimizer: Optimizer, grads: list[Array]) -> None:
        """``optimizer.update(params, grads)``, as part of the program where there is one."""
        if self._program.update(backend.kernels, self.layers, optimizer, grads) is NotImplemented:
            optimizer.update(self.params, grads)

    def _prepared(self, prepare: Callable[[], tuple[Plan, Draw | None]]) -> tuple[Plan, Draw | None]:
        self._loss_for("a fit")
        return prepare()

    def _gradient_of_step(self) -> Gradient | None:
        own_step = getattr(self.train_step, "__func__", None) is not Sequential.train_step
        return None if own_step else self.gradient

    def _backpropagate(self, x: Any, t: ArrayLike, sample_weight: ArrayLike | None) -> float:
        """The loss in training; its gradients are left in the layers."""
        result = self._in_one_call(x, t, sample_weight)
        return self._walk(x, t, sample_weight) if result is NotImplemented else result[0]

    def _in_one_call(self, x: Any, t: ArrayLike, sample_weight: ArrayLike | None) -> Any:
        """What `gradient` gives; NotImplemented where there is no program for it."""
        result = self._program.gradient(backend.kernels, self.layers, self.loss_layer, x, t, sample_weight)
        return self._in_new_program("gradient", x, t, sample_weight) if result is NotImplemented else result

    def _walk(self, x: Any, t: ArrayLike, sample_weight: ArrayLike | None) -> float:
        """The loss in training, layer by layer; its gradients are left in the layers."""
        loss_layer: Any = self.loss_layer
        if loss_layer is None:
            loss_layer = self._loss_for("a gradient")
        loss = loss_of(loss_layer, self.forward(x), t, sample_weight)
        first = self._first_with_params()
        if first is not None:
            dout = loss_layer.backward()
            if overridden(self, ("backward",)) is None:
                self._backward_to(first, dout)
            else:
                self.backward(dout, **({"need_dx": False} if takes("need_dx", self.backward) else {}))
        return loss

    def _loss_for(self, what: str) -> Any:
        """The loss layer; TypeError where there is none."""
        if self.loss_layer is None:
            name = type(self).__name__
            raise TypeError(f"this {name} has no loss, which {what} needs: give it one, as {name}(layers, loss)")
        return self.loss_layer
