"""Softmax with loss of narrow rows, a row in each lane.

Ten classes are the common case, and ten numbers are too few for a vector: row by row, the scalar ends of
every loop, the divisions and the logarithm cost more than the exponentials. So up to LANES rows are turned
into columns first; then every step runs over LANES rows at once, in the same order as `softmax_row` does.
What the rows are held against is turned likewise, see `common/narrow_targets.pyx`.
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


cdef inline void divisors_of_rows(
    const LossWork *work, Py_ssize_t first, const Py_ssize_t *label, double *divided_by, int rows
) noexcept nogil:
    """What each row's gradient is divided by; `label` is NULL where the classes' weights are in each row's own."""
    cdef Py_ssize_t lane
    for lane in range(LANES):
        divided_by[lane] = work.divisor
    if work.sample_weights.data != NULL or (work.weights.data != NULL and label != NULL):
        for lane in range(rows):
            divided_by[lane] = work.divisor / weight_of_row(work, first + lane, -1 if label == NULL else label[lane])


cdef inline void scale_rows_twice(
    const floating *e, const floating *scale, const floating *share, floating *y, floating *dx, Py_ssize_t rows,
    Py_ssize_t n,
) noexcept nogil:
    """The columns of e, each lane times its scale, as rows of y unless that is NULL; these times its share, of dx."""
    cdef floating factor, part, one, other
    cdef Py_ssize_t j, lane
    for lane in range(rows):
        factor, part = scale[lane], share[lane]
        j = 0
        while j + 2 <= n:
            one, other = e[j * LANES + lane] * factor, e[(j + 1) * LANES + lane] * factor
            if y != NULL:
                y[j], y[j + 1] = one, other
            dx[j], dx[j + 1] = one * part, other * part
            j += 2
        if j < n:
            one = e[j * LANES + lane] * factor
            if y != NULL:
                y[j] = one
            dx[j] = one * part
        if y != NULL:
            y += n
        dx += n


cdef inline void gradients_of_labels(
    const floating *e, const floating *scale, const floating *y_label, const Py_ssize_t *label,
    const double *divided_by, floating *gradient, Py_ssize_t rows, Py_ssize_t n,
) noexcept nogil:
    """`gradient_of_label` of columns."""
    cdef floating[LANES] place_of_label
    cdef double[LANES] total
    cdef double[LANES] lost
    cdef double[LANES] rest
    cdef floating place, value
    cdef Py_ssize_t j, lane
    cdef int dominated = 0
    for lane in range(LANES):
        rest[lane] = 1 - <double> y_label[lane]
        dominated |= dominates(y_label[lane])
    if dominated:
        for lane in range(LANES):
            total[lane] = lost[lane] = place_of_label[lane] = 0
        for lane in range(rows):
            place_of_label[lane] = <floating> label[lane]
        for j in range(n):
            place = <floating> j
            for lane in range(LANES):
                value = e[j * LANES + lane] * scale[lane]
                value = <floating> 0 if place_of_label[lane] == place else value
                if floating is float:
                    total[lane] += <double> value
                else:
                    add_exactly(&total[lane], &lost[lane], value)
        for lane in range(LANES):
            total[lane] = exact(total[lane], lost[lane])
            rest[lane] = total[lane] if dominates(y_label[lane]) else rest[lane]
    for lane in range(LANES):
        gradient[lane] = <floating> ((0 - rest[lane]) / divided_by[lane])


