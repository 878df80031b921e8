"""Packages that only the command uses: imported when needed, and named in one line when missing."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, package: str, purpose: str) -> Any:
    """Import and return a module.

    Parameters
    ----------
    module : str
        What is imported, as ``"sklearn.datasets"``.
    package : str
        What its users know it as, as ``"scikit-learn"``.
    purpose : str
        What it is needed for, as the beginning of a sentence.

    Raises
    ------
    ImportError
        If it is not there or does not import; the message names the ``demo`` extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {package}, which does not import ({error}); get it with: pip install 'fastlayers[demo]'"
        ) from error
