"""The exponential linear unit and its gradient.

exp(x) - 1 = 2**n (e**r - 1) + (2**n - 1) rounds once, so it keeps its digits where x is small; see `tanh.pyx`.
"""


cdef inline floating elu_formula(floating x, floating alpha, floating low, floating _high) noexcept nogil:
    cdef floating scale, less_1
    less_1 = exp_less_1(low if x < low else x, exp_bias(<floating> 0), &scale)
    return x if x >= <floating> 0 else alpha * multiply_add(less_1, scale, scale - <floating> 1)


cdef inline floating elu_slope(
    floating dout, floating x, floating alpha, floating low, floating _high
) noexcept nogil:
    # exp(x / 2) twice: exp(x) would leave the range before its product with a large dout, and dout with a large alpha.
    # And it is never 0, which an infinite dout would make nan of.
    cdef floating half = <floating> 0.5 * x
    low += <floating> 1
    half = exp(low if half < low else half, exp_bias(<floating> 0))
    return dout if x > <floating> 0 else (dout * half) * (alpha * half)


cdef void elu_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    map_task(work, start, stop, elu_formula, elu_formula)


cdef void elu_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    slope_task(work, start, stop, elu_slope, elu_slope)


def elu_forward(x, alpha=1.0, out=None):
    """y of a plain array and alpha; `out` None or an array."""
    if not PyFloat_CheckExact(alpha):
        return NotImplemented
    return elementwise(elu_forward_task, x, PyFloat_AS_DOUBLE(alpha), out, 4)


def elu_backward(dout, x, alpha=1.0, out=None):
    """dx of two plain arrays and alpha; `out` None or an array."""
    if not PyFloat_CheckExact(alpha):
        return NotImplemented
    return gradient(elu_backward_task, dout, x, PyFloat_AS_DOUBLE(alpha), out, 4)
