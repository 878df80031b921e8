"""Find the user's line of code that a warning is about."""

from __future__ import annotations

import sys


def stacklevel_of_user() -> int:
    """Return the ``stacklevel`` with which the caller's `warnings.warn` names the user's line of code."""
    frame, level = sys._getframe(1), 1
    while (
        frame.f_back is not None
        and str(frame.f_globals.get("__name__")).partition(".")[0] == __name__.partition(".")[0]
    ):
        frame, level = frame.f_back, level + 1
    return level
