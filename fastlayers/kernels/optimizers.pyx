"""Optimizer updates in one pass over each parameter, for all parameters of a network in one call.

Everything is checked before anything is written, so a list with one odd array is declined whole. From then
on tuples hold the arrays: another thread may empty the lists while the GIL is released, or at any time without one.
"""

from cpython.list cimport PyList_AsTuple, PyList_CheckExact


cdef void sgd_loop(floating *param, const floating *grad, const double *factors, Py_ssize_t n) noexcept nogil:
    cdef floating lr = <floating> factors[0]
    cdef Py_ssize_t i
    for i in range(n):
        param[i] = multiply_add(-lr, grad[i], param[i])


cdef void momentum_loop(
    floating *param, const floating *grad, floating *velocity, const double *factors, Py_ssize_t n
) noexcept nogil:
    cdef floating lr = <floating> factors[0], momentum = <floating> factors[1], step, new  # locals, as in `adam_loop`
    cdef bint nesterov = factors[2] != 0
    cdef Py_ssize_t i
    if nesterov:
        for i in range(n):
            step = lr * grad[i]
            new = at_rest(multiply_add(momentum, velocity[i], -step))
            velocity[i] = new
            param[i] += multiply_add(momentum, new, -step)
    else:
        for i in range(n):
            new = at_rest(multiply_add(momentum, velocity[i], -(lr * grad[i])))
            velocity[i] = new
            param[i] += new


cdef void sgd_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const Update *work = <const Update *> of
    if work.typenum == NPY_FLOAT:
        sgd_loop(
            <float *> work.param.data + start, <const float *> work.grad.data + start, work.rule.factors, stop - start
        )
    else:
        sgd_loop(
            <double *> work.param.data + start, <const double *> work.grad.data + start, work.rule.factors, stop - start
        )


ctypedef void (*FloatRule)(
    float *param, const float *grad, float *state, const double *factors, Py_ssize_t n
) noexcept nogil
ctypedef void (*DoubleRule)(
    double *param, const double *grad, double *state, const double *factors, Py_ssize_t n
) noexcept nogil


cdef inline void one_state_task(
    const void *of, Py_ssize_t start, Py_ssize_t stop, FloatRule rule, DoubleRule rule_of_double
) noexcept nogil:
    """A rule with one state, over the numbers start to stop; a rule's task is one call of this."""
    cdef const Update *work = <const Update *> of
    if work.typenum == NPY_FLOAT:
        rule(
            <float *> work.param.data + start, <const float *> work.grad.data + start,
            <float *> work.first.data + start, work.rule.factors, stop - start,
        )
    else:
        rule_of_double(
            <double *> work.param.data + start, <const double *> work.grad.data + start,
            <double *> work.first.data + start, work.rule.factors, stop - start,
        )


cdef void momentum_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    one_state_task(of, start, stop, momentum_loop, momentum_loop)


cdef inline tuple held(object arrays):
    """A list's arrays as they are at this moment, or a tuple itself; None for anything else."""
    if PyTuple_CheckExact(arrays):
        return <tuple> arrays
    return PyList_AsTuple(arrays) if PyList_CheckExact(arrays) else None


cdef inline bint take_state(
    Call *call, Update *work, Argument *state, object array, object param, int *order
) noexcept:
    """Take a state that goes with a parameter and its gradient, and can be written to without a change to either."""
    order[0] = take_like(call, state, array, param, work.typenum, order[0])
    return (
        order[0] != 0 and state.writeable and are_apart(state, &work.param) and are_apart(state, &work.grad)
    )


