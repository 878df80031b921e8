"""Products of small float32 matrices, without BLAS.

A call of BLAS copies both matrices into an order of its own before it multiplies; in a small network that
costs as much as the product. Here a tile of the result, TILE_ROWS by LANES, stays in registers while the
inner dimension goes by: a row of b is loaded once for all the tile, and one number of a for each of its rows.
It pays for float32 with AVX2 or AVX-512, where the lanes are well filled, and until the matrices outgrow
the first cache; all else is left to BLAS. So is a result that is not finite: NumPy warns as its user has it.
"""

cdef extern from * nogil:
    """
    /* Rows of a tile, so that it fills the registers and no more; 0: a product of ours is not worth it.
       Up to how many multiplications it is, and with how many lanes for each 100 that are wanted. */
    #if defined(__AVX512F__)
    enum { FL_TILE_ROWS = 4, FL_MOST_PRODUCTS = 2200000, FL_MOST_LANES = 130 };
    #elif defined(__AVX2__)
    enum { FL_TILE_ROWS = 2, FL_MOST_PRODUCTS = 40000, FL_MOST_LANES = 120 };
    #else
    enum { FL_TILE_ROWS = 0, FL_MOST_PRODUCTS = 0, FL_MOST_LANES = 0 };
    #endif

    /* out[j * step + i] = in[i * columns + j] of a block of 4 by 4. */
    static inline void fl_turn_block(const float *in, float *out, Py_ssize_t columns, Py_ssize_t step) {
    #if defined(__GNUC__) && !defined(__clang__)
        typedef float four __attribute__((vector_size(16)));
        typedef int places __attribute__((vector_size(16)));
        four a, b, c, d, ab, cd;
        memcpy(&a, in, 16);
        memcpy(&b, in + columns, 16);
        memcpy(&c, in + 2 * columns, 16);
        memcpy(&d, in + 3 * columns, 16);
        ab = __builtin_shuffle(a, b, (places){0, 4, 1, 5});
        cd = __builtin_shuffle(c, d, (places){0, 4, 1, 5});
        a = __builtin_shuffle(a, b, (places){2, 6, 3, 7});
        c = __builtin_shuffle(c, d, (places){2, 6, 3, 7});
        b = __builtin_shuffle(ab, cd, (places){0, 1, 4, 5});
        memcpy(out, &b, 16);
        b = __builtin_shuffle(ab, cd, (places){2, 3, 6, 7});
        memcpy(out + step, &b, 16);
        b = __builtin_shuffle(a, c, (places){0, 1, 4, 5});
        memcpy(out + 2 * step, &b, 16);
        b = __builtin_shuffle(a, c, (places){2, 3, 6, 7});
        memcpy(out + 3 * step, &b, 16);
    #else
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) out[j * step + i] = in[i * columns + j];
    #endif
    }
    """
    enum:
        TILE_ROWS "FL_TILE_ROWS"
        MOST_PRODUCTS "FL_MOST_PRODUCTS"
        MOST_LANES "FL_MOST_LANES"
    void fl_turn_block(const float *matrix, float *turned, Py_ssize_t columns, Py_ssize_t step)

cdef enum:
    MOST_TURNED = 16_384  # numbers; room on the stack for a matrix that must be turned first
    FEW = 4
    FEW_NUMBERS = 8192  # of b, where each is used fewer than FEW times
    SOME_NUMBERS = 65_536

# The product a b (+ bias): a[i, k] stands at i * a_row + k * a_inner; rows of b follow each other b_row apart,
# with LANES columns to read even where there are fewer; y[i, j] goes to i * y_row + j * y_column.
cdef struct Product:
    const float *a
    const float *b
    const float *bias
    float *y
    Py_ssize_t a_row
    Py_ssize_t a_inner
    Py_ssize_t b_row
    Py_ssize_t y_row
    Py_ssize_t y_column
    Py_ssize_t rows
    Py_ssize_t inner
    Py_ssize_t columns


