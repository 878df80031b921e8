"""Memory that tells who wrote outside an array: canaries all round, between strides, and pages that no one may touch.

A write of some bytes too many is seen by comparison; one beyond a page is a crash at once, and so is a read.
"""

import ctypes
import mmap
import sys

import numpy as np

CANARY = np.frombuffer(b"\xa5\x5a\xc3\x7f\x81\xff\x66\x99", np.uint8)  # of no use as a number, a label or a mask
MARGIN = 64


class Arena:
    """Where the arrays of one call are put; each piece of it with canaries round it."""

    def __init__(self):
        self.pieces = []

    def memory(self, size):
        """`size` bytes for an array."""
        piece = np.resize(CANARY, size + 2 * MARGIN)
        self.pieces.append(piece)
        return piece[MARGIN : MARGIN + size]

    def any_memory(self, r):
        """A piece that holds an array already, with its canaries but for those in front; None where there is none."""
        return r.choice(self.pieces)[MARGIN:] if self.pieces else None

    def state(self):
        """How every byte stands at this moment."""
        return [piece.copy() for piece in self.pieces]

    def restore(self, state):
        """Put every byte back to how it stood."""
        for piece, before in zip(self.pieces, state, strict=True):
            piece[...] = before

    def is_unchanged(self, state, but=()):
        """Whether every byte stands as it did, but for those of the elements of some arrays."""
        for piece, before in zip(self.pieces, state, strict=True):
            changed = piece != before
            if changed.any() and (changed & ~_bytes_of(but, piece)).any():
                return False
        return True


def _bytes_of(arrays, piece):
    """Which bytes of a piece belong to an element of one of the arrays."""
    theirs = np.zeros(piece.size, bool)
    for array in arrays:
        if np.may_share_memory(piece, array):
            start = array.__array_interface__["data"][0] - piece.__array_interface__["data"][0]
            np.ndarray((*array.shape, array.itemsize), bool, theirs, start, (*array.strides, 1))[...] = True
    return theirs


class Pages:
    """Memory between two pages that may be neither read nor written."""

    def __init__(self, size):
        self._map = mmap.mmap(-1, size + 2 * mmap.PAGESIZE)
        whole = np.frombuffer(self._map, np.uint8)
        self.inner = whole[mmap.PAGESIZE : -mmap.PAGESIZE]
        libc, start = ctypes.CDLL(None, use_errno=True), whole.__array_interface__["data"][0]
        for page in (start, start + mmap.PAGESIZE + size):
            if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), 0):
                raise OSError(ctypes.get_errno(), "mprotect")


class PagedArena(Arena):
    """An arena whose pieces end where a forbidden page begins, or begin where one ends; used again and again."""

    SIZES = tuple(mmap.PAGESIZE << i for i in range(0, 8, 2)) if sys.platform in ("linux", "darwin") else ()

    def __init__(self):
        super().__init__()
        self._spare = {size: [] for size in self.SIZES}
        self._taken = []
        self.at_end = True

    def clear(self, *, at_end):
        """Begin a new call, whose arrays end at a forbidden page or begin at one."""
        for size, pages in self._taken:
            self._spare[size].append(pages)
        self._taken, self.pieces = [], []
        self.at_end = at_end

    def memory(self, size):
        fitting = next((s for s in self.SIZES if s >= size + MARGIN), None)
        if fitting is None:
            return super().memory(size)
        pages = self._spare[fitting].pop() if self._spare[fitting] else Pages(fitting)
        self._taken.append((fitting, pages))
        piece = pages.inner[-(size + MARGIN) :] if self.at_end else pages.inner[: size + MARGIN]
        piece[...] = np.resize(CANARY, piece.size)
        self.pieces.append(piece)
        return piece[MARGIN:] if self.at_end else piece[:size]
