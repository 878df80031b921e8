"""Batch normalization: x is N rows of C channels of `each` numbers, normalised by channel over its N * each numbers.

A unit is some channels beside each other, narrow enough that what all rows have of them stays in the cache from one
pass to the next: ``common/channel_units.h`` has what is found of a unit, ``common/channel_passes.h`` the passes. Sums
are of 32 rows in x's own type, then in float64, and the columns of a channel are added in pairs: so threads and
addresses change no bit, and the error of a sum is below 34 roundings of x's type, and N / 32 of float64, of the sum of
magnitudes.

The variance takes two passes: a first mean, as x's type has it, of 32 rows or of an eighth of a wide channel's, and
then what x is more than that, and the squares of it. The second tells how far that mean is off; where it is by more
than the standard deviation, which would take digits from the variance, squares are summed again about a better one.
Results are those of the mean itself, which is kept in float64.
"""


cdef void normalization_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const Normalization *work = <const Normalization *> of
    if work.typenum == NPY_FLOAT:
        fl_normalise_float(&work.of, start, stop)
    else:
        fl_normalise_double(&work.of, start, stop)


cdef bint measure(Normalization *work, object x) noexcept:
    """See how x and gamma, which were taken, go together, if they do and there is anything in x."""
    cdef Py_ssize_t sample = 1
    cdef int axis, ndim = PyArray_NDIM(<ndarray> x)
    if (ndim != 2 and ndim != 4) or work.x.size == 0:
        return False
    for axis in range(1, ndim):
        sample *= PyArray_DIM(<ndarray> x, axis)
    work.of.channels = work.gamma.size
    if work.of.channels != sample and work.of.channels != PyArray_DIM(<ndarray> x, 1):
        return False
    work.of.rows, work.of.each = PyArray_DIM(<ndarray> x, 0), sample // work.of.channels
    fl_divide_normalization(&work.of, 4 if work.typenum == NPY_FLOAT else 8)
    return True


cdef object normalised(
    int kind, object first, object second, object third, object mean, object var, object option, object eps, object out
):
    """The results of any of the three: the first operands have one type, `option` is momentum or need_dx."""
    cdef int typenum = floating_type(first), wide = NPY_DOUBLE if kind == FL_BACKWARD else typenum, i
    cdef int count = 1 if kind == FL_PREDICT else 5 if kind == FL_FORWARD else 3
    cdef int[5] types
    cdef object x, gamma, other, result, like
    cdef tuple operands
    cdef list results = []
    cdef bint with_y = kind != FL_BACKWARD or option
    cdef Call call
    cdef Normalization work
    if order_of(first, typenum) == 0 or order_of(second, typenum) == 0 or order_of(third, typenum) == 0:
        operands = promoted(first, second, third)
        if operands is None:
            return NotImplemented
        return normalised(kind, operands[0], operands[1], operands[2], mean, var, option, eps, out)
    if not are_outs(out, count) or not PyFloat_CheckExact(eps) or not 0 < PyFloat_AS_DOUBLE(eps) < INFINITY:
        return NotImplemented
    if kind == FL_FORWARD:
        if not is_probability(option):
            return NotImplemented
        work.of.momentum = PyFloat_AS_DOUBLE(option)
    x, gamma, other = (second, third, first) if kind == FL_BACKWARD else (first, second, third)
    mean, var = in_type(mean, wide), in_type(var, wide)
    for i in range(count):
        result, like = out_at(out, i), x if i == 0 else gamma
        types[i] = NPY_DOUBLE if kind == FL_FORWARD and 1 <= i <= 2 else typenum
        if i == 0 and not with_y:
            if is_given(result):
                return NotImplemented
            result = None
        elif not is_given(result):
            result = new_like(result, like, types[i], NPY_ARRAY_C_CONTIGUOUS)
        results.append(result)
    begin(&call)
    work.of.kind, work.typenum, work.of.eps = kind, typenum, PyFloat_AS_DOUBLE(eps)
    work.mean.data = work.var.data = work.results[0].data = NULL
    if not (
        take_like(&call, &work.x, x, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
        and take_like(&call, &work.gamma, gamma, gamma, typenum, EITHER_ORDER)
        and PyArray_NDIM(<ndarray> gamma) == 1
        and measure(&work, x)
        and take_like(&call, &work.other, other, x if kind == FL_BACKWARD else gamma, typenum, NPY_ARRAY_C_CONTIGUOUS)
        and (kind == FL_FORWARD and mean is None or take_like(&call, &work.mean, mean, gamma, wide, EITHER_ORDER))
        and (kind == FL_FORWARD and var is None or take_like(&call, &work.var, var, gamma, wide, EITHER_ORDER))
    ):
        return NotImplemented
    for i in range(0 if with_y else 1, count):
        if not take_like(
            &call, &work.results[i], results[i], gamma if i else x, types[i], NPY_ARRAY_C_CONTIGUOUS
        ) or not is_result(&call):
            return NotImplemented
    for i in range(count):
        work.of.results[i] = work.results[i].data
    work.of.x, work.of.gamma, work.of.other = work.x.data, work.gamma.data, work.other.data
    work.of.mean, work.of.var = work.mean.data, work.var.data
    run(normalization_task, &work, &call, work.of.units, 4 * max(work.x.size // work.of.units, 1))
    return results[0] if kind == FL_PREDICT else tuple(results)


def batch_normalization(x, gamma, beta, mean, var, eps=10e-7, out=None):
    """y of a plain batch by a mean and a variance; `out` None or an array."""
    return normalised(FL_PREDICT, x, gamma, beta, mean, var, None, eps, (out,))


def batch_normalization_forward(
    x, gamma, beta, running_mean=None, running_var=None, momentum=0.9, eps=10e-7, out=None
):
    """(y, mean, var, running_mean, running_var) of a plain batch; `out` None or a tuple of the five, any of it None."""
    return normalised(FL_FORWARD, x, gamma, beta, running_mean, running_var, momentum, eps, out)


def batch_normalization_backward(dout, x, gamma, mean, var, need_dx=True, eps=10e-7, out=None):
    """(dx, dgamma, dbeta) of a plain batch; `out` None or a tuple of the three, any of it None."""
    return normalised(FL_BACKWARD, dout, x, gamma, mean, var, need_dx, eps, out)
