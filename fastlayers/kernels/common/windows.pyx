"""Windows over images, as a pooling takes them: one plane, which is one channel of one image, after another."""

from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_CheckExact

cdef enum:
    LONGEST = 1 << 24  # of a window, a stride and a margin; what is longer is left to the rules

cdef double MOST_NUMBERS = 1e17

cdef struct Windows:
    Py_ssize_t planes
    Py_ssize_t high  # the images' height, and so on
    Py_ssize_t wide
    Py_ssize_t rows  # of windows
    Py_ssize_t columns
    Py_ssize_t[2] window
    Py_ssize_t[2] stride
    Py_ssize_t[2] pad
    Py_ssize_t first  # of the columns whose windows have no margin at the left or right
    Py_ssize_t last  # behind them


cdef Py_ssize_t whole(object n, Py_ssize_t least) noexcept:
    """A plain integer from `least` to LONGEST; -1 for all else."""
    cdef int overflow = 0
    cdef long value
    if not PyLong_CheckExact(n):
        return -1
    value = PyLong_AsLongAndOverflow(n, &overflow)
    return value if overflow == 0 and least <= value <= LONGEST else -1


cdef bint read_pair(object given, Py_ssize_t least, Py_ssize_t *pair) noexcept:
    """An integer for both axes, or a tuple of two."""
    cdef bint several = PyTuple_CheckExact(given)
    if several and PyTuple_GET_SIZE(given) != 2:
        return False
    pair[0] = whole(<object> PyTuple_GET_ITEM(given, 0) if several else given, least)
    pair[1] = whole(<object> PyTuple_GET_ITEM(given, 1) if several else given, least)
    return pair[0] >= 0 and pair[1] >= 0


cdef bint read_shape(object given, npy_intp *shape) noexcept:
    """Four plain integers."""
    cdef int axis
    if not PyTuple_CheckExact(given) or PyTuple_GET_SIZE(given) != 4:
        return False
    for axis in range(4):
        shape[axis] = whole(<object> PyTuple_GET_ITEM(given, axis), 0)
        if shape[axis] < 0:
            return False
    return True


cdef bint read_windows(
    Windows *work, const npy_intp *shape, npy_intp *places, object pool_h, object pool_w, object stride, object pad
) noexcept:
    """Read what windows there are over images of this shape, ``(N, C, H, W)``, and the shape of what comes of them.

    Of none, and of more than memory can hold, as of all that does not fit, the rules say what is to come of it.
    """
    cdef Py_ssize_t size
    cdef double numbers = <double> shape[0] * <double> shape[1]
    cdef int axis
    work.window[0], work.window[1] = whole(pool_h, 1), whole(pool_w, 1)
    if work.window[0] < 0 or work.window[1] < 0 or not read_pair(stride, 1, work.stride):
        return False
    if not read_pair(pad, 0, work.pad):
        return False
    places[0], places[1] = shape[0], shape[1]
    for axis in range(2):
        size = shape[2 + axis] + 2 * work.pad[axis]
        if work.pad[axis] >= work.window[axis] or shape[2 + axis] == 0 or size < work.window[axis]:
            return False
        numbers *= <double> size
        places[2 + axis] = (size - work.window[axis]) // work.stride[axis] + 1
    if not 0 < numbers < MOST_NUMBERS:
        return False
    work.planes = shape[0] * shape[1]
    work.high, work.wide, work.rows, work.columns = shape[2], shape[3], places[2], places[3]
    work.first = min((work.pad[1] + work.stride[1] - 1) // work.stride[1], work.columns)
    size = work.wide + work.pad[1] - work.window[1]
    work.last = max(min(size // work.stride[1] + 1, work.columns) if size >= 0 else 0, work.first)
    return True


cdef inline bint are_images(object a, int typenum) noexcept:
    """Whether `a` is a plain array ``(N, C, H, W)``, in C order."""
    return order_of(a, typenum) & NPY_ARRAY_C_CONTIGUOUS != 0 and PyArray_NDIM(<ndarray> a) == 4


cdef inline Py_ssize_t before(Py_ssize_t place, Py_ssize_t stride, Py_ssize_t pad) noexcept nogil:
    """How many rows, or columns, of the window at a place lie in the margin before the image."""
    return max(pad - place * stride, 0)


cdef inline Py_ssize_t within(
    Py_ssize_t place, Py_ssize_t window, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t size
) noexcept nogil:
    """Up to which row, or column, the window at a place lies before the image's end."""
    return min(window, size + pad - place * stride)


# Windows side by side in a row of them: as many as lie in the image from left to right, or one that does not.
cdef struct Stretch:
    Py_ssize_t start
    Py_ssize_t n
    Py_ssize_t left  # how many of their columns lie in the margin before the image
    Py_ssize_t wide  # how many lie in the image


cdef inline bint to_next_stretch(const Windows *w, Stretch *stretch, Py_ssize_t most) noexcept nogil:
    """Move on to the next, of at most so many windows; the first comes after one of none. False behind the last."""
    cdef Py_ssize_t start = stretch.start + stretch.n
    stretch.start = start
    stretch.n = min(w.last - start, most) if w.first <= start < w.last else 1
    stretch.left = before(start, w.stride[1], w.pad[1])
    stretch.wide = within(start, w.window[1], w.stride[1], w.pad[1], w.wide) - stretch.left
    return start < w.columns


cdef object result_shaped(object out, int i, const npy_intp *shape, int typenum):
    """The i-th array of `out`, or a new one of this shape, from the `Recycler` if there is one in its place."""
    out = out_at(out, i)
    return out if is_given(out) else new_array(out, 4, <npy_intp *> shape, typenum, False)


cdef bint take_images(Call *call, Argument *argument, object a, const npy_intp *shape, int typenum) noexcept:
    return take_shaped(call, argument, a, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, shape) != 0