cdef double narrow_rows(
    const LossWork *work, const floating *x, const floating *t, Py_ssize_t first, floating *y, floating *dx, int rows
) noexcept nogil:
    """Up to LANES rows of fewer than LANES classes; returns the sum of their losses, 0 where no dx is asked for."""
    cdef floating[LANES * LANES] e  # a column for each class
    cdef floating[LANES * LANES] q  # what each row gives to its classes; then dx
    cdef NarrowSpread spread
    cdef double[LANES] sum_of_q
    cdef floating[LANES] top
    cdef floating[LANES] which
    cdef floating[LANES] shift
    cdef floating[LANES] bias
    cdef floating[LANES] low
    cdef floating[LANES] scale
    cdef floating[LANES] share
    cdef floating[LANES] largest_y
    cdef floating[LANES] y_label
    cdef floating[LANES] gradient
    cdef double[LANES] e_top
    cdef double[LANES] e_lost
    cdef double[LANES] others
    cdef double[LANES] others_lost
    cdef double[LANES] total
    cdef double[LANES] divided_by
    cdef double[LANES] divisor
    cdef double[LANES] loss
    cdef double[LANES] of_label
    cdef Py_ssize_t[LANES] label
    cdef int[LANES] largest_at
    cdef bint is_spread = t != NULL or work.base != 0
    # Whether rows may count other than 1; spread, the classes' weights are in each row's own.
    cdef bint counts = work.sample_weights.data != NULL or work.ignores or (work.weights.data != NULL and not is_spread)
    cdef Py_ssize_t n = work.columns, j, lane
    cdef floating *column
    cdef floating place, value
    cdef double sum_of_losses = 0, lost = 0
    to_columns(x, &e[0], rows, n)
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
    for lane in range(LANES):
        largest_at[lane] = <int> which[lane]
    if dx != NULL:
        if t == NULL:
            for lane in range(rows):
                label[lane] = checked_label(work, first + lane)
        if is_spread:
            spread_columns(work, t, &label[0], &q[0], rows)
            spread_of_columns(&e[0], &q[0], &top[0], &which[0], &spread, n)
            for lane in range(LANES):
                sum_of_q[lane] = spread.rest[lane] + spread.top[lane]
        else:
            for lane in range(LANES):
                sum_of_q[lane] = 1
            for lane in range(rows):
                spread.gap[lane] = <double> top[lane] - <double> e[label[lane] * LANES + lane]
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
    if dx != NULL:
        divisors_of_rows(work, first, NULL if is_spread else &label[0], &divided_by[0], rows)
    if dx != NULL and is_spread:
        for lane in range(LANES):
            divisor[lane] = total[lane] * divided_by[lane]
            scale[lane] = 1
        if t == NULL:
            for lane in range(rows):
                j = label[lane] * LANES + lane
                of_label[lane] = e[j] * sum_of_q[lane] - q[j] * total[lane]
        spread_gradient_of_columns(&e[0], &divisor[0], &divided_by[0], &sum_of_q[0], &q[0], n)
        scale_rows(&q[0], &scale[0], dx, rows, n)
        if t == NULL:
            for lane in range(rows):
                dx[lane * n + label[lane]] = <floating> (of_label[lane] / divisor[lane])
        for lane in range(rows):
            dx[lane * n + largest_at[lane]] = <floating> (
                (spread.rest[lane] * e_top[lane] - spread.top[lane] * others[lane]) / divisor[lane]
            )
    for lane in range(LANES):
        largest_y[lane] = probability_of_top(e_top[lane], others[lane], total[lane], &scale[lane])
    if dx != NULL and not is_spread:
        for lane in range(LANES):
            share[lane] = <floating> (1 / divided_by[lane])
            y_label[lane] = 0
        for lane in range(rows):
            value = e[label[lane] * LANES + lane] * scale[lane]
            y_label[lane] = largest_y[lane] if label[lane] == largest_at[lane] else value
        gradients_of_labels(&e[0], &scale[0], &y_label[0], &label[0], &divided_by[0], &gradient[0], rows, n)
        scale_rows_twice(&e[0], &scale[0], &share[0], y, dx, rows, n)
        for lane in range(rows):
            dx[lane * n + largest_at[lane]] = largest_y[lane] * share[lane]
            dx[lane * n + label[lane]] = gradient[lane]
    elif y != NULL and n > 1:
        scale_rows(&e[0], &scale[0], y, rows, n)
    if y != NULL:
        for lane in range(rows):
            y[lane * n + largest_at[lane]] = largest_y[lane]
    if dx == NULL:
        return 0
    for lane in range(LANES):
        others[lane] /= e_top[lane]
        if floating is double:
            others[lane] -= others[lane] * (e_lost[lane] / e_top[lane])
        others[lane] = log_1p(others[lane])
    for lane in range(rows):
        loss[lane] = spread.gap[lane] + sum_of_q[lane] * others[lane]
    if counts:
        for lane in range(rows):
            loss[lane] *= weight_of_row(work, first + lane, -1 if is_spread else label[lane])
            if is_ignored(work, first + lane):
                memset(dx + lane * n, 0, n * sizeof(floating))
                loss[lane] = 0
    if work.row_losses.data != NULL:
        for lane in range(rows):
            (<floating *> work.row_losses.data)[first + lane] = <floating> loss[lane]
    for lane in range(rows):
        add_exactly(&sum_of_losses, &lost, loss[lane])
    return exact(sum_of_losses, lost)
