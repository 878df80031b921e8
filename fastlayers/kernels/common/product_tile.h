/* Tiles of a product of one width, in vectors of one kind: included once for each, with these set.

   FL_REAL    float or double
   FL_KIND    the vectors' kind (vectors.h), and
   FL_LANES_OF_KIND how many numbers each has
   FL_COLUMNS how many vectors a tile is wide, 1 to 4
   FL_ROWS    how many rows it has at most, 1 to 8

   All of a tile's sums stay in registers while the inner dimension goes by: a row of b is loaded once for all its rows,
   and one number of a for all its columns. Each sum is a variable, since arrays of them would not be held in registers
   by every compiler. What is beyond `rows` and FL_COLUMNS, both constants where this is compiled, vanishes. */

#define FL_PASTE(a, b, c, d) a##b##_##c##_##d
#define FL_NAMED(a, b, c, d) FL_PASTE(a, b, c, d)
#define FL_OF(name) FL_NAMED(fl_, name, FL_KIND, FL_COLUMNS)
#define FL_PASTE_KIND(a, b) a##b
#define FL_NAMED_KIND(a, b) FL_PASTE_KIND(a, b)
#define V(name) FL_NAMED_KIND(fl_##name##_, FL_KIND)
#define VECTOR FL_NAMED_KIND(fl_, FL_KIND)
#define TILE FL_NAMED_KIND(FlTile_, FL_REAL)

#define SUMS(i) VECTOR s##i##0, s##i##1, s##i##2, s##i##3
#define CLEAR(i) if (rows > i) s##i##0 = s##i##1 = s##i##2 = s##i##3 = V(zero)()
#define FETCH(i)                                                                                                       \
    if (rows > i) {                                                                                                    \
        FL_PREFETCH(y + i * t->y_row);                                                                                 \
        if (FL_COLUMNS > 1) FL_PREFETCH(y + i * t->y_row + FL_LANES_OF_KIND);                                          \
    }
#define GET(at)                                                                                                        \
    b##at = whole || at < FL_COLUMNS - 1 ? V(load)(b + at * FL_LANES_OF_KIND)                                          \
                                         : V(load_first)(b + at * FL_LANES_OF_KIND, last)
#define MULTIPLY(i)                                                                                                    \
    if (rows > i) {                                                                                                    \
        const VECTOR x = V(every)(a[i * a_row]);                                                                       \
        s##i##0 = V(multiply_add)(x, b0, s##i##0);                                                                     \
        if (FL_COLUMNS > 1) s##i##1 = V(multiply_add)(x, b1, s##i##1);                                                 \
        if (FL_COLUMNS > 2) s##i##2 = V(multiply_add)(x, b2, s##i##2);                                                 \
        if (FL_COLUMNS > 3) s##i##3 = V(multiply_add)(x, b3, s##i##3);                                                 \
    }
#define PUT_ONE(at, sum, bad)                                                                                          \
    do {                                                                                                               \
        const int full = whole || at < FL_COLUMNS - 1;                                                                 \
        const FL_REAL *other = add + at * FL_LANES_OF_KIND;                                                            \
        const VECTOR result = V(add)(sum, full ? V(load)(other) : V(load_first)(other, last));                         \
        bad = V(multiply_add)(result, V(zero)(), bad);                                                                 \
        if (full) V(store)(y + at * FL_LANES_OF_KIND, V(above)(result, low));                                          \
        else V(store_first)(y + at * FL_LANES_OF_KIND, last, V(above)(result, low));                                   \
    } while (0)
