"""Which samples are whose: parts of a data set, and of each batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from .._core.types import Array
from .job import agree

T = TypeVar("T")


def share(n: int, rank: int, size: int) -> slice:
    """The part of n things that is one rank's: contiguous, and of ``n // size`` or one more.

    Parameters
    ----------
    n : int
        How many there are.
    rank, size : int
        Which rank, of how many.

    Returns
    -------
    slice
        Of a sequence of n.

    Examples
    --------
    >>> [share(10, rank, 3) for rank in range(3)]
    [slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)]
    """
    return slice(n * rank // size, n * (rank + 1) // size)


class Ranks:
    """The ranks of a communicator, as a fit asks them."""

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self.speaks = comm.rank == 0

    def part(self, n: int) -> slice:
        """Which of n samples are this rank's."""
        return share(n, self._comm.rank, self._comm.size)

    def gather(self, look: Callable[[], T]) -> list[T]:
        """What each rank finds, on each; or its error, and a `RankError` on the others."""
        of_ranks: list[T] = self._comm.allgather(self.together(look))
        return of_ranks

    def together(self, look: Callable[[], T]) -> T:
        """What this rank finds, once each has found something; or its error, and a `RankError` on the others."""
        try:
            found = look()
        except Exception as error:  # it is raised once the others know, who would wait for this rank for ever
            agree(self._comm, error)
            raise
        agree(self._comm, None)
        return found


class SharedOrder:
    """An order of samples for every epoch, which rank 0 draws for all.

    Its own generator goes on from epoch to epoch, as it does where one process trains; no other is drawn from.
    """

    def __init__(self, comm: Any, rng: Any) -> None:
        self._comm = comm
        self._generator = np.random.default_rng(rng)  # on every rank: what is no seed raises on all

    def permutation(self, n: int) -> Array:
        """The numbers from 0 to n, in the same order on every rank."""
        order: Array = np.arange(n, dtype=np.int64)
        if self._comm.rank == 0:
            order[...] = self._generator.permutation(n)
        self._comm.Bcast(order, root=0)
        return order


def of_one_length(arrays: tuple[ArrayLike, ...]) -> list[Array]:
    """The arguments as arrays of one length; TypeError or ValueError where they are not."""
    whole = [np.asanyarray(array) for array in arrays]  # a masked one stays so, and is refused where it is used
    if not whole:
        raise TypeError("there must be one array at least")
    for array in whole:
        if array.ndim == 0:
            raise ValueError("a number cannot be shared out: it must be an array of shape (N, ...)")
    lengths = [len(array) for array in whole]
    if len(set(lengths)) > 1:
        raise ValueError(f"the arrays must have one length, not {', '.join(map(str, lengths))}")
    return whole
