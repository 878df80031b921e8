"""Names in messages: what there is in place of a missing one, and no internal class in those of methods."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any


def asked_for_missing(module: str, *later: str) -> Callable[[str], Any]:
    """Return a module's ``__getattr__``, which imports submodules and advises on names of the books and of libraries.

    Parameters
    ----------
    module : str
        The module's ``__name__``.
    *later : str
        Submodules that are imported when they are first asked for.
    """
    # For type checkers a module has no such function: they would accept every name.

    def __getattr__(name: str) -> Any:  # noqa: N807  (it becomes the module's)
        if name in later:
            from importlib import import_module

            return import_module(f"{module}.{name}")
        says = None if name.startswith("_") else _advice(module, name)  # every import from a module asks for __path__
        if says is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        import opcode

        # An import statement would replace the message of an AttributeError; hasattr needs one.
        asking = sys._getframe(1)
        if asking.f_code.co_code[asking.f_lasti] == opcode.opmap["IMPORT_FROM"]:
            raise ImportError(says, name=module)
        raise AttributeError(says)

    return __getattr__


def _advice(module: str, name: str) -> str | None:
    """Return what to use in place of a name of the books or of another library; None for any other name."""
    from . import books, libraries

    for table in (books.INSTEAD, libraries.INSTEAD):
        if name in table:
            return f"{module} has no {name}: fastlayers has {table[name]}"
    for file, names in books.NOT_HERE.items():
        if name in names:
            return f"{module} has no {name}: keep the book's own from {file}"
    return None


def hide_internal_bases(*namespaces: Mapping[str, object]) -> None:
    """Let Python's messages say ``fit()`` of a method that a public class inherits from an internal one.

    They have the method's qualified name, which is that of the class where it is defined.

    Parameters
    ----------
    *namespaces : dict
        Those of modules: their classes are the public ones, except under names with an underscore in front.
    """
    named = [pair for namespace in namespaces for pair in namespace.items()]
    public = {value for name, value in named if isinstance(value, type) and not name.startswith("_")}
    package = __name__.partition(".")[0]
    for base in {base for kind in public for base in kind.__mro__} - public:
        if base.__module__.partition(".")[0] == package:
            for name, member in vars(base).items():
                function = getattr(member, "__func__", member)  # of a class method or static method
                while function is not None:
                    if isinstance(function, FunctionType):
                        function.__qualname__ = name
                    function = getattr(function, "__wrapped__", None)
