"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that becomes `path` when the block ends well, and disappears when it does not.

    Parameters
    ----------
    path : str or path-like
        The name, taken exactly as given; a symbolic link is followed, and an existing file keeps its mode.

    Yields
    ------
    file
        Open for writing, in the same folder, so that the last rename cannot cross file systems.

    Raises
    ------
    OSError
        If the folder cannot be written to, or `path` is there and is not a regular file.
    """
    target = Path(os.path.realpath(path))
    # Renaming over /dev/null or a pipe would replace it: open() would have written into it.
    if target.exists() and not target.is_file():
        number = errno.EISDIR if target.is_dir() else errno.EINVAL
        raise OSError(number, "cannot be replaced, since it is not a regular file", str(path))
    temporary = target.with_name(f".fastlayers-{secrets.token_hex(8)}.tmp")
    try:
        # Exclusive creation through open() takes the mode from the umask; tempfile would give 0600.
        file = temporary.open("xb")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the OSError that `atomic_write` would raise for `path`, and leave nothing behind."""

    class Enough(Exception):  # noqa: N818  # not an error: the way out before the rename
        pass

    try:
        with atomic_write(path):
            raise Enough
    except Enough:
        pass
