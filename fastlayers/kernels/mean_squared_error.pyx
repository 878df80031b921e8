"""The squared error of numbers against targets and its gradient, in one pass; what goes with it: `paired_losses.pyx`.

The difference and its square are taken in float64, where those of float32 neither round nor overflow.
Work: x the output y of a network, t, dx; `factors[0]` is 2 over the divisor.
"""


cdef double squared_errors(
    const Work *work, const floating *y, const floating *same_type, floating *dx, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """The numbers start to stop: their gradients into dx; returns the sum of their losses."""
    cdef floating[CHUNK] converted
    cdef floating[CHUNK] weights
    cdef double[CHUNK] losses
    cdef const floating *t
    cdef double total = 0, lost = 0, difference
    cdef floating factor = <floating> work.factors[0]
    cdef Py_ssize_t j, n
    while start < stop:
        n = min(CHUNK, stop - start)
        t = targets_at(work, same_type, start, &converted[0], n)
        weights_at(work, &weights[0], start, n)
        for j in range(n):  # before dx is written, which may be y
            difference = <double> y[start + j] - <double> t[j]
            losses[j] = difference * difference
        for j in range(n):
            dx[start + j] = (y[start + j] - t[j]) * (factor * weights[j])
        add_exactly(&total, &lost, sum_of_losses(work, &weights[0], &losses[0], start, n))
        start += n
    return exact(total, lost)


cdef void mean_squared_error_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t block, first, last
    for block in range(start, stop):
        first, last = start_of_block(work, block), start_of_block(work, block + 1)
        if work.typenum == NPY_FLOAT:
            work.losses[block] = squared_errors(
                work, <const float *> work.x, <const float *> work.t, <float *> work.dx, first, last
            )
        else:
            work.losses[block] = squared_errors(
                work, <const double *> work.x, <const double *> work.t, <double *> work.dx, first, last
            )


def mean_squared_error(y, t, out=None, sample_weight=None, reduction="mean"):
    """(loss, dx) of plain numbers and targets; `out` None or an array for dx."""
    cdef double[1] factors
    cdef Loss loss
    cdef Work work
    if not is_given(out):
        if order_of(y, floating_type(y)) & NPY_ARRAY_C_CONTIGUOUS == 0:
            return NotImplemented
        out = new_like(out, y, floating_type(y), NPY_ARRAY_C_CONTIGUOUS)  # before the checks, as in the other losses
    sample_weight = in_type(sample_weight, floating_type(y))
    if not prepare_pairs(&work, &loss, factors, y, t, sample_weight, reduction, targets_are_in_range):
        return NotImplemented
    if not can_go_to(out, &work, y, t, sample_weight):
        return NotImplemented
    factors[0] = 2 / loss.divisor
    work.dx = data_of(&work, out)
    return losses_of_pairs(mean_squared_error_task, &work, &loss, t, 2), out
