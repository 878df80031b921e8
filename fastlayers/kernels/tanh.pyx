"""The hyperbolic tangent and its gradient.

tanh(x) = m / (m + 2) with m = exp(2|x|) - 1, and x's sign: m keeps its digits also where it is small, since
`exp_less_1` gives e**r - 1, and 2**n (e**r - 1) + (2**n - 1) rounds once. Beyond the limits the result is 1
within rounding. The slope 1 - y**2 is (1 - y) (1 + y), whose factors lose nothing where y is near 1.
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


cdef inline floating tanh_formula(floating x, floating _option, floating _low, floating high) noexcept nogil:
    cdef floating scale, less_1, m, twice = <floating> 2 * magnitude(x)
    high = high / <floating> 4 if floating is float else high / <floating> 16  # 22.2 and 44.4, where m + 2 rounds to m
    twice = high if twice > high else twice  # false for NaN, which stays
    less_1 = exp_less_1(twice, exp_bias(<floating> 0), &scale)
    m = multiply_add(less_1, scale, scale - <floating> 1)
    return with_sign(m / (m + <floating> 2), x)


cdef void tanh_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    map_task(work, start, stop, tanh_formula, tanh_formula)


declare("tanh_forward", tanh_forward_task)


def tanh_forward(x, out=None):
    """y of a plain array; `out` None or an array."""
    return elementwise(tanh_forward_task, x, 0, out, 4)


tanh = tanh_forward


cdef inline floating tanh_slope(
    floating dout, floating y, floating _option, floating _low, floating _high
) noexcept nogil:
    return dout * ((<floating> 1 - y) * (<floating> 1 + y))


cdef void tanh_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    slope_task(work, start, stop, tanh_slope, tanh_slope)


def tanh_backward(dout, y, out=None):
    """dx of two plain arrays; `out` None or an array."""
    return gradient(tanh_backward_task, dout, y, 0, out, 1)
