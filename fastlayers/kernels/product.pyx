"""Products of matrices without BLAS, where that is as fast: tiles in registers, see ``common/product.h``.

A call of BLAS copies both matrices into an order of its own before it multiplies, which costs as much as a small
product does; and its tiles are as wide as they are, where ours have a mask for what is left of a row. The largest
products are BLAS's. So is a result that is not finite: NumPy warns as its user has it.

`multiply_task` needs no Python: whoever has a `Product` can run it, as a whole or in parts on several threads.
"""

cdef extern from "product.h" nogil:
    ctypedef struct FlProduct:
        const void *a
        const void *b
        const void *bias
        void *y
        Py_ssize_t a_row
        Py_ssize_t a_inner
        Py_ssize_t b_inner
        Py_ssize_t b_column
        Py_ssize_t y_row
        Py_ssize_t y_column
        Py_ssize_t rows
        Py_ssize_t inner
        Py_ssize_t columns
        Py_ssize_t block
        bint is_double
        bint accumulate
        bint relu
    Py_ssize_t fl_block(const FlProduct *p, int threads)
    Py_ssize_t fl_product_units(const FlProduct *p)
    void fl_turn_product(FlProduct *p)
    bint fl_product_is_ours(const FlProduct *p)
    int fl_shape(const FlProduct *p)
    int fl_order(const FlProduct *p)
    Py_ssize_t fl_in_vain(const FlProduct *p)
    bint fl_multiply(const FlProduct *p, Py_ssize_t start, Py_ssize_t stop)

cdef enum:
    WORTH_A_THREAD = 6  # multiplications in float32 that cost as much as one number of ReLU

# A product, and whether a number of its result was found that is not finite.
cdef struct Product:
    FlProduct of
    int odd

# A matrix that was taken: where it is, and how far apart its rows and its columns are.
cdef struct Matrix:
    const char *data
    Py_ssize_t rows
    Py_ssize_t columns
    Py_ssize_t row
    Py_ssize_t column


cdef inline Matrix matrix(const Argument *a, int order, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    cdef Matrix m
    m.data, m.rows, m.columns = a.data, rows, columns
    m.row, m.column = columns, 1
    if not order & NPY_ARRAY_C_CONTIGUOUS:
        m.row, m.column = 1, rows
    return m


cdef inline Matrix turned(Matrix m) noexcept nogil:
    """Its transpose, which is the same memory."""
    cdef Matrix t
    t.data, t.rows, t.columns, t.row, t.column = m.data, m.columns, m.rows, m.column, m.row
    return t


cdef inline void set_product(
    Product *p, int typenum, Matrix a, Matrix b, const char *bias, char *y, Py_ssize_t y_row
) noexcept nogil:
    """``y = a b + bias``, y in C order with so many numbers from one row to the next."""
    p.odd = 0
    p.of.is_double = typenum == NPY_DOUBLE
    p.of.a, p.of.a_row, p.of.a_inner = a.data, a.row, a.column
    p.of.b, p.of.b_inner, p.of.b_column = b.data, b.row, b.column
    p.of.bias, p.of.y, p.of.y_row, p.of.y_column = bias, y, y_row, 1
    p.of.rows, p.of.inner, p.of.columns = a.rows, a.columns, b.columns
    p.of.accumulate = p.of.relu = False
    fl_turn_product(&p.of)


cdef void multiply_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The units start to stop of a `Product`, of `fl_product_units`."""
    cdef Product *p = <Product *> of
    if not fl_multiply(&p.of, start, stop):
        fl_write(&p.odd, 1)


cdef int multiply(Product *p, const Call *call) except -1:
    """Do it; whether all of the result is finite. Its memory is that of `call`, or is `pinned` already: see `run`."""
    cdef Py_ssize_t work = p.of.rows * p.of.inner * p.of.columns * (2 if p.of.is_double else 1)
    cdef Py_ssize_t units
    p.of.block = fl_block(&p.of, fl_read(&num_threads) if work >= WORTH_SPLITTING * WORTH_A_THREAD else 1)
    units = fl_product_units(&p.of)
    if units > 0:
        run(multiply_task, p, call, units, work // (WORTH_A_THREAD * units) + 1)
    return not fl_read(&p.odd)


cdef int own_product(
    const Call *call, int typenum, Matrix a, Matrix b, const char *bias, char *y
) except -1:
    """``y = a b + bias`` where that is quicker here; False if it was not done, or is not finite."""
    cdef Product p
    set_product(&p, typenum, a, b, bias, y, b.columns)
    return fl_product_is_ours(&p.of) and multiply(&p, call)


def product(a, b, y, bias=None, bint accumulate=False, bint relu=False, by=None):
    """``a b + bias`` into y, or `accumulate` with what it holds, and ReLU of that; whether all of it is finite.

    For tests and benches: `by` "ours" or "BLAS", which the rule decides where it is None; or "rule", and what that goes
    by is returned: shape and order, rows, inner and columns, and lanes in vain (``common/product_choice.h``).
    """
    cdef int typenum = floating_type(y)
    cdef int order_of_a, order_of_b
    cdef Matrix in_a, in_b
    cdef npy_intp[2] of_result
    cdef Call call
    cdef Argument of_a, of_b, of_bias, of_y
    cdef Product p
    cdef list _pinned
    begin(&call)
    of_bias.data = NULL
    order_of_a, order_of_b = take(&call, &of_a, a, typenum, EITHER_ORDER), take(&call, &of_b, b, typenum, EITHER_ORDER)
    if not (order_of_a and order_of_b and PyArray_NDIM(<ndarray> a) == 2 and PyArray_NDIM(<ndarray> b) == 2):
        return NotImplemented
    in_a = matrix(&of_a, order_of_a, PyArray_DIM(<ndarray> a, 0), PyArray_DIM(<ndarray> a, 1))
    in_b = matrix(&of_b, order_of_b, PyArray_DIM(<ndarray> b, 0), PyArray_DIM(<ndarray> b, 1))
    of_result[0], of_result[1] = in_a.rows, in_b.columns
    if in_a.columns != in_b.rows:
        return NotImplemented
    if bias is not None and not take_shaped(&call, &of_bias, bias, typenum, EITHER_ORDER, 1, &of_result[1]):
        return NotImplemented
    if not take_shaped(&call, &of_y, y, typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_result) or not is_result(&call):
        return NotImplemented
    set_product(&p, typenum, in_a, in_b, of_bias.data, of_y.data, in_b.columns)
    if by == "rule":
        return fl_shape(&p.of), fl_order(&p.of), p.of.rows, p.of.inner, p.of.columns, fl_in_vain(&p.of)
    p.of.accumulate = accumulate
    p.of.relu = relu
    _pinned = pinned(&call)
    if by == "ours" if by is not None else fl_product_is_ours(&p.of):
        return bool(multiply(&p, NULL))
    PyArray_MatrixProduct2(a, b, <ndarray> y)
    return None