cdef inline void put_row(const float *sums, const float *bias, float *y, Py_ssize_t step, int width) noexcept nogil:
    """A row of a tile, and the bias where there is one, to where it belongs."""
    cdef int lane
    if width == LANES and step == 1:
        for lane in range(LANES):
            y[lane] = sums[lane] + bias[lane] if bias != NULL else sums[lane]
    else:
        for lane in range(width):
            y[lane * step] = sums[lane] + bias[lane] if bias != NULL else sums[lane]


cdef inline void multiply_tile(
    const Product *p, const float *a, const float *b, const float *bias, float *y, int rows, int width
) noexcept nogil:
    """`rows` (a constant at each call: 1, 2 or 4) by `width` of the result."""
    cdef float[LANES] sums0
    cdef float[LANES] sums1
    cdef float[LANES] sums2
    cdef float[LANES] sums3
    cdef float a0 = 0, a1 = 0, a2 = 0, a3 = 0
    cdef Py_ssize_t _inner
    cdef int lane
    for lane in range(LANES):
        sums0[lane] = sums1[lane] = sums2[lane] = sums3[lane] = 0
    for _inner in range(p.inner):
        a0 = a[0]
        if rows > 1:
            a1 = a[p.a_row]
        if rows > 2:
            a2, a3 = a[2 * p.a_row], a[3 * p.a_row]
        for lane in range(LANES):
            sums0[lane] = multiply_add(a0, b[lane], sums0[lane])
            if rows > 1:
                sums1[lane] = multiply_add(a1, b[lane], sums1[lane])
            if rows > 2:
                sums2[lane] = multiply_add(a2, b[lane], sums2[lane])
                sums3[lane] = multiply_add(a3, b[lane], sums3[lane])
        a += p.a_inner
        b += p.b_row
    put_row(sums0, bias, y, p.y_column, width)
    if rows > 1:
        put_row(sums1, bias, y + p.y_row, p.y_column, width)
    if rows > 2:
        put_row(sums2, bias, y + 2 * p.y_row, p.y_column, width)
        put_row(sums3, bias, y + 3 * p.y_row, p.y_column, width)


