"""Nothing grows from call to call: the cases of ``leak_cases.py``, and leaks planted to see that it would notice."""

import ctypes
import sys

import kit
import leak_cases
import leaks
import numpy as np
import pytest

import fastlayers as fl
from fastlayers._core import backend

FEW = 200
CALLS = kit.amount(short=FEW, rest=500, every=2000)

pytestmark = pytest.mark.thread_unsafe(reason="what other threads allocate would count too")


@pytest.mark.parametrize("kernels", ["reference", *kit.BEST])
@pytest.mark.parametrize("group", leak_cases.GROUPS, ids=lambda group: group.__name__)
def test_nothing_grows(kernels, group, monkeypatch):
    monkeypatch.setattr(backend, "kernels", kit.kernels_of(kernels))
    calls = FEW if kernels == "reference" else CALLS  # Python takes long, and counts references itself
    grown = {case.name: leaks.growth(case, case.calls(calls)) for case in group()}
    assert {name: what for name, what in grown.items() if what} == {}


def test_every_public_name_is_called():
    called = {case.name.split(",")[0] for case in leak_cases.cases()}
    not_called = {"Layer", "__version__", "callbacks", "initializers", "reference", "schedules", "testing", "training"}
    documented = (fl.testing, fl.schedules, fl.initializers, fl.callbacks)
    assert {*fl.__all__, *[name for module in documented for name in module.__all__]} - not_called <= called


# Leaks on purpose


ARRAY = np.ones(3, np.float32)
HEAP = []


def cycle():
    item = []
    item.append(item)


def memory():
    """Some that Python's own allocator does not know of."""
    space = ctypes.pythonapi.PyMem_RawMalloc
    space.restype, space.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    ctypes.memset(space(1 << 16), 1, 1 << 16)


def reference_to(item):
    return lambda: ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))


def lost_reference():
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(ARRAY))


PLANTED = {
    "a list that grows": (lambda: HEAP.append(np.ones(3)), "blocks"),
    "a cycle": (cycle, "objects in cycles"),
    "a reference to an argument": (reference_to(ARRAY), "references to array"),
    "memory": (memory, "KiB"),
}
DTYPE = np.dtype(np.float32)
if (
    leaks.COUNTS_DTYPES and sys.getrefcount(DTYPE) < 1 << 28
):  # the references to an immortal object, as NumPy 2.5's dtypes are, do not count
    PLANTED["a reference to a dtype"] = (reference_to(DTYPE), "references to dtype")


@pytest.mark.parametrize(("call", "grown"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_leak_is_noticed(call, grown):
    assert grown in " ".join(leaks.growth(leak_cases.Case("planted", call, (ARRAY,)), 1000))
    HEAP.clear()


def test_a_lost_reference_is_noticed():
    for _ in range(20_000):  # so that the array outlives it
        reference_to(ARRAY)()
    case = leak_cases.Case("planted", lost_reference, (ARRAY,))
    assert "references to array" in " ".join(leaks.growth(case, 1000))
