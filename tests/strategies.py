"""Arbitrary arrays, and what is none, chosen by a `random.Random`: each call has a seed of its own."""

from fractions import Fraction

import kit
import numpy as np


def chance(r, percent):
    return r.randint(0, 99) >= 100 - percent


def any_shape(r):
    """0-d to 5-d; mostly small, now and then as long as a few vectors and then some."""
    kind = r.randint(0, 9)
    if kind < 7:
        return tuple(r.choice((2, 1, 3, 4, 5, 0)) for _ in range(r.randint(0, 3 if kind < 5 else 5)))
    return (r.choice(kit.SIZES),) if kind < 9 else (r.randint(0, 4), r.choice(kit.SIZES))


def any_dtype(r):
    return np.dtype(r.choice(kit.REAL if chance(r, 30) else kit.FAST))


def numbers(r, shape, dtype, *, specials=None):
    """Numbers of this shape and dtype, now and then with some special ones among them."""
    array = np.asarray(kit.numbers(shape, dtype, r.randint(0, 99)))
    if array.dtype.kind == "f" and array.size and chance(r, 25):
        values = kit.specials(dtype) if specials is None else np.array(specials, dtype)
        for _ in range(r.randint(1, 4)):
            array.flat[r.randrange(array.size)] = r.choice(values)
    return array


# Layouts


def place(r, arena, array):
    """The same numbers in the arena's memory, one array in three in an odd layout."""
    odd = chance(r, 30)
    offset, strides, dtype = layout(r, array, odd)
    view = np.ndarray(array.shape, dtype, arena.memory(reach(array.shape, strides, dtype, offset)), offset, strides)
    view[...] = array
    if odd and chance(r, 20):
        view.flags.writeable = False
    return view.view(kit.Tagged) if odd and chance(r, 15) else view


def place_anywhere(r, arena, like):
    """An array like this one that shares memory with some other of the arena; None where that is too small."""
    offset, strides, dtype = layout(r, like, chance(r, 30))
    memory, size = arena.any_memory(r), reach(like.shape, strides, dtype, offset)
    if memory is None or memory.size < size:
        return None
    return np.ndarray(like.shape, dtype, memory, offset + r.randint(0, memory.size - size), strides)


def layout(r, array, odd):
    """Offset, strides, dtype: C's or Fortran's; if odd permuted, with gaps, backwards, repeated, unaligned, swapped."""
    dtype = array.dtype.newbyteorder() if odd and chance(r, 20) else array.dtype
    axes = list(range(array.ndim))  # from the innermost
    if odd:
        r.shuffle(axes)
    elif not chance(r, 15):
        axes.reverse()
    strides, step, offset = [0] * array.ndim, dtype.itemsize, 0
    for axis in axes:
        if odd and chance(r, 6):
            continue  # repeated: a stride of 0
        step += r.choice((0, 1, 2)) * dtype.itemsize if odd else 0
        backwards = odd and chance(r, 25)
        strides[axis] = -step if backwards else step
        offset += step * max(array.shape[axis] - 1, 0) if backwards else 0
        step *= max(array.shape[axis], 1)
    if odd and chance(r, 25):
        offset += r.randint(0, dtype.itemsize - 1)
    return offset, tuple(strides), dtype


def reach(shape, strides, dtype, offset):
    """How many bytes the array needs from the start of its memory."""
    last = sum(stride * (n - 1) for stride, n in zip(strides, shape, strict=True) if stride > 0 and n > 0)
    return offset + last + dtype.itemsize


# What is an array by another name, or no array at all


class Interface:
    """An array to whoever asks for its memory."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__
        self.owner = array


class Convertible:
    """An array to whoever asks for one."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class AskedError(Exception):
    """What `Refusing` says."""


class Refusing:
    """Whoever asks it anything is told no."""

    def _refuse(self, *args, **kwargs):
        raise AskedError("no")

    __array__ = __len__ = __bool__ = __index__ = __float__ = __iter__ = __eq__ = _refuse
    __hash__ = None


def masked(array, *, some):
    mask = np.zeros(array.shape, bool)
    mask.flat[:1] = some
    return np.ma.MaskedArray(array, mask)


OTHER_FORMS = (
    lambda a: a.tolist(),
    lambda a: list(a) if a.ndim else a[()],
    lambda a: tuple(a.tolist()) if a.ndim else a[()],
    lambda a: masked(a, some=False),
    lambda a: masked(a, some=True),
    lambda a: a.view(np.matrix) if a.ndim == 2 else a.view(np.recarray),
    lambda a: a.astype(object),
    lambda a: np.full(a.shape, None),
    lambda a: a.astype([("value", a.dtype)]),
    lambda a: np.zeros(a.shape, "M8[s]"),
    lambda a: np.zeros(a.shape, "m8[s]"),
    lambda a: a.astype(complex),
    lambda a: a.astype(str),
    lambda a: np.full(a.shape, "1.0", np.dtypes.StringDType()),
    lambda a: memoryview(np.ascontiguousarray(a, a.dtype.newbyteorder("="))),
    lambda a: [a, a.tolist()],
    Interface,
    Convertible,
)
NUMBERS = (0, True, 1, -1, 2, 255, 2**31, -(2**31), 2**63, -(2**63), 10**400, 0.5, -0.0)
NUMBERS += (float("nan"), Fraction(1, 3), 1j, np.float32(2), np.int8(-3), np.bool_(True))
EXTREMES = (1e-320, 1e300, float("inf"))
OTHERS = (None, "text", "", "auto", "reference", b"bytes", (), [], {}, [[]], [[1.0, 2.0], [3.0]], range(3), set(), ...)
OTHERS += (object, object(), len, lambda *args: 0.0, NotImplemented, Refusing(), np, np.dtype(float), np.ma.masked)
OTHERS += (np.array(1.5), np.array([0.5]), np.empty(0), np.empty((0, 3)), np.str_("a"), np.datetime64("NaT", "s"))


def anything(r, *, comparable=False):
    """What may not even be a number; of `comparable` ones none of which products are infinite or subnormal."""
    return r.choice(NUMBERS + OTHERS + (() if comparable else EXTREMES))


def any_form(r, arena, array):
    """An argument that is the array, mostly; or what holds the same numbers, or anything."""
    if not chance(r, 12):
        return place(r, arena, array)
    if chance(r, 80):
        return r.choice(OTHER_FORMS)(place(r, arena, array))
    other = anything(r)  # an array of its own: an optimizer may write to it, and the arena takes that back
    return place(r, arena, other) if isinstance(other, np.ndarray) else other
