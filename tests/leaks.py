"""Does anything grow? Every public function and method, each of its ways to fail too, called a million times.

    python tests/leaks.py --calls 1000000

Of each are compared, before and after: Python's memory blocks, the memory of the process, and the reference counts of
what it was given and of the objects that C code counts by hand. Nor may a call leave a cycle to the garbage collector.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import itertools
import os
import re
import sys
import time
from typing import Any

import kit
import numpy as np
from leak_cases import Case, cases

from fastlayers._core import backend

# Growth that is no leak: caches fill up, and memory is asked of the system in pieces.
MOST_OBJECTS, MOST_BYTES = 50, 2 << 20
WARM_UP = 100


_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


def _resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _numpy_keeps_count() -> bool:
    """Whether references to a dtype tell anything: NumPy 2.5's `dot` itself leaves one behind at each call."""
    array, dtype = np.ones((2, 2), np.float32), np.dtype(np.float32)
    before = sys.getrefcount(dtype)
    for _ in range(100):
        np.dot(array, array)
    return sys.getrefcount(dtype) - before < 50


COUNTS_DTYPES = _numpy_keeps_count()


def _counted(case: Case) -> list[Any]:
    """The objects whose references are counted: those given, and those that every kernel handles."""
    counted = [*case.given, None, True, False, NotImplemented, (), 0, 1, np.ndarray, case.call]
    if COUNTS_DTYPES:
        counted += [array.dtype for array in case.given if isinstance(array, np.ndarray)]
        counted += map(np.dtype, (*kit.REAL, ">f4"))
    return counted


def growth(case: Case, calls: int) -> list[str]:
    """What grew while a case was called so many times: nothing, if all is well."""
    for _ in itertools.repeat(None, min(calls, WARM_UP)):
        case.call()
    grown: list[str] = []
    if _TRIM is not None:
        _TRIM(0)  # what was freed goes back to the system, or what leaks would take its place unseen
    gc.freeze()  # what is there is no garbage, and a collection without it is quick
    for _ in range(3):  # what is filled once does not grow again; a leak does
        grown = _growth(case, calls)
        if not grown:
            break
    gc.unfreeze()
    return grown


def _growth(case: Case, calls: int) -> list[str]:
    counted = _counted(case)
    gc.collect()  # which empties the lists of free objects too
    gc.disable()  # so that a cycle at every call shows
    try:
        before = [sys.getrefcount(item) for item in counted]
        resident, blocks = _resident(), sys.getallocatedblocks()
        for _ in itertools.repeat(None, calls):
            case.call()
        garbage = gc.collect()
        blocks, resident = sys.getallocatedblocks() - blocks, _resident() - resident
        references = [sys.getrefcount(item) - count for item, count in zip(counted, before, strict=True)]
    finally:
        gc.enable()
    grown = [f"{blocks} blocks"] if blocks > MOST_OBJECTS else []
    grown += [f"{garbage} objects in cycles"] if garbage > MOST_OBJECTS else []
    grown += [f"{resident >> 10} KiB"] if resident > MOST_BYTES else []
    pairs = zip(references, counted, strict=True)
    return grown + [f"{n:+} references to {item!r:.60}" for n, item in pairs if abs(n) > MOST_OBJECTS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1_000_000, help="of each case (%(default)s); of slow ones a part")
    best = kit.BEST
    parser.add_argument("--on", nargs="+", choices=["reference", *kit.LEVELS], default=["reference", *best])
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases whose name has this regular expression")
    options = parser.parse_args()
    failed = 0
    for implementation in options.on:
        backend.kernels = kit.kernels_of(implementation)
        for case in cases():
            if not re.search(options.only, case.name):
                continue
            calls, start = case.calls(options.calls), time.perf_counter()
            grown = growth(case, calls)
            each = (time.perf_counter() - start) / calls
            failed += bool(grown)
            print(f"{implementation:10} {case.name:45} {calls:9,} {each * 1e6:9.2f} us  {'; '.join(grown)}", flush=True)
    print(f"{failed} grew" if failed else "nothing grew")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
