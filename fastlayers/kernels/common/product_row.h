/* One row times a matrix, in the widest vectors of the level: included once for float and once for double, with FL_REAL,
   FL_KIND and FL_LANES_OF_KIND set as for `product_tile.h`.

   A row alone has a multiply-add for each number of the matrix, so that how fast these are loaded is all there is to it,
   unless they wait for each other: each sum for the one before. So there are eight sums at any width: of four vectors
   of columns, two numbers of the row in turn; of one vector, eight. */

#define FL_PASTE(a, b) a##b
#define FL_NAMED(a, b) FL_PASTE(a, b)
#define V(name) FL_NAMED(fl_##name##_, FL_KIND)
#define VECTOR FL_NAMED(fl_, FL_KIND)
#define GET(step, at) \
    (whole || at < width - 1 ? V(load)(W + (step) * stride + at * FL_LANES_OF_KIND) \
                             : V(load_first)(W + (step) * stride + at * FL_LANES_OF_KIND, last))
#define TAKE(sum, step, at) sum = V(multiply_add)(V(every)(x[step]), GET(step, at), sum)
#define PUT(at, sum) \
    do { \
        const int full = whole || at < width - 1; \
        VECTOR result = sum; \
        if (b) result = V(add)(result, full ? V(load)(b + at * FL_LANES_OF_KIND) \
                                            : V(load_first)(b + at * FL_LANES_OF_KIND, last)); \
        bad = V(multiply_add)(result, V(zero)(), bad); \
        if (full) V(store)(y + at * FL_LANES_OF_KIND, result); \
        else V(store_first)(y + at * FL_LANES_OF_KIND, last, result); \
    } while (0)

/* y = x W + b of `width` vectors of columns, 1, 2 or 4, the last of them of `lanes` numbers, or `whole`; whether a number
   of it is not finite: zero times that is nan, and stays nan in a sum. */
FL_INLINE int FL_NAMED(fl_row_part_, FL_REAL)(
    const FL_REAL *x, const FL_REAL *W, const FL_REAL *b, FL_REAL *y, Py_ssize_t inputs, Py_ssize_t stride,
    const int lanes, const int width, const int whole
) {
    const V(mask) last = V(first)(lanes);
    VECTOR s0 = V(zero)(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, bad = s0;
    const int steps = 8 / width;
    Py_ssize_t i = 0;
    for (; i + steps <= inputs; i += steps, x += steps, W += steps * stride) {
        if (width == 4) {
            TAKE(s0, 0, 0); TAKE(s1, 0, 1); TAKE(s2, 0, 2); TAKE(s3, 0, 3);
            TAKE(s4, 1, 0); TAKE(s5, 1, 1); TAKE(s6, 1, 2); TAKE(s7, 1, 3);
        } else if (width == 2) {
            TAKE(s0, 0, 0); TAKE(s1, 0, 1); TAKE(s2, 1, 0); TAKE(s3, 1, 1);
            TAKE(s4, 2, 0); TAKE(s5, 2, 1); TAKE(s6, 3, 0); TAKE(s7, 3, 1);
        } else {
            TAKE(s0, 0, 0); TAKE(s1, 1, 0); TAKE(s2, 2, 0); TAKE(s3, 3, 0);
            TAKE(s4, 4, 0); TAKE(s5, 5, 0); TAKE(s6, 6, 0); TAKE(s7, 7, 0);
        }
    }
    for (; i < inputs; i++, x++, W += stride) {
        TAKE(s0, 0, 0);
        if (width > 1) TAKE(s1, 0, 1);
        if (width > 2) { TAKE(s2, 0, 2); TAKE(s3, 0, 3); }
    }
    if (width == 4) {
        PUT(0, V(add)(s0, s4)); PUT(1, V(add)(s1, s5)); PUT(2, V(add)(s2, s6)); PUT(3, V(add)(s3, s7));
    } else if (width == 2) {
        PUT(0, V(add)(V(add)(s0, s2), V(add)(s4, s6)));
        PUT(1, V(add)(V(add)(s1, s3), V(add)(s5, s7)));
    } else {
        PUT(0, V(add)(V(add)(V(add)(s0, s1), V(add)(s2, s3)), V(add)(V(add)(s4, s5), V(add)(s6, s7))));
    }
    return V(has_nan)(bad);
}

#define PART(width, whole) \
    FL_NAMED(fl_row_part_, FL_REAL)(x, W + j, b ? b + j : b, y + j, inputs, columns, lanes, width, whole)

/* y = x W + b of one row, b or NULL; whether all of it is finite. */
static int FL_NAMED(fl_row_, FL_REAL)(
    const FL_REAL *x, const FL_REAL *W, const FL_REAL *b, FL_REAL *y, Py_ssize_t inputs, Py_ssize_t columns
) {
    int odd = 0;
    Py_ssize_t j = 0;
    while (j < columns) {
        const Py_ssize_t left = (columns - j + FL_LANES_OF_KIND - 1) / FL_LANES_OF_KIND; /* vectors */
        const int width = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        const Py_ssize_t rest = columns - j - (width - 1) * FL_LANES_OF_KIND;
        const int lanes = rest < FL_LANES_OF_KIND ? (int)rest : FL_LANES_OF_KIND;
        const int whole = lanes == FL_LANES_OF_KIND;
        if (width == 4) odd |= whole && !FL_FREE_MASKS ? PART(4, 1) : PART(4, 0);
        else if (width == 2) odd |= whole && !FL_FREE_MASKS ? PART(2, 1) : PART(2, 0);
        else odd |= whole && !FL_FREE_MASKS ? PART(1, 1) : PART(1, 0);
        j += width * FL_LANES_OF_KIND;
    }
    return !odd;
}

#undef PART
#undef PUT
#undef TAKE
#undef GET
#undef VECTOR
#undef V
#undef FL_NAMED
#undef FL_PASTE
