"""The hyperbolic tangent and its gradient.

tanh(x) = m / (m + 2) with m = exp(2|x|) - 1, and x's sign: m keeps its digits also where it is small, since
`exp_less_1` gives e**r - 1, and 2**n (e**r - 1) + (2**n - 1) rounds once. Beyond the limits the result is 1
within rounding. The slope 1 - y**2 is (1 - y) (1 + y), whose factors lose nothing where y is near 1.
Work: x, y; for backward x is dout, t is y (what forward returned), y is dx.
"""

from libc.math cimport copysign, copysignf, fabs, fabsf


cdef inline floating magnitude(floating x) noexcept nogil:
    if floating is float:
        return fabsf(x)
    else:
        return fabs(x)


cdef inline floating with_sign(floating x, floating of) noexcept nogil:
    if floating is float:
        return copysignf(x, of)
    else:
        return copysign(x, of)


cdef void tanh_forward_loop(const floating *x, floating *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating low, high, twice, scale, less_1, m, bias = exp_bias(<floating> 0)
    exp_bounds(&low, &high)
    high = high / <floating> 4 if floating is float else high / <floating> 16  # 22.2 and 44.4, where m + 2 rounds to m
    for i in range(n):
        twice = <floating> 2 * magnitude(x[i])
        twice = high if twice > high else twice  # false for NaN, which stays
        less_1 = exp_less_1(twice, bias, &scale)
        m = multiply_add(less_1, scale, scale - <floating> 1)
        y[i] = with_sign(m / (m + <floating> 2), x[i])


cdef void tanh_backward_loop(const floating *dout, const floating *y, floating *dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = dout[i] * ((<floating> 1 - y[i]) * (<floating> 1 + y[i]))


cdef void tanh_forward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        tanh_forward_loop(<const float *> work.x + start, <float *> work.y + start, stop - start)
    else:
        tanh_forward_loop(<const double *> work.x + start, <double *> work.y + start, stop - start)


cdef void tanh_backward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        tanh_backward_loop(
            <const float *> work.x + start, <const float *> work.t + start, <float *> work.y + start, stop - start
        )
    else:
        tanh_backward_loop(
            <const double *> work.x + start, <const double *> work.t + start, <double *> work.y + start, stop - start
        )


def tanh_forward(x, out=None):
    """y of a plain array; `out` None or an array."""
    return elementwise(tanh_forward_task, x, out, NULL, 4)


def tanh_backward(dout, y, out=None):
    """dx of two plain arrays; `out` None or an array."""
    return gradient_by_result(tanh_backward_task, dout, y, out)
