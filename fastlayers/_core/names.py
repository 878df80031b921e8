"""What a module answers when it is asked for a name that it does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def asked_for_missing(module: str, *later: str) -> Callable[[str], Any]:
    """A module's ``__getattr__``: imports those of its own that are named, and says of the books' names what to do.

    To type checkers a module has none, or they would take every name for one that is there.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807  (it becomes the module's)
        if name in later:
            from importlib import import_module

            return import_module(f"{module}.{name}")
        if name.startswith("__"):  # such as __path__, for which every import from a module looks
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from .books import absent

        raise absent(module, name)

    return __getattr__
