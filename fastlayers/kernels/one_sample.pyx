"""One sample times a small matrix, without BLAS.

In control and reinforcement learning a network answers one state at a time: 8 to 64 numbers times a small
matrix. A call of BLAS costs more than that product: see ``common/product_row.h``. A result that is not finite is left
to NumPy, which warns as its user has it.
"""

cdef extern from "product.h" nogil:
    bint fl_row_float(
        const float *x, const float *W, const float *b, float *y, Py_ssize_t inputs, Py_ssize_t columns
    )
    bint fl_row_double(
        const double *x, const double *W, const double *b, double *y, Py_ssize_t inputs, Py_ssize_t columns
    )

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
    cdef Py_ssize_t inputs = PyArray_DIM(<ndarray> W, 0), columns = PyArray_DIM(<ndarray> W, 1)
    return (
        inputs <= LONGEST_ROW and columns <= LONGEST_ROW
        and inputs * columns * PyArray_ITEMSIZE(<ndarray> W) <= ROW_IS_FASTER
        and order_of(W, typenum) & NPY_ARRAY_C_CONTIGUOUS != 0
    )


cdef bint run_row(const AffineWork *work) noexcept nogil:
    """The one sample x; whether all of the result is finite."""
    if work.typenum == NPY_FLOAT:
        return fl_row_float(
            <const float *> work.x.data, <const float *> work.W.data, <const float *> work.b.data,
            <float *> work.y.data, work.inputs, work.columns,
        )
    return fl_row_double(
        <const double *> work.x.data, <const double *> work.W.data, <const double *> work.b.data,
        <double *> work.y.data, work.inputs, work.columns,
    )
