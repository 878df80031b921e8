"""Rows of a table by their indices, which a shuffled batch is too, and the gradient of the table.

Where the table is larger than the caches, each row is waited for, since no processor foresees an order that was drawn.
So what comes two rows later is asked for while a row is copied.

Going back, each index is chained to the next one of the same row: then a row is summed up in the order of its indices,
and written once, by one thread; so its bits are the same for any number of them. Sums are of float64 with what it
loses, and so are accurate however often an index occurs.
"""

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
    MOST_AXES = 16  # of a result; what has more is left to the rules

cdef struct Table:
    Argument idx
    Argument rows  # the table's, or its gradient's
    Argument samples  # what is taken of them, or its gradient
    int typenum
    Py_ssize_t nbytes  # of a row
    Py_ssize_t *places  # each index; going back, where the next one of the same row stands, or -1
    Py_ssize_t *first  # going back, of each row where its first index stands, or -1


cdef bint read_indices(Py_ssize_t *places, const Argument *idx, int idx_type, Py_ssize_t rows) noexcept nogil:
    """Read all indices, once, since another thread may write to them; False where one is outside the table."""
    cdef Py_ssize_t i
    cdef long long row
    for i in range(idx.size):
        row = label_at(idx.data, idx_type, i)
        if not 0 <= row < rows:
            return False
        places[i] = <Py_ssize_t> row
    return True


cdef void take_rows_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The rows of the indices start to stop."""
    cdef const Table *work = <const Table *> of
    cdef Py_ssize_t i, at
    for i in range(start, stop):
        if i + AHEAD < stop:
            at = 0
            while at < work.nbytes:
                fl_ask_for(work.rows.data + work.places[i + AHEAD] * work.nbytes + at)
                at += LINE
        memcpy(work.samples.data + i * work.nbytes, work.rows.data + work.places[i] * work.nbytes, work.nbytes)


cdef void add_up(const Table *work, Py_ssize_t row) noexcept nogil:
    """A row of the gradient that several indices have."""
    cdef double[CHUNK] part
    cdef double[CHUNK] sums
    cdef double[CHUNK] lost
    cdef Py_ssize_t columns = work.nbytes // (8 if work.typenum == NPY_DOUBLE else 4), start = 0, width, padded, i, j
    cdef int lane
    while start < columns:
        width, i = min(CHUNK, columns - start), work.first[row]
        padded = (width + AT_ONCE - 1) // AT_ONCE * AT_ONCE * sizeof(double)
        memset(sums, 0, padded)
        memset(lost, 0, padded)
        memset(part, 0, padded)
        while i >= 0:
            convert(work.samples.data, work.typenum, part, i * columns + start, width)
            j = 0
            while j < width:
                for lane in range(AT_ONCE):
                    add_exactly(&sums[j + lane], &lost[j + lane], part[j + lane])
                j += AT_ONCE
            i = work.places[i]
        j = 0
        while j < width:
            for lane in range(AT_ONCE):
                sums[j + lane] = exact(sums[j + lane], lost[j + lane])
            j += AT_ONCE
        if work.typenum == NPY_DOUBLE:
            memcpy(<double *> work.rows.data + row * columns + start, sums, width * sizeof(double))
        else:
            convert(<char *> sums, NPY_DOUBLE, <float *> work.rows.data + row * columns + start, 0, width)
        start += width


cdef void add_rows_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The rows start to stop of the gradient."""
    cdef const Table *work = <const Table *> of
    cdef Py_ssize_t row, i
    memset(work.rows.data + start * work.nbytes, 0, (stop - start) * work.nbytes)
    for row in range(start, stop):
        i = work.first[row]
        if i >= 0 and work.places[i] >= 0:
            add_up(work, row)
        elif i >= 0:
            memcpy(work.rows.data + row * work.nbytes, work.samples.data + i * work.nbytes, work.nbytes)


cdef object run_table(object idx, object given, Py_ssize_t rows, object out, bint back):
    """What is taken of a plain table; or, if it goes back, the gradient of one of so many rows."""
    cdef npy_intp[MOST_AXES] shape
    cdef int axes, leading, more, idx_type
    cdef Py_ssize_t i, n, row, numbers
    cdef Call call
    cdef Table work
    cdef bytes scratch
    if not PyArray_CheckExact(idx) or not PyArray_CheckExact(given):
        return NotImplemented
    axes, idx_type = PyArray_NDIM(<ndarray> idx), PyArray_TYPE(<ndarray> idx)
    work.typenum = PyArray_TYPE(<ndarray> given)
    leading = axes if back else 1  # of what is given, before the axes of a row
    more = PyArray_NDIM(<ndarray> given) - leading
    if more < 0 or axes + more >= MOST_AXES or not is_integer_type(idx_type) or not is_real_type(work.typenum):
        return NotImplemented
    if back:
        if floating_type(given) < 0 or rows < 0 or not has_shape(idx, axes, PyArray_DIMS(<ndarray> given)):
            return NotImplemented
        shape[0] = rows
    else:
        rows = PyArray_DIM(<ndarray> given, 0)
        copy_sizes(shape, PyArray_DIMS(<ndarray> idx), axes)
    axes = 1 if back else axes  # of the result, likewise
    copy_sizes(shape + axes, PyArray_DIMS(<ndarray> given) + leading, more)
    idx = PyArray_GETCONTIGUOUS(idx)  # a column of a matrix, say, is as common
    n = size_of(idx)
    if not is_given(out):
        out = new_array(out, axes + more, shape, work.typenum, False)
    scratch = new_scratch((n + (rows if back else 0)) * sizeof(Py_ssize_t))
    work.places = <Py_ssize_t *> scratch_of(scratch)
    work.first = work.places + n
    begin(&call)
    if (
        take_like(&call, &work.idx, idx, idx, idx_type, NPY_ARRAY_C_CONTIGUOUS) == 0
        or take_like(
            &call, &work.samples if back else &work.rows, given, given, work.typenum, NPY_ARRAY_C_CONTIGUOUS
        ) == 0
        or take_shaped(
            &call, &work.rows if back else &work.samples, out, work.typenum, NPY_ARRAY_C_CONTIGUOUS, axes + more, shape
        ) == 0
        or not is_result(&call)
    ):
        return NotImplemented
    numbers = work.rows.size // max(rows, 1)  # of a row
    work.nbytes = numbers * PyArray_ITEMSIZE(<ndarray> given)
    # Their shapes may be others than before there was memory for the result.
    if work.idx.size != n or work.samples.size != n * numbers:
        return NotImplemented
    if not read_indices(work.places, &work.idx, idx_type, rows):
        return NotImplemented
    if not back:
        run(take_rows_task, &work, &call, n, work.nbytes // BYTES_OF_COST + 1)
        return out
    memset(work.first, 0xFF, rows * sizeof(Py_ssize_t))
    for i in range(n - 1, -1, -1):
        row = work.places[i]
        work.places[i] = work.first[row]
        work.first[row] = i
    # A number costs one where it is written, and three where it is added.
    run(add_rows_task, &work, &call, rows, (work.rows.size + 3 * work.samples.size) // max(rows, 1) + 1)
    return out


def embedding_forward(idx, W, out=None, /):
    """Rows of a plain table by indices; `out` None or an array."""
    return run_table(idx, W, 0, out, False)


def embedding_backward(dout, idx, rows, out=None, /):
    """dW of plain arrays; `out` None or an array."""
    return run_table(idx, dout, whole(rows, 0), out, True)
