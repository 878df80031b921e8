"""Softmax, and softmax with cross-entropy and its gradient in one pass over each row.

A row is read a chunk at a time, which is looked through for the maximum, then exp and sum; the scale follows.
Exp is taken over a power of two near exp(max) instead of exp(max), see `exp_frame`: it divides out again.
The largest entry is kept apart from the sum of the others, so that a dominating class loses no digits:
the loss is (max - x_t) + log1p(others / e_top).
The gradient for a label is made of the probabilities, see `softmax_gradient.pyx`.
A NaN, or +inf, or -inf alone, makes e_top or `others` NaN, which then reaches the whole row.
y and dx are NULL where they are not asked for.
"""

from libc.string cimport memset

cdef extern from "Python.h":
    long PyLong_AsLongAndOverflow(object, int *) noexcept  # of an int

cdef enum:
    HEADROOM = 32  # how far above the maximum that was taken for a row's own another may be
    ENOUGH_ROWS = 16  # narrow rows; fewer are quicker one by one
    # The loss is summed over this many blocks of rows at most, whatever the number of threads: the same bits.
    MAX_BLOCKS = 256


cdef inline void scale_row(const floating *e, floating scale, floating *result, Py_ssize_t n) noexcept nogil:
    """A long row starts with what is left of a cache line, so that no vector is stored across two: twice as fast."""
    cdef Py_ssize_t j, head = 0
    if n >= 2 * CHUNK:
        head = (64 - <Py_ssize_t> (<size_t> result % 64)) // <Py_ssize_t> sizeof(floating)
    for j in range(head):
        result[j] = e[j] * scale
    for j in range(head, n):
        result[j] = e[j] * scale


cdef inline floating probability_of_top(double e_top, double others, double total, floating *scale) noexcept nogil:
    """The probability of the largest score; `scale` becomes what the exponentials of all others are multiplied by.

    Two roundings, of an exponential and of a reciprocal, can bring their product above 1, or below it where there is
    no other class. So above two thirds the probability is a quotient, which is at most 1 as e_top <= total, and
    rounded once. Below that it is the product, for equal scores to have equal probabilities. In float32 the product
    with the reciprocal in float64 is as good as a quotient: it is within (1 + 2**-53), which rounds to 1.
    """
    cdef double inverse = 1 / total
    cdef floating quotient = <floating> (e_top * inverse if floating is float else e_top / total)
    scale[0] = <floating> inverse
    return quotient if 2 * others < e_top else <floating> e_top * scale[0]


cdef inline void scale_twice(
    floating *e, floating scale, floating share, floating *dx, Py_ssize_t n
) noexcept nogil:
    """e times scale in its place, and that times share into dx, or in its place too where dx is e.

    A long row starts as in `scale_row`.
    """
    cdef Py_ssize_t j, head = 0
    if dx == e:
        for j in range(n):
            dx[j] = dx[j] * scale * share
        return
    if n >= 2 * CHUNK:
        head = (64 - <Py_ssize_t> (<size_t> dx % 64)) // <Py_ssize_t> sizeof(floating)
    for j in range(head):
        e[j] = e[j] * scale
        dx[j] = e[j] * share
    for j in range(head, n):
        e[j] = e[j] * scale
        dx[j] = e[j] * share


cdef double softmax_row(
    const LossWork *work,
    const floating *x,
    const floating *t,
    long long label,
    floating *y,
    floating *dx,
    double rows,
    Py_ssize_t known,
) noexcept nogil:
    """One row: its probabilities into y, its gradient over `rows` into dx, where they are asked for; returns its loss.

    t is NULL and the label -1 where there is none.
    The maximum of the first `known` entries stands for the row's own, so that a long row is read from memory
    once: a larger one further on is as good while exp of the difference is far from overflowing, and where it
    is not, the row is done again with its own.
    """
    cdef Py_ssize_t j, top, found, start = 0, stop, n = work.columns
    cdef floating *e = dx if y == NULL else y
    cdef bint is_spread = t != NULL or (label >= 0 and work.base != 0)
    cdef Spread q
    cdef double gap = 0, weight = 1
    cdef double total, others, e_top, e_lost, ratio
    cdef double[LANES] sums
    cdef double[LANES] lost
    cdef int lane
    cdef floating x_top = <floating> -INFINITY, x_label = 0
    cdef floating scale, share, limit, shift, bias, low, largest_y, of_label
    # What the input holds is read before anything is written: dx may be x itself.
    if is_spread or e == x:
        known = n
    top = max(largest(x, min(known, n), &x_top), 0)
    limit = x_top + <floating> HEADROOM
    exp_frame(x_top, &shift, &bias, &low)
    e_top = exp_of_top(x[top], shift, bias, &e_lost)
    q.gap = q.top = q.rest = 0
    if is_spread:
        q = spread_of(work, x, t, label, x_top, top)
        gap, weight = q.gap, q.rest + q.top
    elif label >= 0:
        x_label = x[label]

    for lane in range(LANES):
        sums[lane] = lost[lane] = 0
    while start < n:
        stop = start + min(CHUNK, n - start)
        if start >= known:
            found = largest(x + start, stop - start, &x_top)
            if found >= 0:
                if x_top > limit:
                    return softmax_row(work, x, t, label, y, dx, rows, n)
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

    if dx != NULL and is_spread:
        spread_gradient(work, e, t, label, dx, weight, total, rows)
        dx[top] = <floating> ((q.rest * e_top - q.top * others) / (total * rows))
    largest_y = probability_of_top(e_top, others, total, &scale)
    if dx != NULL and not is_spread:
        share = <floating> (1 / rows)
        of_label = gradient_of_label(
            e, scale, largest_y if label == top else e[label] * scale, label, rows, n
        )
        scale_twice(e, scale, share, dx, n)
        dx[top] = largest_y * share
        dx[label] = of_label
    elif y != NULL:
        scale_row(e, scale, y, n)
    if y != NULL:
        y[top] = largest_y
    if label >= 0 and not is_spread:
        gap = <double> x_top - <double> x_label
    ratio = others / e_top
    if floating is double:  # that e_top is rounded is nothing to float32
        ratio -= ratio * (e_lost / e_top)
    return gap + weight * log_1p(ratio)


