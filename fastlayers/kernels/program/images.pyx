"""Layers of images as steps of a program; and those that are one pass: a convolution, its ReLU, pooling behind that.

Such a pass makes no array of what lies between its layers. Where a user reads one, `Relu.mask` or `Pooling.x`, it is
made then, of what the pass has kept in the dictionaries of both as "_of_pass": see ``layers/_passes.py``.
"""


cdef inline object flat(object x):
    """A row for each sample of an array of two or more axes: a view, where it can be one."""
    cdef Py_ssize_t numbers = 1
    cdef int axis
    for axis in range(1, PyArray_NDIM(<ndarray> x)):
        numbers *= PyArray_DIM(<ndarray> x, axis)
    return x.reshape(PyArray_DIM(<ndarray> x, 0), numbers)


cdef inline bint are_samples(object x) noexcept:
    """Whether it is an array of a dtype and axes that a layer of `SHAPE` gives a view of."""
    return floating_type(x) >= 0 and PyArray_NDIM(<ndarray> x) >= 2


cdef object forward_of_images(Step step, object own, object x, PyObject **params, PyObject **kept):
    """`Step.go_forward` of a layer of images."""
    cdef Arguments arguments
    cdef object result
    cdef tuple options
    if step.kept == SHAPE:
        if not are_samples(x):
            return step.layer.forward(x)
        put(own, "_x_shape", x.shape)
        return flat(x)
    arguments.count = 0
    give(&arguments, x)
    if step.kept == CONVOLUTION:
        give(&arguments, <object> params[0])
        give(&arguments, <object> params[1])
    options = step.options_of(own)
    give_all(&arguments, options)
    give(&arguments, step.memory)
    result = call(step.forward, &arguments)
    if result is NotImplemented:
        return step.layer.forward(x)
    put(own, "x", x)
    put(own, "_of_forward", options)
    if step.kept == POOLING:
        put(own, "_indices", part(result, 1))
        result = part(result, 0)
    hold_on(kept, x)
    return result


cdef object backward_of_images(
    Step step, object own, object dout, PyObject **params, PyObject **grads, PyObject **kept, bint need_dx
):
    """`Step.go_backward` of one."""
    cdef Arguments arguments
    cdef object result, shape, options, x = get(own, "x"), indices, memory
    if step.kept == SHAPE:
        shape = get(own, "_x_shape")
        if not shape or PyArray_NDIM(<ndarray> dout) != 2 or size_of(dout) == 0 or len(dout) != shape[0]:
            return step.layer.backward(dout)
        return dout.reshape(shape)
    options = get(own, "_of_forward")
    if x is None or type(options) is not tuple or len(options) != len(step.options):
        return step.by_method(dout, need_dx)
    arguments.count = 0
    give(&arguments, dout)
    if step.kept == POOLING:
        shape, indices = x.shape, get(own, "_indices")
        give(&arguments, indices)
        give(&arguments, shape)
        give_all(&arguments, options)
        give(&arguments, step.memory_of_backward)
        result = call(step.backward, &arguments)
        return step.by_method(dout, need_dx) if result is NotImplemented else result
    give(&arguments, x)
    give(&arguments, <object> params[0])
    give_all(&arguments, options)
    give(&arguments, True if need_dx else False)
    memory = get(own, "_gradients")
    give(&arguments, memory)
    result = call(step.backward, &arguments)
    if result is NotImplemented:
        return step.by_method(dout, need_dx)
    return step.set_gradients(own, result, params, grads)


# Passes


cdef int layers_of_pass(tuple steps, Py_ssize_t i, object relu) except -1:
    """How many layers from the i-th on, 2 or 3, may be one pass by their classes; 0 where none begins."""
    cdef Py_ssize_t n = len(steps)
    if i + 1 >= n or (<Step> steps[i]).kept != CONVOLUTION or (<Step> steps[i + 1]).forward is not relu:
        return 0
    return 3 if i + 2 < n and (<Step> steps[i + 2]).kept == POOLING else 2


cdef inline tuple options_behind(tuple steps, Py_ssize_t i, int n, const Held *held):
    """The options of the pooling in a pass, () where there is none; None where it is not to be part of one."""
    cdef tuple options
    if n < 3:
        return ()
    options = (<Step> steps[i + 2]).options_of(<object> held.attributes[i + 2])
    for option in options:
        if type(option) is not int:  # 2.0 and False, which the layer refuses, would be equal too
            return None
    return options if options == (2, 2, 2, 0) else None


cdef inline void forget(object attributes, str name) except *:
    (<dict> attributes).pop(name, None)


