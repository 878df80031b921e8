"""Rows of an array in another order: a shuffled batch.

Where the data are larger than the caches, each row is waited for, since no processor foresees an order that was drawn.
So what comes two rows later is asked for while a row is copied.
"""

from libc.stdint cimport int64_t

cdef extern from * nogil:
    """
    #if defined(__GNUC__)  /* into the second cache: the first is too small for rows to come */
      #define fl_ask_for(place) __builtin_prefetch((place), 0, 2)
    #else
      #define fl_ask_for(place) ((void)(place))
    #endif
    """
    void fl_ask_for(const char *place)

cdef enum:
    AHEAD = 2  # rows
    LINE = 64  # bytes of a cache's line
    BYTES_OF_COST = 16  # that cost as much as one number of ReLU

cdef struct RowsWork:
    Argument a
    Argument order
    Argument out
    Py_ssize_t rows  # of a
    Py_ssize_t nbytes  # of each


cdef inline const char *row_at(const RowsWork *work, Py_ssize_t i) noexcept nogil:
    """Row order[i]; the first where another thread has written to the order since it was looked at."""
    cdef int64_t row = (<const volatile int64_t *> work.order.data)[i]
    return work.a.data + (row if 0 <= row < work.rows else 0) * work.nbytes


cdef void rows_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const RowsWork *work = <const RowsWork *> of
    cdef const char *later
    cdef Py_ssize_t i, at
    for i in range(start, stop):
        if i + AHEAD < stop:
            later, at = row_at(work, i + AHEAD), 0
            while at < work.nbytes:
                fl_ask_for(later + at)
                at += LINE
        memcpy(work.out.data + i * work.nbytes, row_at(work, i), work.nbytes)


def take_rows(a, order, out, /):
    """``a[order]`` into `out`, of a plain array of numbers and the places of rows, from 0; NotImplemented of others."""
    cdef int typenum
    cdef Py_ssize_t i
    cdef int64_t row
    cdef npy_intp n
    cdef Call call
    cdef RowsWork work
    if not PyArray_CheckExact(a) or not PyArray_CheckExact(order) or not PyArray_CheckExact(out):
        return NotImplemented
    typenum = PyArray_TYPE(<ndarray> a)
    if not is_real_type(typenum) or PyArray_NDIM(<ndarray> a) < 1 or PyArray_NDIM(<ndarray> out) < 1:
        return NotImplemented
    begin(&call)
    n = PyArray_DIM(<ndarray> out, 0)
    if take(&call, &work.a, a, typenum, NPY_ARRAY_C_CONTIGUOUS) == 0 or take_shaped(
        &call, &work.order, order, NPY_INT64, NPY_ARRAY_C_CONTIGUOUS, 1, &n
    ) == 0:
        return NotImplemented
    if take(&call, &work.out, out, typenum, NPY_ARRAY_C_CONTIGUOUS) == 0 or not is_result(&call):
        return NotImplemented
    work.rows = PyArray_DIM(<ndarray> a, 0)
    if work.rows == 0 or work.out.size != n * (work.a.size // work.rows):
        return NotImplemented
    work.nbytes = work.a.size // work.rows * PyArray_ITEMSIZE(<ndarray> a)
    for i in range(n):
        row = (<const int64_t *> work.order.data)[i]
        if not 0 <= row < work.rows:
            return NotImplemented
    run(rows_task, &work, &call, n, work.nbytes // BYTES_OF_COST + 1)
    return out
