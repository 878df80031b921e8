"""Which implementation answers: backend, instruction set, threads, and a report of all three.

The backend is one setting for the process. ``kernels`` is what `functional` asks first: the loaded
compiled module, or an object that declines every call so that the reference answers.
"""

from __future__ import annotations

import operator
import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from .._version import __version__
from .levels import EVERY_MODULE, LEVELS, MODULES, is_built, load_best
from .levels import load_level as load_level  # which tests and tools ask for here
from .levels import supported_levels as supported_levels

BACKENDS = ("auto", "cython", "reference")


def how_to_build() -> str:
    """What gives the user kernels, as the end of a sentence."""
    from . import advice  # which brings in more than all else here, and few ever ask

    return advice.how_to_build()


def _decline(*args: Any, **options: Any) -> Any:
    return NotImplemented


class _Declining:
    """What a process without kernels has in place of a level's module: it declines all that it is asked."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _decline


_DECLINES = _Declining()

kernels: Any = _DECLINES

_compiled: ModuleType | None = None  # the loaded level's module
_level: str | None = None
_failures: dict[str, str] = {}  # level -> why it is not there
_num_threads = 1
fuses = True  # whether a network of our own layers runs as one call


def run(formula: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """What the current backend makes of normalised arrays: compiled where a kernel takes them, else the reference."""
    kernel = getattr(kernels, formula.__name__, _decline)
    result = kernel(*arrays, **options)
    return formula(*arrays, **options) if result is NotImplemented else result


# The backend


def get_backend() -> str:
    """The backend in use.

    Returns
    -------
    str
        ``"cython"`` or ``"reference"``.
    """
    return "reference" if kernels is _DECLINES else "cython"


def set_backend(name: str) -> None:
    """Choose the backend, for the whole process.

    Parameters
    ----------
    name : {"auto", "cython", "reference"}
        ``"auto"`` takes the compiled kernels where they are there, else the reference.

    Raises
    ------
    ValueError
        If the name is none of these.
    ImportError
        If ``"cython"`` is asked for and the kernels are not there; the message says why and how to build them.
    """
    global kernels
    _known("backend", name, BACKENDS)
    if name == "cython" and _compiled is None:
        why = "; ".join(f"{level}: {reason}" for level, reason in _not_loaded().items())
        raise ImportError(f"the compiled kernels are not there: {why}; to get them, {how_to_build()}")
    kernels = _DECLINES if name == "reference" or _compiled is None else _compiled


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """`set_backend` for the length of a ``with`` block; the backend before it comes back afterwards.

    Parameters
    ----------
    name : {"auto", "cython", "reference"}
        As for `set_backend`. Other threads of the process see the change too.
    """
    before = get_backend()
    set_backend(name)
    try:
        yield
    finally:
        set_backend(before)


def _not_loaded() -> dict[str, str]:
    """Why a level that this CPU may run is not there."""
    if not any(map(is_built, EVERY_MODULE)):
        from . import advice

        if advice.is_pure():
            return {"every level": advice.PURE}
    return dict(_failures)


# Threads


def get_num_threads() -> int:
    """How many threads a kernel may use.

    Returns
    -------
    int
        1 or more. Only large arrays are worth a second thread; small ones run on the calling one.
    """
    return _num_threads


def set_num_threads(n: int) -> None:
    """Set how many threads a kernel may use, for the whole process.

    Results do not depend on it, to the last bit, apart from those of BLAS products: these run on
    NumPy's BLAS, whose threads are its own affair (``OPENBLAS_NUM_THREADS``).

    Parameters
    ----------
    n : int
        1 or more; it is not capped at the number of cores.

    Raises
    ------
    ValueError
        If n is less than 1.
    TypeError
        If n is not an integer.
    """
    global _num_threads
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"the number of threads must be an integer, not {type(n).__name__}") from None
    if n < 1:
        raise ValueError(f"the number of threads must be 1 or more, not {n}")
    _num_threads, told = n, None
    while _compiled is not None and told != _num_threads:  # once more where another thread has set it meanwhile
        told = _num_threads
        _compiled.set_num_threads(min(told, 2**31 - 1))  # a C int; the pool has fewer workers anyway


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# The report


def config() -> dict[str, Any]:
    """What `show_config` prints, as a dictionary."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "fastlayers": __version__,
        "backend": get_backend(),
        "instruction set": _level or "none",
        "built": [level for level in MODULES if is_built(MODULES[level])],
        "not loaded": _not_loaded(),
        "networks": "as one call" if fuses else "layer by layer",
        "threads": _num_threads,
        "OpenMP": False,
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _networks() -> str:
    if _compiled is None or get_backend() == "reference":
        return "layer by layer, on the reference"
    return (
        "as one call each, if all of their layers are the package's" if fuses else "layer by layer: FASTLAYERS_FUSE=0"
    )


def described() -> tuple[list[tuple[str, str]], str]:
    """The rows that `show_config` prints, and how to get the kernels where they are not there, else nothing."""
    c = config()
    rows = {
        "fastlayers": c["fastlayers"],
        "backend": c["backend"],
        "instruction set": c["instruction set"],
        "built": ", ".join(c["built"]) or "none",
        "threads": f"{c['threads']} at most, of a pool of its own" if _compiled else "the reference runs on one",
        "networks": _networks(),
        "OpenMP": "not used",
        "numpy": f"{c['numpy']}, BLAS {c['blas']}",
        "python": f"{c['python']}, {c['machine']}",
    }
    failures = [("not loaded", f"{level}: {reason}") for level, reason in c["not loaded"].items()]
    note = ""
    if _compiled is None:
        note = f"The compiled kernels are not there, so the NumPy reference answers. To get them,\n{how_to_build()}."
    return [*rows.items(), *failures], note


def show_config() -> None:
    """Print version, backend, instruction set in use and those built, threads, OpenMP or not, NumPy and its BLAS.

    Where the kernels are not there, it says why and how to get them.
    """
    rows, note = described()
    for name, value in rows:
        print(f"{name:<16} {value}")
    if note:
        print(f"\n{note}")


# The environment, read once


def _known(what: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"unknown {what} {value!r}; known are {', '.join(known)}")
    return value


def _start() -> None:
    global fuses, _compiled, _level, _failures
    backend = _known("FASTLAYERS_BACKEND", os.environ.get("FASTLAYERS_BACKEND") or "auto", BACKENDS)
    cap = _known("FASTLAYERS_ISA", os.environ.get("FASTLAYERS_ISA") or LEVELS[-1], LEVELS)
    threads = os.environ.get("FASTLAYERS_NUM_THREADS") or str(_available_cores())
    if not re.fullmatch("[1-9][0-9]{0,17}", threads):
        raise ValueError(f"unknown FASTLAYERS_NUM_THREADS {threads!r}; known are the whole numbers from 1")
    fuses = _known("FASTLAYERS_FUSE", os.environ.get("FASTLAYERS_FUSE") or "1", ("0", "1")) == "1"
    _compiled, _level, _failures = load_best(cap)
    if _compiled is None and backend == "auto":
        from . import advice

        advice.warn_of_hidden_kernels(EVERY_MODULE, stacklevel=4)  # from here to the import
    set_backend(backend)
    set_num_threads(int(threads))


_start()
