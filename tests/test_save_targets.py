"""Which file a save writes: the one that is named, with the mode of `open`, and nothing but a file is replaced."""

from __future__ import annotations

import encodings.cp437  # noqa: F401  (zipfile's, which another user may not be able to read)
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_files import same, tiny

import fastlayers as fl
from fastlayers._core import files

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
OLD, NEW = tiny(seed=1), tiny(seed=2)


def test_the_name_is_taken_as_given(tmp_path: Path) -> None:
    NEW.save(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@POSIX
@pytest.mark.thread_unsafe(reason="the umask is the process's")
def test_the_mode_is_that_of_open(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        NEW.save(tmp_path / "new.npz")
        (tmp_path / "old.npz").touch()
        (tmp_path / "old.npz").chmod(0o604)
        NEW.save(tmp_path / "old.npz")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.npz").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "old.npz").stat().st_mode) == 0o604


@POSIX
@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_is_followed(tmp_path: Path, there: bool) -> None:
    (tmp_path / "real").mkdir()
    link, real = tmp_path / "m.npz", tmp_path / "real" / "m.npz"
    link.symlink_to(real)
    if there:
        OLD.save(real)
    NEW.save(link)
    assert link.is_symlink()
    assert same(fl.Sequential.load(real), NEW)
    assert list(real.parent.iterdir()) == [real]


@POSIX
@pytest.mark.parametrize("links", [("m.npz",), ("m.npz", "other")], ids=len)
def test_a_symbolic_link_that_leads_to_itself(tmp_path: Path, links: tuple[str, ...]) -> None:
    for link, next_one in zip(links, links[1:] + links[:1], strict=True):
        (tmp_path / link).symlink_to(next_one)
    assert refused(tmp_path / "m.npz").errno == errno.ELOOP
    assert refused(tmp_path / "m.npz" / "in.npz").errno == errno.ELOOP
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(links)
    assert all((tmp_path / link).is_symlink() for link in links)


def refused(path: Path) -> OSError:
    """The error of a save, which is that of a look whether one could save there."""
    with pytest.raises(OSError) as looked:  # noqa: PT011  # for the caller to look at
        files.check_writable(path)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        NEW.save(path)
    assert str(caught.value) == str(looked.value)
    assert caught.value.filename == str(path)
    return caught.value


def test_what_is_not_a_file_is_not_replaced(tmp_path: Path) -> None:
    assert refused(tmp_path).errno == errno.EISDIR
    assert refused(tmp_path / "missing" / "m.npz").errno == errno.ENOENT
    assert list(tmp_path.iterdir()) == []
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        assert "not a regular file" in str(refused(tmp_path / "pipe"))
        assert (tmp_path / "pipe").is_fifo()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of a user who is not root, since root may write anywhere; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        user = os.getuid()
        if user == 0:
            os.chown(name, 65534, -1)
            os.setresuid(65534, 65534, 0)
        try:
            yield Path(name)
        finally:
            if user == 0:
                os.setresuid(0, 0, 0)


@POSIX
@pytest.mark.thread_unsafe(reason="the user is the process's")
@pytest.mark.parametrize(("name", "mode"), [(".", 0o555), ("m.npz", 0o444)], ids=["folder", "file"])
def test_what_is_read_only(folder: Path, name: str, mode: int) -> None:
    path = folder / "m.npz"
    OLD.save(path)
    (folder / name).chmod(mode)
    assert refused(path).errno == errno.EACCES
    assert same(fl.Sequential.load(path), OLD)
    assert list(folder.iterdir()) == [path]
    folder.chmod(0o755)
