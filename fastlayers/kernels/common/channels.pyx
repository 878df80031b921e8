"""Passes over the rows of some channels, tile by tile of their columns; see ``batch_normalization.pyx``.

A tile is 128 bytes of each row: the sums of so many columns stay in registers while the rows go by. The last tile of a
unit begins earlier where it would reach beyond: what it does again, it does alike. Rows that are narrower than a tile
are copied into wider ones first.
"""

from libc.string cimport memset

cdef enum:
    TILE_BYTES = 4 * LANES
    ROWS = 32  # that are added in x's own type, before float64 goes on
    BLOCK = 200  # columns that are done at a time
    UNIT = 64  # columns, about, of as many channels as they make; one channel at least

cdef enum Pass:
    SUMS  # of x
    PRODUCTS  # sums of dout - other, and of the products of that with (x - centre) factor: see `Unit`
    SCALE  # y = (x - centre) factor + shift
    GRADIENT  # dx = (dout + shift + (x - centre) slope) factor

cdef enum:  # of the numbers that a column has
    CENTRE
    FACTOR
    SHIFT
    SLOPE
    ONES
    ZEROS
    EACH_HAS

# The channels of a unit.
cdef struct Unit:
    Py_ssize_t first
    Py_ssize_t channels
    int factor  # which of a column's numbers PRODUCTS takes
    int other
    double[BLOCK] sums
    double[BLOCK] more
    double[BLOCK] values
    double[BLOCK] off
    double[BLOCK] root
    double[EACH_HAS * BLOCK] columns  # in x's type: for each of those names, BLOCK of them

# A tile of at most ROWS rows.
cdef struct Tile:
    const char *x
    const char *dout
    char *y
    Py_ssize_t rows
    Py_ssize_t stride  # in elements
    Py_ssize_t column  # of the block, at which it begins
    Py_ssize_t columns  # at which its numbers do

cdef struct Normalization:
    int kind
    int typenum
    Py_ssize_t rows
    Py_ssize_t channels
    Py_ssize_t each
    Py_ssize_t units
    double inverse  # of the count of a channel's numbers
    double momentum
    double eps
    Argument x
    Argument gamma
    Argument other  # beta, or dout
    Argument mean  # in float64 for backward, else in x's type; the running ones, if any, for forward
    Argument var
    Argument[5] results

cdef inline Py_ssize_t part_of(Py_ssize_t n, Py_ssize_t parts, Py_ssize_t i) noexcept nogil:
    """Where the i-th of so many parts of n begins."""
    return n // parts * i + min(i, n % parts)


cdef inline void sum_tile(Unit *unit, const Tile *tile, const floating *x) noexcept nogil:
    cdef floating[LANES] a
    cdef Py_ssize_t _i
    cdef int j, lanes = TILE_BYTES // sizeof(floating)
    for j in range(lanes):
        a[j] = 0
    for _i in range(tile.rows):
        for j in range(lanes):
            a[j] += x[j]
        x += tile.stride
    for j in range(lanes):
        unit.sums[tile.column + j] += a[j]


cdef inline void sum_products_of_tile(
    Unit *unit, const Tile *tile, const floating *x, const floating *dout, const floating *columns
) noexcept nogil:
    cdef floating[LANES] a
    cdef floating[LANES] b
    cdef floating[LANES] centre
    cdef floating[LANES] factor
    cdef floating[LANES] other
    cdef Py_ssize_t _i
    cdef int j, lanes = TILE_BYTES // sizeof(floating)
    for j in range(lanes):
        a[j] = b[j] = 0
        centre[j], factor[j] = columns[CENTRE * BLOCK + j], columns[unit.factor * BLOCK + j]
        other[j] = columns[unit.other * BLOCK + j]
    for _i in range(tile.rows):
        for j in range(lanes):
            a[j] += dout[j] - other[j]
            b[j] = multiply_add((x[j] - centre[j]) * factor[j], dout[j] - other[j], b[j])
        x += tile.stride
        dout += tile.stride
    for j in range(lanes):
        unit.sums[tile.column + j] += a[j]
        unit.more[tile.column + j] += b[j]


