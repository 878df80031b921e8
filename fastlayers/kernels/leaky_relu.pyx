"""Leaky ReLU and its gradient: as ReLU, but where the mask is set a value is multiplied by the slope, `factors[0]`.

Work: x, y, mask; for backward x is dout, t the mask, y is dx.
"""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact


cdef void leaky_relu_forward_loop(
    const floating *x, floating *y, npy_bool *mask, floating slope, Py_ssize_t n
) noexcept nogil:
    # Two loops and chunks for the reason that `relu_forward_loop` gives; x may be y.
    cdef Py_ssize_t i, start = 0, stop
    while start < n:
        stop = start + min(CHUNK, n - start)
        for i in range(start, stop):
            mask[i] = x[i] <= <floating> 0
        for i in range(start, stop):
            y[i] = slope * x[i] if x[i] <= <floating> 0 else x[i]
        start = stop


cdef void leaky_relu_backward_loop(
    const floating *dout, const npy_bool *mask, floating *dx, floating slope, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating value
    for i in range(n):
        value = dout[i]
        dx[i] = slope * value if mask[i] else value


cdef void leaky_relu_forward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef npy_bool *mask = <npy_bool *> work.mask + start
    cdef double slope = work.factors[0]
    if work.typenum == NPY_FLOAT:
        leaky_relu_forward_loop(
            <const float *> work.x + start, <float *> work.y + start, mask, <float> slope, stop - start
        )
    else:
        leaky_relu_forward_loop(<const double *> work.x + start, <double *> work.y + start, mask, slope, stop - start)


cdef void leaky_relu_backward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const npy_bool *mask = <const npy_bool *> work.t + start
    cdef double slope = work.factors[0]
    if work.typenum == NPY_FLOAT:
        leaky_relu_backward_loop(
            <const float *> work.x + start, mask, <float *> work.y + start, <float> slope, stop - start
        )
    else:
        leaky_relu_backward_loop(<const double *> work.x + start, mask, <double *> work.y + start, slope, stop - start)


def leaky_relu_forward(x, negative_slope=0.01, out=None):
    """(y, mask) of a plain array and slope; `out` None or a tuple of the two."""
    cdef double[1] factors
    if not PyFloat_CheckExact(negative_slope):
        return NotImplemented
    factors[0] = PyFloat_AS_DOUBLE(negative_slope)
    return elementwise_with_mask(leaky_relu_forward_task, x, None, out, factors, 1)


def leaky_relu_backward(dout, mask, negative_slope=0.01, out=None):
    """dx of a plain array, mask and slope; `out` None or an array."""
    cdef double[1] factors
    if not PyFloat_CheckExact(negative_slope):
        return NotImplemented
    factors[0] = PyFloat_AS_DOUBLE(negative_slope)
    return elementwise_gradient(leaky_relu_backward_task, dout, mask, NPY_BOOL, out, factors)