#define PUT(i)                                                                                                         \
    if (rows > i) {                                                                                                    \
        PUT_ONE(0, s##i##0, bad0);                                                                                     \
        if (FL_COLUMNS > 1) PUT_ONE(1, s##i##1, bad1);                                                                 \
        if (FL_COLUMNS > 2) PUT_ONE(2, s##i##2, bad0);                                                                 \
        if (FL_COLUMNS > 3) PUT_ONE(3, s##i##3, bad1);                                                                 \
        add += t->add_row;                                                                                             \
        y += t->y_row;                                                                                                 \
    }
/* What is read between steps alone: no register is kept for it while there is but one. */
#define STAYS(name) (*(const volatile Py_ssize_t *)&t->name)
#define STEPS (*(const Py_ssize_t *const volatile *)&t->b_steps)
#define EACH_ROW(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7)

/* y = a b + add of `rows` rows, `whole` where its last vectors are, with 0 for what is not above `low`; whether a number
   of it was not finite: zero times that is nan, and stays nan in a sum. */
FL_INLINE int FL_OF(multiply)(const TILE *t, const int rows, const int whole) {
    const FL_REAL *a = t->a, *b = t->b, *add = t->add;
    FL_REAL *y = t->y;
    const Py_ssize_t a_row = t->a_row, a_inner = t->a_inner, b_row = t->b_row;
    const V(mask) last = V(first)(t->columns - (FL_COLUMNS - 1) * FL_LANES_OF_KIND);
    const VECTOR low = V(every)(t->low);
    VECTOR bad0 = V(zero)(), bad1 = bad0;
    SUMS(0); SUMS(1); SUMS(2); SUMS(3); SUMS(4); SUMS(5); SUMS(6); SUMS(7);
    CLEAR(0); CLEAR(1); CLEAR(2); CLEAR(3); CLEAR(4); CLEAR(5); CLEAR(6); CLEAR(7);
    EACH_ROW(FETCH)
    for (Py_ssize_t step = t->steps, inner = t->inner;; b += STEPS[step], inner = STAYS(inner)) {
        for (; inner > 0; inner--) {
            VECTOR b0, b1, b2, b3;
            GET(0);
            if (FL_COLUMNS > 1) GET(1);
            if (FL_COLUMNS > 2) GET(2);
            if (FL_COLUMNS > 3) GET(3);
            EACH_ROW(MULTIPLY)
            a += a_inner;
            b += b_row;
        }
        if (--step <= 0) break;
    }
    EACH_ROW(PUT)
    return V(has_nan)(FL_COLUMNS > 1 ? V(add)(bad0, bad1) : bad0);
}

/* Masks are free on AVX-512; elsewhere a tile whose last vector is full does without. */
#define ONE_TILE(rows)                                                                                                 \
    static int FL_NAMED(fl_tile##rows, , FL_KIND, FL_COLUMNS)(const TILE *t) {                                         \
        if (!FL_FREE_MASKS && t->columns == FL_COLUMNS * FL_LANES_OF_KIND) return FL_OF(multiply)(t, rows, 1);         \
        return FL_OF(multiply)(t, rows, 0);                                                                            \
    }
ONE_TILE(1)
ONE_TILE(2)
#if FL_ROWS > 2
ONE_TILE(3)
ONE_TILE(4)
#endif
#if FL_ROWS > 4
ONE_TILE(5)
ONE_TILE(6)
#endif
#if FL_ROWS > 6
ONE_TILE(7)
ONE_TILE(8)
#endif

static int (*const FL_OF(tiles)[FL_ROWS])(const TILE *) = {
#define ENTRY(rows) FL_NAMED(fl_tile##rows, , FL_KIND, FL_COLUMNS)
    ENTRY(1), ENTRY(2),
#if FL_ROWS > 2
    ENTRY(3), ENTRY(4),
#endif
#if FL_ROWS > 4
    ENTRY(5), ENTRY(6),
#endif
#if FL_ROWS > 6
    ENTRY(7), ENTRY(8),
#endif
};
#undef ENTRY
#undef ONE_TILE
#undef EACH_ROW
#undef STAYS
#undef STEPS
#undef PUT
#undef PUT_ONE
#undef MULTIPLY
#undef FETCH
#undef GET
#undef CLEAR
#undef SUMS
#undef TILE
#undef VECTOR
#undef V
#undef FL_OF
#undef FL_NAMED
#undef FL_PASTE
#undef FL_NAMED_KIND
#undef FL_PASTE_KIND
#undef FL_COLUMNS
#undef FL_ROWS
