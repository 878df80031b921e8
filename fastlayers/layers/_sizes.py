"""Constructors that are given sizes where they take arrays, as the layers of other libraries take sizes."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec

import numpy as np

from .._core.described import shown

__all__ = ["refuses_sizes"]

P = ParamSpec("P")

_OF_INITIALIZERS = {"bias", "dtype"}  # what an initialiser takes that a layer of another library takes too
_OURS = {"padding": "pad"}  # our name of an option of other libraries


def refuses_sizes(init: Callable[Concatenate[Any, P], None]) -> Callable[Concatenate[Any, P], None]:
    """Make a constructor refuse a number as the first parameter of its layer.

    The TypeError shows the call of the initialiser that the class names in `_initializer`.
    """

    @functools.wraps(init)
    def checked(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
        first = args[0] if args else kwargs.get(self.param_names[0], ())
        if np.ndim(first) == 0:  # type: ignore[arg-type]  # anything
            raise TypeError(
                f"{self.param_names[0]} must be an array, not {shown(first)}: write {_call(type(self), args, kwargs)}"
            )
        init(self, *args, **kwargs)

    return checked


def _is_size(value: object) -> bool:
    return isinstance(value, int | np.integer) or (isinstance(value, tuple) and all(map(_is_size, value)))


def _call(kind: Any, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """Return the code that makes a layer of the sizes among the arguments, or of D, M and so on if some are missing."""
    kind = next(base for base in kind.__mro__ if base.__module__.partition(".")[0] == "fastlayers")
    initializer, symbols = kind._initializer, re.findall("[A-Z]+", kind._initializer)
    sizes = itertools.takewhile(_is_size, args)
    found = [str(size) for size in itertools.islice(sizes, len(symbols))]
    parameters = inspect.signature(kind).parameters
    others = [
        name
        for name, parameter in parameters.items()
        if name not in kind.param_names and parameter.default is parameter.empty
    ]
    if len(found) == len(symbols):
        found[-1] += "".join(f", {name}={shown(value)}" for name, value in kwargs.items() if name in _OF_INITIALIZERS)
        initializer = re.sub("[A-Z]+", lambda _: found.pop(0), initializer)
        others = [*map(shown, args[len(symbols) :])] or others
        others += [
            f"{_OURS.get(name, name)}={shown(value)}"
            for name, value in kwargs.items()
            if _OURS.get(name, name) in parameters
        ]
    return f"fl.{kind.__name__}({', '.join([f'*fl.initializers.{initializer}', *others])})"
