"""The scripts of ``fastlayers completion``, made from the parser, so that a shell knows what the command knows.

shtab writes them. Its scripts know all words by themselves; argcomplete's start Python, and import NumPy, at every Tab.
"""

from __future__ import annotations

import argparse
from typing import Any

from .._core.extras import require

SHELLS = ("bash", "zsh", "fish")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Write the script of a shell.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the whole command; it is made ready for shtab, and of no other use afterwards.
    shell : {"bash", "zsh", "fish"}

    Raises
    ------
    ImportError
        If shtab is not installed; the message says how to get it.
    """
    shtab = require("shtab", "shtab", "'fastlayers completion'", "completion")
    _prepare(parser, shtab)
    text: str = shtab.complete(parser, shell)
    return text.rstrip()


def _prepare(parser: Any, shtab: Any) -> None:
    """Say which options are files, and describe each command in a few words instead of its manual's."""
    parser.description = parser.summary
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _prepare(command, shtab)
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY
        elif "." in (action.metavar or ""):  # as FILE.png
            action.complete = shtab.FILE
