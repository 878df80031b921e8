"""Faults put into a kernel on purpose, by which the fuzzer shows that it would notice."""

import ctypes
import time

import numpy as np

from fastlayers._core import backend


def _address(x):
    return x.__array_interface__["data"][0]


def _overwrite(x):
    ctypes.memset(_address(x) + x.nbytes, 0, 1)


def _overread(x):
    ctypes.string_at(_address(x), x.nbytes + 8192)


def _input(x):
    if x.flags.writeable:
        x[...] = 7


def _crash(x):
    ctypes.string_at(0)


def _hang(x):
    while True:
        time.sleep(1)


def _system_error(x):
    raise SystemError("error return without exception set")


def _unknown_error(x):
    raise KeyError("x")


PLANTS = {
    "overwrite": _overwrite,
    "overread": _overread,
    "input": _input,
    "crash": _crash,
    "hang": _hang,
    "system error": _system_error,
    "unknown error": _unknown_error,
}


class Planted:
    """These kernels, with the fault in `relu` where it is given a plain array."""

    def __init__(self, name, kernels):
        self._fault, self._kernels = PLANTS[name], kernels

    def __getattr__(self, name):
        return getattr(self._kernels, name)

    def relu(self, x, out=None):
        if type(x) is np.ndarray and x.size and x.flags.c_contiguous and out is None:
            self._fault(x)
        return self._kernels.relu(x, out)


def plant(name, kernels):
    """These kernels, with this fault, or as they are."""
    if name is None:
        return kernels
    backend.fuses = False  # a network makes a program of a level's module, or sees that the reference is in use
    return Planted(name, kernels)
