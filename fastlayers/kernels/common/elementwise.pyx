"""The entries of elementwise functions: what they take, where the result goes, and the run of a family's task."""


cdef object elementwise(Task task, object x, double option, object out, Py_ssize_t cost):
    """The entry of a function of one array: y of a plain x; `out` None or an array."""
    cdef int typenum = floating_type(x), order = EITHER_ORDER
    cdef Call call
    cdef MapWork work
    if not is_given(out):
        order = order_of(x, typenum)
        if order == 0:
            return NotImplemented
        out = new_like(out, x, typenum, order)
    work.typenum, work.option = typenum, option
    begin(&call)
    order = take(&call, &work.x, x, typenum, order)
    work.x.replaceable = True
    if order == 0 or take_like(&call, &work.y, out, x, typenum, order) == 0 or not is_result(&call):
        return NotImplemented
    run(task, &work, &call, work.x.size, cost)
    return out


cdef object elementwise_gradient(
    Task task, object dout, object kept, int kept_type, double option, Py_ssize_t columns, object out, Py_ssize_t cost
):
    """The entry of a gradient that a task makes of so many rows, each of `columns` numbers at `cost`."""
    cdef int typenum = floating_type(dout), order = EITHER_ORDER
    cdef Call call
    cdef GradientWork work
    if not is_given(out):
        order = order_of(dout, typenum) & order_of(kept, kept_type)
        if order == 0:
            return NotImplemented
        out = new_like(out, dout, typenum, order)
    begin(&call)
    work.typenum, work.option, work.columns = typenum, option, columns
    order = take(&call, &work.dout, dout, typenum, order)
    work.dout.replaceable = True
    if order != 0:
        order = take_like(&call, &work.kept, kept, dout, kept_type, order)
        work.kept.replaceable = kept_type == typenum and columns == 1
    if order == 0 or take_like(&call, &work.dx, out, dout, typenum, order) == 0 or not is_result(&call):
        return NotImplemented
    run(task, &work, &call, work.dout.size if columns == 1 else work.dout.size // columns, cost * columns)
    return out


cdef inline object gradient(Task task, object dout, object kept, double option, object out, Py_ssize_t cost):
    """The entry of a gradient of each number: dx of dout and of x or y, whichever forward kept."""
    return gradient_of_rows(task, dout, kept, option, 1, out, cost)


cdef object gradient_of_rows(
    Task task, object dout, object kept, double option, Py_ssize_t columns, object out, Py_ssize_t cost
):
    """The same of rows of so many numbers, and for each of these the cost; two types are promoted.

    `out` is None or an array.
    """
    cdef int typenum = floating_type(dout)
    cdef tuple operands
    if typenum < 0 or order_of(kept, typenum) == 0:
        operands = promoted(dout, kept, None)
        if operands is None:
            return NotImplemented
        dout, kept, _ = operands
    return elementwise_gradient(task, dout, kept, floating_type(dout), option, columns, out, cost)


cdef inline object mask_gradient(Task task, object dout, object mask, double option, object out):
    """The entry of a gradient that a mask decides; `out` None or an array."""
    return elementwise_gradient(task, dout, mask, NPY_BOOL, option, 1, out, 1)


cdef object elementwise_with_mask(Task task, object x, object draws, double option, object out):
    """The entry of a function that gives (y, mask) of a plain x, and of `draws` of float32 where it is not None.

    `out` is None or a tuple of the two.
    """
    cdef int typenum = floating_type(x)
    cdef int order = order_of(x, typenum)
    cdef object y, mask
    cdef Call call
    cdef MapWork work
    if not are_outs(out, 2):
        return NotImplemented
    y, mask = out_at(out, 0), out_at(out, 1)
    if draws is not None:
        order &= order_of(draws, NPY_FLOAT)
    if is_given(y):
        order &= order_of(y, typenum)
    if is_given(mask):
        order &= order_of(mask, NPY_BOOL)
    if order == 0:
        return NotImplemented
    if not is_given(y):
        y = new_like(y, x, typenum, order)
    if not is_given(mask):
        mask = new_like(mask, x, NPY_BOOL, order)
    begin(&call)
    work.typenum, work.option = typenum, option
    order = take(&call, &work.x, x, typenum, order)
    work.x.replaceable = True
    if order != 0 and draws is not None:
        order = take_like(&call, &work.draws, draws, x, NPY_FLOAT, order)
    if order == 0 or take_like(&call, &work.y, y, x, typenum, order) == 0 or not is_result(&call):
        return NotImplemented
    if take_like(&call, &work.mask, mask, x, NPY_BOOL, order) == 0 or not is_result(&call):
        return NotImplemented
    run(task, &work, &call, work.x.size, 1)
    return y, mask