cdef inline void scale_tile(
    const Tile *tile, const floating *x, floating *y, const floating *columns
) noexcept nogil:
    cdef floating[LANES] centre
    cdef floating[LANES] factor
    cdef floating[LANES] shift
    cdef Py_ssize_t _i
    cdef int j, lanes = TILE_BYTES // sizeof(floating)
    for j in range(lanes):
        centre[j], factor[j] = columns[CENTRE * BLOCK + j], columns[FACTOR * BLOCK + j]
        shift[j] = columns[SHIFT * BLOCK + j]
    for _i in range(tile.rows):
        for j in range(lanes):
            y[j] = multiply_add(x[j] - centre[j], factor[j], shift[j])
        x += tile.stride
        y += tile.stride


cdef inline void gradient_of_tile(
    const Tile *tile, const floating *x, const floating *dout, floating *dx, const floating *columns
) noexcept nogil:
    cdef floating[LANES] centre
    cdef floating[LANES] factor
    cdef floating[LANES] shift
    cdef floating[LANES] slope
    cdef Py_ssize_t _i
    cdef int j, lanes = TILE_BYTES // sizeof(floating)
    for j in range(lanes):
        centre[j], factor[j] = columns[CENTRE * BLOCK + j], columns[FACTOR * BLOCK + j]
        shift[j], slope[j] = columns[SHIFT * BLOCK + j], columns[SLOPE * BLOCK + j]
    for _i in range(tile.rows):
        for j in range(lanes):
            dx[j] = multiply_add(x[j] - centre[j], slope[j], dout[j] + shift[j]) * factor[j]
        x += tile.stride
        dout += tile.stride
        dx += tile.stride


cdef inline void pass_over_tile(Unit *unit, const Tile *tile, Pass step, const floating *x) noexcept nogil:
    cdef const floating *dout = <const floating *> tile.dout
    cdef floating *y = <floating *> tile.y
    cdef const floating *columns = <const floating *> unit.columns + tile.columns
    if step == SUMS:
        sum_tile(unit, tile, x)
    elif step == PRODUCTS:
        sum_products_of_tile(unit, tile, x, dout, columns)
    elif step == SCALE:
        scale_tile(tile, x, y, columns)
    else:
        gradient_of_tile(tile, x, dout, y, columns)


cdef inline void clear(Unit *unit, Py_ssize_t column, Py_ssize_t n) noexcept nogil:
    memset(unit.sums + column, 0, n * sizeof(double))
    memset(unit.more + column, 0, n * sizeof(double))


