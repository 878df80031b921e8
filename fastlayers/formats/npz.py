"""A trained network in one file: an ``.npz`` archive that holds a JSON header and the parameters.

The archive has a member ``header``, as `description` has it, and a member for each parameter. ``numpy.load`` reads
it. Nothing in it is ever unpickled.

Members are stored uncompressed and may not overlap, so that a hostile file cannot unpack to more than its
own size; each is read to its end before it is parsed, so that the archive's CRC has been checked by then;
and no array is made before its bytes are seen to be there.
"""

from __future__ import annotations

import io
import math
import os
import re
import zipfile
from typing import Any, BinaryIO

import numpy as np

from .._core.files import atomic_write
from .._core.types import Array
from . import ModelFileError
from .description import FORMAT, describe, opened, rebuild

# How NumPy begins an array, as `numpy.lib.format` says. That header is a Python literal, but Python's parser is kept
# away from it: on hostile text it prints warnings, and runs out of memory.
_ARRAY = re.compile(
    rb"\x93NUMPY\x01\x00(..)"
    rb"\{'descr': '([<>|][biufSUVO]\d*)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n",
    re.DOTALL,
)


def save(path: str | os.PathLike[str], network: Any) -> None:
    """Write a network to a file, whole or not at all; `Portable.save` says how."""
    header, arrays = describe(network)
    members: dict[str, Any] = {"header": np.array(header.encode()), **arrays}
    archive = io.BytesIO()  # not the file: where the disk is full, some versions of NumPy leave it half closed
    np.savez(archive, **members)
    with atomic_write(path) as file:
        file.write(archive.getbuffer())


def load(path: str | os.PathLike[str], network: type) -> tuple[list[Any], Any]:
    """Make the layers and the loss of a file that `save` wrote, as `rebuild` does; `Portable.load` says how."""
    with opened(path) as file:
        members = _members(file)
        return rebuild(members.pop("header").item(), members, network)


def _members(file: BinaryIO) -> dict[str, Array]:
    if not zipfile.is_zipfile(file):
        raise ModelFileError(f"cut off, or not a {FORMAT} file (it has no archive directory)")
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if "header.npy" not in (info.filename for info in infos):
            raise ModelFileError(f"an archive, but not a {FORMAT} file (it has no header)")
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ModelFileError(f"not a {FORMAT} file (its members are compressed)")
        if not all(info.filename.endswith(".npy") for info in infos):
            raise ModelFileError(f"not a {FORMAT} file (not all of its members are arrays)")
        if len({info.filename for info in infos}) != len(infos):
            raise ModelFileError("damaged (two members have one name)")
        if min(info.header_offset for info in infos) != 0:
            raise ModelFileError("damaged (something else stands before the archive in the file)")
        if sum(max(info.file_size, info.compress_size) for info in infos) > file.seek(0, os.SEEK_END):
            raise ModelFileError("damaged (its members claim more bytes than the file has)")
        return {info.filename.removesuffix(".npy"): _array(archive.read(info)) for info in infos}


def _array(data: bytes) -> Array:
    """An array in NumPy's format, read-only over its bytes: nothing is unpickled, and nothing is allocated."""
    header = _ARRAY.match(data)
    if header is None or header.end() != header.end(1) + int.from_bytes(header[1], "little"):
        raise ModelFileError("damaged (an array without the header that NumPy gives it)")
    dtype = np.dtype(header[2].decode())
    if dtype.hasobject:
        raise ModelFileError("it holds Python objects, which are never unpickled")
    shape = tuple(int(n) for n in header[4].split(b",") if n.strip())
    if len(data) - header.end() != math.prod(shape) * dtype.itemsize:
        raise ModelFileError("damaged (an array has more or fewer bytes than its shape says)")
    return np.ndarray(shape, dtype, data, header.end(), order="F" if header[3] == b"True" else "C")
