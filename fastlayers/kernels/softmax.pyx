"""Softmax, and softmax with cross-entropy and its gradient in one pass over each row.

A row is read a chunk at a time, which is looked through for the maximum, then exp and sum; the scale follows.
Exp is taken over a power of two near exp(max) instead of exp(max), see `exp_frame`: it divides out again.
The largest entry is kept apart from the sum of the others, so that a dominating class loses no digits:
the loss is (max - x_t) + log1p(others / e_top), its gradient there -others / total (see `_reference`).
A NaN, or +inf, or -inf alone, makes e_top or `others` NaN, which then reaches the whole row.
Work: x and t; y and dx, either of them NULL where not asked for; a row has `columns` classes.
"""

from numpy cimport (
    NPY_BYTE,
    NPY_INT,
    NPY_LONG,
    NPY_LONGLONG,
    NPY_SHORT,
    NPY_UBYTE,
    NPY_UINT,
    NPY_ULONG,
    NPY_ULONGLONG,
    NPY_USHORT,
)

cdef enum:
    NO_TARGETS = -1
    SOFT_TARGETS = -2
    HEADROOM = 32  # how far above the maximum that was taken for a row's own another may be
    ENOUGH_ROWS = 16  # narrow rows; fewer are quicker one by one
    # The loss is summed over this many blocks of rows at most, whatever the number of threads: the same bits.
    MAX_BLOCKS = 256


cdef inline long long label_at(const char *t, int typenum, Py_ssize_t i) noexcept nogil:
    """Label i of an array of any integer dtype; one that is too large to be signed comes out negative.

    It is read once, hence volatile: another thread may write to it between the look at it and its use.
    """
    if typenum == NPY_LONG:
        return (<const volatile long *> t)[i]
    if typenum == NPY_LONGLONG:
        return (<const volatile long long *> t)[i]
    if typenum == NPY_INT:
        return (<const volatile int *> t)[i]
    if typenum == NPY_UBYTE:
        return (<const volatile unsigned char *> t)[i]
    if typenum == NPY_BYTE:
        return (<const volatile signed char *> t)[i]
    if typenum == NPY_SHORT:
        return (<const volatile short *> t)[i]
    if typenum == NPY_USHORT:
        return (<const volatile unsigned short *> t)[i]
    if typenum == NPY_UINT:
        return (<const volatile unsigned int *> t)[i]
    if typenum == NPY_ULONG:
        return <long long> (<const volatile unsigned long *> t)[i]
    return <long long> (<const volatile unsigned long long *> t)[i]


