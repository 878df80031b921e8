"""The entries that elementwise functions share: what they take, where the result goes, and the run."""


cdef object elementwise(Task task, object x, object out, Py_ssize_t cost):
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
    work.x = data_of(&work, x)
    work.y = data_of(&work, out)
    if is_changed(x, n) or is_changed(out, n):
        return NotImplemented
    run(task, &work, n, cost)
    return out


cdef object elementwise_gradient(Task task, object dout, object kept, int kept_type, object out):
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
    work.x = data_of(&work, dout)
    work.t = data_of(&work, kept)
    work.y = data_of(&work, out)
    if is_changed(dout, n) or is_changed(kept, n) or is_changed(out, n):
        return NotImplemented
    run(task, &work, n, 1)
    return out
