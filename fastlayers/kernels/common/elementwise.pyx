"""The entries that elementwise functions share: what they take, where the result goes, and the run.

`factors` are the function's own numbers, `Work.factors`; NULL where it has none.
"""


cdef object elementwise(Task task, object x, object out, const double *factors, Py_ssize_t cost):
    """The entry of a function of one array: y of a plain x; `out` None or an array."""
    cdef int typenum = floating_type(x)
    cdef int order = order_of(x, typenum)
    cdef Py_ssize_t n
    cdef Work work
    if order == 0:
        return NotImplemented
    n = size_of(x)
    if not is_given(out):
        out = new_like(out, x, typenum, order)
    else:
        order &= order_of(out, typenum)
        if order == 0 or not (same_shape(x, out) and is_writeable(out) and apart_or_same(x, out)):
            return NotImplemented
    begin(&work, typenum)
    work.factors = factors
    work.x = data_of(&work, x)
    work.y = data_of(&work, out)
    if is_changed(x, typenum, n) or is_changed(out, typenum, n):
        return NotImplemented
    run(task, &work, n, cost)
    return out


cdef object elementwise_gradient(Task task, object dout, object kept, int kept_type, object out, const double *factors):
    """The entry of a gradient: dx of a plain dout and what forward kept; `out` None or an array."""
    cdef int typenum = floating_type(dout)
    cdef int order = order_of(dout, typenum) & order_of(kept, kept_type)
    cdef Py_ssize_t n
    cdef Work work
    if order == 0 or not same_shape(dout, kept):
        return NotImplemented
    n = size_of(dout)
    if not is_given(out):
        out = new_like(out, dout, typenum, order)
    else:
        order &= order_of(out, typenum)
        if order == 0 or not (same_shape(dout, out) and is_writeable(out) and apart_or_same(dout, out)):
            return NotImplemented
        if not (apart_or_same(kept, out) if kept_type == typenum else apart(kept, out)):
            return NotImplemented
    begin(&work, typenum)
    work.factors = factors
    work.x = data_of(&work, dout)
    work.t = data_of(&work, kept)
    work.y = data_of(&work, out)
    if is_changed(dout, typenum, n) or is_changed(kept, kept_type, n) or is_changed(out, typenum, n):
        return NotImplemented
    run(task, &work, n, 1)
    return out


cdef object gradient_by_result(Task task, object dout, object y, object out):
    """The entry of a gradient that is worked out from y, what forward gave; two types are promoted."""
    cdef int typenum = floating_type(dout)
    cdef tuple operands
    if typenum < 0 or order_of(y, typenum) == 0:
        operands = promoted(dout, y, None)
        if operands is None:
            return NotImplemented
        dout, y, _ = operands
    return elementwise_gradient(task, dout, y, floating_type(dout), out, NULL)


cdef object elementwise_with_mask(
    Task task, object x, object draws, object out, const double *factors, Py_ssize_t cost
):
    """The entry of a function that gives (y, mask) of a plain x, and of `draws` of float32 where it is not None.

    `out` is None or a tuple of the two.
    """
    cdef int typenum = floating_type(x)
    cdef int order = order_of(x, typenum)
    cdef object y = None, mask = None
    cdef Py_ssize_t n
    cdef Work work
    if draws is not None:
        order &= order_of(draws, NPY_FLOAT)
        if order == 0 or not same_shape(x, draws):
            return NotImplemented
    if order == 0:
        return NotImplemented
    n = size_of(x)
    if out is not None:
        if not PyTuple_CheckExact(out) or PyTuple_GET_SIZE(out) != 2:
            return NotImplemented
        y, mask = <object> PyTuple_GET_ITEM(out, 0), <object> PyTuple_GET_ITEM(out, 1)
        if is_given(y):
            order &= order_of(y, typenum)
            if order == 0 or not (same_shape(x, y) and is_writeable(y) and apart_or_same(x, y)):
                return NotImplemented
            if draws is not None and not apart(draws, y):
                return NotImplemented
        if is_given(mask):
            order &= order_of(mask, NPY_BOOL)
            if order == 0 or not (same_shape(x, mask) and is_writeable(mask) and apart(x, mask)):
                return NotImplemented
            if draws is not None and not apart(draws, mask):
                return NotImplemented
        if is_given(y) and is_given(mask) and not apart(y, mask):
            return NotImplemented
    if not is_given(y):
        y = new_like(y, x, typenum, order)
    if not is_given(mask):
        mask = new_like(mask, x, NPY_BOOL, order)
    begin(&work, typenum)
    work.factors = factors
    work.x = data_of(&work, x)
    work.y = data_of(&work, y)
    work.mask = data_of(&work, mask)
    if is_changed(x, typenum, n) or is_changed(y, typenum, n) or is_changed(mask, NPY_BOOL, n):
        return NotImplemented
    if draws is not None:
        work.t = data_of(&work, draws)
        if is_changed(draws, NPY_FLOAT, n):
            return NotImplemented
    run(task, &work, n, cost)
    return y, mask
