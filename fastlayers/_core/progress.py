"""A progress bar on standard error, and lines of output that do not run into it."""

from __future__ import annotations

import sys
from typing import Any, Self

from .extras import require


class Progress:
    """A bar that vanishes at its end, or nothing.

    Parameters
    ----------
    total : int
        How many steps there will be at most.
    label : str
        What stands before the bar.
    wanted : bool, optional
        By default there is a bar where standard error is a terminal and tqdm is installed.

    Raises
    ------
    ImportError
        If one is wanted and tqdm is not installed.
    """

    def __init__(self, total: int, label: str, wanted: bool | None = None) -> None:
        self._bar: Any = None
        if sys.stderr is None or not (on_terminal(sys.stderr) if wanted is None else wanted):
            return
        try:
            tqdm = require("tqdm", "tqdm", "the progress bar", "demo").tqdm
        except ImportError:
            if wanted:
                raise
            return
        self._bar = tqdm(total=total, desc=label, unit="step", leave=False, file=sys.stderr)

    def __bool__(self) -> bool:
        """Whether there is a bar."""
        return self._bar is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, *_: object) -> None:
        """One step more."""
        if self._bar is not None:
            self._bar.update()

    def show(self, values: dict[str, float]) -> None:
        """Show these after the bar."""
        if self._bar is not None:
            self._bar.set_postfix(values, refresh=False)

    def say(self, line: str) -> None:
        """Print a line on standard output, above the bar."""
        if self._bar is not None:
            self._bar.clear()
        print(line, flush=True)
        if self._bar is not None:
            self._bar.refresh()


def on_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal; what stands in its place may not know, and it may be closed."""
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and not getattr(stream, "closed", False) and bool(isatty())
