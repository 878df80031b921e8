"""The entry that functions of one array share: what it takes, where the result goes, and the run."""


cdef object elementwise(Task task, object x, object out, Py_ssize_t cost):
    """The entry of a function of one array: y of a plain x; `out` None or an array."""
    cdef int typenum = floating_type(x)
    cdef int order = order_of(x, typenum)
    cdef Work work
    if order == 0:
        return NotImplemented
    if not is_given(out):
        out = new_like(out, x, typenum, order)
    else:
        order &= order_of(out, typenum)
        if order == 0 or not (same_shape(x, out) and is_writeable(out) and apart_or_same(x, out)):
            return NotImplemented
    work.typenum = typenum
    work.x = <const char *> PyArray_DATA(<ndarray> x)
    work.y = <char *> PyArray_DATA(<ndarray> out)
    run(task, &work, PyArray_SIZE(<ndarray> x), cost)
    return out
