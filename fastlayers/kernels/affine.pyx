"""The affine transformation: NumPy's own BLAS for the products, loops here for the bias and its gradient.

`PyArray_MatrixProduct2` is the C face of ``np.dot``: the same BLAS as the reference, without the cost of
a Python call. It takes transposed views and writes into the array it is given.

Small matrices are the exception: see ``one_sample.pyx`` and ``product.pyx``.

A narrow row (10 classes) is too short to vectorise, and there are many of them: so the bias is repeated
into a tile of whole rows, and the sum over the batch runs over a tile's columns and is folded at the end.
Work: y ``(rows, columns)``, t the bias; for the sum x ``(rows, columns)``, y its result.
"""

cdef extern from "numpy/arrayobject.h":
    object PyArray_MatrixProduct2(object a, object b, ndarray out)
    object PyArray_Transpose(ndarray a, void *permutation)

cdef enum:
    TILE = 512  # elements
    SEGMENT = 32  # rows of tiles that are summed before the partial sum moves on
    WORTH_PINNING = 40_000  # multiplications; BLAS releases the GIL at any size, but that few are done in no time


cdef inline Py_ssize_t rows_in_tile(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    return max(min(TILE // columns, rows), 1)


cdef void add_bias_loop(floating *y, const floating *b, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    cdef floating[TILE] tile
    cdef Py_ssize_t i, j, width, repeat = rows_in_tile(rows, columns)
    if repeat > 1:
        width = repeat * columns
        for i in range(repeat):
            for j in range(columns):
                tile[i * columns + j] = b[j]
        for i in range(rows // repeat):
            for j in range(width):
                y[i * width + j] += tile[j]
        y += rows // repeat * width
        rows %= repeat
    for i in range(rows):
        for j in range(columns):
            y[i * columns + j] += b[j]


cdef void sum_tiles(
    const floating *x, floating *total, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t stride
) noexcept nogil:
    """total[j] = sum over the rows of x[:, j], for at most TILE columns, in float64 and twice as accurate.

    Rows are summed in segments, and the segments with what each addition loses (`add_exactly`).
    """
    cdef double[TILE] segment
    cdef double[TILE] sums
    cdef double[TILE] lost
    cdef Py_ssize_t i, j, start = 0, stop, step, repeat = 1, width = columns
    cdef const floating *row
    if columns == stride and columns < LANES:
        repeat = rows_in_tile(rows // 8, columns)
        width = repeat * columns
    step = repeat * stride
    for j in range(width):
        sums[j] = lost[j] = 0
    while start < rows // repeat:
        stop = min(start + SEGMENT, rows // repeat)
        for j in range(width):
            segment[j] = 0
        i = start
        while i + 4 <= stop:  # four at a time, since it is the segment's loads and stores that take time
            row = x + i * step
            for j in range(width):
                segment[j] += (<double> row[j] + <double> row[step + j]) + (
                    <double> row[2 * step + j] + <double> row[3 * step + j]
                )
            i += 4
        while i < stop:
            for j in range(width):
                segment[j] += x[i * step + j]
            i += 1
        for j in range(width):
            add_exactly(&sums[j], &lost[j], segment[j])
        start = stop
    for i in range(rows // repeat * repeat, rows):  # what fills no tile
        for j in range(columns):
            add_exactly(&sums[j], &lost[j], x[i * stride + j])
    for i in range(1, repeat):
        for j in range(columns):
            add_exactly(&sums[j], &lost[j], sums[i * columns + j])
            lost[j] += lost[i * columns + j]
    for j in range(columns):
        total[j] = <floating> exact(sums[j], lost[j])


cdef void add_bias_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Py_ssize_t offset = start * work.columns
    if work.typenum == NPY_FLOAT:
        add_bias_loop(<float *> work.y + offset, <const float *> work.t, stop - start, work.columns)
    else:
        add_bias_loop(<double *> work.y + offset, <const double *> work.t, stop - start, work.columns)


cdef void sum_over_batch_task(const Work *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The tiles of columns start to stop."""
    cdef Py_ssize_t tile, first, width
    for tile in range(start, stop):
        first = tile * TILE
        width = min(TILE, work.columns - first)
        if work.typenum == NPY_FLOAT:
            sum_tiles(<const float *> work.x + first, <float *> work.y + first, work.rows, width, work.columns)
        else:
            sum_tiles(<const double *> work.x + first, <double *> work.y + first, work.rows, width, work.columns)


cdef inline bint fits(object a, int typenum, int ndim, Py_ssize_t rows, Py_ssize_t columns, int order) noexcept:
    """Whether `a` is plain, of these dimensions (columns alone in 1-D), in an order that `order` allows."""
    if order_of(a, typenum) & order == 0 or PyArray_NDIM(<ndarray> a) != ndim:
        return False
    if PyArray_DIM(<ndarray> a, ndim - 1) != columns:
        return False
    return ndim == 1 or PyArray_DIM(<ndarray> a, 0) == rows


cdef inline object new_result(object out, int ndim, Py_ssize_t rows, Py_ssize_t columns, int typenum):
    """An array for a result of these dimensions (columns alone in 1-D), C-contiguous."""
    cdef npy_intp[2] shape
    shape[0], shape[ndim - 1] = rows, columns
    return new_array(out, ndim, shape, typenum, False)


cdef inline bint is_for_tiles(object x, object W, int typenum) noexcept:
    """Whether a product of ours may be had for these, if it is small."""
    return (
        TILE_ROWS > 0 and typenum == NPY_FLOAT
        and order_of(x, typenum) & order_of(W, typenum) & NPY_ARRAY_C_CONTIGUOUS != 0
    )


def affine_forward(x, W, b=None, out=None):
    """y of a plain batch or sample, weights and bias; `out` None or an array."""
    cdef int typenum = floating_type(x)
    cdef int ndim
    cdef Py_ssize_t rows, inputs, columns
    cdef list _pinned
    cdef tuple operands
    cdef Work work
    if order_of(x, typenum) == 0 or order_of(W, typenum) == 0 or (b is not None and order_of(b, typenum) == 0):
        operands = promoted(x, W, b)
        return NotImplemented if operands is None else affine_forward(*operands, out)
    ndim = PyArray_NDIM(<ndarray> x)
    if not 1 <= ndim <= 2 or PyArray_NDIM(<ndarray> W) != 2:
        return NotImplemented
    rows = PyArray_DIM(<ndarray> x, 0) if ndim == 2 else 1
    inputs, columns = PyArray_DIM(<ndarray> W, 0), PyArray_DIM(<ndarray> W, 1)
    if PyArray_DIM(<ndarray> x, ndim - 1) != inputs:
        return NotImplemented
    if b is not None and not fits(b, typenum, 1, 1, columns, EITHER_ORDER):
        return NotImplemented
    if not is_given(out):
        out = new_result(out, ndim, rows, columns, typenum)
    elif not (
        fits(out, typenum, ndim, rows, columns, NPY_ARRAY_C_CONTIGUOUS)
        and is_writeable(out) and apart(x, out) and apart(W, out) and (b is None or apart(b, out))
    ):
        return NotImplemented
    # All is read before the product: that may release the GIL, and another thread change an array.
    begin(&work, typenum)
    work.rows, work.columns = inputs, columns
    work.x, work.dx, work.y = data_of(&work, x), data_of(&work, W), data_of(&work, out)
    work.t = NULL
    if b is not None:
        work.t = data_of(&work, b)
    if is_changed(x, typenum, rows * inputs) or is_changed(W, typenum, inputs * columns):
        return NotImplemented
    if is_changed(out, typenum, rows * columns) or b is not None and is_changed(b, typenum, columns):
        return NotImplemented
    if rows == 1 and is_small(W, typenum):
        if run_row(&work):
            return out  # else NumPy's product answers, and warns as the user has it
    else:
        if rows * inputs * columns >= WORTH_PINNING:
            _pinned = pinned(&work)
        if is_for_tiles(x, W, typenum) and small_forward(work.x, work.dx, work.t, work.y, rows, inputs, columns):
            return out
    PyArray_MatrixProduct2(x, W, <ndarray> out)
    if work.t != NULL and columns > 0:
        run(add_bias_task, &work, rows, columns)
    return out


def affine_backward(dout, x, W, need_dx=True, out=None):
    """(dx, dW, db) of a plain batch; `out` None or a tuple of the three, any of it None."""
    cdef int typenum = floating_type(dout)
    cdef Py_ssize_t rows, inputs, columns
    cdef object dx = None, dW = None, db = None
    cdef bint with_dx = need_dx, tiled
    cdef const char *x_data
    cdef const char *W_data
    cdef char *dx_data
    cdef char *dW_data
    cdef list _pinned
    cdef tuple operands
    cdef Work work
    if order_of(dout, typenum) == 0 or order_of(x, typenum) == 0 or order_of(W, typenum) == 0:
        # Each result has the type of its own operands: that is one for all where it is dout's.
        operands = promoted(dout, x, W)
        if operands is None or operands[0] is not dout:
            return NotImplemented
        return affine_backward(*operands, need_dx, out)
    if PyArray_NDIM(<ndarray> dout) != 2 or PyArray_NDIM(<ndarray> W) != 2:
        return NotImplemented
    rows = PyArray_DIM(<ndarray> dout, 0)
    inputs, columns = PyArray_DIM(<ndarray> W, 0), PyArray_DIM(<ndarray> W, 1)
    if not fits(dout, typenum, 2, rows, columns, NPY_ARRAY_C_CONTIGUOUS):
        return NotImplemented
    if not fits(x, typenum, 2, rows, inputs, EITHER_ORDER):
        return NotImplemented
    if out is not None:
        if not PyTuple_CheckExact(out) or PyTuple_GET_SIZE(out) != 3:
            return NotImplemented
        dx = <object> PyTuple_GET_ITEM(out, 0)
        dW = <object> PyTuple_GET_ITEM(out, 1)
        db = <object> PyTuple_GET_ITEM(out, 2)
        if is_given(dx) and not (with_dx and fits_result(dx, dout, x, W, typenum, 2, rows, inputs)):
            return NotImplemented
        if is_given(dW) and not fits_result(dW, dout, x, W, typenum, 2, inputs, columns):
            return NotImplemented
        if is_given(db) and not fits_result(db, dout, x, W, typenum, 1, 1, columns):
            return NotImplemented
        if (
            is_given(dx) and is_given(dW) and not apart(dx, dW)
            or is_given(dx) and is_given(db) and not apart(dx, db)
            or is_given(dW) and is_given(db) and not apart(dW, db)
        ):
            return NotImplemented
    if not with_dx:
        dx = None
    elif not is_given(dx):
        dx = new_result(dx, 2, rows, inputs, typenum)
    if not is_given(dW):
        dW = new_result(dW, 2, inputs, columns, typenum)
    if not is_given(db):
        db = new_result(db, 1, 1, columns, typenum)
    # All is read before the products, as above.
    begin(&work, typenum)
    work.rows, work.columns = rows, columns
    work.x, work.y = data_of(&work, dout), data_of(&work, db)
    x_data, W_data = data_of(&work, x), data_of(&work, W)
    dW_data = data_of(&work, dW)
    dx_data = data_of(&work, dx) if with_dx else NULL
    if (
        is_changed(dout, typenum, rows * columns)
        or is_changed(x, typenum, rows * inputs)
        or is_changed(W, typenum, inputs * columns)
        or is_changed(dW, typenum, inputs * columns)
        or is_changed(db, typenum, columns)
        or with_dx and is_changed(dx, typenum, rows * inputs)
    ):
        return NotImplemented
    if rows * inputs * columns >= WORTH_PINNING:
        _pinned = pinned(&work)
    tiled = is_for_tiles(x, W, typenum)
    if with_dx and not (tiled and small_dx(work.x, W_data, dx_data, rows, inputs, columns)):
        PyArray_MatrixProduct2(dout, PyArray_Transpose(<ndarray> W, NULL), <ndarray> dx)
    if not (tiled and small_dW(x_data, work.x, dW_data, rows, inputs, columns)):
        PyArray_MatrixProduct2(PyArray_Transpose(<ndarray> x, NULL), dout, <ndarray> dW)
    if columns > 0:
        run(sum_over_batch_task, &work, (columns + TILE - 1) // TILE, max(rows, 1) * min(columns, TILE))
    return dx, dW, db


cdef inline bint fits_result(
    object a, object dout, object x, object W, int typenum, int ndim, Py_ssize_t rows, Py_ssize_t columns
) noexcept:
    """Whether a result can go straight into `a`: plain, C-contiguous, writeable, apart from every input."""
    return (
        fits(a, typenum, ndim, rows, columns, NPY_ARRAY_C_CONTIGUOUS)
        and is_writeable(a) and apart(dout, a) and apart(x, a) and apart(W, a)
    )
