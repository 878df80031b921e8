/* Windows that stand beside each other in a row: the largest number of each with its index in the window.

   Where the compiler has vectors of any width a few windows go together; elsewhere each goes by itself. */

#ifndef FASTLAYERS_POOLING_H
#define FASTLAYERS_POOLING_H

#include "vectors.h"
#include <stdint.h>
#include <string.h>

/* Whether x comes before what was found so far: it is larger, or the first nan. */
#define FL_ABOVE(x, found) (!(x <= found) && found == found)

FL_INLINE void fl_put_index(uint8_t *bytes, Py_ssize_t *indices, Py_ssize_t k, Py_ssize_t index) {
    if (bytes) bytes[k] = (uint8_t)index;
    else indices[k] = index;
}

/* Of n windows, `stride` from each other, of which the first begins at p: `high` rows, `row` apart, of `wide` numbers.
   In the window the first has the index `at`, and a row begins `across` after the one before it. The index goes to a
   byte of `bytes`, or, where that is NULL, of `indices`. */
#define FL_LARGEST_ONE(real)                                                                                           \
    static void fl_largest_each_##real(const real *p, Py_ssize_t row, Py_ssize_t high, Py_ssize_t wide,                \
        Py_ssize_t stride, Py_ssize_t at, Py_ssize_t across, real *y, uint8_t *bytes, Py_ssize_t *indices,             \
        Py_ssize_t n) {                                                                                                \
        for (Py_ssize_t k = 0; k < n; k++, p += stride) {                                                              \
            real top = *p;                                                                                             \
            Py_ssize_t index = at;                                                                                     \
            for (Py_ssize_t i = 0; i < high; i++)                                                                      \
                for (Py_ssize_t j = 0; j < wide; j++)                                                                  \
                    if (FL_ABOVE(p[i * row + j], top)) {                                                               \
                        top = p[i * row + j];                                                                          \
                        index = at + i * across + j;                                                                   \
                    }                                                                                                  \
            y[k] = top;                                                                                                \
            fl_put_index(bytes, indices, k, index);                                                                    \
        }                                                                                                              \
    }
FL_LARGEST_ONE(float)
FL_LARGEST_ONE(double)

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define FL_SHUFFLES
#endif
#endif

#if defined(FL_SHUFFLES)
#define FL_GROUP(real, integer, n)                                                                                     \
    typedef real fl_some_##real##n __attribute__((vector_size(n * sizeof(real))));                                     \
    typedef integer fl_at_##real##n __attribute__((vector_size(n * sizeof(real))));                                    \
    FL_INLINE void fl_keep_larger_##real##n(                                                                           \
        fl_some_##real##n *top, fl_at_##real##n *index, fl_some_##real##n x, integer at) {                             \
        const fl_at_##real##n above = ~(x <= *top) & (*top == *top);                                                   \
        *top = (fl_some_##real##n)((above & (fl_at_##real##n)x) | (~above & (fl_at_##real##n) * top));                 \
        *index = (above & at) | (~above & *index);                                                                     \
    }
FL_GROUP(float, int32_t, 4)
FL_GROUP(double, int64_t, 2)

#define FL_GATHERED_float 0, 2, 5, 7
#define FL_GATHERED_double 0, 3
#define FL_GROUPS(real, few)                                                                                           \
    FL_INLINE fl_some_##real##few fl_apart_##real(const real *p, Py_ssize_t stride) {                                  \
        fl_some_##real##few x, next;                                                                                   \
        memcpy(&x, p, sizeof(x));                                                                                      \
        if (stride == 2) { /* nothing behind the last number is read */                                                \
            memcpy(&next, p + few - 1, sizeof(next));                                                                  \
            x = __builtin_shufflevector(x, next, FL_GATHERED_##real);                                                  \
        } else if (stride != 1) {                                                                                      \
            for (int lane = 1; lane < few; lane++) x[lane] = p[lane * stride];                                         \
        }                                                                                                              \
        return x;                                                                                                      \
    }                                                                                                                  \
    FL_INLINE void fl_largest_some_##real(const real *p, Py_ssize_t row, Py_ssize_t high, Py_ssize_t wide,             \
        Py_ssize_t stride, Py_ssize_t at, Py_ssize_t across, real *y, uint8_t *bytes, Py_ssize_t *indices,             \
        Py_ssize_t k) {                                                                                                \
        fl_some_##real##few top = fl_apart_##real(p, stride);                                                          \
        fl_at_##real##few index = (fl_at_##real##few){0} + (int)at;                                                    \
        for (Py_ssize_t i = 0; i < high; i++)                                                                          \
            for (Py_ssize_t j = 0; j < wide; j++)                                                                      \
                fl_keep_larger_##real##few(                                                                            \
                    &top, &index, fl_apart_##real(p + i * row + j, stride), (int)(at + i * across + j));               \
        memcpy(y + k, &top, sizeof(top));                                                                              \
        for (int lane = 0; lane < few; lane++) fl_put_index(bytes, indices, k + lane, index[lane]);                    \
    }
#define FL_ROWS(real, few)                                                                                             \
    FL_GROUPS(real, few)                                                                                               \
    static void fl_largest_row_##real(const real *p, Py_ssize_t row, Py_ssize_t high, Py_ssize_t wide,                 \
        Py_ssize_t stride, Py_ssize_t at, Py_ssize_t across, real *y, uint8_t *bytes, Py_ssize_t *indices,             \
        Py_ssize_t n) {                                                                                                \
        if (n < few) fl_largest_each_##real(p, row, high, wide, stride, at, across, y, bytes, indices, n);             \
        else                                                                                                           \
            for (Py_ssize_t k = 0; k < n; k += few) {                                                                  \
                k = k < n - few ? k : n - few;                                                                         \
                fl_largest_some_##real(                                                                                \
                    p + k * stride, row, high, wide, stride, at, across, y, bytes, indices, k);                        \
            }                                                                                                          \
    }
FL_ROWS(float, 4)
FL_ROWS(double, 2)
#else
#define fl_largest_row_float fl_largest_each_float
#define fl_largest_row_double fl_largest_each_double
#endif

#endif
