"""The gradient of softmax with loss for a label, made of the probabilities.

It is y - 1 for the label and y for all others, over what the losses are divided by. Made of the y that a layer keeps,
it can be made again to the same bits. Where the label's class dominates, 1 - y would lose digits; the sum of the
others has them, as each y has all of its own.
"""


cdef inline bint dominates(floating y) noexcept nogil:
    """Whether a probability is so large that 1 - y would lose digits of it."""
    return y > <floating> 0.5


cdef double all_others(const floating *e, floating scale, Py_ssize_t label, Py_ssize_t n) noexcept nogil:
    """The sum of the probabilities e_j scale of all classes but the label's."""
    cdef floating[CHUNK] y
    cdef double[LANES] sums
    cdef double[LANES] lost
    cdef Py_ssize_t start = 0, width, j
    cdef int lane
    for lane in range(LANES):
        sums[lane] = lost[lane] = 0
    while start < n:
        width = min(CHUNK, n - start)
        for j in range(width):
            y[j] = e[start + j] * scale
        if start <= label < start + width:
            y[label - start] = 0
        if n < LANES:
            return sum_of(&y[0], n)
        add_to_lanes(&y[0], width, sums, lost)
        start += width
    return sum_of_lanes(sums, lost, floating is double)


cdef floating gradient_of_label(
    const floating *e, floating scale, floating y_label, Py_ssize_t label, double rows, Py_ssize_t n
) noexcept nogil:
    """(y_label - 1) / rows; of a label that dominates 1 - y is the sum of the others, of which no digit is lost."""
    cdef double rest = all_others(e, scale, label, n) if dominates(y_label) else 1 - <double> y_label
    return <floating> ((0 - rest) / rows)


cdef double gradients_loop(
    const LossWork *work, const floating *y, const floating *_t, floating *_y, floating *dx, Py_ssize_t start,
    Py_ssize_t stop,
) noexcept nogil:
    """The gradients of rows of probabilities y against labels, as `rows_loop` has them; returns no loss."""
    cdef Py_ssize_t row, offset, n = work.columns
    cdef long long label
    cdef double rows
    for row in range(start, stop):
        offset = row * n
        label = checked_label(work, row)
        if is_ignored(work, row):
            memset(dx + offset, 0, n * sizeof(floating))
            continue
        rows = work.divisor / weight_of_row(work, row, label)
        scale_row(y + offset, <floating> (1 / rows), dx + offset, n)
        dx[offset + label] = gradient_of_label(y + offset, 1, y[offset + label], label, rows, n)
    return 0


cdef void gradients_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    losses_task(work, start, stop, start_of_rows, gradients_loop, gradients_loop)


def softmax_gradient(
    y, t, out=None, weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"
):
    """The dx of `softmax_with_loss`, of plain probabilities and labels; `out` None or the layer's recycler for dx."""
    cdef tuple others
    cdef object dx = array_for(out, y)
    cdef Call call
    cdef LossWork work
    if not prepare(&call, &work, y, t, weight, sample_weight, ignore_index, label_smoothing, reduction):
        others = in_type_of_scores(y, t, weight, sample_weight)
        if others is None:
            return NotImplemented
        return softmax_gradient(y, others[0], dx, others[1], others[2], ignore_index, label_smoothing, reduction)
    if work.label_type == SOFT_TARGETS or work.base != 0:
        return NotImplemented
    if not take_as_x(&call, &work, &work.dx, dx, y) or not is_result(&call):
        return NotImplemented
    softmax_rows(gradients_task, &work, &call)
    return dx
