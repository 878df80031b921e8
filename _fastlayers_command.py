"""The console script ``fastlayers``: an error of the package's own import is told in one line, as all others are.

It lives beside the package: whatever is imported from inside it has to import it first. So has
``python -m fastlayers``, where the package itself hands such an error to `tell`.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command; the exit status."""
    try:
        from fastlayers.command.cli import main as run
    except (KeyboardInterrupt, ValueError, ImportError) as error:
        return tell(error)
    return run()


def tell(error: BaseException) -> int:
    """Tell why the package could not be imported; the exit status."""
    if isinstance(error, KeyboardInterrupt):
        return _failed(130, "interrupted")
    # An environment variable that is unknown; or else kernels that were asked for and are not there, or NumPy.
    return _failed(2 if isinstance(error, ValueError) else 1, f"error: {error}")


def _failed(status: int, message: str) -> int:
    if sys.stderr is not None:
        print(f"fastlayers: {' '.join(message.split())}", file=sys.stderr)
    return status
