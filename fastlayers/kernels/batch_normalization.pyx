"""Batch normalization: x is N rows of C channels of `each` numbers, normalised by channel over its N * each numbers.

A unit is some channels beside each other, narrow enough that what all rows have of them stays in the cache from one
pass to the next; ``common/channels.pyx`` has the passes. Sums are of ROWS rows in x's own type, then in float64, and
the columns of a channel are added in pairs: so threads and addresses change no bit, and the error of a sum is below
ROWS + 2 roundings of x's type, and N / ROWS of float64, of the sum of magnitudes.

The variance takes two passes: the mean, as x's type has it, and then what x is more than that, and the squares of it.
The first tells how far that mean is off. Results are those of the mean itself, which is kept in float64.
"""

cdef enum:
    PREDICT
    FORWARD
    BACKWARD

# Where the squares of float32 overflow they are multiplied by this.
cdef double SHRINKS = 7.346839692639297e-40


cdef void move_on(
    const Normalization *work, Unit *unit, const Argument *running, int result, const double *of_batch
) noexcept nogil:
    """The running mean or variance of a unit's channels."""
    cdef Py_ssize_t c, n = padded(unit)
    if running.data == NULL:
        memset(unit.sums, 0, n * sizeof(double))
    else:
        move_channels(unit, running, work.typenum, unit.sums, True)
    for c in range(n):
        unit.sums[c] = work.momentum * unit.sums[c] + (1 - work.momentum) * of_batch[c]
    move_channels(unit, &work.results[result], work.typenum, unit.sums, False)


cdef void sum_squares(const Normalization *work, Unit *unit) noexcept nogil:
    """In `more`, and again with what keeps them from overflow in float32, where they did."""
    cdef Py_ssize_t c, infinite = 0, n = padded(unit)
    unit.other, unit.factor = CENTRE, ONES
    pass_over_unit(work, unit, PRODUCTS)
    for c in range(n):
        infinite += unit.more[c] == INFINITY
    if infinite == 0 or work.typenum != NPY_FLOAT:
        return
    for c in range(n):
        unit.root[c] = SHRINKS if unit.more[c] == INFINITY else 1
    spread(work, unit, FACTOR, unit.root)
    unit.factor = FACTOR
    pass_over_unit(work, unit, PRODUCTS)
    for c in range(n):
        unit.more[c] /= unit.root[c]


cdef void find_statistics(const Normalization *work, Unit *unit) noexcept nogil:
    """The mean and variance of a batch, and what the mean is more than x's type has of it: `off`."""
    cdef double *mean = unit.values
    cdef double *var = unit.more
    cdef double off
    cdef Py_ssize_t c, n = padded(unit)
    pass_over_unit(work, unit, SUMS)
    for c in range(n):
        off = unit.sums[c] * work.inverse
        mean[c] = <float> off if work.typenum == NPY_FLOAT else off
    spread(work, unit, CENTRE, mean)
    sum_squares(work, unit)
    for c in range(n):
        off = unit.sums[c] * work.inverse
        unit.off[c] = off
        mean[c] += off
        var[c] = max(var[c] * work.inverse - off * off, 0)
    move_channels(unit, &work.results[1], NPY_DOUBLE, mean, False)
    move_channels(unit, &work.results[2], NPY_DOUBLE, var, False)
    move_on(work, unit, &work.mean, 3, mean)
    move_on(work, unit, &work.var, 4, var)


cdef void scale_unit(const Normalization *work, Unit *unit) noexcept nogil:
    """y, by the batch's mean and variance or by those given."""
    cdef Py_ssize_t c, n = padded(unit)
    if work.kind == FORWARD:
        find_statistics(work, unit)
    else:
        move_channels(unit, &work.mean, work.typenum, unit.values, True)
        spread(work, unit, CENTRE, unit.values)
        move_channels(unit, &work.var, work.typenum, unit.more, True)
    move_channels(unit, &work.gamma, work.typenum, unit.sums, True)
    move_channels(unit, &work.other, work.typenum, unit.values, True)
    for c in range(n):
        unit.sums[c] /= sqrt(unit.more[c] + work.eps)
        unit.values[c] -= unit.off[c] * unit.sums[c]
    spread(work, unit, FACTOR, unit.sums)
    spread(work, unit, SHIFT, unit.values)
    pass_over_unit(work, unit, SCALE)


