"""One network's parameters moved towards another's, in the pass over all of them that optimizers make."""


cdef void blend_loop(floating *param, const floating *other, double tau, Py_ssize_t n) noexcept nogil:
    cdef floating keep = <floating> (1 - tau), add = <floating> tau
    cdef Py_ssize_t i
    if tau == 0:  # of what is not finite 0 times is nan
        return
    if tau == 1:
        for i in range(n):
            param[i] = other[i]
        return
    for i in range(n):
        param[i] = multiply_add(keep, param[i], add * other[i])


cdef void blend_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const Update *work = <const Update *> of
    cdef double tau = work.rule.factors[0]
    if work.typenum == NPY_FLOAT:
        blend_loop(<float *> work.param.data + start, <const float *> work.grad.data + start, tau, stop - start)
    else:
        blend_loop(<double *> work.param.data + start, <const double *> work.grad.data + start, tau, stop - start)


def blend(params, others, tau, /):
    """Move lists of plain parameters in place; None when done."""
    cdef Rule rule
    if not begin_rule(&rule, blend_task, 1, tau, 0.0, None) or not 0 <= rule.factors[0] <= 1:
        return NotImplemented
    return update(&rule, held(params), held(others), None, None)
