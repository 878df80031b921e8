"""The squared error of numbers against targets and its gradient, in one pass; what goes with it: `paired_losses.pyx`.

With a finite delta it is the Huber loss, which halves the square: `huber.pyx`. The difference and what is made of it
are taken in float64, where those of float32 neither round nor overflow. x is the output y of a network.
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
    cdef double total = 0, lost = 0, difference, near, delta = work.delta
    cdef floating clipped, bound = <floating> delta
    cdef floating factor = <floating> ((2 if delta == INFINITY else 1) / work.divisor)
    cdef Py_ssize_t j, n
    while start < stop:
        n = min(CHUNK, stop - start)
        t = targets_at(work, same_type, start, &converted[0], n)
        weights_at(work, &weights[0], start, n)
        # Before dx is written, which may be y.
        if delta == INFINITY:
            for j in range(n):
                difference = <double> y[start + j] - <double> t[j]
                losses[j] = difference * difference * <double> weights[j]
        else:
            for j in range(n):
                difference = <double> y[start + j] - <double> t[j]
                near = delta if difference > delta else difference
                near = -delta if near < -delta else near
                losses[j] = near * multiply_add(-0.5, near, difference) * <double> weights[j]
        for j in range(n):
            clipped = y[start + j] - t[j]
            clipped = bound if clipped > bound else clipped
            clipped = -bound if clipped < -bound else clipped
            dx[start + j] = clipped * (factor * weights[j])
        add_exactly(&total, &lost, sum_of_losses(<floating *> work.row_losses.data, &losses[0], start, n))
        start += n
    return exact(total, lost)


cdef void squared_errors_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    losses_task(work, start, stop, start_of_chunks, squared_errors, squared_errors)


def mean_squared_error(y, t, out=None, sample_weight=None, reduction="mean"):
    """(loss, dx) of plain numbers and targets; `out` None or an array for dx."""
    return paired_loss(
        squared_errors_task, targets_are_in_range, 2, y, t, None, array_for(out, y), sample_weight, reduction, INFINITY
    )
