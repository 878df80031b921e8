"""Binary cross-entropy of logits and its gradient, in one pass; what goes with it: `paired_losses.pyx`.

With e = exp(-|x|), which cannot overflow, the loss is |x| q + log1p(e), where q is the target of the other side:
1 - t where x > 0, else t; so nothing is subtracted that would cancel. A q of 0 counts nothing, also where x is
infinite. The gradient sigmoid(x) - t is likewise q - e / (1 + e) or e / (1 + e) - q.
y is NULL where the probabilities are not asked for.
"""


cdef bint are_probabilities(const floating *t, Py_ssize_t n) noexcept nogil:
    """Whether n targets all lie in [0, 1]."""
    cdef Py_ssize_t j
    cdef int wrong = 0
    for j in range(n):
        wrong |= not (t[j] >= <floating> 0 and t[j] <= <floating> 1)
    return not wrong


cdef bint targets_are_probabilities(const LossWork *work) noexcept nogil:
    """The same of every target as it was given: what lies a little above 1 may not in another type."""
    cdef float[CHUNK] chunk
    cdef int typenum = work.typenum if work.label_type == SOFT_TARGETS else work.label_type
    cdef Py_ssize_t start = 0, n
    while start < work.rows * work.columns:
        n = min(CHUNK, work.rows * work.columns - start)
        if typenum == NPY_DOUBLE:
            if not are_probabilities(<const double *> work.t.data + start, n):
                return False
        else:  # of the other types float32 tells what lies in [0, 1]
            convert(work.t.data, typenum, &chunk[0], start, n)
            if not are_probabilities(&chunk[0], n):
                return False
        start += n
    return True


cdef double binary_losses(
    const LossWork *work, const floating *x, const floating *same_type, floating *y, floating *dx,
    Py_ssize_t start, Py_ssize_t stop,
) noexcept nogil:
    """The numbers start to stop: their gradients into dx, probabilities into y; returns the sum of their losses."""
    cdef floating[CHUNK] converted
    cdef floating[CHUNK] weights
    cdef floating[CHUNK] other  # what the target gives the other side
    cdef floating[CHUNK] e
    cdef double[CHUNK] losses
    cdef const floating *t
    cdef const floating *logits
    cdef double total = 0, lost = 0
    cdef floating low, high, minus, tail, factor = <floating> (1 / work.divisor), bias = exp_bias(<floating> 0)
    cdef Py_ssize_t j, n
    exp_bounds(&low, &high)
    while start < stop:
        n = min(CHUNK, stop - start)
        logits = x + start
        t = targets_at(work, same_type, start, &converted[0], n)
        weights_at(work, &weights[0], start, n)
        for j in range(n):
            minus = -magnitude(logits[j])
            minus = low if minus < low else minus
            e[j] = exp(minus, bias)
            other[j] = <floating> 1 - t[j] if logits[j] > <floating> 0 else t[j]
        for j in range(n):  # before dx or y is written, which may be x
            losses[j] = log_1p(e[j])
            losses[j] += <double> magnitude(logits[j]) * <double> other[j] if other[j] != <floating> 0 else 0.0
            losses[j] *= <double> weights[j]
        for j in range(n):
            tail = e[j] / (<floating> 1 + e[j])
            other[j] = other[j] - tail if logits[j] > <floating> 0 else tail - other[j]
        if y != NULL:
            for j in range(n):
                tail = <floating> 1 / (<floating> 1 + e[j])
                y[start + j] = tail if logits[j] > <floating> 0 else e[j] * tail
        for j in range(n):
            dx[start + j] = other[j] * (factor * weights[j])
        add_exactly(&total, &lost, sum_of_losses(<floating *> work.row_losses.data, &losses[0], start, n))
        start += n
    return exact(total, lost)


cdef void sigmoid_cross_entropy_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    losses_task(work, start, stop, start_of_chunks, binary_losses, binary_losses)


def sigmoid_cross_entropy(x, t, out=None, sample_weight=None, reduction="mean"):
    """(loss, dx) of plain logits and targets; `out` None or an array for dx."""
    return paired_loss(
        sigmoid_cross_entropy_task, targets_are_probabilities, 8, x, t, None, array_for(out, x), sample_weight,
        reduction, INFINITY,
    )


def sigmoid_with_loss(x, t, out=None, sample_weight=None, reduction="mean"):
    """(loss, y, dx) of plain logits and targets; `out` None or the layer's two recyclers for y and dx."""
    return paired_loss(
        sigmoid_cross_entropy_task, targets_are_probabilities, 8, x, t, array_of_layer(out, 0, x),
        array_of_layer(out, 1, x), sample_weight, reduction, INFINITY,
    )
