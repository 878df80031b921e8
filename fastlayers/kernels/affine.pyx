"""The affine transformation: products of ours or of NumPy's own BLAS, and loops for the bias and its gradient.

`PyArray_MatrixProduct2` is the C face of ``np.dot``: the same BLAS as the reference, without the cost of
a Python call. It takes transposed views and writes into the array it is given.

Which products are ours, and how, is in ``one_sample.pyx`` and ``product.pyx``.

A narrow row (10 classes) is too short to vectorise, and there are many of them: so the bias is repeated
into a tile of whole rows, and the sum over the batch runs over a tile's columns and is folded at the end.
"""

from numpy import errstate

cdef extern from "numpy/arrayobject.h":
    object PyArray_MatrixProduct2(object a, object b, ndarray out)
    object PyArray_Transpose(ndarray a, void *permutation)

cdef enum:
    TILE = 512  # elements
    SEGMENT = 32  # rows of tiles that are summed before the partial sum moves on
    WORTH_PINNING = 40_000  # multiplications; BLAS releases the GIL at any size, but that few are done in no time

cdef struct AffineGradients:
    int typenum
    Py_ssize_t rows
    Py_ssize_t columns
    Argument dout
    Argument x
    Argument W
    Argument dx  # or none
    Argument dW
    Argument db


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


cdef void add_bias_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const AffineWork *work = <const AffineWork *> of
    cdef Py_ssize_t offset = start * work.columns
    if work.typenum == NPY_FLOAT:
        add_bias_loop(<float *> work.y.data + offset, <const float *> work.b.data, stop - start, work.columns)
    else:
        add_bias_loop(<double *> work.y.data + offset, <const double *> work.b.data, stop - start, work.columns)