cdef bint labels_fit(const char *t, int typenum, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t i
    cdef long long label
    for i in range(rows):
        label = label_at(t, typenum, i)
        if label < 0 or label >= columns:
            return False
    return True


cdef inline long long checked_label(const Work *work, Py_ssize_t row) noexcept nogil:
    """A row's label, which was in range when it was checked; 0 where another thread has written to t since."""
    cdef long long label = label_at(work.t, work.label_type, row)
    return label if 0 <= label < work.columns else 0


cdef inline void scale_row(const floating *e, floating scale, floating *result, Py_ssize_t n) noexcept nogil:
    """A long row starts with what is left of a cache line, so that no vector is stored across two: twice as fast."""
    cdef Py_ssize_t j, head = 0
    if n >= 2 * CHUNK:
        head = (64 - <Py_ssize_t> (<size_t> result % 64)) // <Py_ssize_t> sizeof(floating)
    for j in range(head):
        result[j] = e[j] * scale
    for j in range(head, n):
        result[j] = e[j] * scale


cdef double softmax_row(
    const Work *work, const floating *x, const floating *t, long long label, floating *y, floating *dx, Py_ssize_t known
) noexcept nogil:
    """One row: its probabilities into y, its gradient into dx, where they are asked for; returns its loss.

    The maximum of the first `known` entries stands for the row's own, so that a long row is read from memory
    once: a larger one further on is as good while exp of the difference is far from overflowing, and where it
    is not, the row is done again with its own.
    """
    cdef Py_ssize_t j, top, found, start = 0, stop, n = work.columns
    cdef floating *e = dx if y == NULL else y
    cdef double gap = 0, weight = 1, rest = 0, t_top = 0
    cdef double total, divisor, others, e_top, e_lost, ratio
    cdef double[LANES] sums
    cdef double[LANES] lost
    cdef int lane
    cdef floating x_top = <floating> -INFINITY, x_label = 0
    cdef floating scale, share, limit, shift, bias, low
    # What the input holds is read before anything is written: dx may be x itself.
    if work.label_type == SOFT_TARGETS or e == x:
        known = n
    top = max(largest(x, min(known, n), &x_top), 0)
    limit = x_top + <floating> HEADROOM
    exp_frame(x_top, &shift, &bias, &low)
    e_top = exp_of_top(x[top], shift, bias, &e_lost)
    if work.label_type == SOFT_TARGETS:
        gap = weighted_gap(x, t, x_top, n)
        t_top = t[top]
        rest = sum_of(t, top) + sum_of(t + top + 1, n - top - 1)
        weight = rest + t_top
    elif work.label_type != NO_TARGETS:
        x_label = x[label]

    for lane in range(LANES):
        sums[lane] = lost[lane] = 0
    while start < n:
        stop = start + min(CHUNK, n - start)
        if start >= known:
            found = largest(x + start, stop - start, &x_top)
            if found >= 0:
                if x_top > limit:
                    return softmax_row(work, x, t, label, y, dx, n)
                e[top] = <floating> e_top
                add_exactly(&sums[0], &lost[0], e_top)
                top = start + found
                e_top = exp_of_top(x_top, shift, bias, &e_lost)
        for j in range(start, stop):
            e[j] = exp_below(x[j], shift, bias, low)
        if start <= top < stop:
            e[top] = 0
        if n >= LANES:
            add_to_lanes(e + start, stop - start, sums, lost)
        start = stop
    others = sum_of_lanes(sums, lost, floating is double) if n >= LANES else sum_of(e, n)
    e[top] = <floating> e_top
    total = e_top + (e_lost + others)
    divisor = total * work.rows

    if dx != NULL:
        if work.label_type == SOFT_TARGETS:
            scale = <floating> (weight / divisor)
            share = <floating> (<double> 1 / work.rows)
            for j in range(n):
                dx[j] = e[j] * scale - t[j] * share
            dx[top] = <floating> ((rest * e_top - t_top * others) / divisor)
        else:
            scale = <floating> (1 / divisor)
            rest = 0 - (others if label == top else total - e[label])
            scale_row(e, scale, dx, n)
            dx[label] = <floating> (rest / divisor)
    if y != NULL:
        scale_row(e, <floating> (1 / total), y, n)
    if work.label_type >= 0:
        gap = <double> x_top - <double> x_label
    ratio = others / e_top
    if floating is double:  # that e_top is rounded is nothing to float32
        ratio -= ratio * (e_lost / e_top)
    return gap + weight * log_1p(ratio)


cdef double rows_loop(
    const Work *work, const floating *x, const floating *t, floating *y, floating *dx, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """The rows start to stop; returns the sum of their losses."""
    cdef Py_ssize_t row, offset
    cdef long long label = 0
    cdef double total = 0, lost = 0
    cdef int few
    if work.columns < LANES and work.label_type != SOFT_TARGETS:
        while stop - start >= ENOUGH_ROWS:
            few = <int> min(LANES, stop - start)
            offset = start * work.columns
            add_exactly(
                &total,
                &lost,
                narrow_rows(
                    work,
                    x + offset,
                    start,
                    y + offset if y != NULL else NULL,
                    dx + offset if dx != NULL else NULL,
                    few,
                ),
            )
            start += few
    for row in range(start, stop):
        offset = row * work.columns
        if work.label_type >= 0:
            label = checked_label(work, row)
        add_exactly(
            &total,
            &lost,
            softmax_row(
                work,
                x + offset,
                t + offset if t != NULL else NULL,
                label,
                y + offset if y != NULL else NULL,
                dx + offset if dx != NULL else NULL,
                CHUNK,
            ),
        )
    return exact(total, lost)


cdef void softmax_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The blocks of rows start to stop; each leaves its loss in its place."""
    cdef Py_ssize_t block, first, last
    cdef const char *t = work.t if work.label_type == SOFT_TARGETS else NULL
    for block in range(start, stop):
        first = work.rows // work.blocks * block + min(block, work.rows % work.blocks)
        last = work.rows // work.blocks * (block + 1) + min(block + 1, work.rows % work.blocks)
        if work.typenum == NPY_FLOAT:
            work.losses[block] = rows_loop(
                work, <const float *> work.x, <const float *> t, <float *> work.y, <float *> work.dx, first, last
            )
        else:
            work.losses[block] = rows_loop(
                work, <const double *> work.x, <const double *> t, <double *> work.y, <double *> work.dx, first, last
            )


cdef double softmax_rows(Work *work) except? -1:
    """Every row; returns the mean loss, nan of no row."""
    cdef double[MAX_BLOCKS] losses
    cdef double total = 0, lost = 0
    cdef Py_ssize_t block
    if work.rows == 0:
        return <double> INFINITY - <double> INFINITY
    if work.columns == 0:
        return 0
    work.losses = losses
    work.blocks = min(MAX_BLOCKS, (work.rows + LANES - 1) // LANES if work.columns < LANES else work.rows)
    run(softmax_task, work, work.blocks, max(work.rows // work.blocks * work.columns, 1) * 8)
    for block in range(work.blocks):
        add_exactly(&total, &lost, losses[block])
    return exact(total, lost) / work.rows


cdef int target_type(const Work *work, object t) except? NO_TARGETS:
    """How to read t: SOFT_TARGETS, or the dtype of labels that are all in range; NO_TARGETS where it does not fit."""
    cdef int label_type = PyArray_TYPE(<ndarray> t)
    cdef bint all_fit
    cdef list _pinned
    if label_type == work.typenum:
        return SOFT_TARGETS if fits(t, label_type, 2, work.rows, work.columns, NPY_ARRAY_C_CONTIGUOUS) else NO_TARGETS
    if not NPY_BYTE <= label_type <= NPY_ULONGLONG or not fits(t, label_type, 1, 1, work.rows, EITHER_ORDER):
        return NO_TARGETS
    if work.rows < WORTH_RELEASING:
        all_fit = labels_fit(work.t, label_type, work.rows, work.columns)
    else:
        _pinned = pinned(work)
        with nogil:
            all_fit = labels_fit(work.t, label_type, work.rows, work.columns)
    return label_type if all_fit else NO_TARGETS


cdef inline bint are_scores(object x) noexcept:
    """Whether x is plain, of rows of classes."""
    return order_of(x, floating_type(x)) & NPY_ARRAY_C_CONTIGUOUS != 0 and PyArray_NDIM(<ndarray> x) == 2


cdef int prepare(Work *work, object x, object t) except -1:
    """Fill in the work for scores x and targets t; False where they are not plain or do not fit."""
    if not are_scores(x) or not PyArray_CheckExact(t):
        return False
    begin(work, floating_type(x))
    work.rows, work.columns = PyArray_DIM(<ndarray> x, 0), PyArray_DIM(<ndarray> x, 1)
    work.x, work.t = data_of(work, x), data_of(work, t)
    work.label_type = target_type(work, t)
    return work.label_type != NO_TARGETS


def softmax(x, axis=-1, out=None):
    """y along the last axis of a plain array; `out` None or an array."""
    cdef int typenum = floating_type(x)
    cdef int ndim
    cdef Work work
    if order_of(x, typenum) & NPY_ARRAY_C_CONTIGUOUS == 0 or type(axis) is not int:
        return NotImplemented
    ndim = PyArray_NDIM(<ndarray> x)
    if ndim == 0 or (axis != -1 and axis != ndim - 1):
        return NotImplemented
    if not is_given(out):
        out = new_like(out, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    elif order_of(out, typenum) & NPY_ARRAY_C_CONTIGUOUS == 0 or not (
        same_shape(x, out) and is_writeable(out) and apart_or_same(x, out)
    ):
        return NotImplemented
    begin(&work, typenum)
    work.label_type = NO_TARGETS
    work.columns = PyArray_DIM(<ndarray> x, ndim - 1)
    work.rows = size_of(x) // work.columns if work.columns > 0 else 0
    work.x, work.y = data_of(&work, x), data_of(&work, out)
    work.t = work.dx = NULL
    if is_changed(out, size_of(x)):
        return NotImplemented
    softmax_rows(&work)
    return out


def softmax_cross_entropy(x, t, out=None):
    """(loss, dx) of plain scores and targets; `out` None or an array for dx."""
    cdef Work work
    if not is_given(out):
        if not are_scores(x):
            return NotImplemented
        out = new_like(out, x, floating_type(x), NPY_ARRAY_C_CONTIGUOUS)  # before the checks, as below
    if not prepare(&work, x, t):
        return NotImplemented
    if order_of(out, work.typenum) & NPY_ARRAY_C_CONTIGUOUS == 0 or not (
        same_shape(x, out) and is_writeable(out) and apart_or_same(x, out) and apart(t, out)
    ):
        return NotImplemented
    work.y = NULL
    work.dx = data_of(&work, out)
    return softmax_rows(&work), out


def softmax_with_loss(x, t, out=None):
    """(loss, y, dx) of plain scores and targets; `out` None or the layer's two recyclers for y and dx."""
    cdef int typenum = floating_type(x)
    cdef object y = None, dx = None
    cdef Work work
    if out is not None:
        if not PyTuple_CheckExact(out) or PyTuple_GET_SIZE(out) != 2:
            return NotImplemented
        y, dx = <object> PyTuple_GET_ITEM(out, 0), <object> PyTuple_GET_ITEM(out, 1)
    if is_given(y) or is_given(dx) or not are_scores(x):
        return NotImplemented
    y = new_like(y, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    dx = new_like(dx, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    # After the results, because to drop old ones may run any code: what is checked from here on stays so.
    if not prepare(&work, x, t) or work.typenum != typenum or not (same_shape(x, y) and same_shape(x, dx)):
        return NotImplemented
    work.y, work.dx = data_of(&work, y), data_of(&work, dx)
    return softmax_rows(&work), y, dx
