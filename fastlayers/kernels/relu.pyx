"""ReLU and its gradient: one comparison an element, at the speed of memory.

The mask is a byte an element, and it decides: a value is kept or replaced by +0.0, never multiplied,
so that infinity behind the mask does not become NaN.
"""


cdef inline floating relu_formula(floating x, floating _option, floating _low, floating _high) noexcept nogil:
    return <floating> 0 if x <= <floating> 0 else x


cdef void relu_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    map_task(work, start, stop, relu_formula, relu_formula)


declare("relu", relu_task)


def relu(x, out=None):
    """y of a plain array; `out` None or an array."""
    return elementwise(relu_task, x, 0, out, 1)


cdef void relu_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    mask_task(work, start, stop, relu_formula, relu_formula)


def relu_forward(x, out=None):
    """(y, mask) of a plain array; `out` None or a tuple of the two."""
    return elementwise_with_mask(relu_forward_task, x, None, 0, out)


cdef inline floating relu_choice(floating value, bint masked, floating _option) noexcept nogil:
    return <floating> 0 if masked else value


cdef void relu_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    mask_slope_task(work, start, stop, relu_choice, relu_choice)


def relu_backward(dout, mask, out=None):
    """dx of a plain array and mask; `out` None or an array."""
    return mask_gradient(relu_backward_task, dout, mask, 0, out)