cdef void sum_over_batch_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The tiles of columns start to stop."""
    cdef const AffineGradients *work = <const AffineGradients *> of
    cdef const char *dout = work.dout.data
    cdef char *db = work.db.data
    cdef Py_ssize_t tile, first, width
    for tile in range(start, stop):
        first = tile * TILE
        width = min(TILE, work.columns - first)
        if work.typenum == NPY_FLOAT:
            sum_tiles(<const float *> dout + first, <float *> db + first, work.rows, width, work.columns)
        else:
            sum_tiles(<const double *> dout + first, <double *> db + first, work.rows, width, work.columns)


def affine_forward(x, W, b=None, out=None):
    """y of a plain batch or sample, weights and bias; `out` None or an array."""
    return affine(x, W, b, out, False)


cdef object affine(object x, object W, object b, object out, bint quiet):
    """The same; if quiet, without a warning where a number is beyond the largest."""
    cdef int typenum = floating_type(x)
    cdef int ndim, order_of_x = 0, order_of_W = 0
    cdef npy_intp[2] of_x
    cdef npy_intp[2] of_W
    cdef npy_intp[2] of_y
    cdef list pins = None
    cdef tuple operands
    cdef Call call
    cdef AffineWork work
    if order_of(x, typenum) == 0 or order_of(W, typenum) == 0 or (b is not None and order_of(b, typenum) == 0):
        operands = promoted(x, W, b)
        return NotImplemented if operands is None else affine(operands[0], operands[1], operands[2], out, quiet)
    ndim = PyArray_NDIM(<ndarray> x)
    if ndim > 2 and size_of(x) > 0:
        return affine(x.reshape(PyArray_DIM(<ndarray> x, 0), -1), W, b, out, quiet)
    if not 1 <= ndim <= 2 or PyArray_NDIM(<ndarray> W) != 2:
        return NotImplemented
    of_x[0] = of_y[0] = PyArray_DIM(<ndarray> x, 0) if ndim == 2 else 1
    of_x[1] = of_W[0] = PyArray_DIM(<ndarray> W, 0)
    of_W[1] = of_y[1] = PyArray_DIM(<ndarray> W, 1)
    if PyArray_DIM(<ndarray> x, ndim - 1) != of_x[1] or b is not None and not fits(
        b, typenum, EITHER_ORDER, 1, &of_W[1]
    ):
        return NotImplemented
    if not is_given(out):
        out = new_array(out, ndim, &of_y[2 - ndim], typenum, False)
    # All is read before the product: that may release the GIL, and another thread change an array.
    begin(&call)
    work.typenum, work.rows, work.inputs, work.columns = typenum, of_x[0], of_x[1], of_y[1]
    work.b.data = NULL
    order_of_x = take_shaped(&call, &work.x, x, typenum, EITHER_ORDER, ndim, &of_x[2 - ndim])
    order_of_W = take_shaped(&call, &work.W, W, typenum, EITHER_ORDER, 2, of_W) if order_of_x else 0
    if not (
        order_of_W
        and (b is None or take_shaped(&call, &work.b, b, typenum, EITHER_ORDER, 1, &of_W[1]))
        and take_shaped(&call, &work.y, out, typenum, NPY_ARRAY_C_CONTIGUOUS, ndim, &of_y[2 - ndim])
        and is_result(&call)
    ):
        return NotImplemented
    if work.rows == 1 and is_small(W, typenum):
        if run_row(&work):
            return out  # else NumPy's product answers, and warns as the user has it
    else:
        if work.rows * work.inputs * work.columns >= WORTH_PINNING:
            pins = pinned(&call)
        if own_product(
            NULL if pins is not None else &call,
            typenum,
            matrix(&work.x, order_of_x, work.rows, work.inputs),
            matrix(&work.W, order_of_W, work.inputs, work.columns),
            work.b.data,
            work.y.data,
        ):
            return out
    if quiet:
        if pins is None:
            pins = pinned(&call)
        with errstate(all="ignore"):
            PyArray_MatrixProduct2(x, W, <ndarray> out)
    else:
        PyArray_MatrixProduct2(x, W, <ndarray> out)
    if b is not None and work.columns > 0:
        run(add_bias_task, &work, &call, work.rows, work.columns)
    return out


def affine_backward(dout, x, W, need_dx=True, need_dW=True, out=None):
    """(dx, dW, db) of a plain batch; `out` None or a tuple of the three, any of it None."""
    cdef int typenum = floating_type(dout)
    cdef npy_intp[2] of_dout
    cdef npy_intp[2] of_x
    cdef npy_intp[2] of_W
    cdef object dx, dW, db
    cdef bint with_dx = need_dx, with_dW = need_dW
    cdef int order_of_x = 0, order_of_W = 0
    cdef list _pinned
    cdef tuple operands
    cdef Call call
    cdef AffineGradients work
    cdef Matrix in_dout
    cdef const Call *unpinned = &call
    if order_of(dout, typenum) == 0 or order_of(x, typenum) == 0 or order_of(W, typenum) == 0:
        # Each result has the type of its own operands: that is one for all where it is dout's.
        operands = promoted(dout, x, W)
        if operands is None or operands[0] is not dout:
            return NotImplemented
        return affine_backward(*operands, need_dx, need_dW, out)
    if PyArray_NDIM(<ndarray> dout) != 2 or PyArray_NDIM(<ndarray> W) != 2:
        return NotImplemented
    of_dout[0] = of_x[0] = PyArray_DIM(<ndarray> dout, 0)
    of_x[1] = of_W[0] = PyArray_DIM(<ndarray> W, 0)
    of_dout[1] = of_W[1] = PyArray_DIM(<ndarray> W, 1)
    if not fits(dout, typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_dout) or not fits(x, typenum, EITHER_ORDER, 2, of_x):
        return NotImplemented
    if not are_outs(out, 3):
        return NotImplemented
    dx, dW, db = out_at(out, 0), out_at(out, 1), out_at(out, 2)
    if is_given(dx) and not with_dx or (is_given(dW) or is_given(db)) and not with_dW:
        return NotImplemented
    if not with_dx:
        dx = None
    elif not is_given(dx):
        dx = new_array(dx, 2, of_x, typenum, False)
    if not with_dW:
        dW = db = None
    elif not is_given(dW):
        dW = new_array(dW, 2, of_W, typenum, False)
    if with_dW and not is_given(db):
        db = new_array(db, 1, &of_W[1], typenum, False)
    # All is read before the products, as above.
    begin(&call)
    work.typenum, work.rows, work.columns = typenum, of_dout[0], of_dout[1]
    work.dx.data = work.dW.data = work.db.data = NULL
    order_of_x = take_shaped(&call, &work.x, x, typenum, EITHER_ORDER, 2, of_x)
    order_of_W = take_shaped(&call, &work.W, W, typenum, EITHER_ORDER, 2, of_W) if order_of_x else 0
    if not (
        order_of_W
        and take_shaped(&call, &work.dout, dout, typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_dout)
        and (not with_dx or take_gradient(&call, &work.dx, dx, typenum, 2, of_x))
        and (not with_dW or take_gradient(&call, &work.dW, dW, typenum, 2, of_W))
        and (not with_dW or take_gradient(&call, &work.db, db, typenum, 1, &of_W[1]))
    ):
        return NotImplemented
    if work.rows * of_W[0] * of_W[1] >= WORTH_PINNING:
        _pinned = pinned(&call)
        unpinned = NULL
    in_dout = matrix(&work.dout, NPY_ARRAY_C_CONTIGUOUS, work.rows, work.columns)
    # dW first: x, which forward has read, may be in a cache still, where dx would take its place.
    if with_dW and not own_product(
        unpinned, typenum, turned(matrix(&work.x, order_of_x, work.rows, of_W[0])), in_dout, NULL, work.dW.data
    ):
        PyArray_MatrixProduct2(PyArray_Transpose(<ndarray> x, NULL), dout, <ndarray> dW)
    if with_dx and not own_product(
        unpinned, typenum, in_dout, turned(matrix(&work.W, order_of_W, of_W[0], of_W[1])), NULL, work.dx.data
    ):
        PyArray_MatrixProduct2(dout, PyArray_Transpose(<ndarray> W, NULL), <ndarray> dx)
    if with_dW and work.columns > 0:
        run(
            sum_over_batch_task, &work, &call, (work.columns + TILE - 1) // TILE,
            max(work.rows, 1) * min(work.columns, TILE),
        )
    return dx, dW, db


cdef inline bint take_gradient(
    Call *call, Argument *argument, object a, int typenum, int ndim, const npy_intp *shape
) noexcept:
    return take_shaped(call, argument, a, typenum, NPY_ARRAY_C_CONTIGUOUS, ndim, shape) != 0 and is_result(call)
