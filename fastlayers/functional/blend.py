"""One network's parameters moved towards another's: what a target network follows by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._core import arguments, backend
from .._core.ties import ties_of
from .._core.types import Array, Run
from ..formulas import blend as formulas

__all__ = ["blend"]


def blend(params: list[Array], others: list[Array], tau: float, names: Callable[[], list[str]]) -> None:
    """Move arrays in place towards others of the same shapes.

    Parameters
    ----------
    params : list of ndarray
        Of floats. One that is there twice, or with its transpose, is moved once.
    others : list of ndarray
    tau : float
        From 0, where nothing changes, to 1, where they become the others.
    names : callable
        Gives the names of the first of params, for messages.

    Raises
    ------
    TypeError, ValueError
        If these do not go together, or an array cannot be written to; then nothing is written.
    """
    if backend.kernels.blend(params, others, tau) is NotImplemented:
        _blend(backend.run, params, others, tau, names)


def _blend(run: Run, params: list[Array], others: list[Array], tau: float, names: Callable[[], list[str]]) -> None:
    tau = arguments.probability("tau", tau)
    if len(params) != len(others):
        raise ValueError(f"the other network has {len(others)} arrays, this one {len(params)}: they must be alike")
    known = names()
    named = [known[i] if i < len(known) else f"buffer {i - len(known)}" for i in range(len(params))]
    for name, param, other in zip(named, params, others, strict=True):
        arguments.check_ndarray(name, param, "f", "floats to be updated in place")
        arguments.check_ndarray(f"the other's {name}", other, "biuf", "real numbers")
        if other.shape != param.shape:
            raise ValueError(f"{name} has shape {param.shape}, but the other network's has shape {other.shape}")
        if not param.flags.writeable:
            raise ValueError(f"{name} is read-only")
        for array in (param, other):
            arguments.check_unmasked(name, array)
    arrays = [np.asarray(param) for param in params]
    ties = ties_of(arrays, named.__getitem__)
    kept = range(len(arrays)) if ties is None else sorted({first for first, _ in ties})
    with np.errstate(all="ignore"):  # copies: another network may share a part of its memory with this one
        theirs = [np.array(others[i], arrays[i].dtype) for i in kept]
    run(formulas.blend, [arrays[i] for i in kept], theirs, tau)
