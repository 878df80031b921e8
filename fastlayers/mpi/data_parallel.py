"""A network that is trained by several ranks at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments
from .._core.protocols import Optimizer
from .._core.types import Array
from ..layers._program import overridden
from ..network import Sequential
from ..training.batches import parts
from ..training.fitted import Draw, Fitted
from ..training.loop import Gradient, Plan
from . import sharing, start
from .job import abort_on_uncaught, module
from .shared_gradient import SharedGradient


class DataParallel(Fitted):
    """A network that every rank trains on its part of each batch.

    Every rank has to make one, and to call `gradient`, `train_step`, `fit`, `batches` and `broadcast` as often as
    every other. The parameters become those of rank 0; where a layer draws at random, as `Dropout` does, every other
    rank's draws become others than rank 0's. From then on an exception that nothing catches ends the whole job, after
    its traceback: the other ranks would wait for this one for ever.

    Parameters
    ----------
    network : Sequential
        Of the same layers on every rank. It is trained in place.
    comm : mpi4py.MPI.Comm, optional
        The ranks that train together; all of the job by default.

    Attributes
    ----------
    network : Sequential
    comm : mpi4py.MPI.Comm
        The two arguments.
    history : History or None
        What the last `fit` measured, as `Sequential.history`.

    Raises
    ------
    ImportError
        If mpi4py is missing or finds no MPI.
    TypeError
        If the network has a ``train_step`` of its own, in a subclass or set on the object.
    ValueError
        On every rank, if the networks differ between ranks, or a parameter cannot be updated in place.

    Notes
    -----
    Loss and gradient are those of the mean over the samples of all ranks, which may have different numbers of them,
    any of them 0: sums are exchanged, and with them what the mean divides by. A loss of your own is taken as the mean
    over its samples, by their weights; or as their sum where it has a ``reduction`` of ``"sum"``. A `stateful` layer
    has on each rank the state of its own sequences: they go on where each batch has as many as the last, in its order.

    The gradients lie in one buffer for each dtype, into which `Affine` layers write by themselves: so from now on their
    ``dW`` and ``db`` are overwritten by every later gradient, and x is read in the parameters' dtype. Where all ranks
    are on one machine with Linux, they have this memory in common, and so has a process forked from one: it must not
    compute gradients with this network.

    `fit` is that of `Sequential` by all ranks together, each on its part of every batch. Every rank has to be given the
    whole data; it reads its parts of it, so that it may well be a memory-mapped file. Rank 0's `rng` decides the order
    of the samples for all, and rank 0 alone shows a bar. Each rank evaluates all of the validation data, and has
    callbacks of its own, which must decide alike on every rank. Numbers that are not finite are the same on every rank,
    and so is what is done about them: data that hold any, of which each rank looks at its part, and losses raise the
    same error on all; rank 0 alone warns. It is a ValueError on every rank if they were given different numbers of
    samples or of epochs: parts of the data, say; what else is wrong with the arguments of one rank is a `RankError` on
    the others.

    The job is ended by ``COMM_WORLD.Abort`` from ``sys.excepthook``, after the hook that was there before. It is not
    ended by ``sys.exit``, which is no error to Python, nor by an exception in another thread, nor in an interactive
    interpreter. ``python -m mpi4py`` ends it for ``sys.exit`` too, and for what goes wrong before there is a
    `DataParallel`.

    Examples
    --------
    The same on any number of ranks::

        net = DataParallel(network)
        for epoch in range(10):
            for x, t in net.batches(images, labels, batch_size=1024, rng=epoch):
                net.train_step(x, t, optimizer)
    """

    def __init__(self, network: Sequential, comm: Any = None) -> None:
        if overridden(network, ("train_step",)) is not None:
            raise TypeError(
                f"train_step of {type(network).__name__} would not be used: DataParallel updates by the gradient of "
                "all ranks; override gradient in its place"
            )
        self.network = network
        abort_on_uncaught()
        self.comm = module().COMM_WORLD if comm is None else comm
        start.check_alike(self.comm, network)
        self._shared = SharedGradient(network, self.comm)
        self.broadcast()
        start.draw_apart(self.comm, network)

    # What the network does by itself, on this rank alone

    def predict(self, x: ArrayLike) -> Array:
        """`Sequential.predict`, on this rank alone."""
        return self.network.predict(x)

    def loss(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """`Sequential.loss`, on this rank alone."""
        return self.network.loss(x, t, sample_weight)

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """`Sequential.accuracy`, on this rank alone."""
        return self.network.accuracy(x, t)

    def reset_state(self) -> None:
        """`Sequential.reset_state`, on this rank alone."""
        self.network.reset_state()

    @property
    def params(self) -> list[Array]:
        """The network's own arrays, the same on every rank."""
        return self.network.params

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the network from rank 0; the others, which have the same, do nothing."""
        if self.comm.rank == 0:
            self.network.save(path)

    @property
    def layers(self) -> list[Any]:
        """The network's own."""
        return self.network.layers

    @property
    def loss_layer(self) -> Any:
        """The network's own."""
        return self.network.loss_layer

    # What all ranks do together

    def gradient(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, list[Array]]:
        """The loss over the samples of all ranks, and its gradient with respect to each of `params`.

        Parameters
        ----------
        x, t, sample_weight : array_like
            This rank's part of the batch, which may be empty.

        Returns
        -------
        loss : float
            The same on every rank; nan where no sample counts.
        grads : list of ndarray
            The same on every rank, aligned with `params`.

        Raises
        ------
        Exception
            What went wrong on this rank; a `RankError` where it did on another. So no rank waits for one that failed.
        """
        loss = self._shared.compute(x, t, sample_weight)
        return loss, [grad.copy() for grad in self._shared.arrays]

    def train_step(
        self, x: ArrayLike, t: ArrayLike, optimizer: Optimizer, sample_weight: ArrayLike | None = None
    ) -> float:
        """One step with what `gradient` gives: the optimizer updates `params` in place, alike on every rank.

        Returns
        -------
        float
            The loss before the update, over the samples of all ranks.
        """
        loss = self._shared.compute(x, t, sample_weight)
        optimizer.update(self.params, self._shared.arrays)
        return loss

    def _ranks(self) -> sharing.Ranks:
        return sharing.Ranks(self.comm)

    def _order(self, rng: Any) -> Draw:
        return sharing.SharedOrder(self.comm, rng).permutation

    def _prepared(self, prepare: Callable[[], tuple[Plan, Draw | None]]) -> tuple[Plan, Draw | None]:
        # An error is raised once the others know, who would wait for this rank for ever.
        plan, draw = self._ranks().together(prepare)
        asked = {
            "samples": len(plan.data.x),
            "epochs": plan.epochs,
            "batch_size": plan.batch_size,
            "shuffle": plan.shuffle,
            "validation samples": 0 if plan.validation is None else len(plan.validation.x),
            "on_nonfinite": plan.on_nonfinite,
            "accumulate": plan.accumulate,
        }
        start.check_same(self.comm, asked)
        return plan, draw

    def _update(self, optimizer: Optimizer, grads: list[Array]) -> None:
        self.network._update(optimizer, grads)

    def _gradient_of_step(self) -> Gradient | None:
        own_step = getattr(self.train_step, "__func__", None) is not DataParallel.train_step
        return None if own_step else self._shared.compute_with_gradient

    def broadcast(self) -> None:
        """Give every rank the parameters of rank 0, as after rank 0 alone has loaded others."""
        self._shared.broadcast(self.params)

    def shard(self, *arrays: Any) -> Any:
        """A data set's part that is this rank's, of arrays that every rank has.

        Parameters
        ----------
        *arrays : array_like
            ``(N, ...)`` each, of the same N.

        Returns
        -------
        ndarray, or tuple of ndarray
            A contiguous part of each, a view where it was an array; the parts' lengths differ by at most 1.
        """
        whole = sharing.of_one_length(arrays)
        part = sharing.share(len(whole[0]), self.comm.rank, self.comm.size)
        parts = tuple(array[part] for array in whole)
        return parts[0] if len(parts) == 1 else parts

    def batches(
        self, *arrays: ArrayLike, batch_size: int = 32, rng: Any = None, shuffle: bool = True
    ) -> Iterator[tuple[Array, ...]]:
        """Each batch's part that is this rank's, over one epoch of arrays that every rank has.

        Parameters
        ----------
        *arrays : array_like
            ``(N, ...)`` each, of the same N: x and t, and sample weights where there are any.
        batch_size : int, default 32
            Of the whole batch, over all ranks; the last may be smaller.
        rng : int, numpy.random.Generator or None
            As `numpy.random.default_rng` takes it. Rank 0's decides the order of the samples for all.
        shuffle : bool, default True
            Else the samples come in the order that they have.

        Yields
        ------
        tuple of ndarray
            A part of each array; the parts of all ranks together are the batch.
        """
        whole = sharing.of_one_length(arrays)
        batch_size = arguments.count("batch_size", batch_size)
        samples = len(whole[0])
        order = sharing.SharedOrder(self.comm, rng).permutation(samples) if shuffle else np.arange(samples)
        yield from parts(whole, order, batch_size, sharing.Ranks(self.comm).part)
