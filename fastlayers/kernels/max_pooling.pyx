"""Max pooling and its gradient, plane by plane: in a window of two by two with nothing in common with the next, which
is most of them, several windows go at a time.

A window's index of its largest number is a byte, unless it has more than 256. It comes from a caller, who may change it
while it is read: where it leads out of the image nothing is written.
"""

from libc.string cimport memset

cdef extern from "pooling.h" nogil:
    void fl_largest_row_float(
        const float *p, Py_ssize_t row, Py_ssize_t high, Py_ssize_t wide, Py_ssize_t stride, Py_ssize_t at,
        Py_ssize_t across, float *y, uint8_t *bytes, Py_ssize_t *indices, Py_ssize_t n
    )
    void fl_largest_row_double(
        const double *p, Py_ssize_t row, Py_ssize_t high, Py_ssize_t wide, Py_ssize_t stride, Py_ssize_t at,
        Py_ssize_t across, double *y, uint8_t *bytes, Py_ssize_t *indices, Py_ssize_t n
    )

cdef extern from "quads.h" nogil:
    void fl_quads_float(
        const float *x, Py_ssize_t high, Py_ssize_t wide, float *y, uint8_t *bytes, Py_ssize_t rows,
        Py_ssize_t columns, Py_ssize_t planes
    )
    void fl_quads_double(
        const double *x, Py_ssize_t high, Py_ssize_t wide, double *y, uint8_t *bytes, Py_ssize_t rows,
        Py_ssize_t columns, Py_ssize_t planes
    )
    void fl_return_float(
        const float *dout, const uint8_t *bytes, float *dx, Py_ssize_t high, Py_ssize_t wide, Py_ssize_t rows,
        Py_ssize_t columns, Py_ssize_t planes
    )
    void fl_return_double(
        const double *dout, const uint8_t *bytes, double *dx, Py_ssize_t high, Py_ssize_t wide, Py_ssize_t rows,
        Py_ssize_t columns, Py_ssize_t planes
    )

cdef struct MaxPooling:
    Windows windows
    int typenum
    Argument x  # or dx
    Argument y  # or dout
    Argument indices
    bint bytes  # whether these are bytes


cdef inline int index_type(const Windows *windows) noexcept nogil:
    return NPY_UBYTE if windows.window[0] * windows.window[1] <= 256 else NPY_INTP


cdef void largest_of_row(
    const Windows *w, const floating *plane, Py_ssize_t row, floating *y, uint8_t *narrow, Py_ssize_t *wide
) noexcept nogil:
    """The largest of each window in a row of them."""
    cdef Py_ssize_t above = before(row, w.stride[0], w.pad[0])
    cdef Py_ssize_t high = within(row, w.window[0], w.stride[0], w.pad[0], w.high) - above
    cdef Py_ssize_t at
    cdef Stretch some = Stretch(0, 0, 0, 0)
    cdef const floating *p
    plane += (row * w.stride[0] - w.pad[0] + above) * w.wide - w.pad[1]
    while to_next_stretch(w, &some, w.columns):
        p, at = plane + some.start * w.stride[1] + some.left, above * w.window[1] + some.left
        if floating is float:
            fl_largest_row_float(
                p, w.wide, high, some.wide, w.stride[1], at, w.window[1], y + some.start,
                narrow + some.start if narrow != NULL else NULL, wide + some.start, some.n,
            )
        else:
            fl_largest_row_double(
                p, w.wide, high, some.wide, w.stride[1], at, w.window[1], y + some.start,
                narrow + some.start if narrow != NULL else NULL, wide + some.start, some.n,
            )


cdef inline bint are_quads(const Windows *w) noexcept nogil:
    """Whether windows are two by two, and have nothing in common."""
    return w.window[0] == 2 == w.window[1] and w.stride[0] == 2 == w.stride[1] and w.pad[0] == 0 == w.pad[1]


