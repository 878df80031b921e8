"""Leaky ReLU and its gradient: as ReLU, but where the mask is set a value is multiplied by the slope."""


cdef inline floating leaky_relu_formula(floating x, floating slope, floating _low, floating _high) noexcept nogil:
    return slope * x if x <= <floating> 0 else x


cdef void leaky_relu_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    mask_task(work, start, stop, leaky_relu_formula, leaky_relu_formula)


def leaky_relu_forward(x, negative_slope=0.01, out=None):
    """(y, mask) of a plain array and slope; `out` None or a tuple of the two."""
    if not PyFloat_CheckExact(negative_slope):
        return NotImplemented
    return elementwise_with_mask(leaky_relu_forward_task, x, None, PyFloat_AS_DOUBLE(negative_slope), out)


cdef inline floating leaky_relu_choice(floating value, bint masked, floating slope) noexcept nogil:
    return slope * value if masked else value


cdef void leaky_relu_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    mask_slope_task(work, start, stop, leaky_relu_choice, leaky_relu_choice)


def leaky_relu_backward(dout, mask, negative_slope=0.01, out=None):
    """dx of a plain array, mask and slope; `out` None or an array."""
    if not PyFloat_CheckExact(negative_slope):
        return NotImplemented
    return mask_gradient(leaky_relu_backward_task, dout, mask, PyFloat_AS_DOUBLE(negative_slope), out)
