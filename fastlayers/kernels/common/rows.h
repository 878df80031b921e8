/* Rows of a table that are named one by one, as words are: combined, multiplied and added to, in the widest vectors of
   the level.

   The rows are few, and of a hundred numbers or so: a vector of each is taken, and the next one of all of them. What is
   asked for ahead is the memory of the rows that come next, which no processor foresees. */

#ifndef FASTLAYERS_ROWS_H
#define FASTLAYERS_ROWS_H

#include "vectors.h"

#define FL_PASTE(a, b) a##b
#define FL_NAMED(a, b) FL_PASTE(a, b)
#define V(name) FL_NAMED(fl_##name##_, FL_FLOATS)
#define VECTOR FL_NAMED(fl_, FL_FLOATS)
enum { FL_FLOATS_AT_ONCE = FL_WIDTH / 4 };

static void fl_ask_for_rows(const float *W, const int32_t *rows, Py_ssize_t n, Py_ssize_t columns) {
    for (Py_ssize_t i = 0; i < n; i++)
        for (Py_ssize_t j = 0; j < columns; j += 16) FL_PREFETCH(W + rows[i] * columns + j);
}

/* y = the sum of factors[i] times row i, of n rows. */
static void fl_combine_rows(
    const float *W, const int32_t *rows, const float *factors, Py_ssize_t n, Py_ssize_t columns, float *y
) {
    Py_ssize_t j = 0;
    for (; j + 3 * FL_FLOATS_AT_ONCE <= columns; j += 3 * FL_FLOATS_AT_ONCE) { /* none waits for itself alone */
        VECTOR a = V(zero)(), b = a, c = a;
        for (Py_ssize_t i = 0; i < n; i++) {
            const VECTOR factor = V(every)(factors[i]);
            const float *row = W + rows[i] * columns + j;
            a = V(multiply_add)(factor, V(load)(row), a);
            b = V(multiply_add)(factor, V(load)(row + FL_FLOATS_AT_ONCE), b);
            c = V(multiply_add)(factor, V(load)(row + 2 * FL_FLOATS_AT_ONCE), c);
        }
        V(store)(y + j, a);
        V(store)(y + j + FL_FLOATS_AT_ONCE, b);
        V(store)(y + j + 2 * FL_FLOATS_AT_ONCE, c);
    }
    for (; j + FL_FLOATS_AT_ONCE <= columns; j += FL_FLOATS_AT_ONCE) {
        VECTOR sum = V(zero)();
        for (Py_ssize_t i = 0; i < n; i++)
            sum = V(multiply_add)(V(every)(factors[i]), V(load)(W + rows[i] * columns + j), sum);
        V(store)(y + j, sum);
    }
    if (j < columns) {
        const V(mask) first = V(first)((int)(columns - j));
        VECTOR sum = V(zero)();
        for (Py_ssize_t i = 0; i < n; i++)
            sum = V(multiply_add)(V(every)(factors[i]), V(load_first)(W + rows[i] * columns + j, first), sum);
        V(store_first)(y + j, first, sum);
    }
}

/* y[i] = x times row i. */
static void fl_products_with_rows(
    const float *W, const int32_t *rows, Py_ssize_t n, Py_ssize_t columns, const float *x, float *y
) {
    const V(mask) first = V(first)((int)(columns % FL_FLOATS_AT_ONCE));
    for (Py_ssize_t i = 0; i < n; i++) {
        const float *row = W + rows[i] * columns;
        VECTOR sum = V(zero)(), other = V(zero)();
        Py_ssize_t j = 0;
        for (; j + 2 * FL_FLOATS_AT_ONCE <= columns; j += 2 * FL_FLOATS_AT_ONCE) {
            sum = V(multiply_add)(V(load)(x + j), V(load)(row + j), sum);
            other = V(multiply_add)(
                V(load)(x + j + FL_FLOATS_AT_ONCE), V(load)(row + j + FL_FLOATS_AT_ONCE), other);
        }
        if (j + FL_FLOATS_AT_ONCE <= columns) {
            sum = V(multiply_add)(V(load)(x + j), V(load)(row + j), sum);
            j += FL_FLOATS_AT_ONCE;
        }
        if (j < columns) other = V(multiply_add)(V(load_first)(x + j, first), V(load_first)(row + j, first), other);
        y[i] = V(sum)(V(add)(sum, other));
    }
}

/* factors[i] times x is added to row i; what is added to a row that is named twice adds up. */
static void fl_move_rows(
    float *W, const int32_t *rows, const float *factors, Py_ssize_t n, Py_ssize_t columns, const float *x
) {
    const V(mask) first = V(first)((int)(columns % FL_FLOATS_AT_ONCE));
    for (Py_ssize_t i = 0; i < n; i++) {
        float *row = W + rows[i] * columns;
        const VECTOR factor = V(every)(factors[i]);
        Py_ssize_t j = 0;
        for (; j + FL_FLOATS_AT_ONCE <= columns; j += FL_FLOATS_AT_ONCE)
            V(store)(row + j, V(multiply_add)(factor, V(load)(x + j), V(load)(row + j)));
        if (j < columns)
            V(store_first)(
                row + j, first, V(multiply_add)(factor, V(load_first)(x + j, first), V(load_first)(row + j, first)));
    }
}

#undef VECTOR
#undef V
#undef FL_NAMED
#undef FL_PASTE

#endif
