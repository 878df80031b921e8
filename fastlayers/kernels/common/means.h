/* Average pooling by windows of two by two that have nothing in common: a few of a row of them at a time, and the last
   few once more with some before them where a row has no whole number of these.

   Sums are as the loops for other windows have them, one number after another in float64, and where the numbers are of
   it what rounding loses is kept. Where the compiler has no vectors of any width no row has windows enough. */

#ifndef FASTLAYERS_MEANS_H
#define FASTLAYERS_MEANS_H

#include "quads.h"
#include <limits.h>

#if defined(FL_SHUFFLES)
typedef double fl_sums_float4 __attribute__((vector_size(32)));
#if defined(FL_AVX2)
#define FL_AS_DOUBLES(x) (fl_sums_float4)_mm256_cvtps_pd((__m128)(x)) /* which GCC makes of five instructions */
#else
#define FL_AS_DOUBLES(x) __builtin_convertvector(x, fl_sums_float4)
#endif
FL_INLINE void fl_add_float4(fl_sums_float4 *sums, fl_sums_float4 *lost, fl_some_float4 x) {
    (void)lost;
    *sums += FL_AS_DOUBLES(x);
}
FL_INLINE fl_some_float4 fl_quarter_float4(const fl_sums_float4 *sums, const fl_sums_float4 *lost) {
    (void)lost;
    return __builtin_convertvector(*sums * 0.25, fl_some_float4);
}
/* What is lost is nan where the sum is not finite, and then nothing. */
#define FL_SUMS_OF_DOUBLES(n)                                                                                          \
    typedef fl_some_double##n fl_sums_double##n;                                                                       \
    FL_INLINE void fl_add_double##n(fl_some_double##n *sums, fl_some_double##n *lost, fl_some_double##n x) {           \
        const fl_some_double##n rounded = *sums + x, part = rounded - *sums;                                           \
        *lost += (*sums - (rounded - part)) + (x - part);                                                              \
        *sums = rounded;                                                                                               \
    }                                                                                                                  \
    FL_INLINE fl_some_double##n fl_quarter_double##n(const fl_some_double##n *sums, const fl_some_double##n *lost) {   \
        return (*sums + (fl_some_double##n)((*lost == *lost) & (fl_at_double##n) * lost)) * 0.25;                      \
    }
#if defined(FL_AVX2)
#define FL_DOUBLES_AT_A_TIME 4
FL_SUMS_OF_DOUBLES(4)
#else
#define FL_DOUBLES_AT_A_TIME 2
FL_SUMS_OF_DOUBLES(2)
#endif

#define FL_MEANS_OF(real, n)                                                                                           \
    FL_INLINE void fl_means_##real##n(const real *p, Py_ssize_t row, real *y) {                                        \
        fl_sums_##real##n sums = {0}, lost = {0};                                                                      \
        for (int i = 0; i < 2; i++, p += row) {                                                                        \
            fl_some_##real##n a, b;                                                                                    \
            memcpy(&a, p, sizeof(a));                                                                                  \
            memcpy(&b, p + n, sizeof(b));                                                                              \
            fl_add_##real##n(&sums, &lost, __builtin_shufflevector(a, b, FL_EVEN_##real##n));                          \
            fl_add_##real##n(&sums, &lost, __builtin_shufflevector(a, b, FL_ODD_##real##n));                           \
        }                                                                                                              \
        const fl_some_##real##n means = fl_quarter_##real##n(&sums, &lost);                                            \
        const fl_some_##real##n found = __builtin_shufflevector(means, means, FL_ORDER_##real##n);                     \
        memcpy(y, &found, sizeof(found));                                                                              \
    }                                                                                                                  \
    /* 0 is added to what else might be -0 */                                                                          \
    FL_INLINE void fl_shares_##real##n(const real *dout, real *dx, Py_ssize_t row) {                                   \
        fl_some_##real##n share;                                                                                       \
        memcpy(&share, dout, sizeof(share));                                                                           \
        share = share * (real)0.25 + (real)0;                                                                          \
        const fl_some_##real##n low = __builtin_shufflevector(share, share, FL_LOW_##real##n);                         \
        const fl_some_##real##n high = __builtin_shufflevector(share, share, FL_HIGH_##real##n);                       \
        for (int i = 0; i < 2; i++, dx += row) {                                                                       \
            memcpy(dx, &low, sizeof(low));                                                                             \
            memcpy(dx + n, &high, sizeof(high));                                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    /* y of x, or, going `back`, dx of dout; of rows of n windows at least */                                          \
    FL_APART void fl_mean_quads_##real(                                                                                \
        real *x, real *y, Py_ssize_t high, Py_ssize_t wide, Py_ssize_t planes, int back) {                             \
        const Py_ssize_t columns = wide / 2;                                                                           \
        for (; planes > 0; planes--, x += high * wide)                                                                 \
            for (Py_ssize_t i = 0; i < high - 1; i += 2, y += columns)                                                 \
                for (Py_ssize_t k = 0; k < columns; k += n) {                                                          \
                    k = k < columns - n ? k : columns - n;                                                             \
                    if (back) fl_shares_##real##n(y + k, x + i * wide + 2 * k, wide);                                  \
                    else fl_means_##real##n(x + i * wide + 2 * k, wide, y + k);                                        \
                }                                                                                                      \
    }                                                                                                                  \
    FL_APART void fl_share_images_##real(const real *dout, real *dx, Py_ssize_t size, Py_ssize_t planes) {             \
        for (; planes > 0; planes--, dout++, dx += size) {                                                             \
            const fl_some_##real##n share = (fl_some_##real##n){0} + *dout / (real)size;                               \
            for (Py_ssize_t k = 0; k < size; k += n) {                                                                 \
                k = k < size - n ? k : size - n;                                                                       \
                memcpy(dx + k, &share, sizeof(share));                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }
#define FL_MEANS(real, n) FL_MEANS_OF(real, n)
FL_MEANS(float, 4)
FL_MEANS(double, FL_DOUBLES_AT_A_TIME)
enum { FL_LEAST_NUMBERS = 4 }; /* so many windows in a row, or numbers in an image */
#else
enum { FL_LEAST_NUMBERS = INT_MAX };
#define fl_mean_quads_float(...) (void)0
#define fl_mean_quads_double(...) (void)0
#define fl_share_images_float(...) (void)0
#define fl_share_images_double(...) (void)0
#endif

#endif
