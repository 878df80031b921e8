"""An affine layer of each step of sequences as part of a program: the affine kernels, on all steps as rows."""


cdef inline object rows_of(object x, object columns):
    """Steps as rows of so many columns, a view where it can be one; None for what is none, or empty."""
    cdef Py_ssize_t width = columns
    if PyArray_NDIM(<ndarray> x) < 3:
        return x
    if size_of(<ndarray> x) == 0 or PyArray_DIM(<ndarray> x, PyArray_NDIM(<ndarray> x) - 1) != width:
        return None
    return x.reshape(size_of(<ndarray> x) // width, width)


cdef inline tuple steps_of(object x):
    """The shape without the last axis."""
    cdef tuple shape = x.shape
    return shape[:PyArray_NDIM(<ndarray> x) - 1]


cdef inline object in_shape_of(object rows, object like):
    """Rows as steps again, of as many as `like` has."""
    if PyArray_NDIM(<ndarray> like) < 3:
        return rows
    return rows.reshape((*steps_of(like), PyArray_DIM(<ndarray> rows, 1)))


cdef inline bint is_matrix(object W) noexcept:
    return PyArray_CheckExact(W) and PyArray_NDIM(<ndarray> W) == 2


cdef object product_of_steps(Step step, object x, PyObject **params, object memory):
    """y of x; NotImplemented for what the kernel does not take."""
    cdef Arguments arguments
    cdef object W = <object> params[0]
    cdef object rows = rows_of(x, PyArray_DIM(<ndarray> W, 0)) if is_matrix(W) else None
    if rows is None:
        return NotImplemented
    arguments.count = 0
    give(&arguments, rows)
    give(&arguments, W)
    give(&arguments, <object> params[1])
    give(&arguments, memory)
    y = call(step.forward, &arguments)
    return y if y is NotImplemented else in_shape_of(y, x)


cdef object forward_of_steps(Step step, object own, object x, PyObject **params, PyObject **kept):
    """`Step.go_forward` of such a layer."""
    cdef object y = product_of_steps(step, x, params, step.memory)
    if y is NotImplemented:
        return step.layer.forward(x)
    put(own, "x", x)
    hold_on(kept, x)
    return y


cdef object backward_of_steps(
    Step step, object own, object dout, PyObject **params, PyObject **grads, PyObject **kept, bint need_dx
):
    """`Step.go_backward` of such a layer."""
    cdef Arguments arguments
    cdef object W = <object> params[0]
    cdef object x = <object> kept[0] if kept[0] != NULL else get(own, "x")
    cdef object rows, of_rows, result, _memory
    if not PyArray_CheckExact(x) or not is_matrix(W) or steps_of(dout) != steps_of(x):
        return step.by_method(dout, need_dx)
    rows = rows_of(x, PyArray_DIM(<ndarray> W, 0))
    of_rows = rows_of(dout, PyArray_DIM(<ndarray> W, 1))
    if rows is None or of_rows is None:
        return step.by_method(dout, need_dx)
    arguments.count = 0
    give(&arguments, of_rows)
    give(&arguments, rows)
    give(&arguments, W)
    _memory = step.give_needed(&arguments, own, need_dx)
    result = call(step.backward, &arguments)
    if result is NotImplemented:
        return step.by_method(dout, need_dx)
    result = step.set_gradients(own, result, params, grads)
    return None if result is None else in_shape_of(result, x)