cdef void copy_rows(
    const char *x, char *y, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t stride, Py_ssize_t stride_of_y
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(y + i * stride_of_y, x + i * stride, width)


cdef void pass_over(
    const Normalization *work, Unit *unit, Pass step, Py_ssize_t start, Py_ssize_t width
) noexcept nogil:
    """Do so many columns, from the one at `start` of a sample on."""
    cdef char[3][ROWS * TILE_BYTES] copies
    cdef Py_ssize_t size = 4 if work.typenum == NPY_FLOAT else 8
    cdef Py_ssize_t i, chunk, row, offset, lanes = TILE_BYTES // size, stride = work.channels * work.each
    cdef Py_ssize_t tiles = (width + lanes - 1) // lanes, last = max(width - lanes, 0)
    cdef const char *dout = work.other.data if work.kind == BACKWARD else work.x.data
    cdef Tile tile
    if width < lanes:
        memset(copies, 0, sizeof(copies))
    if step < SCALE:
        clear(unit, 0, max(width, lanes))
    for i in range(tiles):
        tile.column = (tiles - 1 - i if step >= SCALE else i) * lanes  # the last that was read is in the cache still
        if tile.column > last:
            if step < SCALE:  # the tile before has them
                clear(unit, last, tile.column - last)
            tile.column = last
        tile.columns = 0 if unit.channels == 1 else tile.column
        for chunk in range((work.rows + ROWS - 1) // ROWS):
            row = chunk * ROWS
            offset = (row * stride + start + tile.column) * size
            tile.rows, tile.stride = min(ROWS, work.rows - row), stride
            tile.x, tile.dout, tile.y = work.x.data + offset, dout + offset, work.results[0].data + offset
            if width < lanes:
                copy_rows(tile.x, copies[0], tile.rows, width * size, stride * size, TILE_BYTES)
                copy_rows(tile.dout, copies[1], tile.rows, width * size, stride * size, TILE_BYTES)
                tile.x, tile.dout, tile.y, tile.stride = copies[0], copies[1], copies[2], lanes
            if work.typenum == NPY_FLOAT:
                pass_over_tile(unit, &tile, step, <const float *> tile.x)
            else:
                pass_over_tile(unit, &tile, step, <const double *> tile.x)
            if width < lanes and step >= SCALE:
                copy_rows(copies[2], work.results[0].data + offset, tile.rows, width * size, TILE_BYTES, stride * size)


cdef double added(double *sums, Py_ssize_t n) noexcept nogil:
    """The sum of n numbers, which are lost: LANES of them at a time, then in pairs."""
    cdef Py_ssize_t j, half
    if n >= LANES:
        while n >= 2 * LANES:
            n -= LANES
            for j in range(LANES):
                sums[j] += sums[n + j]
        for j in range(LANES, n):
            sums[j - LANES] += sums[j]
        return sum_of_lanes(sums, NULL, False)
    while n > 1:
        half = n // 2
        n -= half
        for j in range(half):
            sums[j] += sums[n + j]
    return sums[0]


cdef void pass_over_unit(const Normalization *work, Unit *unit, Pass step) noexcept nogil:
    """Do all columns of the unit; `sums` and `more` are those of its channels then."""
    cdef Py_ssize_t c, block, start, width, blocks = (work.each + BLOCK - 1) // BLOCK
    cdef double[2] totals
    cdef double *sums
    cdef int i
    totals[0] = totals[1] = 0
    for block in range(blocks):
        start = part_of(work.each, blocks, block)
        width = part_of(work.each, blocks, block + 1) - start
        pass_over(work, unit, step, unit.first * work.each + start, width * unit.channels)
        if step < SCALE and work.each > 1:
            for i in range(2):
                sums = &unit.more[0] if i else &unit.sums[0]
                for c in range(unit.channels):
                    sums[c] = added(sums + c * width, width)
                totals[i] += sums[0]
    if blocks > 1:
        unit.sums[0], unit.more[0] = totals[0], totals[1]


cdef inline Py_ssize_t padded(const Unit *unit) noexcept nogil:
    """The unit's channels and some more, for which `Unit` has room: the compiler sees that no vector is cut short."""
    return (unit.channels + 7) // 8 * 8


cdef void move(char *data, int typenum, double *values, Py_ssize_t n, bint reads) noexcept nogil:
    """Read n values from memory of float32 or float64, or write them there."""
    if typenum == NPY_FLOAT:
        if reads:
            convert_loop(<const float *> data, values, n)
        else:
            convert_loop(<const double *> values, <float *> data, n)
    elif reads:
        memcpy(values, data, n * sizeof(double))
    else:
        memcpy(data, values, n * sizeof(double))


cdef void move_channels(const Unit *unit, const Argument *of, int typenum, double *values, bint reads) noexcept nogil:
    """Read or write what an array of this type has for the channels of a unit."""
    move(of.data + unit.first * (4 if typenum == NPY_FLOAT else 8), typenum, values, unit.channels, reads)


cdef inline char *columns_of(const Normalization *work, Unit *unit, int name) noexcept nogil:
    return <char *> unit.columns + name * BLOCK * (4 if work.typenum == NPY_FLOAT else 8)


cdef void spread(const Normalization *work, Unit *unit, int name, double *values) noexcept nogil:
    """A channel's number for each of its columns; for those of one tile, where all have the same."""
    cdef Py_ssize_t c, j, each = LANES if unit.channels == 1 else work.each
    cdef double[BLOCK] of_columns
    if each > 1:
        for c in range(unit.channels):
            for j in range(each):
                of_columns[c * each + j] = values[c]
        values = of_columns
    move(columns_of(work, unit, name), work.typenum, values, unit.channels * each, False)
