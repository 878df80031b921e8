"""Where results go: into the arrays of ``out`` where there are any, all of them checked before one is written."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arguments import check_unmasked
from .memory import Recycler
from .types import Array

# A layer gives its Recycler, which only the kernels take memory from: to the rules here it is as None.
Out = Array | Recycler | tuple[Array | Recycler | None, ...] | None


def deliver_one(result: Array, out: Out, name: str) -> Array:
    if isinstance(out, tuple) and len(out) != 1:
        raise TypeError(f"out must be an array or a 1-tuple for the one result {name}, not a tuple of {len(out)}")
    delivered: Array = deliver((result,), out if isinstance(out, tuple) else (out,), (name,))[0]
    return delivered


def deliver(results: tuple[Any, ...], out: Out, names: tuple[str, ...]) -> list[Any]:
    """Each result, in the array given for it where there is one; all are checked before any is written."""
    results = tuple(None if r is None else np.asarray(r) for r in results)  # NumPy makes scalars of 0-d results
    if out is None:
        return list(results)
    if not isinstance(out, tuple) or len(out) != len(names):
        given = f"a tuple of {len(out)}" if isinstance(out, tuple) else type(out).__name__
        raise TypeError(f"out must be a tuple ({', '.join(names)}), any of it None, not {given}")
    targets = [None if isinstance(target, Recycler) else target for target in out]
    for name, result, target in zip(names, results, targets, strict=True):
        if target is not None:
            _check_out(name, result, target)
    _check_apart([target for target in targets if target is not None])
    delivered = [result if target is None else target for result, target in zip(results, targets, strict=True)]
    for result, target in zip(results, targets, strict=True):
        if target is not None:
            np.copyto(target, result)
    return delivered


def _check_out(name: str, result: Array, target: Array) -> None:
    if not isinstance(target, np.ndarray):
        raise TypeError(f"out for {name} must be an ndarray, not {type(target).__name__}")
    if target.dtype.newbyteorder("=") != result.dtype:
        raise TypeError(f"out for {name} has dtype {target.dtype}, but the result has dtype {result.dtype}")
    if target.shape != result.shape:
        raise ValueError(f"out for {name} has shape {target.shape}, but the result has shape {result.shape}")
    if not target.flags.writeable:
        raise ValueError(f"out for {name} is read-only")
    check_unmasked(f"out for {name}", target)
    if not _elements_are_apart(target):
        raise ValueError(f"out for {name} has elements that overlap each other: each number needs memory of its own")


def _elements_are_apart(array: Array) -> bool:
    """Whether no two elements share memory; an array that only ``as_strided`` can make may be refused in vain."""
    if array.size == 0:
        return True
    reach = array.itemsize
    for stride, n in sorted((abs(stride), n) for stride, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride < reach:
            return False
        reach += stride * (n - 1)
    return True


def _check_apart(targets: list[Array]) -> None:
    """Two results cannot share memory: one would be lost."""
    for i, target in enumerate(targets):
        for other in targets[:i]:
            try:
                # Its stub knows no other limit than -1 and 0.
                overlap = np.shares_memory(target, other, max_work=10_000)  # type: ignore[arg-type]
            except np.exceptions.TooHardError:
                overlap = True  # cannot be told apart cheaply: refuse
            if overlap:
                raise ValueError("the arrays in out overlap each other: each result needs memory of its own")
