"""An optimizer's rule as part of a program: its class says by which kernel it runs, and what that is given."""


cdef list without_none(list found):
    """The list itself where all are there."""
    cdef object one
    for one in found:
        if one is None:
            return [one for one in found if one is not None]
    return found


cdef int run_update(object kernels, object optimizer, list params, list grads) except -1:
    """``optimizer.update(params, grads)``, by the kernel where it is one of the package's own and has all its state."""
    cdef object rule = getattr(type(optimizer), "_rule", None), own, lr, value
    cdef Arguments arguments
    cdef list held, state
    cdef Py_ssize_t i
    if rule is not None and rule.of is type(optimizer):
        own = attributes_of(optimizer)
        lr = get(own, "lr")
        if type(lr) is float and "update" not in own:
            arguments.count = 0
            give(&arguments, params)
            give(&arguments, grads)
            held = []
            for name in <tuple?> rule.states:
                value = get(own, name)
                state = [(<dict?> value).get(i) for i in range(len(params))]
                held.append(state)
                give(&arguments, state)
            give(&arguments, lr)
            for name in <tuple?> rule.factors:
                value = getattr(optimizer, name)
                held.append(value)
                give(&arguments, value)
            if call(getattr(kernels, rule.kernel), &arguments) is not NotImplemented:
                put(own, "t", get(own, "t") + 1)
                return 0
    optimizer.update(params, grads)
    return 0
