"""Dropout and its gradient: what is kept is scaled, what is dropped becomes +0.0, whatever it was.

`factors` are p, a draw below which drops a value, and the scale of those that are kept.
Work: x, t the draws (float32, whatever x is), y, mask; for backward x is dout, t the mask, y is dx.
"""


cdef void dropout_forward_loop(
    const floating *x, const float *draws, floating *y, npy_bool *mask, float p, floating scale, Py_ssize_t n
) noexcept nogil:
    # Two loops and chunks for the reason that `relu_forward_loop` gives; x may be y.
    cdef Py_ssize_t i, start = 0, stop
    cdef floating value
    while start < n:
        stop = start + min(CHUNK, n - start)
        for i in range(start, stop):
            mask[i] = draws[i] >= p
        for i in range(start, stop):
            value = x[i] * scale  # whatever the mask: a load that depends on it is not vectorised
            y[i] = value if draws[i] >= p else <floating> 0
        start = stop


cdef void dropout_backward_loop(
    const floating *dout, const npy_bool *mask, floating *dx, floating scale, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating value
    for i in range(n):
        value = dout[i] * scale
        dx[i] = value if mask[i] else <floating> 0


cdef void dropout_forward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef npy_bool *mask = <npy_bool *> work.mask + start
    cdef const float *draws = <const float *> work.t + start
    cdef float p = <float> work.factors[0]
    cdef double scale = work.factors[1]
    if work.typenum == NPY_FLOAT:
        dropout_forward_loop(
            <const float *> work.x + start, draws, <float *> work.y + start, mask, p, <float> scale, stop - start
        )
    else:
        dropout_forward_loop(
            <const double *> work.x + start, draws, <double *> work.y + start, mask, p, scale, stop - start
        )


cdef void dropout_backward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const npy_bool *mask = <const npy_bool *> work.t + start
    cdef double scale = work.factors[1]
    if work.typenum == NPY_FLOAT:
        dropout_backward_loop(
            <const float *> work.x + start, mask, <float *> work.y + start, <float> scale, stop - start
        )
    else:
        dropout_backward_loop(<const double *> work.x + start, mask, <double *> work.y + start, scale, stop - start)


cdef inline bint is_probability(object p, double *factors) noexcept:
    """Whether p is a plain number of [0, 1], and what dropout needs of it; with p = 1 nothing is left to scale."""
    if not PyFloat_CheckExact(p) or not 0 <= PyFloat_AS_DOUBLE(p) <= 1:
        return False
    factors[0] = PyFloat_AS_DOUBLE(p)
    factors[1] = 1 / (1 - factors[0]) if factors[0] < 1 else 0
    return True


def dropout_forward(x, draws, p=0.5, out=None):
    """(y, mask) of a plain array and float32 draws of its shape; `out` None or a tuple of the two."""
    cdef double[2] factors
    if draws is None or not is_probability(p, factors):
        return NotImplemented
    return elementwise_with_mask(dropout_forward_task, x, draws, out, factors, 1)


def dropout_backward(dout, mask, p=0.5, out=None):
    """dx of a plain array and mask; `out` None or an array."""
    cdef double[2] factors
    if not is_probability(p, factors):
        return NotImplemented
    return elementwise_gradient(dropout_backward_task, dout, mask, NPY_BOOL, out, factors)
