"""Gradients scaled down in place, as the book's trainer does it before the optimizer has its turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._core import backend
from .._core.arguments import check_ndarray, check_unmasked, positive
from .._core.types import Array, Run
from ..formulas import optimizers as formulas

__all__ = ["clip_grads"]


def clip_grads(grads: Sequence[Array], max_norm: float) -> None:
    r"""Scale all gradients down together, in place, where their norm as of one vector is larger than `max_norm`.

    An optimizer's ``clip_norm`` does the same in its own pass, and leaves the gradients as they are.

    Parameters
    ----------
    grads : list of ndarray
        Of floats. An array that is there more than once, or a transpose of it, is one gradient: it counts once in the
        norm, and is scaled once.
    max_norm : float
        More than 0.

    Raises
    ------
    TypeError
        If a gradient is no array of floats, or max_norm no number.
    ValueError
        If a gradient is read-only or has masked entries, two share a part of their memory, or max_norm is not finite or
        not above 0. Then nothing is written.

    Notes
    -----
    Each is multiplied by :math:`max\_norm / (\lVert g \rVert + 10^{-6})` where that is below 1. The norm is taken in
    float64, and no square overflows. Where there is none it is as with ``clip_norm``, and as in PyTorch: one nan makes
    nan of all, where the book leaves all as they are; and an infinite one makes 0 of all but those that are infinite,
    which become nan. Saitoh, *Deep Learning from Scratch 2*, section 6.1.4; Pascanu et al., "On the difficulty of
    training recurrent neural networks", ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> grads = [np.array([[3.0, 0.0]]), np.array([4.0])]
    >>> clip_grads(grads, 1.0)
    >>> [grad.round(3) for grad in grads]
    [array([[0.6, 0. ]]), array([0.8])]
    """
    if backend.kernels.clip_grads(grads, max_norm) is NotImplemented:
        _clip_grads(backend.run, grads, max_norm)


def _clip_grads(run: Run, grads: Sequence[Array], max_norm: float) -> None:
    limit = positive("max_norm", max_norm)
    distinct: dict[object, tuple[int, Array]] = {}
    for i, grad in enumerate(grads):
        check_ndarray(f"gradient {i}", grad, "f", "floats to be scaled in place")
        check_unmasked(f"gradient {i}", grad)
        if not grad.flags.writeable:
            raise ValueError(f"gradient {i} is read-only")
        if grad.size:
            distinct.setdefault(_numbers_of(grad), (i, np.asarray(grad)))
    arrays = [*distinct.values()]
    for n, (i, grad) in enumerate(arrays):
        for j, other in arrays[:n]:
            if np.may_share_memory(grad, other) and np.shares_memory(grad, other):
                raise ValueError(f"gradients {j} and {i} share a part of their memory, which can be scaled only once")
    run(formulas.clip_grads, [grad for _, grad in arrays], limit)


def _numbers_of(array: Array) -> object:
    """What two arrays have in common that hold the same numbers in the same memory, in whatever order of axes."""
    address = array.__array_interface__["data"][0]
    if array.flags.forc:
        return address, array.dtype, array.nbytes
    steps = sorted((step, n) for step, n in zip(array.strides, array.shape, strict=True) if n > 1)
    return address, array.dtype, *steps
