"""Packages that few need: imported when they are used, and named in one line when missing."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, package: str, purpose: str, extra: str) -> Any:
    """Import and return a module.

    Parameters
    ----------
    module : str
        What is imported, as ``"sklearn.datasets"``.
    package : str
        What its users know it as, as ``"scikit-learn"``.
    purpose : str
        What it is needed for, as the beginning of a sentence.
    extra : str
        The one of this package's extras that asks for it, as ``"demo"``.

    Raises
    ------
    ImportError
        If it is not there or does not import; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        from . import advice

        how = advice.install(extra, package)
        raise ImportError(f"{purpose} needs {package}, which does not import ({error}); get it with: {how}") from error
