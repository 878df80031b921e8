"""Images for the command: scikit-learn's bundled digits, and folders of files in the MNIST format."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._core.extras import require
from ._core.types import Array

__all__ = ["DataError", "Dataset", "Split", "load_digits", "load_idx", "load_idx_split", "read_idx"]

# The split has a generator of its own, so that no --seed changes which images are held back for the test.
_SPLIT_SEED = 20240229
_TEST_FRACTION = 0.2
_CHUNK = 1 << 20
_DIGITS = (8, 8)  # pixels


class DataError(ValueError):
    """A data file that is missing, damaged, or does not fit the others."""


@dataclass(frozen=True)
class Split:
    """Images and their classes.

    Parameters
    ----------
    x : ndarray of float
        ``(N, D)``, each row one image's pixels, from 0 to 1.
    t : ndarray of int64
        ``(N,)`` labels.
    image_shape : tuple of int, optional
        The height and width of an image, whose product is D; by default one row of D.
    """

    x: Array
    t: NDArray[np.int64]
    image_shape: tuple[int, int] | None = None

    def as_images(self) -> Split:
        """The same, with x as ``(N, 1, H, W)``, as `Convolution` takes it.

        Returns
        -------
        Split
            Its x is a view.
        """
        height, width = self.image_shape or (1, self.x.shape[1])
        return replace(self, x=self.x.reshape(len(self.x), 1, height, width))


@dataclass(frozen=True)
class Dataset:
    """Images to train on, and others to test on.

    Parameters
    ----------
    name : str
        What the images are, as ``"digits"``.
    train, test : Split
        Of as many pixels each.
    """

    name: str
    train: Split
    test: Split

    @property
    def features(self) -> int:
        """Pixels per image."""
        return math.prod(self.train.x.shape[1:])

    @property
    def image_shape(self) -> tuple[int, int]:
        """The height and width of an image."""
        return self.train.image_shape or (1, self.features)

    @property
    def classes(self) -> int:
        """How many classes the labels number, from 0."""
        return 1 + int(max(self.train.t.max(), self.test.t.max()))

    def as_images(self) -> Dataset:
        """The same, with x as ``(N, 1, H, W)``, as `Convolution` takes it.

        Returns
        -------
        Dataset
            Its x are views.
        """
        return replace(self, train=self.train.as_images(), test=self.test.as_images())


def load_digits(dtype: DTypeLike = np.float32) -> Dataset:
    """scikit-learn's 1,797 handwritten digits of 8x8 pixels, a fixed 80 % of them for training.

    Parameters
    ----------
    dtype : dtype, default float32
        Of the pixels.

    Returns
    -------
    Dataset
        1,438 images to train on, 359 to test on, pixels from 0 to 1.

    Raises
    ------
    ImportError
        If scikit-learn is not installed; the message says how to get it.

    Notes
    -----
    E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998.
    """
    source = require("sklearn.datasets", "scikit-learn", "the bundled data set of digits", "demo").load_digits()
    x = np.asarray(source.data / 16, dtype=dtype)
    t = np.asarray(source.target, dtype=np.int64)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(x))
    n_test = round(_TEST_FRACTION * len(x))
    test, train = order[:n_test], order[n_test:]
    return Dataset("digits", Split(x[train], t[train], _DIGITS), Split(x[test], t[test], _DIGITS))


def load_idx(folder: str | os.PathLike[str], dtype: DTypeLike = np.float32) -> Dataset:
    """Read the training and test images of a folder in the MNIST format.

    Parameters
    ----------
    folder : str or path-like
        With ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each plain or with ``.gz``; the plain one is taken where both are there.
    dtype : dtype, default float32
        Of the pixels.

    Returns
    -------
    Dataset
        Pixels from 0 to 1; its name is the folder's.

    Raises
    ------
    DataError
        If a file is missing, damaged, or does not fit the others; the message has its name.
    """
    train, test = load_idx_split(folder, "train", dtype), load_idx_split(folder, "t10k", dtype)
    if train.x.shape[1] != test.x.shape[1]:
        raise DataError(f"{folder}: training images have {train.x.shape[1]} pixels, but test images {test.x.shape[1]}")
    return Dataset(Path(folder).resolve().name, train, test)


def load_idx_split(
    folder: str | os.PathLike[str], part: Literal["train", "t10k"], dtype: DTypeLike = np.float32
) -> Split:
    """Read one half of `load_idx`: the training images, or the test images.

    Parameters
    ----------
    folder : str or path-like
        As for `load_idx`.
    part : {"train", "t10k"}
        Which half: what the files' names begin with.
    dtype : dtype, default float32
        Of the pixels.

    Returns
    -------
    Split
        Pixels from 0 to 1.

    Raises
    ------
    DataError
        If a file is missing, damaged, or does not fit the other, or there is no image.
    """
    images_path, labels_path = (_find(Path(folder), f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(f"{labels_path} has {len(labels)} labels, but {images_path} has {len(images)} images")
    if images.size == 0:
        raise DataError(
            f"{images_path} has dimensions {images.shape}; expected at least one image of at least one pixel"
        )
    x = images.reshape(len(images), -1).astype(dtype)
    x /= 255
    return Split(x, labels.astype(np.int64), (images.shape[1], images.shape[2]))


def read_idx(path: str | os.PathLike[str], ndim: int) -> NDArray[np.uint8]:
    """Read the bytes of one IDX file, in the shape that its header gives.

    Parameters
    ----------
    path : str or path-like
        Unpacked as it is read where its name ends in ``.gz``.
    ndim : int
        How many dimensions it must have: 3 for images, 1 for labels.

    Returns
    -------
    ndarray of uint8
        Of the file's shape, read-only.

    Raises
    ------
    DataError
        If the file is not what its name says; the message has what was found and what was expected.

    Notes
    -----
    A magic number (0, 0, 8 for unsigned bytes, the number of dimensions), each dimension as a
    big-endian 32-bit integer, then the bytes in C order.
    """
    path = Path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            # GzipFile is a BinaryIO in all but its declared type.
            return _parse_idx(cast(BinaryIO, file), path, ndim)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a whole gzip file ({error})") from error


def _parse_idx(file: BinaryIO, path: Path, ndim: int) -> NDArray[np.uint8]:
    magic = 0x0800 + ndim
    header = _read(file, 4 + 4 * ndim)
    found = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and found != magic:
        raise DataError(f"{path} begins with the number {found}; expected {magic} (bytes in {ndim} dimensions)")
    if len(header) < 4 + 4 * ndim:
        raise DataError(f"{path} has {len(header)} bytes; its header alone takes {4 + 4 * ndim}")
    shape = tuple(int(n) for n in np.frombuffer(header, dtype=">u4", offset=4))
    size = math.prod(shape)
    # One byte more tells a file that is too long, and reaches the end of a gzip file, where its CRC is checked.
    data = _read(file, size + 1)
    if len(data) != size:
        amount = "more" if len(data) > size else len(data)
        raise DataError(f"{path} has dimensions {shape} and so {size} bytes of data; found {amount}")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _read(file: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes, in pieces: a damaged header may ask for more than there is memory."""
    data = bytearray()
    while len(data) < size and (chunk := file.read(min(_CHUNK, size - len(data)))):
        data += chunk
    return bytes(data)


def _find(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder} has neither {name} nor {name}.gz")
