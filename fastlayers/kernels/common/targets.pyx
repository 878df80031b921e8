"""What a loss is held against: labels of any integer dtype or a target for each class, and what each of them weighs.

Every option comes down to the weight q_j that a row gives to each of its classes. With labels t, class weights w,
label smoothing s and C classes it is w_j (s / C + (1 - s) [j = t]), with targets w_j (s / C + (1 - s) t_j); the
loss of a row is the sum of q_j (log sum exp(x) - x_j). Where a label alone has any weight, that is a factor of its row.
"""

from libc.limits cimport LLONG_MAX


cdef inline bint is_integer_type(int typenum) noexcept nogil:
    """Whether `label_at` reads it; the C types' numbers follow each other."""
    return NPY_BYTE <= typenum <= NPY_ULONGLONG


cdef inline long long label_at(const char *t, int typenum, Py_ssize_t i) noexcept nogil:
    """Label i of an array of any integer dtype; one that is too large to be signed comes out as the largest that is.

    It is read once, hence volatile: another thread may write to it between the look at it and its use.
    """
    cdef unsigned long long label
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
        label = (<const volatile unsigned long *> t)[i]
    else:
        label = (<const volatile unsigned long long *> t)[i]
    return <long long> min(label, <unsigned long long> LLONG_MAX)


cdef inline double number_at(const char *numbers, int typenum, Py_ssize_t i) noexcept nogil:
    return <double> (<const float *> numbers)[i] if typenum == NPY_FLOAT else (<const double *> numbers)[i]


cdef inline bint is_weighted(const LossWork *work) noexcept nogil:
    """Whether rows may count other than 1."""
    return work.weights.data != NULL or work.sample_weights.data != NULL or work.ignores


cdef inline double weight_of_row(const LossWork *work, Py_ssize_t row, long long label) noexcept nogil:
    """What a row counts in the mean: the weight of its sample times that of its label, where it has one (else -1)."""
    cdef double weight = 1
    if work.sample_weights.data != NULL:
        weight = number_at(work.sample_weights.data, work.typenum, row)
    if work.weights.data != NULL and label >= 0:
        weight *= number_at(work.weights.data, work.typenum, label)
    return weight


cdef inline long long checked_label(const LossWork *work, Py_ssize_t row) noexcept nogil:
    """A row's label, which was in range when it was checked; 0 where it is ignored and need not be, or where
    another thread has written to t since."""
    cdef long long label = label_at(work.t.data, work.label_type, row)
    return label if 0 <= label < work.columns else 0


cdef inline bint is_ignored(const LossWork *work, Py_ssize_t row) noexcept nogil:
    return work.ignores and label_at(work.t.data, work.label_type, row) == work.ignored


cdef bint labels_fit(const LossWork *work) noexcept nogil:
    """Whether every label is in range, or ignored."""
    cdef Py_ssize_t row
    cdef long long label
    for row in range(work.rows):
        label = label_at(work.t.data, work.label_type, row)
        if (label < 0 or label >= work.columns) and not is_ignored(work, row):
            return False
    return True


cdef double sum_of_weights(const LossWork *work) noexcept nogil:
    """What the mean divides by: the number of rows, or the sum of the weights of those that count."""
    cdef double total = 0, lost = 0
    cdef Py_ssize_t row
    if work.label_type == SOFT_TARGETS:
        if work.sample_weights.data == NULL:
            return work.rows
        for row in range(work.rows):
            add_exactly(&total, &lost, number_at(work.sample_weights.data, work.typenum, row))
    else:
        if not is_weighted(work):
            return work.rows
        for row in range(work.rows):
            # Of no class every label is ignored, and there is no weight to be read.
            if work.columns > 0 and not is_ignored(work, row):
                add_exactly(&total, &lost, weight_of_row(work, row, checked_label(work, row)))
    return exact(total, lost)


cdef inline bint has_finite_sums(const LossWork *work, double divisor) noexcept nogil:
    """Whether the mean's divisor is finite, and no class weighs so much that all of them could overflow."""
    cdef int odd = 0
    cdef Py_ssize_t j
    if work.weights.data == NULL and work.sample_weights.data == NULL:
        return True
    if work.weights.data != NULL:
        for j in range(work.columns):
            odd |= not -1e290 < number_at(work.weights.data, work.typenum, j) < 1e290
    return not odd and divisor - divisor == 0


cdef inline floating weighted(floating target, const floating *weights, Py_ssize_t j) noexcept nogil:
    """What class j is given times its weight, where it has one."""
    return target if weights == NULL else target * weights[j]


cdef inline floating target_of(
    const floating *t, const floating *weights, floating keep, floating base, Py_ssize_t j
) noexcept nogil:
    """q_j, but for what a label adds to its own class."""
    return weighted(base if t == NULL else multiply_add(keep, t[j], base), weights, j)


cdef inline bint is_as_given(const LossWork *work, const floating *t) noexcept nogil:
    """Whether q is t."""
    return t != NULL and work.weights.data == NULL and work.base == 0


# How a row's weight is spread over its classes.
cdef struct Spread:
    double gap  # sum_j q_j (max - x_j)
    double top  # q of the largest score
    double rest  # the sum of all the others


cdef Spread spread_of(
    const LossWork *work, const floating *x, const floating *t, long long label, floating x_top, Py_ssize_t top
) noexcept nogil:
    cdef const floating *weights = <const floating *> work.weights.data
    cdef floating keep = <floating> work.keep, base = <floating> work.base
    cdef floating[CHUNK] q
    cdef Spread sums
    cdef double gap_lost = 0, rest_lost = 0
    cdef Py_ssize_t start = 0, width, j
    if is_as_given(work, t):
        sums.gap, sums.top = weighted_gap(x, t, x_top, work.columns), t[top]
        sums.rest = sum_of(t, top) + sum_of(t + top + 1, work.columns - top - 1)
        return sums
    sums.gap = sums.top = sums.rest = 0
    while start < work.columns:
        width = min(CHUNK, work.columns - start)
        for j in range(width):
            q[j] = target_of(t, weights, keep, base, start + j)
        if start <= label < start + width:
            q[label - start] += weighted(keep, weights, label)
        if start <= top < start + width:
            sums.top = q[top - start]
            q[top - start] = 0
        add_exactly(&sums.gap, &gap_lost, weighted_gap(x + start, &q[0], x_top, width))
        add_exactly(&sums.rest, &rest_lost, sum_of(&q[0], width))
        start += width
    sums.gap, sums.rest = exact(sums.gap, gap_lost), exact(sums.rest, rest_lost)
    return sums


cdef void spread_gradient(
    const LossWork *work, const floating *e, const floating *t, long long label, floating *dx, double weight,
    double total, double rows,
) noexcept nogil:
    """(y_j sum(q) - q_j) / rows of a row of exponentials e with their total; dx may be e."""
    cdef const floating *weights = <const floating *> work.weights.data
    cdef floating keep = <floating> work.keep, base = <floating> work.base
    cdef floating scale = <floating> (weight / (total * rows)), share = <floating> (1 / rows)
    cdef double target, e_label = e[label] if label >= 0 else 0
    cdef Py_ssize_t j
    if is_as_given(work, t):
        for j in range(work.columns):
            dx[j] = multiply_add(e[j], scale, -(t[j] * share))
        return
    for j in range(work.columns):
        dx[j] = multiply_add(e[j], scale, -(target_of(t, weights, keep, base, j) * share))
    if label >= 0:
        target = target_of(t, weights, keep, base, label) + weighted(keep, weights, label)
        dx[label] = <floating> ((e_label * weight - target * total) / (total * rows))
