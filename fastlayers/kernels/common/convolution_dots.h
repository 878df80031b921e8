/* Sums along memory, rows of a with rows of b: included once for each type, with FL_REAL, FL_KIND and FL_LANES_OF_KIND
   set as for `product_row.h`.

   A tile has FL_DOT_ROWS rows of a or 3 and FL_DOT_COLUMNS of b, and a vector of sums for each pair, which stays in a
   register while the rows go by. So neither has to be turned, and only at the end of a row are lanes in vain. It is added
   as a vector to a vector of y; whoever is done with all rows adds the lanes of each. */

#define FL_PASTE(a, b) a##b
#define FL_NAMED(a, b) FL_PASTE(a, b)
#define V(name) FL_NAMED(fl_##name##_, FL_KIND)
#define VECTOR FL_NAMED(fl_, FL_KIND)
#define CLEAR(i) VECTOR s##i##0 = V(zero)(), s##i##1 = s##i##0, s##i##2 = s##i##0, s##i##3 = s##i##0, s##i##4 = s##i##0
#define WHOLE(of) V(load)((of) + p)
#define ENDING(of) V(load_first)((of) + p, last)
#define MULTIPLY(i, GET)                                                                                               \
    if (rows > i) {                                                                                                    \
        const VECTOR x = GET(a[i]);                                                                                    \
        s##i##0 = V(multiply_add)(x, x0, s##i##0);                                                                     \
        s##i##1 = V(multiply_add)(x, x1, s##i##1);                                                                     \
        s##i##2 = V(multiply_add)(x, x2, s##i##2);                                                                     \
        if (FL_DOT_COLUMNS > 3) s##i##3 = V(multiply_add)(x, x3, s##i##3);                                             \
        if (FL_DOT_COLUMNS > 4) s##i##4 = V(multiply_add)(x, x4, s##i##4);                                             \
    }
#define STEP(GET)                                                                                                      \
    do {                                                                                                               \
        const VECTOR x0 = GET(b[0]), x1 = GET(b[1]), x2 = GET(b[2]);                                                   \
        VECTOR x3 = x0, x4 = x0;                                                                                       \
        if (FL_DOT_COLUMNS > 3) x3 = GET(b[3]);                                                                        \
        if (FL_DOT_COLUMNS > 4) x4 = GET(b[4]);                                                                        \
        MULTIPLY(0, GET) MULTIPLY(1, GET) MULTIPLY(2, GET)                                                             \
        MULTIPLY(3, GET) MULTIPLY(4, GET)                                                                              \
    } while (0)
#define PUT_ONE(at, sum)                                                                                               \
    V(store)(y + at * FL_LANES_OF_KIND, V(add)(sum, V(load)(y + at * FL_LANES_OF_KIND)))
#define PUT(i)                                                                                                         \
    if (rows > i) {                                                                                                    \
        PUT_ONE(0, s##i##0); PUT_ONE(1, s##i##1); PUT_ONE(2, s##i##2);                                                 \
        if (FL_DOT_COLUMNS > 3) PUT_ONE(3, s##i##3);                                                                   \
        if (FL_DOT_COLUMNS > 4) PUT_ONE(4, s##i##4);                                                                   \
        y += y_row;                                                                                                    \
    }

/* To the vector y[i, j] is added the sum over p < n of a[i][p] b[j][p], p in lanes, for `rows` rows; what is
   `ahead` is fetched meanwhile. */
FL_INLINE void FL_NAMED(fl_dots_of_, FL_REAL)(
    const FL_REAL *const *a, const FL_REAL *const *b, Py_ssize_t n, const FL_REAL *ahead, FL_REAL *y, Py_ssize_t y_row,
    const int rows
) {
    Py_ssize_t p = 0;
    CLEAR(0); CLEAR(1); CLEAR(2); CLEAR(3); CLEAR(4);
    for (; p + FL_LANES_OF_KIND <= n; p += FL_LANES_OF_KIND) {
        FL_PREFETCH(ahead + p);
        STEP(WHOLE);
    }
    if (p < n) {
        const V(mask) last = V(first)((int)(n - p));
        STEP(ENDING);
    }
    PUT(0) PUT(1) PUT(2) PUT(3) PUT(4)
}
/* Of FL_DOT_ROWS or of 3 rows. */
FL_APART void FL_NAMED(fl_dots_, FL_REAL)(
    const FL_REAL *const *a, const FL_REAL *const *b, Py_ssize_t n, const FL_REAL *ahead, FL_REAL *y, Py_ssize_t y_row,
    Py_ssize_t rows
) {
    if (FL_DOT_ROWS > 3 && rows > 3) FL_NAMED(fl_dots_of_, FL_REAL)(a, b, n, ahead, y, y_row, FL_DOT_ROWS);
    else FL_NAMED(fl_dots_of_, FL_REAL)(a, b, n, ahead, y, y_row, 3);
}

/* The lanes of n vectors added. */
static void FL_NAMED(fl_fold_dots_, FL_REAL)(const FL_REAL *from, FL_REAL *to, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; i++) to[i] = V(sum)(V(load)(from + i * FL_LANES_OF_KIND));
}

#undef PUT
#undef PUT_ONE
#undef STEP
#undef MULTIPLY
#undef ENDING
#undef WHOLE
#undef CLEAR
#undef VECTOR
#undef V
#undef FL_NAMED
#undef FL_PASTE
