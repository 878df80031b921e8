"""ReLU and its gradient: one comparison an element, at the speed of memory.

The mask is a byte an element, and it decides: a value is kept or replaced by +0.0, never multiplied,
so that infinity behind the mask does not become NaN. Work: x, y, mask; for backward x is dout, t the mask, y is dx.
"""


cdef void relu_forward_loop(const floating *x, floating *y, npy_bool *mask, Py_ssize_t n) noexcept nogil:
    # Mask and y have loops of their own, a chunk at a time while x is in the cache: for float64 at the
    # baseline the compiler vectorises y's loop only where no byte is written beside it. x may be y.
    cdef Py_ssize_t i, start = 0, stop
    while start < n:
        stop = start + min(CHUNK, n - start)
        for i in range(start, stop):
            mask[i] = x[i] <= <floating> 0
        for i in range(start, stop):
            y[i] = <floating> 0 if x[i] <= <floating> 0 else x[i]
        start = stop


cdef void relu_loop(const floating *x, floating *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <floating> 0 if x[i] <= <floating> 0 else x[i]


cdef void relu_backward_loop(const floating *dout, const npy_bool *mask, floating *dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating value
    for i in range(n):
        value = dout[i]
        dx[i] = <floating> 0 if mask[i] else value


cdef void relu_forward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef npy_bool *mask = <npy_bool *> work.mask + start
    if work.typenum == NPY_FLOAT:
        relu_forward_loop(<const float *> work.x + start, <float *> work.y + start, mask, stop - start)
    else:
        relu_forward_loop(<const double *> work.x + start, <double *> work.y + start, mask, stop - start)


cdef void relu_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        relu_loop(<const float *> work.x + start, <float *> work.y + start, stop - start)
    else:
        relu_loop(<const double *> work.x + start, <double *> work.y + start, stop - start)


cdef void relu_backward_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const npy_bool *mask = <const npy_bool *> work.t + start
    if work.typenum == NPY_FLOAT:
        relu_backward_loop(<const float *> work.x + start, mask, <float *> work.y + start, stop - start)
    else:
        relu_backward_loop(<const double *> work.x + start, mask, <double *> work.y + start, stop - start)


def relu(x, out=None):
    """y of a plain array; `out` None or an array."""
    return elementwise(relu_task, x, out, NULL, 1)


def relu_forward(x, out=None):
    """(y, mask) of a plain array; `out` None or a tuple of the two."""
    return elementwise_with_mask(relu_forward_task, x, None, out, NULL, 1)


def relu_backward(dout, mask, out=None):
    """dx of a plain array and mask; `out` None or an array."""
    return elementwise_gradient(relu_backward_task, dout, mask, NPY_BOOL, out, NULL)
