"""Optimizer updates in one pass over each parameter, for all parameters of a network in one call.

Everything is checked before anything is written, so a list with one odd array is declined whole.
Work: y is the parameter of `rows` elements, x its gradient, mask and dx its state; `factors` are the rule's numbers.
"""

from cpython.list cimport PyList_CheckExact, PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport sqrt, sqrtf


cdef inline floating square_root(floating x) noexcept nogil:
    if floating is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef void sgd_loop(floating *param, const floating *grad, const double *factors, Py_ssize_t n) noexcept nogil:
    cdef floating lr = <floating> factors[0]
    cdef Py_ssize_t i
    for i in range(n):
        param[i] -= lr * grad[i]


cdef void momentum_loop(
    floating *param, const floating *grad, floating *velocity, const double *factors, Py_ssize_t n
) noexcept nogil:
    cdef floating lr = <floating> factors[0], momentum = <floating> factors[1]
    cdef Py_ssize_t i
    for i in range(n):
        velocity[i] = momentum * velocity[i] - lr * grad[i]
        param[i] += velocity[i]


cdef void adam_loop(
    floating *param, const floating *grad, floating *m, floating *v, const double *factors, Py_ssize_t n
) noexcept nogil:
    cdef floating lr = <floating> factors[0], eps = <floating> factors[3]
    cdef floating gain1 = <floating> (1 - factors[1]), gain2 = <floating> (1 - factors[2])
    cdef floating scale1 = <floating> factors[4], scale2 = <floating> factors[5]
    cdef Py_ssize_t i
    for i in range(n):
        m[i] += gain1 * (grad[i] - m[i])
        v[i] += gain2 * (grad[i] * grad[i] - v[i])
        param[i] -= lr * (m[i] * scale1) / (square_root(v[i] * scale2) + eps)


cdef void sgd_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        sgd_loop(<float *> work.y + start, <const float *> work.x + start, work.factors, stop - start)
    else:
        sgd_loop(<double *> work.y + start, <const double *> work.x + start, work.factors, stop - start)


cdef void momentum_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        momentum_loop(
            <float *> work.y + start, <const float *> work.x + start, <float *> work.dx + start,
            work.factors, stop - start,
        )
    else:
        momentum_loop(
            <double *> work.y + start, <const double *> work.x + start, <double *> work.dx + start,
            work.factors, stop - start,
        )


cdef void adam_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if work.typenum == NPY_FLOAT:
        adam_loop(
            <float *> work.y + start, <const float *> work.x + start, <float *> work.mask + start,
            <float *> work.dx + start, work.factors, stop - start,
        )
    else:
        adam_loop(
            <double *> work.y + start, <const double *> work.x + start, <double *> work.mask + start,
            <double *> work.dx + start, work.factors, stop - start,
        )


cdef inline bint fits_param(object array, object param, int typenum, int order) noexcept:
    """Whether `array` goes with a parameter entry by entry."""
    return order_of(array, typenum) & order != 0 and same_shape(array, param)


cdef bint are_updatable(object params, object grads, object first, object second) noexcept:
    """Whether the lists hold plain arrays that belong together; `first` and `second`, of state, may be None."""
    cdef Py_ssize_t i, n
    cdef int typenum, order
    cdef object param, grad, state
    if not PyList_CheckExact(params) or not PyList_CheckExact(grads):
        return False
    n = PyList_GET_SIZE(params)
    if PyList_GET_SIZE(grads) != n:
        return False
    for states in (first, second):
        if states is not None and (not PyList_CheckExact(states) or PyList_GET_SIZE(states) != n):
            return False
    for i in range(n):
        param = <object> PyList_GET_ITEM(params, i)
        grad = <object> PyList_GET_ITEM(grads, i)
        typenum = floating_type(param)
        order = order_of(param, typenum)
        if order == 0 or not is_writeable(param) or not fits_param(grad, param, typenum, order):
            return False
        order &= order_of(grad, typenum)
        if not apart_or_same(param, grad):
            return False
        for states in (first, second):
            if states is not None:
                state = <object> PyList_GET_ITEM(states, i)
                if not fits_param(state, param, typenum, order) or not is_writeable(state):
                    return False
                if not (apart(state, param) and apart(state, grad)):
                    return False
                order &= order_of(state, typenum)
        if first is not None and second is not None:
            if not apart(<object> PyList_GET_ITEM(first, i), <object> PyList_GET_ITEM(second, i)):
                return False
    return True


cdef object update(
    Task task, Py_ssize_t cost, object params, object grads, object first, object second, double *factors
):
    """Run a rule over every parameter; NotImplemented where they are not plain."""
    cdef Py_ssize_t i, n
    cdef Work *works
    cdef ndarray param
    if not are_updatable(params, grads, first, second):
        return NotImplemented
    n = PyList_GET_SIZE(params)
    works = <Work *> PyMem_Malloc(max(n, 1) * sizeof(Work))
    if works == NULL:
        raise MemoryError(f"no memory to update {n} parameters")
    # All is read before the first `run`: that may release the GIL, and another thread change an array.
    for i in range(n):
        param = <ndarray> PyList_GET_ITEM(params, i)
        works[i].factors = factors
        works[i].typenum = PyArray_TYPE(param)
        works[i].rows = PyArray_SIZE(param)
        works[i].y = <char *> PyArray_DATA(param)
        works[i].x = <const char *> PyArray_DATA(<ndarray> PyList_GET_ITEM(grads, i))
        if first is not None:
            works[i].dx = <char *> PyArray_DATA(<ndarray> PyList_GET_ITEM(first, i))
        if second is not None:
            works[i].mask = works[i].dx
            works[i].dx = <char *> PyArray_DATA(<ndarray> PyList_GET_ITEM(second, i))
    for i in range(n):
        run(task, &works[i], works[i].rows, cost)
    PyMem_Free(works)
    return None


def sgd_update(params, grads, lr):
    """Update a list of plain parameters in place; None when done."""
    cdef double[1] factors
    factors[0] = lr
    return update(sgd_task, 1, params, grads, None, None, factors)


def momentum_update(params, grads, v, lr, momentum):
    """Update lists of plain parameters and velocities in place; None when done."""
    cdef double[2] factors
    if v is None:
        return NotImplemented
    factors[0], factors[1] = lr, momentum
    return update(momentum_task, 1, params, grads, v, None, factors)


def adam_update(params, grads, m, v, lr, beta1, beta2, eps, t):
    """Update lists of plain parameters and moments in place; None when done."""
    cdef double[6] factors
    if m is None or v is None:
        return NotImplemented
    factors[0], factors[1], factors[2], factors[3] = lr, beta1, beta2, eps
    factors[4], factors[5] = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
    return update(adam_task, 4, params, grads, m, v, factors)
