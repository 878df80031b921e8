"""Model files made to do harm: none is unpickled, waited for, or given more memory than it has bytes."""

from __future__ import annotations

import os
import socket
import sys
import threading
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import members, npy, refusal, rewrite, same, tiny, write_members

import fastlayers as fl

ESCAPES = "\x1b[2J"
MOST_MEMORY = 1 << 20  # bytes, for a file of some 2,000


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model file alone in a folder, where a load must leave nothing else."""
    monkeypatch.chdir(tmp_path)
    tiny().save(tmp_path / "m.npz")
    yield tmp_path / "m.npz"
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


def memory_of_refusal(path: Path) -> int:
    """The most bytes that a load took which was refused."""
    tracemalloc.start()
    try:
        refusal(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Bomb:
    """Leaves a folder behind wherever it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


def with_member(name: str, data: bytes) -> Callable[[Path], None]:
    """A change of one member, under a right CRC."""
    return lambda path: write_members(path, {**members(path), name: data})


def with_header(text: str, data: bytes = b"", length: int | None = None) -> Callable[[Path], None]:
    """The same of a member of NumPy's format with this for its header."""
    line = text.encode() + b"\n"
    size = len(line) if length is None else length
    return with_member("0.W.npy", b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little") + line + data)


def shaped(shape: str, descr: str = "'<f4'", length: int | None = None) -> Callable[[Path], None]:
    return with_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}", bytes(24), length)


def tampered(change: Callable[[zipfile.ZipInfo], object]) -> Callable[[Path], None]:
    """A change of what the archive's directory says of a member."""

    def write(path: Path) -> None:
        contents = members(path)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
            change(archive.getinfo("0.W.npy"))

    return write


def set_to(**values: Any) -> Callable[[zipfile.ZipInfo], object]:
    return lambda info: [setattr(info, name, value) for name, value in values.items()]


def twice(path: Path) -> None:
    contents = members(path)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # zipfile warns of the name
        for name, data in [*contents.items(), ("0.W.npy", npy(np.zeros((2, 3), np.float32)))]:
            archive.writestr(name, data)