cdef inline void largest_of_planes(
    const MaxPooling *work, const floating *x, floating *y, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    cdef const Windows *w = &work.windows
    cdef uint8_t *narrow = <uint8_t *> work.indices.data
    cdef Py_ssize_t *wide = <Py_ssize_t *> work.indices.data
    cdef Py_ssize_t _plane, row, at = start * w.rows * w.columns
    x += start * w.high * w.wide
    if are_quads(w):
        if floating is float:
            fl_quads_float(x, w.high, w.wide, y + at, narrow + at, w.rows, w.columns, stop - start)
        else:
            fl_quads_double(x, w.high, w.wide, y + at, narrow + at, w.rows, w.columns, stop - start)
        return
    for _plane in range(start, stop):
        for row in range(w.rows):
            largest_of_row(w, x, row, y + at, narrow + at if work.bytes else NULL, wide + at)
            at += w.columns
        x += w.high * w.wide


cdef void max_pooling_forward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const MaxPooling *work = <const MaxPooling *> of
    if work.typenum == NPY_FLOAT:
        largest_of_planes(work, <const float *> work.x.data, <float *> work.y.data, start, stop)
    else:
        largest_of_planes(work, <const double *> work.x.data, <double *> work.y.data, start, stop)


cdef inline Py_ssize_t index_at(const MaxPooling *work, Py_ssize_t i) noexcept nogil:
    return (<const uint8_t *> work.indices.data)[i] if work.bytes else (<const Py_ssize_t *> work.indices.data)[i]


cdef inline Py_ssize_t place_of_largest(
    const Windows *w, Py_ssize_t row, Py_ssize_t column, Py_ssize_t index
) noexcept nogil:
    """Where in a plane a window has the number of this index; -1 where that is not in the image."""
    cdef Py_ssize_t i, j
    if not 0 <= index < w.window[0] * w.window[1]:
        return -1
    i = row * w.stride[0] - w.pad[0] + index // w.window[1]
    j = column * w.stride[1] - w.pad[1] + index % w.window[1]
    return i * w.wide + j if 0 <= i < w.high and 0 <= j < w.wide else -1


cdef bint lead_into_images(const MaxPooling *work) noexcept nogil:
    """Whether every index leads to a number of an image."""
    cdef const Windows *w = &work.windows
    cdef const uint8_t *narrow = <const uint8_t *> work.indices.data
    cdef Py_ssize_t _plane, row, column, i
    cdef uint8_t top = 0
    if work.bytes and w.pad[0] == 0 == w.pad[1]:
        for i in range(work.indices.size):
            top = narrow[i] if narrow[i] > top else top
        return top < w.window[0] * w.window[1]
    i = 0
    for _plane in range(w.planes):
        for row in range(w.rows):
            for column in range(w.columns):
                if place_of_largest(w, row, column, index_at(work, i)) < 0:
                    return False
                i += 1
    return True


cdef inline void return_to_planes(
    const MaxPooling *work, const floating *dout, floating *dx, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """dx, in the order of the windows where several have chosen one number."""
    cdef const Windows *w = &work.windows
    cdef const uint8_t *narrow = <const uint8_t *> work.indices.data
    cdef Py_ssize_t _plane, row, column, place, i = start * w.rows * w.columns, size = w.high * w.wide
    dx += start * size
    if are_quads(w):
        if floating is float:
            fl_return_float(dout + i, narrow + i, dx, w.high, w.wide, w.rows, w.columns, stop - start)
        else:
            fl_return_double(dout + i, narrow + i, dx, w.high, w.wide, w.rows, w.columns, stop - start)
        return
    memset(dx, 0, (stop - start) * size * sizeof(floating))
    for _plane in range(start, stop):
        for row in range(w.rows):
            for column in range(w.columns):
                place = place_of_largest(w, row, column, index_at(work, i))
                if place >= 0:
                    dx[place] += dout[i]
                i += 1
        dx += size


cdef void max_pooling_backward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const MaxPooling *work = <const MaxPooling *> of
    if work.typenum == NPY_FLOAT:
        return_to_planes(work, <const float *> work.y.data, <float *> work.x.data, start, stop)
    else:
        return_to_planes(work, <const double *> work.y.data, <double *> work.x.data, start, stop)


cdef inline Py_ssize_t cost_of_plane(const Windows *w) noexcept nogil:
    """Of each number of a plane, and of each number of its windows."""
    return max(w.high * w.wide, w.rows * w.columns * min(w.window[0] * w.window[1], 16))


def max_pooling_forward(x, pool_h, pool_w, stride=2, pad=0, out=None):
    """(y, arg_max) of plain images; `out` None or a tuple of the two, any of it None."""
    cdef int typenum = floating_type(x)
    cdef npy_intp[4] shape
    cdef npy_intp[4] places
    cdef object y, arg_max
    cdef Call call
    cdef MaxPooling work
    if not are_outs(out, 2) or not are_images(x, typenum):
        return NotImplemented
    memcpy(shape, PyArray_DIMS(<ndarray> x), sizeof(shape))
    if not read_windows(&work.windows, shape, places, pool_h, pool_w, stride, pad):
        return NotImplemented
    y = result_shaped(out, 0, places, typenum)
    arg_max = result_shaped(out, 1, places, index_type(&work.windows))
    begin(&call)
    work.typenum, work.bytes = typenum, index_type(&work.windows) == NPY_UBYTE
    if (
        take_images(&call, &work.x, x, shape, typenum)
        and take_images(&call, &work.y, y, places, typenum)
        and is_result(&call)
        and take_images(&call, &work.indices, arg_max, places, index_type(&work.windows))
        and is_result(&call)
    ):
        run(max_pooling_forward_task, &work, &call, work.windows.planes, cost_of_plane(&work.windows))
        return y, arg_max
    return NotImplemented


def max_pooling_backward(dout, arg_max, input_shape, pool_h, pool_w, stride=2, pad=0, out=None):
    """dx of plain images; `out` None or an array."""
    cdef int typenum = floating_type(dout)
    cdef npy_intp[4] shape
    cdef npy_intp[4] places
    cdef Call call
    cdef MaxPooling work
    if not are_images(dout, typenum) or not read_shape(input_shape, shape):
        return NotImplemented
    if not read_windows(&work.windows, shape, places, pool_h, pool_w, stride, pad):
        return NotImplemented
    if not has_shape(dout, 4, places):
        return NotImplemented
    out = result_shaped((out,), 0, shape, typenum)
    begin(&call)
    work.typenum, work.bytes = typenum, index_type(&work.windows) == NPY_UBYTE
    if (
        take_images(&call, &work.y, dout, places, typenum)
        and take_images(&call, &work.indices, arg_max, places, index_type(&work.windows))
        and take_images(&call, &work.x, out, shape, typenum)
        and is_result(&call)
        and lead_into_images(&work)
    ):
        run(max_pooling_backward_task, &work, &call, work.windows.planes, cost_of_plane(&work.windows))
        return out
    return NotImplemented
