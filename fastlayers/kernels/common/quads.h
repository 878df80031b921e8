/* Max pooling by windows of two by two that have nothing in common: several of a row of them at a time.

   Where the compiler has no vectors of any width each goes by itself. */

#ifndef FASTLAYERS_QUADS_H
#define FASTLAYERS_QUADS_H

#include "pooling.h"

#define FL_RETURN_ONE(real)                                                                                            \
    static void fl_return_each_##real(const real *dout, const uint8_t *bytes, real *dx, Py_ssize_t row,                \
        Py_ssize_t n) {                                                                                                \
        for (Py_ssize_t k = 0; k < n; k++)                                                                             \
            for (int i = 0; i < 4; i++) dx[(i / 2) * row + 2 * k + i % 2] = bytes[k] == i ? dout[k] : 0;               \
    }
FL_RETURN_ONE(float)
FL_RETURN_ONE(double)

#if defined(FL_SHUFFLES)
/* Every second of the numbers of two vectors, in an order that needs no more than one instruction; what makes it the
   right one; and of two vectors the one's and the other's in turn. */
#define FL_EVEN_float4 0, 2, 4, 6
#define FL_ODD_float4 1, 3, 5, 7
#define FL_ORDER_float4 0, 1, 2, 3
#define FL_LOW_float4 0, 4, 1, 5
#define FL_HIGH_float4 2, 6, 3, 7
#define FL_EVEN_float8 0, 2, 8, 10, 4, 6, 12, 14
#define FL_ODD_float8 1, 3, 9, 11, 5, 7, 13, 15
#define FL_ORDER_float8 0, 1, 4, 5, 2, 3, 6, 7
#define FL_LOW_float8 0, 8, 1, 9, 2, 10, 3, 11
#define FL_HIGH_float8 4, 12, 5, 13, 6, 14, 7, 15
#define FL_EVEN_float16 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30
#define FL_ODD_float16 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31
#define FL_ORDER_float16 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15
#define FL_LOW_float16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define FL_HIGH_float16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define FL_EVEN_double2 0, 2
#define FL_ODD_double2 1, 3
#define FL_ORDER_double2 0, 1
#define FL_LOW_double2 0, 2
#define FL_HIGH_double2 1, 3
#define FL_EVEN_double4 0, 4, 2, 6
#define FL_ODD_double4 1, 5, 3, 7
#define FL_ORDER_double4 0, 2, 1, 3
#define FL_LOW_double4 0, 4, 1, 5
#define FL_HIGH_double4 2, 6, 3, 7
#define FL_EVEN_double8 0, 8, 2, 10, 4, 12, 6, 14
#define FL_ODD_double8 1, 9, 3, 11, 5, 13, 7, 15
#define FL_ORDER_double8 0, 2, 4, 6, 1, 3, 5, 7
#define FL_LOW_double8 0, 8, 1, 9, 2, 10, 3, 11
#define FL_HIGH_double8 4, 12, 5, 13, 6, 14, 7, 15

/* Indices as bytes, from the order that those instructions leave, and back. */
#if defined(FL_AVX2)
#define FL_PICK_float4(i) _mm_shuffle_epi8(*(const __m128i *)i, _mm_setr_epi32(0x0c080400, 0, 0, 0))
#define FL_PICK_double2(i) _mm_shuffle_epi8(*(const __m128i *)i, _mm_setr_epi32(0x0800, 0, 0, 0))
#define FL_IN_ONE(i)                                                                                                   \
    _mm_packs_epi32(_mm256_castsi256_si128(*(const __m256i *)i), _mm256_extracti128_si256(*(const __m256i *)i, 1))
#define FL_PICK_float8(i) _mm_shuffle_epi8(FL_IN_ONE(i), _mm_setr_epi32(0x0a080200, 0x0e0c0604, 0, 0))
#define FL_PICK_double4(i) _mm_shuffle_epi8(FL_IN_ONE(i), _mm_setr_epi32(0x0c040800, 0, 0, 0))
#if defined(__AVX512VL__)
#define FL_PICK_float16(i)                                                                                             \
    _mm_shuffle_epi8(                                                                                                  \
        _mm512_cvtepi32_epi8(*(const __m512i *)i), _mm_setr_epi32(0x05040100, 0x0d0c0908, 0x07060302, 0x0f0e0b0a))