cdef double one_row(
    const LossWork *work, const floating *x, const floating *t, floating *y, floating *dx, Py_ssize_t row
) noexcept nogil:
    """One row by its place; returns its weighted loss."""
    cdef Py_ssize_t offset = row * work.columns
    cdef long long label = -1
    cdef double weight, result
    if work.label_type >= 0:
        label = checked_label(work, row)
    # Smoothed, the classes' weights are in each row's own.
    weight = weight_of_row(work, row, label if work.base == 0 else -1)
    result = softmax_row(
        work,
        x + offset,
        t + offset if t != NULL else NULL,
        label,
        y + offset if y != NULL else NULL,
        dx + offset if dx != NULL else NULL,
        work.divisor / weight,
        CHUNK,
    )
    if is_ignored(work, row):
        memset(dx + offset, 0, work.columns * sizeof(floating))
        result = 0
    else:
        result *= weight
    if work.row_losses.data != NULL:
        (<floating *> work.row_losses.data)[row] = <floating> result
    return result


cdef double rows_loop(
    const LossWork *work, const floating *x, const floating *t, floating *y, floating *dx, Py_ssize_t start,
    Py_ssize_t stop,
) noexcept nogil:
    """The rows start to stop; returns the sum of their losses."""
    cdef Py_ssize_t row, offset
    cdef double total = 0, lost = 0
    cdef int few
    if work.columns < LANES:
        while stop - start >= ENOUGH_ROWS:
            few = <int> min(LANES, stop - start)
            offset = start * work.columns
            add_exactly(
                &total,
                &lost,
                narrow_rows(
                    work,
                    x + offset,
                    t + offset if t != NULL else NULL,
                    start,
                    y + offset if y != NULL else NULL,
                    dx + offset if dx != NULL else NULL,
                    few,
                ),
            )
            start += few
    for row in range(start, stop):
        add_exactly(&total, &lost, one_row(work, x, t, y, dx, row))
    return exact(total, lost)


cdef inline Py_ssize_t start_of_rows(const LossWork *work, Py_ssize_t block) noexcept nogil:
    return work.rows // work.blocks * block + min(block, work.rows % work.blocks)


cdef void softmax_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    losses_task(work, start, stop, start_of_rows, rows_loop, rows_loop)


cdef double softmax_rows(Task task, LossWork *work, const Call *call) except? -1:
    """Every row; returns the sum of the losses over what they are divided by."""
    cdef double[MAX_BLOCKS] losses
    cdef double total = 0, lost = 0
    cdef Py_ssize_t block
    if work.rows > 0 and work.columns > 0:
        work.block_losses = losses
        work.blocks = min(MAX_BLOCKS, (work.rows + LANES - 1) // LANES if work.columns < LANES else work.rows)
        run(task, work, call, work.blocks, max(work.rows // work.blocks * work.columns, 1) * 8)
        for block in range(work.blocks):
            add_exactly(&total, &lost, losses[block])
    return exact(total, lost) / work.divisor


cdef bint is_of_rows(object a, object axis) noexcept:
    """Whether an array has one axis or more, in C order, and the axis of classes is the last."""
    cdef int ndim, overflows
    cdef long last
    if not PyArray_CheckExact(a) or PyArray_FLAGS(<ndarray> a) & NPY_ARRAY_C_CONTIGUOUS == 0 or type(axis) is not int:
        return False
    ndim, last = PyArray_NDIM(<ndarray> a), PyLong_AsLongAndOverflow(axis, &overflows)
    return ndim > 0 and overflows == 0 and (last == -1 or last == ndim - 1)


def softmax(x, out=None, axis=-1):
    """y along the last axis of a plain array; `out` None or an array."""
    cdef int typenum = floating_type(x)
    cdef Call call
    cdef LossWork work
    if not is_of_rows(x, axis) or order_of(x, typenum) == 0:
        return NotImplemented
    if not is_given(out):
        out = new_like(out, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    begin_loss(&work, &call, typenum)
    if take(&call, &work.x, x, typenum, NPY_ARRAY_C_CONTIGUOUS) == 0:
        return NotImplemented
    work.x.replaceable = True
    if not take_as_x(&call, &work, &work.y, out, x) or not is_result(&call):
        return NotImplemented
    work.columns = PyArray_DIM(<ndarray> out, PyArray_NDIM(<ndarray> out) - 1)
    work.rows = work.x.size // work.columns if work.columns > 0 else 0
    softmax_rows(softmax_task, &work, &call)
    return out
