"""The gradient of a loss over the samples of all ranks, in one exchange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._core import arguments, targets
from .._core.types import Array
from ..layers._declaration import buffers_of, named_trained, params_of, put_buffers
from ..layers._stack import as_input, leaves, takes_indices
from ..network import Sequential
from . import divisors, start
from .exchange import Exchange
from .job import agree


class SharedGradient:
    """The loss and the gradient of a network, of which every rank computes a part.

    Parameters
    ----------
    network : Sequential
        Alike on every rank.
    comm : communicator
    """

    def __init__(self, network: Sequential, comm: Any) -> None:
        self._network, self._comm = network, comm
        params = network.params
        # The loss, what its mean divides by, and how many ranks have failed, ride along with the gradients.
        self._exchange = Exchange(comm, [p.shape for p in params], [p.dtype for p in params], numbers=3)
        self._dtype = start.place_gradients(network, self._exchange.arrays)

    def broadcast(self, params: Sequence[Array]) -> None:
        """Give every rank the parameters of rank 0, which go where gradients do; those that are frozen too."""
        self._exchange.put(params)
        self._exchange.broadcast()
        for param, sent in zip(params, self._exchange.arrays, strict=True):
            np.copyto(param, sent, casting="same_kind")
        layers = [layer for _, layer in leaves(self._network.layers) if not named_trained(layer)]
        frozen = [param for layer in layers for param in params_of(layer)]
        if frozen:  # on every rank alike
            for param, sent in zip(frozen, self._comm.bcast(frozen), strict=True):
                np.copyto(param, sent)
        self._share_buffers(has_samples=True)

    def _share_buffers(self, *, has_samples: bool) -> None:
        """Give every rank the buffers of the first with samples: each has updated its own by its part of a batch."""
        mine = [*buffers_of(layer for _, layer in leaves(self._network.layers))]
        if mine:
            with_samples = self._comm.allgather(has_samples)
            root = with_samples.index(True) if True in with_samples else 0
            sent = self._comm.bcast([array for *_, array in mine], root=root)
            put_buffers((layer, name, array) for (layer, name, _), array in zip(mine, sent, strict=True))

    def compute(self, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None) -> float:
        """The loss over the samples of all ranks, with its gradient in `arrays`; any rank's error is raised on all."""
        error: Exception | None = None
        loss = divisor = 0.0
        samples = 0
        try:
            loss, divisor, samples = self._own_part(x, t, sample_weight)
        except Exception as caught:  # it is raised once the others know, who would wait for this rank for ever
            error = caught
        numbers = self._exchange.numbers
        with np.errstate(over="ignore"):
            numbers[0], numbers[1], numbers[2] = loss, divisor, error is not None
        loss, divisor, failed = self._exchange.sum_numbers()
        if failed:
            agree(self._comm, error)
        self._share_buffers(has_samples=samples > 0)
        if getattr(self._network.loss_layer, "reduction", "mean") == "sum":
            self._exchange.sum_arrays(1.0)
            return loss
        targets.check_sum("the weights", divisor, "the samples of all ranks")  # which all ranks have alike
        # Where no sample counts there is no mean, and the sums are 0.
        self._exchange.sum_arrays(1 / divisor if divisor else 1.0)
        return loss / divisor if divisor else float("nan")

    def compute_with_gradient(self, x: Array, t: Array, sample_weight: Array | None) -> tuple[float, list[Array]]:
        """What `compute` gives, and `arrays`, which the next call writes over."""
        return self.compute(x, t, sample_weight), self.arrays

    def _own_part(self, x: Any, t: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float, int]:
        """The sum of this rank's losses, what it counts in the mean, its samples; the gradient goes to its arrays."""
        x = as_input(self._network.layers, x)
        is_of_dtype = takes_indices(self._network.layers) or (isinstance(x, np.ndarray) and x.dtype == self._dtype)
        if self._dtype is not None and not is_of_dtype:
            x = arguments.real("x", x).astype(self._dtype)
        if isinstance(x, np.ndarray) and x.ndim == 0:
            raise ValueError("x is 0-dimensional: it must be a part of a batch, (N, ...)")
        if len(x) == 0:  # not every layer of a user's own can do with that
            if np.size(t):
                raise ValueError(f"t of shape {np.shape(t)} does not fit an x that has no samples")
            self._exchange.put([None] * len(self._exchange.arrays))
            return 0.0, 0.0, 0
        loss_layer: Any = self._network.loss_layer
        reduction = getattr(loss_layer, "reduction", "mean")
        if reduction not in ("mean", "sum"):
            raise ValueError(f"the loss has reduction={reduction!r}: over several ranks it must be 'mean' or 'sum'")
        is_ours = divisors.is_ours(loss_layer)
        weights = () if sample_weight is None else (sample_weight,)
        if reduction == "mean":
            divisors.check_sums(loss_layer, sample_weight)
        if is_ours:
            loss_layer.reduction = "sum"
        try:
            loss, grads = self._network.gradient(x, t, *weights)
        finally:
            if is_ours:
                loss_layer.reduction = reduction
        if len(grads) != len(self._exchange.arrays):
            raise ValueError(
                f"the network has {len(grads)} arrays to train, and had {len(self._exchange.arrays)}: after freeze or "
                "unfreeze it needs a new DataParallel"
            )
        divisor = divisors.divisor(loss_layer, len(x), t, sample_weight)
        self._exchange.put(grads)
        if reduction == "mean" and not is_ours:  # the sum is made of the mean
            self._exchange.scale(divisor)
            loss *= divisor
        return loss, divisor, len(x)

    @property
    def arrays(self) -> list[Array]:
        """The gradient, in the parameters' dtypes; what is exchanged, unless it has to be converted."""
        if self._dtype is not None:  # they have it
            return self._exchange.arrays
        pairs = zip(self._exchange.arrays, self._network.params, strict=True)
        return [grad.astype(param.dtype, copy=False) for grad, param in pairs]