#define FL_PICK_double8(i)                                                                                             \
    _mm_shuffle_epi8(_mm512_cvtepi64_epi8(*(const __m512i *)i), _mm_setr_epi32(0x06040200, 0x07050301, 0, 0))
#define FL_WIDEN_float16 _mm512_cvtepu8_epi32
#define FL_WIDEN_double8 _mm512_cvtepu8_epi64
#endif
#define FL_WIDEN_float4 _mm_cvtepu8_epi32
#define FL_WIDEN_double2 _mm_cvtepu8_epi64
#define FL_WIDEN_float8 _mm256_cvtepu8_epi32
#define FL_WIDEN_double4 _mm256_cvtepu8_epi64
#define FL_NARROW(real, n, index, bytes)                                                                               \
    const __m128i picked = FL_PICK_##real##n(index);                                                                   \
    memcpy(bytes, &picked, n)
#define FL_WIDENED(real, n, index, bytes)                                                                              \
    __m128i some = _mm_setzero_si128();                                                                                \
    memcpy(&some, bytes, n);                                                                                           \
    index = (fl_at_##real##n)FL_WIDEN_##real##n(some)
#else
#define FL_NARROW(real, n, index, bytes)                                                                               \
    for (int lane = 0; lane < n; lane++) bytes[lane] = (uint8_t)(*index)[lane]
#define FL_WIDENED(real, n, index, bytes)                                                                              \
    for (int lane = 0; lane < n; lane++) index[lane] = bytes[lane]
#endif

/* n windows */
#define FL_QUADS(real, n)                                                                                              \
    FL_INLINE void fl_quads_##real##n(const real *p, Py_ssize_t row, real *y, uint8_t *bytes) {                        \
        fl_some_##real##n a, b, top;                                                                                   \
        fl_at_##real##n index = {0};                                                                                   \
        memcpy(&a, p, sizeof(a));                                                                                      \
        memcpy(&b, p + n, sizeof(b));                                                                                  \
        top = __builtin_shufflevector(a, b, FL_EVEN_##real##n);                                                        \
        fl_keep_larger_##real##n(&top, &index, __builtin_shufflevector(a, b, FL_ODD_##real##n), 1);                    \
        memcpy(&a, p + row, sizeof(a));                                                                                \
        memcpy(&b, p + row + n, sizeof(b));                                                                            \
        fl_keep_larger_##real##n(&top, &index, __builtin_shufflevector(a, b, FL_EVEN_##real##n), 2);                   \
        fl_keep_larger_##real##n(&top, &index, __builtin_shufflevector(a, b, FL_ODD_##real##n), 3);                    \
        top = __builtin_shufflevector(top, top, FL_ORDER_##real##n);                                                   \
        memcpy(y, &top, sizeof(top));                                                                                  \
        FL_NARROW(real, n, &index, bytes);                                                                             \
    }
/* and their gradients, with 0 everywhere else */
#define FL_QUADS_BACK(real, n)                                                                                         \
    FL_INLINE void fl_return_quads_##real##n(const real *dout, const uint8_t *bytes, real *dx, Py_ssize_t row) {       \
        fl_some_##real##n given;                                                                                       \
        memcpy(&given, dout, sizeof(given));                                                                           \
        const fl_at_##real##n bits = (fl_at_##real##n)given;                                                           \
        fl_at_##real##n index;                                                                                         \
        FL_WIDENED(real, n, index, bytes);                                                                             \
        for (int i = 0; i < 2; i++, dx += row) {                                                                       \
            const fl_some_##real##n even = (fl_some_##real##n)((index == 2 * i) & bits);                               \
            const fl_some_##real##n odd = (fl_some_##real##n)((index == 2 * i + 1) & bits);                            \
            const fl_some_##real##n low = __builtin_shufflevector(even, odd, FL_LOW_##real##n);                        \
            const fl_some_##real##n high = __builtin_shufflevector(even, odd, FL_HIGH_##real##n);                      \
            memcpy(dx, &low, sizeof(low));                                                                             \
            memcpy(dx + n, &high, sizeof(high));                                                                       \
        }                                                                                                              \
    }
FL_QUADS(float, 4)
FL_QUADS(double, 2)
FL_QUADS_BACK(float, 4)
FL_QUADS_BACK(double, 2)
#if defined(FL_AVX2)
FL_GROUP(float, int32_t, 8)
FL_GROUP(double, int64_t, 4)
FL_QUADS(float, 8)
FL_QUADS(double, 4)
FL_QUADS_BACK(float, 8)
FL_QUADS_BACK(double, 4)
#define FL_IF_WIDER(code) code
#else
#define FL_IF_WIDER(code)
#endif
#if defined(__AVX512VL__)
FL_GROUP(float, int32_t, 16)
FL_GROUP(double, int64_t, 8)
FL_QUADS(float, 16)
FL_QUADS(double, 8)
FL_QUADS_BACK(float, 16)
FL_QUADS_BACK(double, 8)
#define FL_IF_WIDEST(code) code
#else
#define FL_IF_WIDEST(code)
#endif

#define FL_ROWS_OF_QUADS(real, few, many, most)                                                                        \
    /* `left` windows follow in the plane: these, and rows whose results are written later, over what is too much */   \
    FL_INLINE void fl_quads_row_##real(                                                                                \
        const real *p, Py_ssize_t row, real *y, uint8_t *bytes, Py_ssize_t n, Py_ssize_t left) {                       \
        Py_ssize_t k = 0;                                                                                              \
        FL_IF_WIDEST(for (; n - k > many && left - k >= most; k += most) FL_LARGEST_QUADS_##real(most);)               \
        FL_IF_WIDER(for (; n - k > few && left - k >= many; k += many) FL_LARGEST_QUADS_##real(many);)                 \
        for (; k < n && left - k >= few; k += few) FL_LARGEST_QUADS_##real(few);                                       \
        if (k < n) fl_largest_each_##real(p + 2 * k, row, 2, 2, 2, 0, 2, y + k, bytes + k, NULL, n - k);               \
    }                                                                                                                  \
    FL_INLINE void fl_return_row_##real(                                                                               \
        const real *dout, const uint8_t *bytes, real *dx, Py_ssize_t row, Py_ssize_t n) {                              \
        Py_ssize_t k = 0;                                                                                              \
        FL_IF_WIDER(for (; k + many <= n; k += many) FL_RETURN_QUADS_##real(many);)                                    \
        for (; k + few <= n; k += few) FL_RETURN_QUADS_##real(few);                                                    \
        if (k < n) fl_return_each_##real(dout + k, bytes + k, dx + 2 * k, row, n - k);                                 \
    }
#define FL_LARGEST_QUADS_float(n) fl_quads_float##n(p + 2 * k, row, y + k, bytes + k)
#define FL_LARGEST_QUADS_double(n) fl_quads_double##n(p + 2 * k, row, y + k, bytes + k)
#define FL_RETURN_QUADS_float(n) fl_return_quads_float##n(dout + k, bytes + k, dx + 2 * k, row)
#define FL_RETURN_QUADS_double(n) fl_return_quads_double##n(dout + k, bytes + k, dx + 2 * k, row)
/* Rows of no more windows than one group has, but for the last, where there is nothing to write over. */
#define FL_ONE_A_ROW(size, call)                                                                                       \
    for (; i <= rows - (size + columns - 1) / columns; i++) call
#define FL_EACH_ROW(few, many, most, call)                                                                             \
    if (columns <= few) FL_ONE_A_ROW(few, call(few));                                                                  \
    FL_IF_WIDER(else if (columns <= many) FL_ONE_A_ROW(many, call(many));)                                             \
    FL_IF_WIDEST(else if (columns <= most) FL_ONE_A_ROW(most, call(most));)
#define FL_LARGEST_ROW(kind) fl_quads_##kind(x + 2 * i * wide, wide, y + i * columns, bytes + i * columns)
#define FL_LARGEST_ROW_float(n) FL_LARGEST_ROW(float##n)
#define FL_LARGEST_ROW_double(n) FL_LARGEST_ROW(double##n)
#define FL_RETURN_ROW(kind) fl_return_quads_##kind(dout + i * columns, bytes + i * columns, dx + 2 * i * wide, wide)
#define FL_RETURN_ROW_float(n) FL_RETURN_ROW(float##n)
#define FL_RETURN_ROW_double(n) FL_RETURN_ROW(double##n)
#define FL_PLANES(real, few, many, most)                                                                               \
    FL_APART void fl_quads_##real(const real *x, Py_ssize_t high, Py_ssize_t wide, real *y, uint8_t *bytes,            \
        Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t planes) {                                                      \
        for (; planes > 0; planes--, x += high * wide, y += rows * columns, bytes += rows * columns) {                 \
            Py_ssize_t i = 0;                                                                                          \
            FL_EACH_ROW(few, many, most, FL_LARGEST_ROW_##real)                                                        \
            for (; i < rows; i++)                                                                                      \
                fl_quads_row_##real(                                                                                   \
                    x + 2 * i * wide, wide, y + i * columns, bytes + i * columns, columns, (rows - i) * columns);      \
        }                                                                                                              \
    }                                                                                                                  \
    FL_APART void fl_return_##real(const real *dout, const uint8_t *bytes, real *dx, Py_ssize_t high,                  \
        Py_ssize_t wide, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t planes) {                                     \
        for (; planes > 0; planes--, dx += high * wide, dout += rows * columns, bytes += rows * columns) {             \
            Py_ssize_t i = 0;                                                                                          \
            if (high % 2 || wide % 2) memset(dx, 0, (size_t)(high * wide) * sizeof(real));                             \
            if (wide % 2 == 0) {                                                                                       \
                FL_EACH_ROW(few, many, most, FL_RETURN_ROW_##real)                                                     \
            }                                                                                                          \
            for (; i < rows; i++)                                                                                      \
                fl_return_row_##real(dout + i * columns, bytes + i * columns, dx + 2 * i * wide, wide, columns);       \
        }                                                                                                              \
    }
FL_ROWS_OF_QUADS(float, 4, 8, 16)
FL_ROWS_OF_QUADS(double, 2, 4, 8)
FL_PLANES(float, 4, 8, 16)
FL_PLANES(double, 2, 4, 8)
#else
#define FL_PLANES(real)                                                                                                \
    static void fl_quads_##real(const real *x, Py_ssize_t high, Py_ssize_t wide, real *y, uint8_t *bytes,              \
        Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t planes) {                                                      \
        for (; planes > 0; planes--, x += high * wide)                                                                 \
            for (Py_ssize_t i = 0; i < rows; i++, y += columns, bytes += columns)                                      \
                fl_largest_each_##real(x + 2 * i * wide, wide, 2, 2, 2, 0, 2, y, bytes, NULL, columns);                \
    }                                                                                                                  \
    static void fl_return_##real(const real *dout, const uint8_t *bytes, real *dx, Py_ssize_t high,                    \
        Py_ssize_t wide, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t planes) {                                     \
        for (; planes > 0; planes--, dx += high * wide) {                                                              \
            if (high % 2 || wide % 2) memset(dx, 0, (size_t)(high * wide) * sizeof(real));                             \
            for (Py_ssize_t i = 0; i < rows; i++, dout += columns, bytes += columns)                                   \
                fl_return_each_##real(dout, bytes, dx + 2 * i * wide, wide, columns);                                  \
        }                                                                                                              \
    }
FL_PLANES(float)
FL_PLANES(double)
#endif

#endif
