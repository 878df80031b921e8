"""Softmax with loss of narrow rows, a row in each lane.

Ten classes are the common case, and ten numbers are too few for a vector: row by row, the scalar ends of
every loop, the divisions and the logarithm cost more than the exponentials. So up to LANES rows are turned
into columns first; then every step runs over LANES rows at once, in the same order as `softmax_row` does.
"""


cdef inline void scale_rows(
    const floating *e, const floating *scale, floating *result, Py_ssize_t rows, Py_ssize_t n
) noexcept nogil:
    """The columns of e, each lane times its scale, as rows again."""
    cdef floating factor
    cdef Py_ssize_t j, lane
    for lane in range(rows):
        factor = scale[lane]
        j = 0
        while j + 2 <= n:  # two at a time: the loop itself costs as much as what it does
            result[j] = e[j * LANES + lane] * factor
            result[j + 1] = e[(j + 1) * LANES + lane] * factor
            j += 2
        if j < n:
            result[j] = e[j * LANES + lane] * factor
        result += n


cdef double narrow_rows(
    const LossWork *work, const floating *x, Py_ssize_t first, floating *y, floating *dx, int rows
) noexcept nogil:
    """Up to LANES rows of fewer than LANES classes; returns the sum of their losses, 0 where no dx is asked for."""
    cdef floating[LANES * LANES] e
    cdef floating[LANES] top
    cdef floating[LANES] which
    cdef floating[LANES] shift
    cdef floating[LANES] bias
    cdef floating[LANES] low
    cdef floating[LANES] scale
    cdef floating[LANES] largest_y
    cdef int[LANES] largest_at
    cdef double[LANES] e_top
    cdef double[LANES] e_lost
    cdef double[LANES] others
    cdef double[LANES] others_lost
    cdef double[LANES] total
    cdef double[LANES] divisor
    cdef double[LANES] loss
    cdef double[LANES] weight
    cdef Py_ssize_t[LANES] label
    cdef Py_ssize_t n = work.columns, j, lane
    cdef floating *column
    cdef floating place, value
    cdef double rest, sum_of_losses = 0, lost = 0
    for lane in range(rows):
        for j in range(n):
            e[j * LANES + lane] = x[lane * n + j]
    for lane in range(rows, LANES):
        for j in range(n):
            e[j * LANES + lane] = 0
    for lane in range(LANES):
        top[lane] = <floating> -INFINITY
        which[lane] = 0
        others[lane] = others_lost[lane] = 0
    for j in range(n):
        column = e + j * LANES
        place = <floating> j
        for lane in range(LANES):
            which[lane] = place if column[lane] > top[lane] else which[lane]
            top[lane] = column[lane] if column[lane] > top[lane] else top[lane]
    if dx != NULL:  # read before anything is written: dx may be x itself
        for lane in range(rows):
            label[lane] = checked_label(work, first + lane)
            loss[lane] = <double> top[lane] - <double> x[lane * n + label[lane]]
    for lane in range(LANES):
        exp_frame(top[lane], &shift[lane], &bias[lane], &low[lane])
        e_top[lane] = exp_of_top(top[lane], shift[lane], bias[lane], &e_lost[lane])
    for j in range(n):
        column = e + j * LANES
        place = <floating> j
        for lane in range(LANES):
            column[lane] = exp_below(column[lane], shift[lane], bias[lane], low[lane])
        for lane in range(LANES):
            value = <floating> 0 if which[lane] == place else column[lane]
            if floating is float:
                others[lane] += <double> value
            else:
                add_exactly(&others[lane], &others_lost[lane], value)
    for lane in range(LANES):
        others[lane] += others_lost[lane]
        total[lane] = e_top[lane] + (e_lost[lane] + others[lane])
    if y != NULL:
        for lane in range(LANES):
            largest_y[lane] = probability_of_top(e_top[lane], others[lane], total[lane], &scale[lane])
            largest_at[lane] = <int> which[lane]
        if n > 1:
            scale_rows(e, scale, y, rows, n)
        for lane in range(rows):
            y[lane * n + largest_at[lane]] = largest_y[lane]
    if dx == NULL:
        return 0
    for lane in range(LANES):
        divisor[lane] = total[lane] * work.divisor
    if is_weighted(work):
        for lane in range(rows):
            weight[lane] = weight_of_row(work, first + lane, label[lane])
            divisor[lane] = total[lane] * (work.divisor / weight[lane])
    for lane in range(LANES):
        scale[lane] = <floating> (1 / divisor[lane])
    scale_rows(e, scale, dx, rows, n)
    for lane in range(rows):
        j = label[lane]
        rest = 0 - (others[lane] if which[lane] == <floating> j else total[lane] - e[j * LANES + lane])
        dx[lane * n + j] = <floating> (rest / divisor[lane])
    for lane in range(LANES):
        others[lane] /= e_top[lane]
        if floating is double:
            others[lane] -= others[lane] * (e_lost[lane] / e_top[lane])
        others[lane] = log_1p(others[lane])
    for lane in range(rows):
        loss[lane] += others[lane]
    if is_weighted(work):
        for lane in range(rows):
            loss[lane] *= weight[lane]
            if is_ignored(work, first + lane):
                memset(dx + lane * n, 0, n * sizeof(floating))
                loss[lane] = 0
    if work.row_losses.data != NULL:
        for lane in range(rows):
            (<floating *> work.row_losses.data)[first + lane] = <floating> loss[lane]
    for lane in range(rows):
        add_exactly(&sum_of_losses, &lost, loss[lane])
    return exact(sum_of_losses, lost)
