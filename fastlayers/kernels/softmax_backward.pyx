"""The gradient of softmax of each row, from the probabilities that it gave: y (dout - sum of dout y)."""


cdef void softmax_slope_row(const floating *dout, const floating *y, floating *dx, Py_ssize_t n) noexcept nogil:
    """dx may be dout, but not y."""
    cdef floating half  # of the sum, which itself may be just beyond the largest number
    cdef Py_ssize_t j
    for j in range(n):
        dx[j] = dout[j] * y[j]
    half = -<floating> all_others(dx, <floating> 0.5, -1, n)
    for j in range(n):  # dout less the sum, as the formula has it, might be infinite
        dx[j] = multiply_add(half, y[j] + y[j], dx[j])


cdef void softmax_backward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const GradientWork *work = <const GradientWork *> of
    cdef Py_ssize_t row, at, n = work.columns
    cdef const char *dout = work.dout.data
    cdef const char *y = work.kept.data
    cdef char *dx = work.dx.data
    for row in range(start, stop):
        at = row * n
        if work.typenum == NPY_FLOAT:
            softmax_slope_row(<const float *> dout + at, <const float *> y + at, <float *> dx + at, n)
        else:
            softmax_slope_row(<const double *> dout + at, <const double *> y + at, <double *> dx + at, n)


def softmax_backward(dout, y, out=None, axis=-1):
    """dx along the last axis of plain arrays; `out` None or an array."""
    cdef Py_ssize_t columns
    if not is_of_rows(dout, axis):
        return NotImplemented
    columns = PyArray_DIM(<ndarray> dout, PyArray_NDIM(<ndarray> dout) - 1)
    return gradient_of_rows(softmax_backward_task, dout, y, 0, max(columns, 1), out, 1)
