"""The code of the book's second volume, read from a checkout of it that the environment names, as ``books.py`` does."""

import importlib
import os
import sys
from functools import cache
from typing import Any

import books_code


@cache
def root() -> str | None:
    """The folder of the checkout; None where there is none."""
    folder = os.environ.get(books_code.VARIABLE)
    found = books_code.volumes(folder).get(2) if folder else None
    return None if found is None else str(found)


def module(name: str) -> Any:
    """One of the book's own modules, ``common.time_layers``."""
    folder = root()
    if folder is None:
        raise ModuleNotFoundError(f"{books_code.VARIABLE} names no checkout of volume 2")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def layers() -> Any:
    return module("common.time_layers")
