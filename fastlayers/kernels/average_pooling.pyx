"""Average pooling and its gradient, plane by plane and a block of windows at a time.

Sums are in float64; where the numbers are of it, what rounding loses is kept.
"""

cdef enum:
    WINDOWS = 128  # of a row that are summed at a time

cdef struct AveragePooling:
    Windows windows
    int typenum
    bint counts_pad
    Argument x  # or dx
    Argument y  # or dout


cdef inline void add_each(
    const floating *x, Py_ssize_t stride, double *sums, double *lost, Py_ssize_t n
) noexcept nogil:
    """Add n numbers, `stride` from each other, to as many sums."""
    cdef Py_ssize_t k
    for k in range(n):
        if floating is float:
            sums[k] += <double> x[k * stride]
        else:
            add_exactly(&sums[k], &lost[k], x[k * stride])


cdef inline double count_of(const AveragePooling *work, Py_ssize_t high, const Stretch *some) noexcept nogil:
    """By how much the sums of windows are divided."""
    cdef const Windows *w = &work.windows
    return <double> (w.window[0] * w.window[1] if work.counts_pad else high * some.wide)


cdef inline void average_row(
    const AveragePooling *work, const floating *plane, Py_ssize_t row, floating *y
) noexcept nogil:
    cdef const Windows *w = &work.windows
    cdef Py_ssize_t above = before(row, w.stride[0], w.pad[0])
    cdef Py_ssize_t high = within(row, w.window[0], w.stride[0], w.pad[0], w.high) - above
    cdef Py_ssize_t i, j, k, stride = w.stride[1]
    cdef Stretch some = Stretch(0, 0, 0, 0)
    cdef double[WINDOWS] sums
    cdef double[WINDOWS] lost
    cdef double count
    cdef const floating *p
    plane += (row * w.stride[0] - w.pad[0] + above) * w.wide - w.pad[1]
    while to_next_stretch(w, &some, WINDOWS):
        for k in range(some.n):
            sums[k] = lost[k] = 0
        for i in range(high):
            p = plane + i * w.wide + some.start * stride + some.left
            for j in range(some.wide):
                if stride == 1:  # a loop of its own, which is one for vectors
                    add_each(p + j, 1, sums, lost, some.n)
                else:
                    add_each(p + j, stride, sums, lost, some.n)
        count = count_of(work, high, &some)
        for k in range(some.n):
            y[some.start + k] = <floating> (exact(sums[k], lost[k]) / count)


cdef inline void average_planes(
    const AveragePooling *work, const floating *x, floating *y, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    cdef const Windows *w = &work.windows
    cdef Py_ssize_t plane, row, size = w.high * w.wide
    for plane in range(start, stop):
        if w.window[0] == w.high and w.window[1] == w.wide and w.pad[0] == 0 == w.pad[1]:
            y[plane] = <floating> (sum_of(x + plane * size, size) / <double> size)
            continue
        for row in range(w.rows):
            average_row(work, x + plane * size, row, y + (plane * w.rows + row) * w.columns)


cdef void average_pooling_forward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const AveragePooling *work = <const AveragePooling *> of
    if work.typenum == NPY_FLOAT:
        average_planes(work, <const float *> work.x.data, <float *> work.y.data, start, stop)
    else:
        average_planes(work, <const double *> work.x.data, <double *> work.y.data, start, stop)


cdef inline void give_each(const floating *shares, floating *dx, Py_ssize_t stride, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t k
    if stride == 1:
        for k in range(n):
            dx[k] += shares[k]
    else:
        for k in range(n):
            dx[k * stride] += shares[k]


cdef inline void share_planes(
    const AveragePooling *work, const floating *dout, floating *dx, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """dx, in the order of the windows where several have one number."""
    cdef const Windows *w = &work.windows
    cdef Py_ssize_t _plane, row, i, j, k, above, high, stride = w.stride[1], size = w.high * w.wide
    cdef Stretch some
    cdef floating[WINDOWS] shares
    cdef floating count
    cdef floating *p
    dout += start * w.rows * w.columns
    dx += start * size
    for _plane in range(start, stop):
        memset(dx, 0, size * sizeof(floating))
        for row in range(w.rows):
            above = before(row, w.stride[0], w.pad[0])
            high = within(row, w.window[0], w.stride[0], w.pad[0], w.high) - above
            some = Stretch(0, 0, 0, 0)
            while to_next_stretch(w, &some, WINDOWS):
                count = <floating> count_of(work, high, &some)
                for k in range(some.n):
                    shares[k] = dout[some.start + k] / count
                p = dx + (row * w.stride[0] - w.pad[0] + above) * w.wide - w.pad[1] + some.start * stride + some.left
                for i in range(high):
                    for j in range(some.wide - 1, -1, -1):
                        give_each(shares, p + i * w.wide + j, stride, some.n)
            dout += w.columns
        dx += size


cdef void average_pooling_backward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const AveragePooling *work = <const AveragePooling *> of
    if work.typenum == NPY_FLOAT:
        share_planes(work, <const float *> work.y.data, <float *> work.x.data, start, stop)
    else:
        share_planes(work, <const double *> work.y.data, <double *> work.x.data, start, stop)


def average_pooling_forward(x, pool_h, pool_w, stride=2, pad=0, count_include_pad=True, out=None):
    """y of plain images; `out` None or an array."""
    cdef int typenum = floating_type(x)
    cdef npy_intp[4] shape
    cdef npy_intp[4] places
    cdef Call call
    cdef AveragePooling work
    if not are_images(x, typenum) or type(count_include_pad) is not bool:
        return NotImplemented
    memcpy(shape, PyArray_DIMS(<ndarray> x), sizeof(shape))
    if not read_windows(&work.windows, shape, places, pool_h, pool_w, stride, pad):
        return NotImplemented
    out = result_shaped((out,), 0, places, typenum)
    begin(&call)
    work.typenum, work.counts_pad = typenum, count_include_pad is True
    if (
        take_images(&call, &work.x, x, shape, typenum)
        and take_images(&call, &work.y, out, places, typenum)
        and is_result(&call)
    ):
        run(average_pooling_forward_task, &work, &call, work.windows.planes, cost_of_plane(&work.windows))
        return out
    return NotImplemented


def average_pooling_backward(
    dout, input_shape, pool_h, pool_w, stride=2, pad=0, count_include_pad=True, out=None
):
    """dx of plain images; `out` None or an array."""
    cdef int typenum = floating_type(dout)
    cdef npy_intp[4] shape
    cdef npy_intp[4] places
    cdef Call call
    cdef AveragePooling work
    if not are_images(dout, typenum) or type(count_include_pad) is not bool or not read_shape(input_shape, shape):
        return NotImplemented
    if not read_windows(&work.windows, shape, places, pool_h, pool_w, stride, pad) or not has_shape(dout, 4, places):
        return NotImplemented
    out = result_shaped((out,), 0, shape, typenum)
    begin(&call)
    work.typenum, work.counts_pad = typenum, count_include_pad is True
    if (
        take_images(&call, &work.y, dout, places, typenum)
        and take_images(&call, &work.x, out, shape, typenum)
        and is_result(&call)
    ):
        run(average_pooling_backward_task, &work, &call, work.windows.planes, cost_of_plane(&work.windows))
        return out
    return NotImplemented
