"""Average pooling and its gradient, plane by plane and a block of windows at a time: those of two by two with nothing
in common, which are most, without a block's arrays.

Sums are in float64; where the numbers are of it, what rounding loses is kept.
"""

cdef extern from "means.h" nogil:
    Py_ssize_t FL_LEAST_NUMBERS
    void fl_mean_quads_float(float *x, float *y, Py_ssize_t high, Py_ssize_t wide, Py_ssize_t planes, bint back)
    void fl_mean_quads_double(double *x, double *y, Py_ssize_t high, Py_ssize_t wide, Py_ssize_t planes, bint back)
    void fl_share_images_float(const float *dout, float *dx, Py_ssize_t size, Py_ssize_t planes)
    void fl_share_images_double(const double *dout, double *dx, Py_ssize_t size, Py_ssize_t planes)

cdef enum:
    WINDOWS = 128  # of a row that are summed at a time

cdef struct AveragePooling:
    Windows windows
    int typenum
    bint counts_pad
    bint back  # whether dx is made of dout, and not y of x
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


cdef inline bint are_whole(const Windows *w) noexcept nogil:
    """Whether the window is a whole image."""
    return w.window[0] == w.high and w.window[1] == w.wide and w.pad[0] == 0 == w.pad[1]


cdef inline void average_planes(
    const AveragePooling *work, const floating *x, floating *y, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    cdef const Windows *w = &work.windows
    cdef Py_ssize_t _plane, row, size = w.high * w.wide
    x += start * size
    y += start * w.rows * w.columns
    for _plane in range(start, stop):
        if are_whole(w):
            y[0] = <floating> (sum_of(x, size) / <double> size)
            y += 1
        else:
            for row in range(w.rows):
                average_row(work, x, row, y)
                y += w.columns
        x += size


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
    if are_whole(w) and size >= FL_LEAST_NUMBERS:
        if floating is float:
            fl_share_images_float(dout, dx, size, stop - start)
        else:
            fl_share_images_double(dout, dx, size, stop - start)
        return
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


cdef void average_quads(const AveragePooling *work, Py_ssize_t start, Py_ssize_t planes) noexcept nogil:
    """y or dx where windows are two by two, and have nothing in common."""
    cdef const Windows *w = &work.windows
    cdef Py_ssize_t size = w.high * w.wide, places = w.rows * w.columns, each = 4 if work.typenum == NPY_FLOAT else 8
    cdef char *x = work.x.data + start * size * each
    cdef char *y = work.y.data + start * places * each
    if work.back and (w.high % 2 or w.wide % 2):
        memset(x, 0, planes * size * each)
    if work.typenum == NPY_FLOAT:
        fl_mean_quads_float(<float *> x, <float *> y, w.high, w.wide, planes, work.back)
    else:
        fl_mean_quads_double(<double *> x, <double *> y, w.high, w.wide, planes, work.back)


cdef void average_pooling_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const AveragePooling *work = <const AveragePooling *> of
    if are_quads(&work.windows) and work.windows.columns >= FL_LEAST_NUMBERS:
        average_quads(work, start, stop - start)
    elif work.typenum == NPY_FLOAT:
        if work.back:
            share_planes(work, <const float *> work.y.data, <float *> work.x.data, start, stop)
        else:
            average_planes(work, <const float *> work.x.data, <float *> work.y.data, start, stop)
    elif work.back:
        share_planes(work, <const double *> work.y.data, <double *> work.x.data, start, stop)
    else:
        average_planes(work, <const double *> work.x.data, <double *> work.y.data, start, stop)


cdef object pool_means(
    object given, const npy_intp *shape, object pool_h, object pool_w, object stride, object pad, object counts_pad,
    object out, bint back
):
    """y of x, or `back` dx of dout, of plain images of this shape; `out` None or an array."""
    cdef int typenum = floating_type(given)
    cdef npy_intp[4] places
    cdef const npy_intp *taken = shape
    cdef const npy_intp *made = places
    cdef Call call
    cdef AveragePooling work
    if back:
        taken, made = made, taken
    work.typenum, work.counts_pad, work.back = typenum, counts_pad is True, back
    if (
        not are_images(given, typenum)
        or type(counts_pad) is not bool
        or not read_windows(&work.windows, shape, places, pool_h, pool_w, stride, pad)
        or not has_shape(given, 4, taken)
    ):
        return NotImplemented
    out = result_shaped((out,), 0, made, typenum)
    begin(&call)
    if (
        take_images(&call, &work.y if back else &work.x, given, taken, typenum)
        and take_images(&call, &work.x if back else &work.y, out, made, typenum)
        and is_result(&call)
    ):
        run(average_pooling_task, &work, &call, work.windows.planes, cost_of_plane(&work.windows))
        return out
    return NotImplemented


def average_pooling_forward(x, pool_h, pool_w, stride=2, pad=0, count_include_pad=True, out=None):
    """y of plain images; `out` None or an array."""
    cdef npy_intp[4] shape
    if not are_images(x, floating_type(x)):
        return NotImplemented
    memcpy(shape, PyArray_DIMS(<ndarray> x), sizeof(shape))
    return pool_means(x, shape, pool_h, pool_w, stride, pad, count_include_pad, out, False)


def average_pooling_backward(
    dout, input_shape, pool_h, pool_w, stride=2, pad=0, count_include_pad=True, out=None
):
    """dx of plain images; `out` None or an array."""
    cdef npy_intp[4] shape
    if not read_shape(input_shape, shape):
        return NotImplemented
    return pool_means(dout, shape, pool_h, pool_w, stride, pad, count_include_pad, out, True)