cdef void multiply_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The tiles of columns start to stop. The last ones reach back over what is done: that comes out the same again."""
    cdef const Product *p = <const Product *> of
    cdef int width = <int> min(LANES, p.columns)
    cdef Py_ssize_t i, j, tile
    cdef const float *bias = NULL
    for tile in range(start, stop):
        j = min(tile * LANES, p.columns - width)
        if p.bias != NULL:
            bias = p.bias + j
        i = 0
        while i < p.rows:
            if p.rows >= TILE_ROWS:
                i = min(i, p.rows - TILE_ROWS)
                multiply_tile(
                    p, p.a + i * p.a_row, p.b + j, bias, p.y + i * p.y_row + j * p.y_column, TILE_ROWS, width
                )
                i += TILE_ROWS
            else:
                multiply_tile(p, p.a + i * p.a_row, p.b + j, bias, p.y + i * p.y_row + j * p.y_column, 1, width)
                i += 1


cdef bint are_finite(const float *y, Py_ssize_t n) noexcept nogil:
    """Whether n numbers are all finite: a zero times another is nan, and stays nan in a sum."""
    cdef float[LANES] zeros
    cdef float zero = 0
    cdef Py_ssize_t i = 0
    cdef int lane
    for lane in range(LANES):
        zeros[lane] = 0
    while i + LANES <= n:
        for lane in range(LANES):
            zeros[lane] += y[i + lane] * <float> 0
        i += LANES
    for i in range(i, n):
        zero += y[i] * <float> 0
    for lane in range(LANES):
        zero += zeros[lane]
    return zero == zero


cdef inline Py_ssize_t in_lanes(Py_ssize_t columns) noexcept nogil:
    """How many lanes that many columns take."""
    return (columns + LANES - 1) // LANES * LANES


cdef int multiply(const Product *p) except -1:
    """Do it; whether all of the result, which is contiguous, is finite."""
    run(multiply_task, p, NULL, in_lanes(p.columns) // LANES, p.rows * p.inner * LANES // 3 + 1)
    return are_finite(p.y, p.rows * p.columns)


cdef inline bint is_worth_it(Py_ssize_t rows, Py_ssize_t inner, Py_ssize_t columns) noexcept nogil:
    """Whether a product is quicker here than in BLAS: with few lanes in vain, not large, and b used often or small."""
    return (
        100 * in_lanes(columns) <= MOST_LANES * columns
        and columns <= LONGEST_ROW  # rows of b that lie a page apart get in each other's way in the cache
        and rows * inner * columns <= MOST_PRODUCTS
        and inner * columns <= (SOME_NUMBERS if rows >= FEW else FEW_NUMBERS)
    )


cdef int small_forward(
    const char *x, const char *W, const char *b, char *y, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t columns
) except -1:
    """``y = x W + b`` of float32 where that is quicker here; False if it was not done, or is not finite."""
    cdef Product p
    if columns < LANES or not is_worth_it(rows, inputs, columns):
        return False
    p.a, p.b, p.bias, p.y = <const float *> x, <const float *> W, <const float *> b, <float *> y
    p.a_row, p.a_inner = inputs, 1
    p.b_row = p.y_row = columns
    p.y_column = 1
    p.rows, p.inner, p.columns = rows, inputs, columns
    return multiply(&p)


cdef int small_dx(
    const char *dout, const char *W, char *dx, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t columns
) except -1:
    """``dx = dout W.T``; as above."""
    cdef float[MOST_TURNED] turned
    cdef const float *weights = <const float *> W
    cdef Py_ssize_t i, j, step = max(inputs, LANES)
    cdef Product p
    if not is_worth_it(rows, columns, inputs) or columns * step > MOST_TURNED:
        return False
    for i in range(0, inputs - 3, 4):
        for j in range(0, columns - 3, 4):
            fl_turn_block(weights + i * columns + j, turned + j * step + i, columns, step)
    for i in range(inputs):
        for j in range(0 if i >= inputs - inputs % 4 else columns - columns % 4, columns):
            turned[j * step + i] = weights[i * columns + j]
    for j in range(columns):
        for i in range(inputs, step):
            turned[j * step + i] = 0
    p.a, p.b, p.bias, p.y = <const float *> dout, turned, NULL, <float *> dx
    p.a_row, p.a_inner = columns, 1
    p.b_row, p.y_row, p.y_column = step, inputs, 1
    p.rows, p.inner, p.columns = rows, columns, inputs
    return multiply(&p)


cdef int small_dW(
    const char *x, const char *dout, char *dW, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t columns
) except -1:
    """``dW = x.T dout``, or its transpose as ``dout.T x`` where that leaves fewer lanes in vain; as above."""
    cdef Product p
    if rows < FEW and inputs * columns > FEW_NUMBERS:  # to write them is all there is to do
        return False
    p.bias, p.y, p.inner = NULL, <float *> dW, rows
    if columns >= LANES and (inputs < LANES or in_lanes(columns) * inputs <= in_lanes(inputs) * columns):
        p.a, p.b = <const float *> x, <const float *> dout
        p.a_row, p.a_inner, p.b_row = 1, inputs, columns
        p.y_row, p.y_column = columns, 1
        p.rows, p.columns = inputs, columns
    else:
        p.a, p.b = <const float *> dout, <const float *> x
        p.a_row, p.a_inner, p.b_row = 1, columns, inputs
        p.y_row, p.y_column = 1, columns
        p.rows, p.columns = columns, inputs
    return p.columns >= LANES and is_worth_it(p.rows, p.inner, p.columns) and multiply(&p)
