"""What narrow rows are held against, a row in each lane: the steps of `targets.pyx` for LANES rows at once."""

# How the weight of each row is spread over its classes, as `Spread` has it of one.
cdef struct NarrowSpread:
    double[LANES] gap
    double[LANES] top
    double[LANES] rest


cdef inline void to_columns(const floating *numbers, floating *columns, Py_ssize_t rows, Py_ssize_t n) noexcept nogil:
    """Rows of n as columns of LANES, with 0 for rows that are not there."""
    cdef Py_ssize_t j, lane
    for lane in range(rows):
        for j in range(n):
            columns[j * LANES + lane] = numbers[lane * n + j]
    for lane in range(rows, LANES):
        for j in range(n):
            columns[j * LANES + lane] = 0


cdef inline void spread_columns(
    const LossWork *work, const floating *t, const Py_ssize_t *label, floating *q, Py_ssize_t rows
) noexcept nogil:
    """q of rows of targets, or where t is NULL of labels, as columns."""
    cdef const floating *weights = <const floating *> work.weights.data
    cdef floating keep = <floating> work.keep, base = <floating> work.base
    cdef Py_ssize_t n = work.columns, j, lane
    cdef floating weight, target
    if t == NULL:
        for j in range(n):
            target = weighted(base, weights, j)
            for lane in range(LANES):
                q[j * LANES + lane] = target
        for lane in range(rows):
            q[label[lane] * LANES + lane] += weighted(keep, weights, label[lane])
        return
    to_columns(t, q, rows, n)
    if not is_as_given(work, t):
        for j in range(n):
            weight = weighted(<floating> 1, weights, j)
            for lane in range(LANES):
                q[j * LANES + lane] = multiply_add(keep, q[j * LANES + lane], base) * weight


cdef inline void spread_of_columns(
    const floating *x, const floating *q, const floating *top, const floating *which, NarrowSpread *sums, Py_ssize_t n
) noexcept nogil:
    """What `spread_of` finds of one row, of scores x, as columns."""
    cdef double[LANES] gap_lost
    cdef double[LANES] rest_lost
    cdef floating place, target
    cdef double term
    cdef Py_ssize_t j, lane
    for lane in range(LANES):
        sums.gap[lane] = sums.top[lane] = sums.rest[lane] = gap_lost[lane] = rest_lost[lane] = 0
    for j in range(n):
        place = <floating> j
        for lane in range(LANES):
            target = q[j * LANES + lane]
            term = <double> target * (<double> top[lane] - <double> x[j * LANES + lane])
            term = term if target != <floating> 0 else 0.0
            if floating is float:
                sums.gap[lane] += term
            else:
                add_exactly(&sums.gap[lane], &gap_lost[lane], term)
        for lane in range(LANES):
            target = q[j * LANES + lane]
            sums.top[lane] = <double> target if which[lane] == place else sums.top[lane]
            target = <floating> 0 if which[lane] == place else target
            if floating is float:
                sums.rest[lane] += <double> target
            else:
                add_exactly(&sums.rest[lane], &rest_lost[lane], target)
    for lane in range(LANES):
        sums.gap[lane] = exact(sums.gap[lane], gap_lost[lane])
        sums.rest[lane] = exact(sums.rest[lane], rest_lost[lane])


cdef inline void spread_gradient_of_columns(
    const floating *e,
    const double *divisor,
    const double *divided_by,
    const double *sum_of_q,
    floating *q,
    Py_ssize_t n,
) noexcept nogil:
    """(y_j sum(q) - q_j) / divided_by in place of q, of exponentials e; `divisor` is their total times divided_by."""
    cdef floating[LANES] scale
    cdef floating[LANES] share
    cdef Py_ssize_t j, lane
    for lane in range(LANES):
        scale[lane] = <floating> (sum_of_q[lane] / divisor[lane])
        share[lane] = <floating> (1 / divided_by[lane])
    for j in range(n):
        for lane in range(LANES):
            q[j * LANES + lane] = multiply_add(e[j * LANES + lane], scale[lane], -(q[j * LANES + lane] * share[lane]))
