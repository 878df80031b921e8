"""Rows of a gradient outside which it is zero, as an embedding's is outside the rows of its indices.

Gradient descent, and the norm that clipping takes, come to the same bits by these rows alone: a step along zero changes
nothing, and a zero adds nothing to a sum. So of a large table little is read and less is written.
"""


cdef object find_rows(Update *work, object param, object idx):
    """Have an update visit the rows of these indices alone; what holds them, or None where it is to visit all."""
    cdef int idx_type
    cdef Py_ssize_t i, n, rows, count = 0
    cdef long long row
    cdef bytes scratch
    cdef char *is_touched
    cdef Py_ssize_t *found
    cdef Call call
    cdef Argument indices
    if not PyArray_CheckExact(idx) or PyArray_NDIM(<ndarray> param) != 2 or work.param.size == 0:
        return None
    idx_type, rows = PyArray_TYPE(<ndarray> idx), PyArray_DIM(<ndarray> param, 0)
    begin(&call)
    if (
        not is_integer_type(idx_type)
        or take(&call, &indices, idx, idx_type, NPY_ARRAY_C_CONTIGUOUS) == 0
        or not order_of(param, work.typenum) & NPY_ARRAY_C_CONTIGUOUS
    ):
        return None
    n = indices.size
    scratch = new_scratch(min(n, rows) * sizeof(Py_ssize_t) + rows)
    found = <Py_ssize_t *> scratch_of(scratch)
    is_touched = <char *> (found + min(n, rows))
    memset(is_touched, 0, rows)
    for i in range(n):
        row = label_at(indices.data, idx_type, i)
        if not 0 <= row < rows:
            return None
        count += not is_touched[row]
        is_touched[row] = 1
    n, count = count, 0
    for i in range(rows):
        if is_touched[i]:
            found[count] = i
            count += 1
    work.touched.rows, work.touched.count = found, count
    work.touched.columns = work.param.size // rows
    return scratch


cdef inline bint leaves_what_is_zero(const Update *work) noexcept nogil:
    """Whether a step of gradient descent along zero changes nothing, not a sign of zero; nan would."""
    cdef double lr = work.rule.factors[0]
    if work.typenum == NPY_FLOAT:
        lr = <float> lr  # in which one of 1e300 is infinite
    return 0 < lr < INFINITY and 0 <= work.rule.scale <= 1 and not decays(work)


cdef void touched_rows_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The rule, over the touched rows start to stop."""
    cdef const Update *work = <const Update *> of
    cdef Task task = work.rule.task if work.rule.scale == 1 else effective_task
    cdef Py_ssize_t i, row
    for i in range(start, stop):
        row = work.touched.rows[i]
        task(work, row * work.touched.columns, (row + 1) * work.touched.columns)


cdef double sum_of_touched_squares(
    const floating *x, double scale, Py_ssize_t first, Py_ssize_t n, const Rows *touched
) noexcept nogil:
    """`sum_of_squares` of n numbers of a gradient, of which x is the number `first`, with what is zero left out.

    What is added is added to the same lanes in the same order.
    """
    cdef double[LANES] sums
    cdef double[LANES] lost
    cdef double[LANES] part
    cdef Py_ssize_t columns = touched.columns, low = 0, high = touched.count, i = 0, stop, done, begin, end, row
    cdef int lane
    while low < high:  # the first row that reaches into them
        row = (low + high) // 2
        if (touched.rows[row] + 1) * columns <= first:
            low = row + 1
        else:
            high = row
    for lane in range(LANES):
        sums[lane] = lost[lane] = part[lane] = 0
    while i < n and low < touched.count and touched.rows[low] * columns < first + n:
        i = max(i, (touched.rows[low] * columns - first) // CHUNK * CHUNK)
        stop, done = min(i + CHUNK, n), i
        for lane in range(LANES):
            part[lane] = 0
        while low < touched.count and touched.rows[low] * columns < first + stop:
            begin = max(touched.rows[low] * columns - first - i, 0)
            end = (touched.rows[low] + 1) * columns - first
            begin = max(done, i + begin // (4 * LANES) * (4 * LANES))
            done = max(done, min(stop, i + (end - i + 4 * LANES - 1) // (4 * LANES) * (4 * LANES)))
            if done > begin:
                add_squares(x + begin, scale, done - begin, part)
            if end > stop:
                break
            low += 1
        if n > CHUNK:
            for lane in range(LANES):
                add_exactly(&sums[lane], &lost[lane], part[lane])
        i = stop
    if n <= CHUNK:
        return sum_of_lanes(part, lost, False)
    return sum_of_lanes(sums, lost, True)


cdef double touched_squares(const Update *work, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
    """The same of an update's gradient, times the `scale` of its rule."""
    if work.typenum == NPY_FLOAT:
        return sum_of_touched_squares(
            <const float *> work.grad.data + first, work.rule.scale, first, n, &work.touched
        )
    return sum_of_touched_squares(<const double *> work.grad.data + first, work.rule.scale, first, n, &work.touched)