cdef bint take_all(
    Call *call, Update *works, tuple params, tuple grads, tuple first, tuple second
) noexcept:
    """Take plain arrays that belong together; `first` and `second`, of state, may be None."""
    cdef Py_ssize_t i, j, n = PyTuple_GET_SIZE(params)
    cdef int order
    cdef object param
    cdef Update *work
    cdef Update *other
    begin(call)
    if PyTuple_GET_SIZE(grads) != n:
        return False
    if first is not None and PyTuple_GET_SIZE(first) != n or second is not None and PyTuple_GET_SIZE(second) != n:
        return False
    for i in range(n):
        param = <object> PyTuple_GET_ITEM(params, i)
        work = &works[i]
        work.typenum = floating_type(param)
        order = take(call, &work.param, param, work.typenum, EITHER_ORDER)
        if order == 0 or not work.param.writeable:
            return False
        work.is_bias = PyArray_NDIM(<ndarray> param) <= 1
        order = take_like(call, &work.grad, <object> PyTuple_GET_ITEM(grads, i), param, work.typenum, order)
        if order == 0 or not (work.param.data == work.grad.data or are_apart(&work.param, &work.grad)):
            return False
        # The reference computes every step before it writes any, and refuses one gradient given twice.
        for j in range(i):
            other = &works[j]
            if not (
                are_apart(&work.param, &other.param)
                and are_apart(&work.param, &other.grad)
                and are_apart(&work.grad, &other.param)
                and (work.grad.data != other.grad.data or work.param.size == 0)
            ):
                return False
        work.first = work.second = work.param  # of a rule without state neither is read
        if first is not None:
            if not take_state(call, work, &work.first, <object> PyTuple_GET_ITEM(first, i), param, &order):
                return False
        if second is not None:
            if not take_state(call, work, &work.second, <object> PyTuple_GET_ITEM(second, i), param, &order):
                return False
            if not are_apart(&work.first, &work.second):
                return False
    return True


cdef tuple in_types_of(tuple params, tuple grads):
    """Gradients of another type than their parameters', each in its parameter's; None where there is none."""
    cdef list found = []
    cdef bint differ = False
    cdef object param, grad, as_param
    if PyTuple_GET_SIZE(params) != PyTuple_GET_SIZE(grads):
        return None
    for param, grad in zip(params, grads):
        as_param = in_type(grad, floating_type(param))
        differ |= as_param is not grad
        found.append(as_param)
    return tuple(found) if differ else None


cdef object update(
    Rule *rule, tuple params, tuple grads, tuple first, tuple second, tuple touched=None, list corrections=None
):
    """Run a rule over every parameter; return NotImplemented where they are not plain arrays, else None.

    `first` and `second` are the states, None for a rule without. `touched` has for each parameter the indices of the
    rows outside which its gradient is zero, or None. `corrections` has for each parameter Adam's two corrections, where
    parameters have had different numbers of updates.
    """
    cdef Py_ssize_t i, n, size = 0
    cdef Call call
    cdef Update *works
    cdef bytes scratch
    cdef list _pinned, _rows
    if params is None or grads is None:
        return NotImplemented
    n = PyTuple_GET_SIZE(params)
    if corrections is not None and len(corrections) != n:
        return NotImplemented
    _rows = [] if touched is not None and len(touched) == n else None
    scratch = new_scratch(n * sizeof(Update))
    works = <Update *> scratch_of(scratch)
    # All is read before the first `run`: that may release the GIL, and another thread change an array.
    if not take_all(&call, works, params, grads, first, second):
        grads = in_types_of(params, grads)
        if grads is None or not take_all(&call, works, params, grads, first, second):
            return NotImplemented
    for i in range(n):
        works[i].rule = rule
        works[i].touched.rows = NULL
        if _rows is not None and touched[i] is not None:
            _rows.append(find_rows(&works[i], params[i], touched[i]))
        size = max(size, works[i].param.size)
    if size >= WORTH_RELEASING // rule.cost:  # a `run` may release the GIL
        _pinned = pinned(&call)
    if rule.clip_norm != INFINITY:
        clip(rule, works, n)
    for i in range(n):
        if corrections is not None:
            rule.factors[4], rule.factors[5] = corrections[i]
        if works[i].touched.rows != NULL and leaves_what_is_zero(&works[i]):
            run(touched_rows_task, &works[i], NULL, works[i].touched.count, rule.cost * works[i].touched.columns)
            continue
        # nan is not 1
        run(
            effective_task if rule.scale != 1 or decays(&works[i]) else rule.task, &works[i], NULL,
            works[i].param.size, rule.cost,
        )
    return None


