"""A C file in the making: its constants, the functions and buffers that it uses, and the lines of its one function.

All of it is a template until the end, when `Source.words` puts in the file's own words: REAL is the type of its
numbers; NAME is its function's, with which all that it defines begins, and MACRO the same in capitals; @ is the suffix
of a number of that type, and of a function of ``math.h``; STEM is the file's name without its ending.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._core.types import Array

_TYPES = {"float32": ("float", "f", "%.9g"), "float64": ("double", "", "%.17g")}  # digits that give back every number
_IN_A_LINE = 8
_SPACES = " " * 4


@dataclass(frozen=True)
class Numbers:
    """Where a layer finds its input, or puts its output.

    Parameters
    ----------
    array : str
        The C expression of an array.
    first : int
        The index of the first number.
    """

    array: str
    first: int = 0

    def __getitem__(self, index: str) -> str:
        return f"{self.array}[{f'{self.first} + ' if self.first else ''}{index}]"


@dataclass
class Source:
    """What a file is made of.

    Parameters
    ----------
    name : str
        Of its function.
    dtype : {"float32", "float64"}
    stem : str
        The file's name without its ending, as comments show it.
    """

    name: str
    dtype: str
    stem: str
    constants: list[str] = field(default_factory=list)
    bytes_of_constants: int = 0
    functions: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    state: dict[str, int] = field(default_factory=dict)
    buffers: list[int] = field(default_factory=list)
    _held: dict[Any, str] = field(default_factory=dict)
    _free: set[int] = field(default_factory=set)

    @property
    def real(self) -> str:
        """The type of its numbers."""
        return _TYPES[self.dtype][0]

    def words(self, template: str) -> str:
        """A template in the file's own words, all at once: a name may look like one of the others."""
        words = {
            "REAL": self.real,
            "NAME": self.name,
            "MACRO": self.name.upper(),
            "STEM": self.stem,
            "@": _TYPES[self.dtype][1],
        }
        return re.sub("|".join(words), lambda found: words[found[0]], template)

    def add(self, template: str) -> None:
        """Lines more of the function."""
        lines = textwrap.dedent(template).split("\n")
        self.lines += [_SPACES + line for line in lines if line.strip()]

    def number(self, value: Any) -> str:
        """A constant."""
        return self._numbers([value])[0]

    def hold(self, name: str, array: Array) -> str:
        """Have an array in the file, one of equal ones, and give its name.

        Parameters
        ----------
        name : str
            What the array is, behind the function's name.
        array : ndarray
            ``(M,)``, or ``(N, M)``.
        """
        array = np.ascontiguousarray(array, self.dtype)
        key = array.shape, array.tobytes()
        if key not in self._held:
            self._held[key] = f"NAME_{name}"
            self.constants.append(self.table(self._held[key], array))
            self.bytes_of_constants += array.nbytes
        return self._held[key]

    def table(self, name: str, array: Array) -> str:
        """The definition of a constant array, of numbers or of indices."""
        kind = "REAL" if array.dtype.kind == "f" else "int"
        sizes = "".join(f"[{size}]" for size in array.shape)
        rows = [self._row(row) for row in np.atleast_2d(array)]
        text = rows[0] if array.ndim == 1 else "{\n" + ",\n".join(rows) + "\n}"
        return f"static const {kind} {name}{sizes} = {text};"

    def use(self, name: str, template: str) -> str:
        """Have a function in the file, and give its name."""
        self.functions[name] = textwrap.dedent(template).strip("\n")
        return f"NAME_{name}"

    def keep(self, name: str, size: int) -> Numbers:
        """Numbers that remain from call to call."""
        self.state[name] = size
        return Numbers(f"state->{name}")

    def take(self, size: int) -> Numbers:
        """A buffer, until it is given back."""
        fitting = sorted(self._free, key=lambda i: (self.buffers[i] < size, abs(self.buffers[i] - size)))
        if fitting:
            taken = fitting[0]
            self._free.remove(taken)
            self.buffers[taken] = max(self.buffers[taken], size)
        else:
            taken = len(self.buffers)
            self.buffers.append(size)
        return Numbers(f"buffer{taken}")

    def give_back(self, taken: Numbers) -> None:
        """Let a buffer be taken again; what is none stays as it is."""
        if taken.array.startswith("buffer"):
            self._free.add(int(taken.array.removeprefix("buffer")))

    def _row(self, numbers: Iterable[Any]) -> str:
        texts = self._numbers(numbers)
        lines = [", ".join(texts[i : i + _IN_A_LINE]) for i in range(0, len(texts), _IN_A_LINE)]
        return "{" + ",\n".join(lines) + "}"

    def _numbers(self, values: Iterable[Any]) -> list[str]:
        digits = _TYPES[self.dtype][2]
        array = np.asarray(values)
        if array.dtype.kind in "iu":
            return [str(value) for value in array.tolist()]
        texts = [digits % value for value in array.astype(self.dtype).tolist()]
        return [(text if "." in text or "e" in text else f"{text}.0") + "@" for text in texts]
