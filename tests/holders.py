"""The ways to hold an array: of itself, of its memory, of what will give it out later."""

import copy
import ctypes
import functools
import pickle

import kit
import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view


class With:
    """An object of these attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


class Capsule:
    """What gives a DLPack capsule away."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **kwargs):
        return self.capsule

    def __dlpack_device__(self):
        return 1, 0


def generator(a):
    yield a.copy()
    yield a.copy()


def cycle(a):
    items = [a]
    items.append(items)
    return items


def out_of_band(a):
    buffers = []
    data = pickle.dumps(a, protocol=5, buffer_callback=buffers.append)
    return data, buffers


def of_pointer(pointer):
    return np.ctypeslib.as_array(pointer, (pointer._arr.size,)).copy()


FLOATS = ctypes.POINTER(ctypes.c_float)
FIRST = [("first", np.float32)]

# How to hold a result, and how to see it then; where the first is an array, by a copy
HOLDERS = {
    "itself": (lambda a: a, np.array),
    "a view": (lambda a: a[3:, ::2], np.array),
    "its transpose": (lambda a: a.T, np.array),
    "bytes of a view of a view": (lambda a: a.reshape(-1)[5:].view(np.uint8), np.array),
    "records": (lambda a: a.view(FIRST), lambda records: records["first"].copy()),
    "a record": (lambda a: a.reshape(-1).view(FIRST)[7], lambda record: np.array(record["first"])),
    "a subclass": (lambda a: a.view(kit.Tagged), np.array),
    "a view of a subclass": (lambda a: a.view(kit.Tagged)[2:].view(np.ndarray)[1:], np.array),
    "a masked array": (lambda a: np.ma.array(a, copy=False), lambda masked: masked.data.copy()),
    "windows": (lambda a: sliding_window_view(a.reshape(-1), 2), np.array),
    "strides of its own": (lambda a: as_strided(a, (4, 4), (0, 4)), np.array),
    "a broadcast": (lambda a: np.broadcast_to(a, (2, *a.shape)), np.array),
    "a memoryview": (memoryview, np.array),
    "a slice of a memoryview": (lambda a: memoryview(a).cast("B")[8:], np.array),
    "a buffer": (lambda a: np.frombuffer(a, np.uint8), np.array),
    "DLPack": (np.from_dlpack, np.array),
    "a DLPack capsule": (
        lambda a: a.__dlpack__(),
        lambda capsule: np.from_dlpack(Capsule(capsule)).copy(),
    ),
    "an array struct": (lambda a: a.__array_struct__, lambda struct: np.array(With(__array_struct__=struct))),
    "an array interface": (
        lambda a: np.asarray(With(__array_interface__=a.__array_interface__, array=a)),
        np.array,
    ),
    "ctypes": (lambda a: a.ctypes, lambda c: of_pointer(c.data_as(FLOATS))),
    "a ctypes pointer": (lambda a: a.ctypes.data_as(FLOATS), of_pointer),
    "a ctypes array": (np.ctypeslib.as_ctypes, np.array),
    "a ctypes buffer": (lambda a: (ctypes.c_ubyte * a.nbytes).from_buffer(a), np.array),
    "a pickle": (pickle.dumps, pickle.loads),
    "a pickle with its buffer apart": (out_of_band, lambda parts: pickle.loads(parts[0], buffers=parts[1]).copy()),
    "a copy": (copy.copy, np.array),
    "a list": (lambda a: [a], lambda items: items[0].copy()),
    "a cycle": (cycle, lambda items: items[0].copy()),
    "an iterator": (iter, lambda rows: np.array(list(copy.copy(rows)))),
    "flat": (lambda a: a.flat, lambda flat: flat.base.copy()),
    "nditer": (lambda a: np.nditer(a), lambda it: it.operands[0].copy()),
    "a method": (lambda a: a.copy, lambda method: method()),
    "a partial call": (lambda a: functools.partial(np.copy, a), lambda call: call()),
    "a closure": (lambda a: lambda: a, lambda closure: closure().copy()),
    "a generator": (generator, next),
}
