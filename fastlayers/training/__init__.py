"""How networks are trained: the one loop, what calls it while it runs, what it keeps; and `running_text` for it."""

from .text import RunningText, running_text

__all__ = ["RunningText", "running_text"]
