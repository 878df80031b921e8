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
        The one of this package's extras that installs it, as ``"demo"``.

    Raises
    ------
    ImportError
        If it is not there or does not import; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {package}, which does not import ({error}); "
            f"get it with: pip install 'fastlayers[{extra}]'"
        ) from error