cdef object predict_pass(object kernel, tuple steps, Py_ssize_t i, int n, const Held *held, Py_ssize_t at, object x):
    """What n layers from the i-th on make of x, with nothing kept; NotImplemented where they go one by one."""
    cdef Arguments arguments
    cdef object memory = None, result
    cdef tuple behind = options_behind(steps, i, n, held), options
    if behind is None:
        return NotImplemented
    options = (<Step> steps[i]).options_of(<object> held.attributes[i])
    arguments.count = 0
    give(&arguments, x)
    give(&arguments, <object> held.param[at])
    give(&arguments, <object> held.param[at + 1])
    give_all(&arguments, options)
    give(&arguments, True if n == 3 else False)
    give(&arguments, False)
    if i + n < held.steps:
        memory = (<Step> steps[i]).memory_of_predict()
        give(&arguments, memory)
    result = call(kernel, &arguments)
    let_go_of_much(memory, result)
    return result


cdef object forward_of_pass(object kernel, tuple steps, Py_ssize_t i, int n, const Held *held, Py_ssize_t at, object x):
    """The same in training."""
    cdef Arguments arguments
    cdef object W = <object> held.param[at], b = <object> held.param[at + 1]
    cdef object own = <object> held.attributes[i], result, y
    cdef tuple behind = options_behind(steps, i, n, held), options
    if behind is None or n == 3 and PyArray_CheckExact(W) and PyArray_CheckExact(x) and size_of(W) > size_of(x):
        return NotImplemented  # to keep so many weights would take longer than a pass saves
    options = (<Step> steps[i]).options_of(own)
    arguments.count = 0
    give(&arguments, x)
    give(&arguments, W)
    give(&arguments, b)
    give_all(&arguments, options)
    give(&arguments, True if n == 3 else False)
    give(&arguments, True)
    give(&arguments, (<Step> steps[i + n - 1]).memory)
    result = call(kernel, &arguments)
    if result is NotImplemented:
        return result
    y = part(result, 0)
    put(own, "x", x)
    put(own, "_of_forward", options)
    kept = y.copy() if i + n == held.steps else y  # what is handed out may be changed before backward goes by it
    if n == 3:
        kept = kept, x, W.copy(), None if b is None else b.copy(), options
    own = <object> held.attributes[i + 1]
    forget(own, "mask")
    put(own, "_of_pass", kept)
    if n == 3:
        own = <object> held.attributes[i + 2]
        forget(own, "x")
        put(own, "_of_pass", kept)
        put(own, "_of_forward", behind)
        put(own, "_indices", part(result, 1))
    return y


cdef bint is_pass_of(object kept, object x, object W, object options) except -1:
    """Whether that is what a pass with pooling has kept of this x, of weights of this shape, and of these options."""
    cdef object weights
    if type(kept) is not tuple or part(kept, 1) is not x or part(kept, 4) is not options:
        return False
    weights = part(kept, 2)
    return PyArray_CheckExact(weights) and PyArray_CheckExact(W) and same_shape(weights, W)


cdef object backward_of_pass(
    object kernel, tuple steps, Py_ssize_t i, int n, Held *held, Py_ssize_t at, object dout, bint need_dx
):
    """dx, or None; NotImplemented where they go one by one, as they do where their last forward was no such pass."""
    cdef Arguments arguments
    cdef Step step = <Step> steps[i]
    cdef object own = <object> held.attributes[i], relu = <object> held.attributes[i + 1]
    cdef object x = get(own, "x"), options = get(own, "_of_forward"), memory = get(own, "_gradients")
    cdef object of_pass = get(relu, "_of_pass"), y = of_pass, indices = None, pooling, result
    if "mask" in <dict> relu:
        return NotImplemented
    if n == 3:
        pooling = <object> held.attributes[i + 2]
        if "x" in <dict> pooling or get(pooling, "_of_pass") is not of_pass:
            return NotImplemented
        if not is_pass_of(of_pass, x, <object> held.param[at], options):
            return NotImplemented
        y, indices = part(of_pass, 0), get(pooling, "_indices")
    if type(options) is not tuple or len(options) != len(step.options):
        return NotImplemented
    arguments.count = 0
    give(&arguments, dout)
    give(&arguments, y)
    give(&arguments, indices)
    give(&arguments, x)
    give(&arguments, <object> held.param[at])
    give_all(&arguments, options)
    give(&arguments, True if need_dx else False)
    give(&arguments, memory)
    result = call(kernel, &arguments)
    if result is NotImplemented:
        return result
    return step.set_gradients(own, result, &held.param[at], &held.grad[at])
