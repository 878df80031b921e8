"""The console script ``fastlayers``: an error of the package's own import is told in one line, as all others are.

It lives beside the package: whatever is imported from inside it has to import it first.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command; the exit status."""
    try:
        from fastlayers.cli import main as run
    except KeyboardInterrupt:
        return _failed(130, "interrupted")
    except ValueError as error:  # an environment variable that is unknown
        return _failed(2, f"error: {error}")
    except ImportError as error:  # kernels that were asked for and are not there, or NumPy
        return _failed(1, f"error: {error}")
    return run()


def _failed(status: int, message: str) -> int:
    if sys.stderr is not None:
        print(f"fastlayers: {' '.join(message.split())}", file=sys.stderr)
    return status