cdef void keeping_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """What a gradient has come to, put back into its place; where nothing was scaled, it is there already."""
    cdef const Update *work = <const Update *> of
    cdef Py_ssize_t itemsize = sizeof(float) if work.typenum == NPY_FLOAT else sizeof(double)
    if work.param.data != work.grad.data:
        memcpy(work.param.data + start * itemsize, work.grad.data + start * itemsize, (stop - start) * itemsize)


def clip_grads(grads, max_norm, /):
    """Scale a list of plain gradients in place where their norm is larger; None when done."""
    cdef Rule rule
    cdef tuple arrays = held(grads)
    if max_norm is None or not begin_rule(&rule, keeping_task, 1, 0.0, 0.0, max_norm):
        return NotImplemented
    return update(&rule, arrays, arrays, None, None)


cdef inline bint is_fraction(object factor) noexcept:
    return isinstance(factor, float) and 0 <= <double> factor < 1


def sgd_update(params, grads, lr, weight_decay=0.0, clip_norm=None, /):
    """Update a list of plain parameters in place; None when done."""
    cdef Rule rule
    if not begin_rule(&rule, sgd_task, 1, lr, weight_decay, clip_norm):
        return NotImplemented
    return update(&rule, held(params), held(grads), None, None)


def sgd_update_of_rows(params, grads, lr, weight_decay, clip_norm, touched, /):
    """`sgd_update` where some gradients are zero outside of rows: `touched` has the indices of these, or None."""
    cdef Rule rule
    if not begin_rule(&rule, sgd_task, 1, lr, weight_decay, clip_norm):
        return NotImplemented
    return update(&rule, held(params), held(grads), None, None, held(touched))


def momentum_update(params, grads, v, lr, momentum, nesterov=False, weight_decay=0.0, clip_norm=None, /):
    """Update lists of plain parameters and velocities in place; None when done."""
    cdef Rule rule
    cdef tuple held_v = held(v)
    if held_v is None or not begin_rule(&rule, momentum_task, 1, lr, weight_decay, clip_norm):
        return NotImplemented
    if not isinstance(momentum, float) or not isinstance(nesterov, bool):
        return NotImplemented
    rule.factors[1], rule.factors[2] = momentum, nesterov
    return update(&rule, held(params), held(grads), held_v, None)


cdef tuple corrections_of(object beta1, object beta2, object t):
    """Return what makes up for means that started at 0, at step t; None where t is no number of a step."""
    cdef double step, left_1, left_2
    if not (type(t) is int or type(t) is float) or (type(t) is int and t > 1 << 60):
        return None
    step = t
    if not step > 0:  # the reference says what is wrong with it
        return None
    left_1, left_2 = 1 - beta1**t, 1 - beta2**t  # Python's: the C library's pow would tie a wheel to a new one
    return 1 / left_1, 1 / left_2


def adam_update(params, grads, m, v, lr, beta1, beta2, eps, t, weight_decay=0.0, clip_norm=None, decoupled=False, /):
    """Update lists of plain parameters and moments in place; return None when done.

    t is the number of the step, or a tuple with that of each parameter.
    """
    cdef Rule rule
    cdef tuple held_m = held(m), held_v = held(v), pair
    cdef list corrections = None
    if held_m is None or held_v is None or not begin_rule(&rule, adam_task, 4, lr, weight_decay, clip_norm):
        return NotImplemented
    if not isinstance(eps, float) or not isinstance(decoupled, bool):
        return NotImplemented
    if not (is_fraction(beta1) and is_fraction(beta2)):
        return NotImplemented
    if type(t) is tuple:
        corrections = [corrections_of(beta1, beta2, each) for each in t]
        if None in corrections:
            return NotImplemented
    else:
        pair = corrections_of(beta1, beta2, t)
        if pair is None:
            return NotImplemented
        rule.factors[4], rule.factors[5] = pair
    rule.factors[1], rule.factors[2], rule.factors[3] = beta1, beta2, eps
    rule.decoupled = decoupled
    return update(&rule, held(params), held(grads), held_m, held_v, None, corrections)
