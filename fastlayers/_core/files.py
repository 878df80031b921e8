"""Files that are written whole or not at all, and files that are safe to read to their end."""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that becomes `path` when the block ends well, and disappears when it does not.

    A process that is killed meanwhile leaves ``.fastlayers-*.tmp`` beside `path`, which nothing reads and
    which may be deleted; `path` itself is the old file or the new one, after a power cut too.

    Parameters
    ----------
    path : str or path-like
        The name, taken exactly as given. A symbolic link stays and what it points to is written, whether that is
        there already or not; an existing file keeps its mode.

    Yields
    ------
    file
        Open for writing, in the same folder, so that the last rename cannot cross file systems.

    Raises
    ------
    OSError
        If the folder or the file that is there cannot be written to, or is not a regular file, or a symbolic link
        leads back to itself; it names `path`.
    """
    target = Path(os.path.realpath(path))
    if target.is_symlink():  # a link that leads somewhere has been followed to its end
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if target.exists():
        _check_replaceable(target, str(path))
    temporary = target.with_name(f".fastlayers-{secrets.token_hex(8)}.tmp")
    try:
        # Exclusive creation through open() takes the mode from the umask; tempfile would give 0600.
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):  # in a folder that is none nothing can be deleted; what has failed is told below
            temporary.unlink(missing_ok=True)
        # A user knows nothing of the temporary file, and a write that fails names none.
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_together(contents: Mapping[str, bytes]) -> None:
    """Write several files as `atomic_write` does: all are on the disk before the first becomes what it is named.

    Parameters
    ----------
    contents : mapping of str to bytes
        What each path is to hold. If a rename fails after another has succeeded, the files renamed so far stay.

    Raises
    ------
    OSError
        As `atomic_write`.
    """
    with ExitStack() as stack:
        for path, data in contents.items():
            file = stack.enter_context(atomic_write(path))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the OSError that `atomic_write` would raise for `path`, and leave nothing behind."""
    try:
        with atomic_write(path):
            raise _Enough
    except _Enough:
        pass


class _Enough(Exception):  # noqa: N818  # not an error: the way out before the rename
    pass


@contextmanager
def open_regular(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for reading, if it is a regular one: a pipe would be waited for, and a device may never end.

    Raises
    ------
    OSError
        If it cannot be opened, or is something else; or in place of whatever the block raises, once the system has
        failed to read from it.
    TypeError
        If `path` is no name.
    """
    raw = _Raw(os.fspath(path), opener=_open_at_once)  # a number would be a file that is open already
    with io.BufferedReader(raw) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        try:
            raw.readinto(bytearray(1))  # what cannot be read at all says so at once
            raw.seek(0)
            yield file
        except Exception as error:
            if raw.error is not None:
                raise OSError(raw.error.errno, raw.error.strerror, str(path)) from error
            raise


class _Raw(io.FileIO):
    """A file that keeps the error of a read that failed: zipfile makes damage of it, or says nothing."""

    error: OSError | None = None

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        with self._kept():
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with self._kept():
            return super().readall()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = error
            raise


def _open_at_once(name: str, flags: int) -> int:
    """`os.open`, which else waits until someone writes into a pipe."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _check_replaceable(target: Path, name: str) -> None:
    """Refuse what a rename would replace but open() would not: a pipe, a device, a file that may not be written."""
    if not target.is_file():
        number = errno.EISDIR if target.is_dir() else errno.EINVAL
        raise OSError(number, "cannot be replaced, since it is not a regular file", name)
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
