"""The levels of the instruction set: which this machine runs, which were built, and the best that loads."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
from types import ModuleType

# From the least to the most; the names are those of the x86-64 psABI.
LEVELS = ("baseline", "x86-64-v3", "x86-64-v4")
_X86_64 = {"baseline": "_x86_64", "x86-64-v3": "_x86_64_v3", "x86-64-v4": "_x86_64_v4"}
_GENERIC = {"baseline": "_generic"}
EVERY_MODULE = {*_X86_64.values(), *_GENERIC.values()}
# As a string: every import without kernels looks for it, and need not bring in what works with paths.
_NOTE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "kernels", "not_built.txt")  # noqa: PTH118, PTH120


def is_built(module: str) -> bool:
    """Whether a module of kernels is among the package's files."""
    return importlib.util.find_spec(f"fastlayers.kernels.{module}") is not None


# A build for several machines at once has the one module that runs on any of them, on x86-64 too.
_ON_X86_64 = platform.machine().lower() in ("x86_64", "amd64")
MODULES = _X86_64 if _ON_X86_64 and (is_built("_x86_64") or not is_built("_generic")) else _GENERIC


def supported_levels() -> list[str]:
    """The levels that this CPU and operating system run, least first."""
    if MODULES is not _X86_64:
        return ["baseline"]
    cpu = importlib.import_module("fastlayers.kernels._cpu")
    return list(LEVELS[: LEVELS.index(cpu.level()) + 1])


def load_level(level: str) -> ModuleType:
    """The compiled module of one level; ImportError where it was not built or this CPU does not run it."""
    if level not in supported_levels():
        raise ImportError(f"this CPU does not run {level}")
    return importlib.import_module(f"fastlayers.kernels.{MODULES[level]}")


def _reason(error: Exception) -> str:
    """Why a module cannot be imported: what Python says, and what its build has noted where that failed."""
    if isinstance(error, ModuleNotFoundError) and os.path.isfile(_NOTE):  # noqa: PTH113
        with open(_NOTE, encoding="utf-8") as note:  # noqa: PTH123
            for line in note:
                module, _, why = line.rstrip("\n").partition(": ")
                if module == error.name:
                    return f"{error}, because its build failed: {why}"
    return str(error)


def load_best(cap: str) -> tuple[ModuleType | None, str | None, dict[str, str]]:
    """The module of the best supported level at or below `cap`, that level, and why each better one is not there."""
    failures: dict[str, str] = {}
    try:
        levels = [level for level in supported_levels() if LEVELS.index(level) <= LEVELS.index(cap)]
    except Exception as error:
        return None, None, {"cpu detection": _reason(error)}
    for level in reversed(levels):
        try:
            return load_level(level), level, failures
        except Exception as error:  # a ValueError or RuntimeError where it was built for another NumPy
            failures[level] = _reason(error)
    return None, None, failures
