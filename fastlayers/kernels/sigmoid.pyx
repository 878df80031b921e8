"""The logistic sigmoid and its gradient.

1 / (1 + exp(-x)) keeps its digits at both ends: where exp(-x) is tiny the result is 1 within rounding,
where it is huge the division keeps its relative accuracy, and where it overflows to inf the result is
exactly 0. Work: x, y; for backward x is dout, t is y (what forward returned), y is dx.
"""


cdef void sigmoid_forward_loop(const floating *x, floating *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating low, high, minus_x, scale, less_1, bias = exp_bias(<floating> 0)
    exp_bounds(&low, &high)
    for i in range(n):
        minus_x = -x[i]
        minus_x = low if minus_x < low else minus_x
        minus_x = high if minus_x > high else minus_x
        less_1 = exp_less_1(minus_x, bias, &scale)
        y[i] = <floating> 1 / multiply_add(less_1 + <floating> 1, scale, <floating> 1)


cdef void sigmoid_backward_loop(const floating *dout, const floating *y, floating *dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = dout[i] * y[i] * (<floating> 1 - y[i])


cdef void sigmoid_forward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        sigmoid_forward_loop(<const float *> work.x + start, <float *> work.y + start, stop - start)
    else:
        sigmoid_forward_loop(<const double *> work.x + start, <double *> work.y + start, stop - start)


cdef void sigmoid_backward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        sigmoid_backward_loop(
            <const float *> work.x + start, <const float *> work.t + start, <float *> work.y + start, stop - start
        )
    else:
        sigmoid_backward_loop(
            <const double *> work.x + start, <const double *> work.t + start, <double *> work.y + start, stop - start
        )


def sigmoid_forward(x, out=None):
    """y of a plain array; `out` None or an array."""
    return elementwise(sigmoid_forward_task, x, out, NULL, 4)


def sigmoid_backward(dout, y, out=None):
    """dx of two plain arrays; `out` None or an array."""
    return gradient_by_result(sigmoid_backward_task, dout, y, out)
