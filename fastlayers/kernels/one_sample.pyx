"""One sample times a small matrix, without BLAS.

In control and reinforcement learning a network answers one state at a time: 8 to 64 numbers times a small
matrix. A call of BLAS costs more than that product. A loop over W's rows, LANES of its columns at a time,
is done in half the time. A result that is not finite is left to NumPy, which warns as its user has it.
"""

cdef enum:
    LONGEST_ROW = 512  # inputs or columns; a long thin product is better left to BLAS
    ROW_IS_FASTER = 32_768  # bytes of W up to which a loop of ours beats BLAS for one sample, at every level


cdef struct AffineWork:
    int typenum
    Py_ssize_t rows
    Py_ssize_t inputs
    Py_ssize_t columns
    Argument x
    Argument W
    Argument b  # or none
    Argument y


cdef inline bint is_small(object W, int typenum) noexcept:
    """Whether the product with W is quicker here than in BLAS."""
    return (
        PyArray_NBYTES(<ndarray> W) <= ROW_IS_FASTER
        and PyArray_DIM(<ndarray> W, 0) <= LONGEST_ROW and PyArray_DIM(<ndarray> W, 1) <= LONGEST_ROW
        and order_of(W, typenum) & NPY_ARRAY_C_CONTIGUOUS != 0
    )


cdef inline void row_tile(
    const floating *x,
    const floating *W,
    const floating *b,
    floating *y,
    Py_ssize_t inputs,
    Py_ssize_t columns,
    int width,
) noexcept nogil:
    """``y = x W + b`` for `width` of W's columns; four inputs at a time, which halves the rounding of one by one."""
    cdef floating[LANES] total
    cdef Py_ssize_t i = 0
    cdef int lane
    for lane in range(width):
        total[lane] = <floating> 0
    while i + 4 <= inputs:
        for lane in range(width):
            total[lane] += multiply_add(x[i], W[lane], x[i + 1] * W[columns + lane]) + multiply_add(
                x[i + 2], W[2 * columns + lane], x[i + 3] * W[3 * columns + lane]
            )
        W += 4 * columns
        i += 4
    while i < inputs:
        for lane in range(width):
            total[lane] = multiply_add(x[i], W[lane], total[lane])
        W += columns
        i += 1
    for lane in range(width):
        y[lane] = total[lane] + b[lane] if b != NULL else total[lane]


cdef bint row_loop(
    const floating *x, const floating *W, const floating *b, floating *y, Py_ssize_t inputs, Py_ssize_t columns
) noexcept nogil:
    """One sample; whether all of the result is finite.

    The last tile reaches back over columns that are done: they come out the same again.
    """
    cdef Py_ssize_t j = 0
    cdef int width = LANES if columns >= LANES else 8 if columns >= 8 else <int> columns
    cdef int odd = 0
    while j < columns:
        j = min(j, columns - width)
        if width == LANES:
            row_tile(x, W + j, b + j if b != NULL else NULL, y + j, inputs, columns, LANES)
        elif width == 8:
            row_tile(x, W + j, b + j if b != NULL else NULL, y + j, inputs, columns, 8)
        else:
            row_tile(x, W + j, b + j if b != NULL else NULL, y + j, inputs, columns, width)
        j += width
    for j in range(columns):
        odd |= y[j] * <floating> 0 != <floating> 0  # nan
    return not odd


cdef bint run_row(const AffineWork *work) noexcept nogil:
    """The one sample x; whether all of the result is finite."""
    if work.typenum == NPY_FLOAT:
        return row_loop(
            <const float *> work.x.data, <const float *> work.W.data, <const float *> work.b.data,
            <float *> work.y.data, work.inputs, work.columns,
        )
    return row_loop(
        <const double *> work.x.data, <const double *> work.W.data, <const double *> work.b.data,
        <double *> work.y.data, work.inputs, work.columns,
    )
