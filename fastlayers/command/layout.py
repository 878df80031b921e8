"""How a ``--help`` is laid out: a manual page for each command, as wide as the terminal.

A line of a text is a paragraph or a row, however long: `Formatter` breaks it. In a row, two blanks or more part a term
from what is said of it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

from .terminal import fold

_WIDEST = 100  # columns; longer lines are tiring to read
_BELOW = " " * 6  # where a term is too long for what is said of it to stand beside


class Formatter(argparse.HelpFormatter):
    """Lays a manual page out."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)
        self._width = min(self._width, _WIDEST)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return fold(text, width).splitlines()  # a name with a hyphen stays whole

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(_lay_out(line, width) for line in text.splitlines())


def _lay_out(line: str, width: int) -> str:
    row = re.match(r"( +\S+(?: \S+)* {2,})(\S.*)", line)
    if row is None:
        return fold(line, width)
    term, said = row.groups()
    if len(line) <= width or len(term) <= width // 2:
        return fold(line, width, len(term))
    return f"{term.rstrip()}\n{fold(_BELOW + said, width)}"


def section(title: str, *lines: str, rows: Mapping[str, str] | None = None) -> str:
    """Lay out a section of a page: paragraphs and commands, then rows."""
    rows = rows or {}
    gap = max(map(len, rows), default=0) + 2
    told = [f"{term:<{gap}}{said}" for term, said in rows.items()]
    return "\n  ".join([f"{title}:", *lines, *told])


def page(*paragraphs_and_sections: str) -> str:
    """Join paragraphs and sections."""
    return "\n\n".join(paragraphs_and_sections)


def paragraph(text: str) -> str:
    """Join the lines of a paragraph."""
    return " ".join(text.split())