def overlapping(path: Path) -> None:
    """Each member claims all that comes after it, which makes the square of the file's size."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x.npy", b"")  # without a change nothing is written anew
        for info in archive.infolist():
            info.file_size = info.compress_size = archive.start_dir - info.header_offset


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pickle for an array": (with_member("0.W.npy", npy(np.array([Bomb()], object))), "never unpickled"),
    "a pickle for the header": (with_member("header.npy", npy(np.array(Bomb(), object))), "never unpickled"),
    "a pickle and no archive": (lambda path: path.write_bytes(npy(np.array([Bomb()], object))), "no archive directory"),
    "a pickle beside the arrays": (with_member("0.W.pkl", b"cos\nmkdir\n(S'unpickled'\ntR."), "not all of its members"),
    "a pickle named as an array": (with_member("0.W.npy", b"cos\nmkdir\n(S'unpickled'\ntR."), "without the header"),
    "code for a header": (with_header("{'descr': __import__('os').mkdir('unpickled')}"), "without the header"),
    "a header of many brackets": (with_header("(" * 9000), "without the header"),
    "a header that takes much memory to parse": (with_header("-" * 9000 + "1"), "without the header"),
    "a header that Python warns of": (with_header("0o7f" * 2000), "without the header"),
    "a header longer than its file": (with_member("0.W.npy", b"\x93NUMPY\x01\x00\xff\xff{}"), "without the header"),
    "a header longer than it says": (shaped("(2, 3)", length=20), "without the header"),
    "a shape of many digits": (shaped(f"({'9' * 60_000},)"), "damaged"),
    "a shape of many numbers": (shaped(f"({'1, ' * 6000})"), "fewer bytes"),
    "a shape of too many axes": (shaped(f"(6, {'1, ' * 99})"), "damaged"),
    "a later version of the format": (with_member("0.W.npy", b"\x93NUMPY\x03\x00" + bytes(9)), "without the header"),
    "terabytes": (shaped("(1000000, 1000000)"), "fewer bytes"),
    "more than an address": (shaped(f"({2**62},)"), "fewer bytes"),
    "more than a number": (shaped(f"({2**40}, {2**40})"), "fewer bytes"),
    "less than nothing": (shaped("(-2, -3)"), "without the header"),
    "elements of no bytes": (shaped(f"({2**40},)", "'|S0'"), "fewer bytes"),
    "nothing at all, many times": (
        with_header(f"{{'descr': '|V0', 'fortran_order': False, 'shape': ({2**60},), }}"),
        "expected 'float32'",
    ),
    "elements of gigabytes": (shaped("(2, 3)", f"'|S{2**31 - 1}'"), "fewer bytes"),
    "elements of terabytes": (shaped("(2, 3)", f"'|S{2**40}'"), "damaged"),
    "elements that are arrays": (shaped("(2, 3)", "('<f4', (10000, 10000))"), "without the header"),
    "records": (shaped("(2, 3)", "[('a', '<f4')]"), "without the header"),
    "nested lists for a header": (with_member("header.npy", npy(np.array(b"[" * 100_000))), "nested more than 16"),
    "a number too long to read": (with_member("header.npy", npy(np.array(b"9" * 100_000))), "damaged"),
    "escapes for a terminal": (lambda path: rewrite(path, header_dtype="\x1b[2J\n\x1b]0;owned\x07"), "expected '"),
    "escapes for a name": (
        lambda path: rewrite(
            path,
            header_layers=[{"kind": "Affine", "params": [ESCAPES]}],
            **{f"0.{ESCAPES}": np.ones(3), "0.W": None, "0.b": None, "2.W": None, "2.b": None},
        ),
        r"array 0.\x1b[2J is float64; expected 'float32'",
    ),
    "a name for a novel": (lambda path: rewrite(path, header_version="long" * 10_000), "of version 'long"),
    "a path upwards": (with_member("../0.W.npy", b""), "without the header"),
    "an absolute path": (with_member("/0.W.npy", npy(np.ones(3, np.float32))), "but its header lists"),
    "two members of one name": (twice, "two members have one name"),
    "a second archive": (lambda path: path.write_bytes(2 * path.read_bytes()), "something else stands before"),
    "something before the archive": (
        lambda path: path.write_bytes(b"#!/bin/sh\n" + path.read_bytes()),
        "something else stands before",
    ),
    "an encrypted member": (tampered(set_to(flag_bits=1)), "encrypted"),
    "an unknown compression": (tampered(set_to(compress_type=99)), "compressed"),
    "a wrong CRC under a right checksum": (tampered(set_to(CRC=123)), "Bad CRC-32"),
    "a size of its own": (tampered(set_to(file_size=3)), "damaged"),
    "a member of terabytes": (tampered(set_to(file_size=2**42, compress_size=2**42)), "claim more bytes"),
    "a member far away": (tampered(set_to(header_offset=2**42)), "damaged"),
    "members that overlap": (overlapping, "claim more bytes"),
}


@pytest.mark.parametrize(("write", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files(model: Path, write: Callable[[Path], object], message: str) -> None:
    write(model)
    assert message in refusal(model)
    assert memory_of_refusal(model) < MOST_MEMORY


HARMLESS: dict[str, Callable[[Path], object]] = {
    "something after the archive": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "a member that is a symbolic link": tampered(set_to(external_attr=0o120777 << 16)),
    "Fortran's order": lambda path: rewrite(path, **{"0.W": np.asfortranarray(tiny().params[0])}),
    "another byte order": lambda path: rewrite(path, **{"0.W": tiny().params[0].astype(">f4")}),
    "small members in the largest archive format": lambda path: np.savez(path, **dict(np.load(path))),
}


@pytest.mark.parametrize("write", HARMLESS.values(), ids=HARMLESS.keys())
def test_odd_files_that_hold_the_right_model(model: Path, write: Callable[[Path], object]) -> None:
    write(model)
    assert same(fl.Sequential.load(model), tiny())


# What is no file


def load_error(path: Path) -> OSError:
    """The OSError of a load that must not wait."""
    caught: list[BaseException] = []

    def run() -> None:
        try:
            fl.Sequential.load(path)
        except BaseException as error:  # the thread's, for the test to look at
            caught.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "the load hangs"
    assert isinstance(caught[0], OSError)
    assert caught[0].filename == str(path)
    return caught[0]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in str(load_error(tmp_path / "pipe"))
    for device in (Path("/dev/zero"), Path("/dev/null")):
        if device.exists():
            assert "not a regular file" in str(load_error(device))
    assert isinstance(load_error(tmp_path), IsADirectoryError)
    (tmp_path / "loop").symlink_to("loop")
    assert "symbolic links" in str(load_error(tmp_path / "loop"))


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX") or sys.platform == "win32", reason="sockets with a name")
def test_a_socket_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen()
        load_error(Path("s"))


def test_too_little_memory_is_not_called_damage(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(zipfile.ZipFile, "read", none_left)
    with pytest.raises(MemoryError):
        fl.Sequential.load(model)
