/* Passes over rows of FL_REAL: included once for float and once for double, with these set.

   FL_KIND    the kind of the widest vectors (vectors.h), and
   FL_LANES   how many numbers each has

   Each sum and each column's number is a variable, since arrays of them would not be held in registers by every
   compiler. */

#define V(name) FL_NAMED(fl_##name##_, FL_KIND)
#define VECTOR FL_NAMED(fl_, FL_KIND)

#define EACH(what)                                                                                                     \
    what(0) what(1)                                                                                                    \
    if (count > 2) { what(2) }                                                                                         \
    if (count > 3) { what(3) }
#define OF_COLUMN(name, i) V(load)(columns + name + i * FL_LANES)
#define FETCH(i)                                                                                                       \
    centre##i = OF_COLUMN(FL_CENTRE, i), factor##i = OF_COLUMN(FL_FACTOR, i);                                          \
    if (step >= FL_SCALE_ROWS) shift##i = OF_COLUMN(FL_SHIFT, i);                                                      \
    if (step == FL_GRADIENT_OF_ROWS) slope##i = OF_COLUMN(FL_SLOPE, i);
#define STEP(i)                                                                                                        \
    {                                                                                                                  \
        const VECTOR v = V(load)(x + i * FL_LANES);                                                                    \
        if (step < FL_SCALE_ROWS) {                                                                                    \
            const VECTOR c = V(multiply_add)(v, factor##i, centre##i);                                                 \
            VECTOR d = step == FL_SUM_SQUARES ? c : V(load)(dout + i * FL_LANES);                                      \
            if (step == FL_SUM_PRODUCTS) FL_LOADED(d);                                                                 \
            a##i = V(add)(a##i, d);                                                                                    \
            b##i = V(multiply_add)(c, d, b##i);                                                                        \
        } else if (step == FL_SCALE_ROWS) {                                                                            \
            V(store)(y + i * FL_LANES, V(multiply_add)(V(add)(v, centre##i), factor##i, shift##i));                    \
        } else {                                                                                                       \
            const VECTOR d = V(add)(V(load)(dout + i * FL_LANES), shift##i);                                           \
            V(store)(y + i * FL_LANES, V(multiply)(V(multiply_add)(V(add)(v, centre##i), slope##i, d), factor##i));    \
        }                                                                                                              \
    }
#define PUT(i) V(store)(of_tile + i * FL_LANES, a##i), V(store)(of_tile + (FL_TILE + i) * FL_LANES, b##i);

/* Add what the numbers of a tile from `from` to `to` have come to to the sums of their columns. */
FL_APART void FL_OF_REAL(add_tile)(double *sums, const FL_REAL *of_tile, Py_ssize_t from, Py_ssize_t to) {
    for (Py_ssize_t j = from; j < to; j++) sums[j] += of_tile[j];
}

/* A step of `count` vectors of each row; sums go to `of_tile`, and to what follows a tile after it. */
FL_INLINE void FL_OF_REAL(tile)(
    const FL_REAL *x, const FL_REAL *dout, FL_REAL *y, Py_ssize_t rows, Py_ssize_t stride, const FL_REAL *columns,
    FL_REAL *of_tile, const int step, const int count
) {
    VECTOR centre0, centre1, centre2, centre3, factor0, factor1, factor2, factor3;
    VECTOR shift0, shift1, shift2, shift3, slope0, slope1, slope2, slope3;
    VECTOR a0, a1, a2, a3, b0, b1, b2, b3;
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = V(zero)();
    EACH(FETCH)
    for (; rows > 0; rows--, x += stride, dout += stride, y += stride) {
        EACH(STEP)
    }
    if (step < FL_SCALE_ROWS) {
        EACH(PUT)
    }
}

/* A step over some rows in tiles of two to four vectors. The last ends with the row: what so is done again is done
   alike. Where rows lie alike to lines of the cache, results are written line by line, but for the first. */
FL_INLINE void FL_OF_REAL(rows)(const FlPass *p, const FL_REAL *x, const FL_REAL *dout, FL_REAL *y, Py_ssize_t rows,
    Py_ssize_t stride, Py_ssize_t width, const int step) {
    const Py_ssize_t beyond = (Py_ssize_t)((uintptr_t)y % FL_WIDTH / sizeof(FL_REAL));
    const Py_ssize_t head = step < FL_SCALE_ROWS || beyond == 0 || stride % FL_LANES != 0 ? 0 : FL_LANES - beyond;
    const Py_ssize_t vectors = (width - head + FL_LANES - 1) / FL_LANES, first = head > 0 ? -1 : 0;
    const Py_ssize_t tiles = vectors > FL_TILE ? (vectors + FL_TILE - 1) / FL_TILE : 1 + (vectors * FL_LANES > width);
    const Py_ssize_t each = vectors / tiles, more = vectors % tiles;
    FL_REAL of_tile[2 * FL_TILE * FL_LANES];
    for (Py_ssize_t i = first; i < tiles; i++) {
        const Py_ssize_t tile = step < FL_SCALE_ROWS ? tiles - 1 - i : i, count = tile < 0 ? 2 : each + (tile < more);
        const Py_ssize_t columns = (count < 2 ? 2 : count) * FL_LANES;
        const Py_ssize_t column = tile < 0 ? 0 : head + (tile * each + fl_least(tile, more)) * FL_LANES;
        const Py_ssize_t next = fl_least(column + columns, width), at = next - columns, place = p->is_one ? 0 : at;
        const FL_REAL *numbers = (const FL_REAL *)p->columns + place;
#define TILE(count) FL_OF_REAL(tile)(x + at, dout + at, y + at, rows, stride, numbers, of_tile, step, count)
        if (count == 4) TILE(4);
        else if (count == 3) TILE(3);
        else TILE(2);
#undef TILE
        if (step < FL_SCALE_ROWS) {
            FL_OF_REAL(add_tile)(p->sums + place, of_tile, column - at, columns);
            FL_OF_REAL(add_tile)(p->more + place, of_tile + FL_TILE * FL_LANES, column - at, columns);
        }
    }
}

/* Rows narrower than a tile, to or from rows that are not. */
FL_APART void FL_OF_REAL(copy_rows)(
    const FL_REAL *from, Py_ssize_t stride, FL_REAL *to, Py_ssize_t stride_to, Py_ssize_t rows, Py_ssize_t width
) {
    for (; rows > 0; rows--, from += stride, to += stride_to) memcpy(to, from, (size_t)width * sizeof(FL_REAL));
}

/* One step over all rows, some at a time; sums from the last on, so that what they had last is in the cache yet. */
FL_INLINE void FL_OF_REAL(pass_over)(const FlPass *p, const int step) {
    enum { LEAST = 2 * FL_LANES };
    const Py_ssize_t chunks = (p->rows + FL_ROWS_OF_A_SUM - 1) / FL_ROWS_OF_A_SUM;
    const Py_ssize_t tile = FL_TILE * FL_LANES, width = p->width;
    const int is_narrow = width < LEAST, sums = step < FL_SCALE_ROWS;
    FL_REAL copies[2][FL_ROWS_OF_A_SUM * LEAST];
    if (sums) fl_clear(p->sums, p->is_one || width < tile ? tile : width);
    if (sums) fl_clear(p->more, p->is_one || width < tile ? tile : width);
    for (int i = 0; is_narrow && i < 2; i++)
        memset(copies[i], 0, (size_t)fl_least(p->rows, FL_ROWS_OF_A_SUM) * LEAST * sizeof(FL_REAL));
    for (Py_ssize_t i = 0; i < chunks; i++) {
        const Py_ssize_t row = (sums ? chunks - 1 - i : i) * FL_ROWS_OF_A_SUM;
        const Py_ssize_t rows = fl_least(FL_ROWS_OF_A_SUM, p->rows - row), offset = row * p->stride;
        const FL_REAL *x = (const FL_REAL *)p->x + offset, *dout = (const FL_REAL *)p->dout + offset;
        FL_REAL *y = (FL_REAL *)p->y + offset, *result = y;
        if (is_narrow) {
            FL_OF_REAL(copy_rows)(x, p->stride, copies[0], LEAST, rows, width);
            if (step == FL_SUM_PRODUCTS || step == FL_GRADIENT_OF_ROWS)
                FL_OF_REAL(copy_rows)(dout, p->stride, copies[1], LEAST, rows, width);
            x = result = copies[0];
            dout = copies[1];
        }
        FL_OF_REAL(rows)(p, x, dout, result, rows, is_narrow ? LEAST : p->stride, is_narrow ? LEAST : width, step);
        if (is_narrow && !sums) FL_OF_REAL(copy_rows)(result, LEAST, y, p->stride, rows, width);
    }
}

FL_APART void FL_OF_REAL(sum_squares)(const FlPass *p) { FL_OF_REAL(pass_over)(p, FL_SUM_SQUARES); }
FL_APART void FL_OF_REAL(sum_products)(const FlPass *p) { FL_OF_REAL(pass_over)(p, FL_SUM_PRODUCTS); }
FL_APART void FL_OF_REAL(scale_rows)(const FlPass *p) { FL_OF_REAL(pass_over)(p, FL_SCALE_ROWS); }
FL_APART void FL_OF_REAL(gradient_of_rows)(const FlPass *p) { FL_OF_REAL(pass_over)(p, FL_GRADIENT_OF_ROWS); }

#undef PUT
#undef STEP
#undef FETCH
#undef OF_COLUMN
#undef EACH
#undef VECTOR
#undef V
