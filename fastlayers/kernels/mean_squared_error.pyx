"""The squared error of numbers against targets and its gradient, in one pass; what goes with it: `paired_losses.pyx`.

The difference and its square are taken in float64, where those of float32 neither round nor overflow.
x is the output y of a network.
"""


cdef double squared_errors(
    const LossWork *work, const floating *y, const floating *same_type, floating *_y, floating *dx, Py_ssize_t start,
    Py_ssize_t stop,
) noexcept nogil:
    """The numbers start to stop: their gradients into dx; returns the sum of their losses."""
    cdef floating[CHUNK] converted
    cdef floating[CHUNK] weights
    cdef double[CHUNK] losses
    cdef const floating *t
    cdef double total = 0, lost = 0, difference
    cdef floating factor = <floating> (2 / work.divisor)
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


cdef void mean_squared_error_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    losses_task(work, start, stop, start_of_chunks, squared_errors, squared_errors)


def mean_squared_error(y, t, out=None, sample_weight=None, reduction="mean"):
    """(loss, dx) of plain numbers and targets; `out` None or an array for dx."""
    return paired_loss(
        mean_squared_error_task, targets_are_in_range, 2, y, t, None, array_for(out, y), sample_weight, reduction
    )
