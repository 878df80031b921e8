"""Colour and width of what the command prints: each stream is judged by itself, and colour never moves a column."""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .._core.progress import on_terminal

COLOURS = ("auto", "always", "never")

# Of a --help: the usage's head, those of sections (what follows is indented), and options.
_BOLD = re.compile(r"^usage:|(?<=\n\n)[a-z][^:\n]*:(?=\n  )|^  --?[a-z][\w-]*(?:, --[\w-]+)?", re.MULTILINE)
_NARROWEST = 12  # columns beside an indentation; in fewer, nothing can be read


@dataclass(frozen=True)
class Style:
    """How text is shown: what is in colour or bold, and where a line ends.

    The colours are the terminal's own red and green, which its owner can read on its background.

    Parameters
    ----------
    colour : bool
        Whether there are escape sequences at all, bold included.
    width : int, optional
        Columns of the terminal; None for a file or a pipe, where no line is too long.
    """

    colour: bool = False
    width: int | None = None

    @classmethod
    def of(cls, stream: Any, choice: str = "auto") -> Self:
        """Judge a stream.

        Parameters
        ----------
        stream : file or None
            Standard output or standard error.
        choice : {"auto", "always", "never"}
            Of ``--color``. ``"auto"`` asks the environment as Python itself does: ``NO_COLOR``, ``FORCE_COLOR`` (any
            value but the empty one), then ``TERM=dumb``, then whether the stream is a terminal.
        """
        terminal = on_terminal(stream)
        colour = choice == "always" or (choice == "auto" and _wants_colour(terminal))
        return cls(colour, _columns(stream) if terminal else None)

    def bold(self, text: str) -> str:
        """Show a heading."""
        return self._paint("1", text)

    def good(self, text: str) -> str:
        """Show a gain."""
        return self._paint("32", text)

    def bad(self, text: str) -> str:
        """Show a loss, or an error."""
        return self._paint("31", text)

    def ratio(self, text: str, ratio: float) -> str:
        """Show how many times as fast something is: a gain or a loss."""
        return self.good(text) if ratio >= 1 else self.bad(text)

    def fold(self, text: str) -> str:
        """Break each line at the terminal's width."""
        return "\n".join(fold(line, self.width) for line in text.splitlines())

    def rows(self, rows: Collection[tuple[str, str]]) -> str:
        """Tabulate names and values; what of a value is too long for a line goes on below its beginning."""
        indent = max(len(name) for name, _ in rows) + 2
        return "\n".join(
            self.bold(name) + fold(name.ljust(indent) + value, self.width, indent)[len(name) :] for name, value in rows
        )

    def page(self, text: str) -> str:
        """Show the text of a ``--help``: headings and options are bold."""
        return _BOLD.sub(lambda found: self.bold(found[0]), text)

    def error(self, message: str) -> str:
        """Put an error into the one line of it that a user sees."""
        return f"fastlayers: {self.bad('error:')} {' '.join(message.split())}\n"

    def warning(self, message: str) -> str:
        """Put a warning into a line of the same form."""
        return f"fastlayers: {self.bad('warning:')} {' '.join(message.split())}\n"

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


PLAIN = Style()


def fold(line: str, width: int | None, indent: int = 0) -> str:
    """Break a line between words; what follows the first break is indented."""
    if width is None or len(line) <= width:
        return line
    start = len(line) - len(line.lstrip())
    return textwrap.fill(
        line.lstrip(),
        max(width, _NARROWEST + max(start, indent)),
        initial_indent=" " * start,
        subsequent_indent=" " * max(start, indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def colour_asked_for(words: Sequence[str]) -> str:
    """Find ``--color`` before the words are parsed: their own errors and ``--help`` follow it."""
    asked = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    asked.add_argument("--color", choices=COLOURS, default="auto")
    try:
        choice: str = asked.parse_known_args(words)[0].color
    except argparse.ArgumentError:
        return "auto"  # the parser of the whole command says what is wrong
    return choice


def tell(text: str) -> None:
    """Write to standard error, where there is one: `print` would take standard output instead."""
    if sys.stderr is not None:
        print(end=text, file=sys.stderr, flush=True)


def human(seconds: float) -> str:
    """Three digits and a unit: ``1.23 us``."""
    for unit, scale in (("ns", 1e9), ("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 999.5:
            return f"{three_digits(seconds * scale)} {unit}"
    return f"{three_digits(seconds)} s"


def three_digits(value: float) -> str:
    """Three digits, or as many as there are before the point."""
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def _wants_colour(terminal: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    if os.name == "nt" and not os.environ.get("WT_SESSION"):
        return False  # an old console shows escape sequences as they are
    return terminal and os.environ.get("TERM") != "dumb"


def _columns(stream: Any) -> int | None:
    """The width that ``COLUMNS`` asks for, else the terminal's; None where neither is known."""
    asked = os.environ.get("COLUMNS", "")
    if re.fullmatch("[1-9][0-9]{0,5}", asked):
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