cdef void gradient_unit(const Normalization *work, Unit *unit) noexcept nogil:
    cdef double dgamma, mean
    cdef Py_ssize_t c, n = padded(unit)
    move_channels(unit, &work.var, NPY_DOUBLE, unit.root, True)
    move_channels(unit, &work.mean, NPY_DOUBLE, unit.values, True)
    spread(work, unit, CENTRE, unit.values)
    for c in range(n):
        unit.root[c] = 1 / sqrt(unit.root[c] + work.eps)
        mean = unit.values[c]
        unit.off[c] = mean - (<float> mean if work.typenum == NPY_FLOAT else mean)
    spread(work, unit, FACTOR, unit.root)
    unit.other, unit.factor = ZEROS, FACTOR
    pass_over_unit(work, unit, PRODUCTS)
    move_channels(unit, &work.gamma, work.typenum, unit.values, True)
    for c in range(n):
        unit.off[c] *= unit.root[c]
        unit.more[c] -= unit.off[c] * unit.sums[c]
        unit.values[c] *= unit.root[c]
    move_channels(unit, &work.results[1], work.typenum, unit.more, False)
    move_channels(unit, &work.results[2], work.typenum, unit.sums, False)
    if work.results[0].data == NULL:
        return
    spread(work, unit, FACTOR, unit.values)
    for c in range(n):
        dgamma = unit.more[c] * work.inverse
        unit.more[c] = -unit.root[c] * dgamma
        unit.sums[c] = unit.off[c] * dgamma - unit.sums[c] * work.inverse
    spread(work, unit, SHIFT, unit.sums)
    spread(work, unit, SLOPE, unit.more)
    pass_over_unit(work, unit, GRADIENT)


cdef inline Py_ssize_t unit_at(const Normalization *work, Py_ssize_t i) noexcept nogil:
    """The channel where the i-th unit begins: where columns are channels, at a line of the cache, if rows are lines."""
    cdef Py_ssize_t before = 0
    if work.each == 1:
        before = <Py_ssize_t> (<size_t> work.x.data % 64) // (4 if work.typenum == NPY_FLOAT else 8)
    return part_of(work.channels, work.units, i) - (before if 0 < i < work.units else 0)


cdef void normalization_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const Normalization *work = <const Normalization *> of
    cdef Unit unit
    cdef Py_ssize_t i
    memset(&unit, 0, sizeof(unit))  # `off`, ZEROS, and what lies beyond the channels, where no one reads it
    for i in range(BLOCK):
        unit.values[i] = 1
    move(columns_of(work, &unit, ONES), work.typenum, unit.values, BLOCK, False)
    for i in range(start, stop):
        unit.first = unit_at(work, i)
        unit.channels = unit_at(work, i + 1) - unit.first
        if work.kind == BACKWARD:
            gradient_unit(work, &unit)
        else:
            scale_unit(work, &unit)


