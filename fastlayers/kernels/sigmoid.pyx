"""The logistic sigmoid and its gradient.

1 / (1 + exp(-x)) keeps its digits at both ends: where exp(-x) is tiny the result is 1 within rounding,
where it is huge the division keeps its relative accuracy, and where it overflows to inf the result is
exactly 0.
"""


cdef inline floating sigmoid_formula(floating x, floating _option, floating low, floating high) noexcept nogil:
    cdef floating scale, less_1, minus_x = -x
    minus_x = low if minus_x < low else minus_x
    minus_x = high if minus_x > high else minus_x
    less_1 = exp_less_1(minus_x, exp_bias(<floating> 0), &scale)
    return <floating> 1 / multiply_add(less_1 + <floating> 1, scale, <floating> 1)


cdef void sigmoid_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    map_task(work, start, stop, sigmoid_formula, sigmoid_formula)


declare("sigmoid_forward", sigmoid_forward_task)


def sigmoid_forward(x, out=None):
    """y of a plain array; `out` None or an array."""
    return elementwise(sigmoid_forward_task, x, 0, out, 4)


sigmoid = sigmoid_forward


cdef inline floating sigmoid_slope(
    floating dout, floating y, floating _option, floating _low, floating _high
) noexcept nogil:
    return dout * y * (<floating> 1 - y)


cdef void sigmoid_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    slope_task(work, start, stop, sigmoid_slope, sigmoid_slope)


def sigmoid_backward(dout, y, out=None):
    """dx of two plain arrays; `out` None or an array."""
    return gradient(sigmoid_backward_task, dout, y, 0, out, 1)
