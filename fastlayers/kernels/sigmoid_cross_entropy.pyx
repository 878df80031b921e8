"""Binary cross-entropy of logits and its gradient, in one pass; what goes with it: `paired_losses.pyx`.

With e = exp(-|x|), which cannot overflow, the loss is |x| q + log1p(e), where q is the target of the other side:
1 - t where x > 0, else t; so nothing is subtracted that would cancel. A q of 0 counts nothing, also where x is
infinite. The gradient sigmoid(x) - t is likewise q - e / (1 + e) or e / (1 + e) - q.
Work: x, t, dx, y the probabilities or NULL; `factors[0]` is 1 over the divisor.
"""


cdef bint are_probabilities(const floating *t, Py_ssize_t n) noexcept nogil:
    """Whether n targets all lie in [0, 1]."""
    cdef Py_ssize_t j
    cdef int wrong = 0
    for j in range(n):
        wrong |= not (t[j] >= <floating> 0 and t[j] <= <floating> 1)
    return not wrong


cdef bint targets_are_probabilities(const Work *work) noexcept nogil:
    """The same of every target as it was given: what lies a little above 1 may not in another type."""
    cdef float[CHUNK] chunk
    cdef int typenum = work.typenum if work.label_type == SOFT_TARGETS else work.label_type
    cdef Py_ssize_t start = 0, n
    while start < work.rows * work.columns:
        n = min(CHUNK, work.rows * work.columns - start)
        if typenum == NPY_DOUBLE:
            if not are_probabilities(<const double *> work.t + start, n):
                return False
        else:  # of the other types float32 tells what lies in [0, 1]
            convert(work.t, typenum, &chunk[0], start, n)
            if not are_probabilities(&chunk[0], n):
                return False
        start += n
    return True


cdef double binary_losses(
    const Work *work,
    const floating *x,
    const floating *same_type,
    floating *y,
    floating *dx,
    Py_ssize_t start,
    Py_ssize_t stop,
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
    cdef floating low, high, minus, tail, factor = <floating> work.factors[0], bias = exp_bias(<floating> 0)
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
        for j in range(n):
            tail = e[j] / (<floating> 1 + e[j])
            other[j] = other[j] - tail if logits[j] > <floating> 0 else tail - other[j]
        if y != NULL:
            for j in range(n):
                tail = <floating> 1 / (<floating> 1 + e[j])
                y[start + j] = tail if logits[j] > <floating> 0 else e[j] * tail
        for j in range(n):
            dx[start + j] = other[j] * (factor * weights[j])
        add_exactly(&total, &lost, sum_of_losses(work, &weights[0], &losses[0], start, n))
        start += n
    return exact(total, lost)


cdef void sigmoid_cross_entropy_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t block, first, last
    for block in range(start, stop):
        first, last = start_of_block(work, block), start_of_block(work, block + 1)
        if work.typenum == NPY_FLOAT:
            work.losses[block] = binary_losses(
                work, <const float *> work.x, <const float *> work.t, <float *> work.y, <float *> work.dx, first, last
            )
        else:
            work.losses[block] = binary_losses(
                work, <const double *> work.x, <const double *> work.t, <double *> work.y, <double *> work.dx, first,
                last,
            )


cdef bint prepare_binary(
    Work *work, Loss *loss, double *factors, object x, object t, object sample_weight, object reduction
) except -1:
    """As `prepare_pairs`; False also where a target is no probability."""
    if not prepare_pairs(work, loss, factors, x, t, sample_weight, reduction, targets_are_probabilities):
        return False
    factors[0] = 1 / loss.divisor
    return True


def sigmoid_cross_entropy(x, t, out=None, sample_weight=None, reduction="mean"):
    """(loss, dx) of plain logits and targets; `out` None or an array for dx."""
    cdef double[1] factors
    cdef Loss loss
    cdef Work work
    if not is_given(out):
        if order_of(x, floating_type(x)) & NPY_ARRAY_C_CONTIGUOUS == 0:
            return NotImplemented
        out = new_like(out, x, floating_type(x), NPY_ARRAY_C_CONTIGUOUS)  # before the checks, as in the other losses
    sample_weight = in_type(sample_weight, floating_type(x))
    if not prepare_binary(&work, &loss, factors, x, t, sample_weight, reduction):
        return NotImplemented
    if not can_go_to(out, &work, x, t, sample_weight):
        return NotImplemented
    work.dx = data_of(&work, out)
    return losses_of_pairs(sigmoid_cross_entropy_task, &work, &loss, t, 8), out


def sigmoid_with_loss(x, t, out=None, sample_weight=None, reduction="mean"):
    """(loss, y, dx) of plain logits and targets; `out` None or the layer's two recyclers for y and dx."""
    cdef int typenum = floating_type(x)
    cdef object y = None, dx = None
    cdef double[1] factors
    cdef Loss loss
    cdef Work work
    if out is not None:
        if not PyTuple_CheckExact(out) or PyTuple_GET_SIZE(out) != 2:
            return NotImplemented
        y, dx = <object> PyTuple_GET_ITEM(out, 0), <object> PyTuple_GET_ITEM(out, 1)
    if is_given(y) or is_given(dx) or order_of(x, typenum) & NPY_ARRAY_C_CONTIGUOUS == 0:
        return NotImplemented
    y = new_like(y, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    dx = new_like(dx, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    sample_weight = in_type(sample_weight, floating_type(x))
    if not prepare_binary(&work, &loss, factors, x, t, sample_weight, reduction):
        return NotImplemented
    if work.typenum != typenum or not (same_shape(x, y) and same_shape(x, dx)):
        return NotImplemented
    work.y, work.dx = data_of(&work, y), data_of(&work, dx)
    return losses_of_pairs(sigmoid_cross_entropy_task, &work, &loss, t, 8), y, dx