cdef bint measure(Normalization *work, object x) noexcept:
    """See how x and gamma, which were taken, go together, if they do and there is anything in x."""
    cdef Py_ssize_t sample = 1
    cdef int axis, ndim = PyArray_NDIM(<ndarray> x)
    if (ndim != 2 and ndim != 4) or work.x.size == 0:
        return False
    for axis in range(1, ndim):
        sample *= PyArray_DIM(<ndarray> x, axis)
    work.channels = work.gamma.size
    if work.channels != sample and work.channels != PyArray_DIM(<ndarray> x, 1):
        return False
    work.rows, work.each = PyArray_DIM(<ndarray> x, 0), sample // work.channels
    work.inverse = 1 / (<double> work.rows * <double> work.each)
    work.units = max(min(sample // UNIT, work.channels), 1)
    return True


cdef object normalised(
    int kind, object first, object second, object third, object mean, object var, object option, object eps, object out
):
    """The results of any of the three: the first operands have one type, `option` is momentum or need_dx."""
    cdef int typenum = floating_type(first), wide = NPY_DOUBLE if kind == BACKWARD else typenum, i
    cdef int count = 1 if kind == PREDICT else 5 if kind == FORWARD else 3
    cdef int[5] types
    cdef object x, gamma, other, result, like
    cdef tuple operands
    cdef list results = []
    cdef bint with_y = kind != BACKWARD or option
    cdef Call call
    cdef Normalization work
    if order_of(first, typenum) == 0 or order_of(second, typenum) == 0 or order_of(third, typenum) == 0:
        operands = promoted(first, second, third)
        if operands is None:
            return NotImplemented
        return normalised(kind, operands[0], operands[1], operands[2], mean, var, option, eps, out)
    if not are_outs(out, count) or not PyFloat_CheckExact(eps) or not 0 < PyFloat_AS_DOUBLE(eps) < INFINITY:
        return NotImplemented
    if kind == FORWARD:
        if not is_probability(option):
            return NotImplemented
        work.momentum = PyFloat_AS_DOUBLE(option)
    x, gamma, other = (second, third, first) if kind == BACKWARD else (first, second, third)
    mean, var = in_type(mean, wide), in_type(var, wide)
    for i in range(count):
        result, like = out_at(out, i), x if i == 0 else gamma
        types[i] = NPY_DOUBLE if kind == FORWARD and 1 <= i <= 2 else typenum
        if i == 0 and not with_y:
            if is_given(result):
                return NotImplemented
            result = None
        elif not is_given(result):
            result = new_like(result, like, types[i], NPY_ARRAY_C_CONTIGUOUS)
        results.append(result)
    begin(&call)
    work.kind, work.typenum, work.eps = kind, typenum, PyFloat_AS_DOUBLE(eps)
    work.mean.data = work.var.data = work.results[0].data = NULL
    if not (
        take_like(&call, &work.x, x, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
        and take_like(&call, &work.gamma, gamma, gamma, typenum, EITHER_ORDER)
        and PyArray_NDIM(<ndarray> gamma) == 1
        and measure(&work, x)
        and take_like(&call, &work.other, other, x if kind == BACKWARD else gamma, typenum, NPY_ARRAY_C_CONTIGUOUS)
        and (kind == FORWARD and mean is None or take_like(&call, &work.mean, mean, gamma, wide, EITHER_ORDER))
        and (kind == FORWARD and var is None or take_like(&call, &work.var, var, gamma, wide, EITHER_ORDER))
    ):
        return NotImplemented
    for i in range(0 if with_y else 1, count):
        if not take_like(
            &call, &work.results[i], results[i], gamma if i else x, types[i], NPY_ARRAY_C_CONTIGUOUS
        ) or not is_result(&call):
            return NotImplemented
    run(normalization_task, &work, &call, work.units, 4 * max(work.x.size // work.units, 1))
    return results[0] if kind == PREDICT else tuple(results)


def batch_normalization(x, gamma, beta, mean, var, eps=10e-7, out=None):
    """y of a plain batch by a mean and a variance; `out` None or an array."""
    return normalised(PREDICT, x, gamma, beta, mean, var, None, eps, (out,))


def batch_normalization_forward(
    x, gamma, beta, running_mean=None, running_var=None, momentum=0.9, eps=10e-7, out=None
):
    """(y, mean, var, running_mean, running_var) of a plain batch; `out` None or a tuple of the five, any of it None."""
    return normalised(FORWARD, x, gamma, beta, running_mean, running_var, momentum, eps, out)


def batch_normalization_backward(dout, x, gamma, mean, var, need_dx=True, eps=10e-7, out=None):
    """(dx, dgamma, dbeta) of a plain batch; `out` None or a tuple of the three, any of it None."""
    return normalised(BACKWARD, dout, x, gamma, mean, var, need_dx, eps, out)
