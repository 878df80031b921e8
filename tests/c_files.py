"""What the tests of C files share: exported networks, compiled together into one library, and what they predict."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastlayers as fl

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wdouble-promotion", "-Werror")
AS_CPP = ("-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]

needs_compiler = pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang is there")


def compiled(compiler: str, sources: Iterable[Path], to: Path, *flags: str) -> Path:
    """What a compiler makes of some files; what it warns of fails."""
    command = [compiler, *flags, *map(str, sources), "-x", "none", "-o", str(to), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return to


class Library:
    """The functions of some C files, compiled into one library.

    Parameters
    ----------
    networks : mapping of str to (Sequential, dict)
        By the names of their functions, with the options of `to_c`.
    folder : Path
    compiler : str
    flags : sequence of str
    """

    def __init__(
        self, networks: Mapping[str, tuple[fl.Sequential, Any]], folder: Path, compiler: str, flags: Sequence[str]
    ) -> None:
        paths = []
        for name, (network, options) in networks.items():
            paths.append(folder / f"{name}.c")
            network.to_c(paths[-1], name, **options)
        self._library = ctypes.CDLL(str(compiled(compiler, paths, folder / "all.so", "-shared", "-fPIC", *flags)))

    def __call__(self, name: str, x: Any, outputs: int, *, numbers: int = 0) -> Any:
        """What a function gives for each row of x; of steps where its state has so many numbers."""
        dtype = np.dtype("f4") if x.dtype.kind != "f" else x.dtype
        return self.rows(name, x, np.empty((len(x), outputs), dtype), numbers)

    def rows(self, name: str, x: Any, y: Any, numbers: int = 0) -> Any:
        """The same, into y."""
        x = np.ascontiguousarray(x, np.intc if x.dtype.kind != "f" else None)
        state = np.full(numbers, np.nan, y.dtype)
        before = [state.ctypes.data_as(ctypes.c_void_p)] if numbers else []
        if numbers:
            getattr(self._library, f"{name}_reset")(*before)
        function = getattr(self._library, name)
        function.restype = None
        for row, result in zip(x, y, strict=True):
            function(*before, row.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p))
        return y
