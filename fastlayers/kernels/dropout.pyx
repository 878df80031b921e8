"""Dropout and its gradient: what is kept is scaled, what is dropped becomes +0.0, whatever it was.

A draw below p, the option, drops a value; draws are float32, whatever x is.
"""


cdef inline double scale_of(double p) noexcept nogil:
    """The scale of what is kept; with p = 1 nothing is left to scale."""
    return 1 / (1 - p) if p < 1 else 0


cdef void dropout_forward_loop(
    const floating *x, const float *draws, floating *y, npy_bool *mask, double p, Py_ssize_t n
) noexcept nogil:
    # Two loops and chunks for the reason that `mask_loop` gives; x may be y.
    cdef Py_ssize_t i, start = 0, stop
    cdef float least = <float> p
    cdef floating value, scale = <floating> scale_of(p)
    while start < n:
        stop = start + min(CHUNK, n - start)
        for i in range(start, stop):
            mask[i] = draws[i] >= least
        for i in range(start, stop):
            value = x[i] * scale  # whatever the mask: a load that depends on it is not vectorised
            y[i] = value if draws[i] >= least else <floating> 0
        start = stop


cdef inline floating dropout_choice(floating value, bint kept, floating scale) noexcept nogil:
    value *= scale
    return value if kept else <floating> 0


cdef void dropout_forward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const MapWork *work = <const MapWork *> of
    cdef const float *draws = <const float *> work.draws.data + start
    cdef const char *x = work.x.data
    cdef char *y = work.y.data
    cdef npy_bool *mask = <npy_bool *> work.mask.data + start
    if work.typenum == NPY_FLOAT:
        dropout_forward_loop(<const float *> x + start, draws, <float *> y + start, mask, work.option, stop - start)
    else:
        dropout_forward_loop(<const double *> x + start, draws, <double *> y + start, mask, work.option, stop - start)


cdef void dropout_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    mask_slope_task(work, start, stop, dropout_choice, dropout_choice)


cdef inline bint is_probability(object p) noexcept:
    """Whether p is a plain number of [0, 1]."""
    return PyFloat_CheckExact(p) and 0 <= PyFloat_AS_DOUBLE(p) <= 1


def dropout_forward(x, draws, p=0.5, out=None):
    """(y, mask) of a plain array and float32 draws of its shape; `out` None or a tuple of the two."""
    if draws is None or not is_probability(p):
        return NotImplemented
    return elementwise_with_mask(dropout_forward_task, x, draws, PyFloat_AS_DOUBLE(p), out)


def dropout_backward(dout, mask, p=0.5, out=None):
    """dx of a plain array and mask; `out` None or an array."""
    if not is_probability(p):
        return NotImplemented
    return mask_gradient(dropout_backward_task, dout, mask, scale_of(PyFloat_AS_DOUBLE(p)), out)
