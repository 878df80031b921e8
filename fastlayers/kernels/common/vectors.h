/* Vectors of a level: the widest that it has, and on AVX-512 those of half the width too, for what is left of a row.

   One set of operations a kind, named by what a vector holds: f16 is 16 of float. A product of matrices is all
   multiply-adds in registers; so these are spelled out, where a loop over lanes would leave it to the compiler which
   lanes make a vector and what is rounded as one. Every kind rounds as `fl_multiply_add_*` of its level. */

#ifndef FASTLAYERS_VECTORS_H
#define FASTLAYERS_VECTORS_H

#include "floating_point.h"

#if defined(_MSC_VER) && !defined(__clang__)
#define FL_INLINE static __forceinline
#define FL_APART static
#define FL_RARE static
#define FL_RESTRICT __restrict
#else
#define FL_INLINE static inline __attribute__((always_inline))
#define FL_APART static __attribute__((noinline))
#define FL_RARE static __attribute__((noinline, cold))
#define FL_RESTRICT restrict
#endif
/* APART is what is called from several places and not copied into them, nor into a loop that would have too few registers
   then; RARE is for size alone. */

FL_INLINE Py_ssize_t fl_least(Py_ssize_t a, Py_ssize_t b) { return a < b ? a : b; }

#if defined(__GNUC__)
#define FL_PREFETCH(p) __builtin_prefetch(p)
#else
#define FL_PREFETCH(p) (void)0
#endif

/* MSVC has these instructions where it has AVX2, but no name for them. */
#if defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))
#define FL_AVX2
#include <immintrin.h>
#endif

/* kind, number, vector, bits of the intrinsics' names and their suffix, mask, and the bit of each lane */
#if defined(__AVX512VL__)
enum { FL_FREE_MASKS = 1 };
#define FL_VECTORS(kind, real, vector, prefix, suffix, mask_type, all)                                                 \
    typedef vector fl_##kind;                                                                                          \
    typedef mask_type fl_mask_##kind;                                                                                  \
    FL_INLINE fl_mask_##kind fl_first_##kind(int lanes) { \
        return (mask_type)((all) >> ((int)(sizeof(vector) / sizeof(real)) - lanes));                                   \
    } \
    FL_INLINE vector fl_zero_##kind(void) { return prefix##_setzero_##suffix(); }                                      \
    FL_INLINE vector fl_every_##kind(real x) { return prefix##_set1_##suffix(x); }                                     \
    FL_INLINE vector fl_load_##kind(const real *p) { return prefix##_loadu_##suffix(p); }                              \
    FL_INLINE vector fl_load_first_##kind(const real *p, mask_type first) {                                            \
        return prefix##_maskz_loadu_##suffix(first, p);                                                                \
    }                                                                                                                  \
    FL_INLINE void fl_store_##kind(real *p, vector x) { prefix##_storeu_##suffix(p, x); }                              \
    FL_INLINE void fl_store_first_##kind(real *p, mask_type first, vector x) {                                         \
        prefix##_mask_storeu_##suffix(p, first, x);                                                                    \
    }                                                                                                                  \
    FL_INLINE vector fl_add_##kind(vector x, vector y) { return prefix##_add_##suffix(x, y); }                         \
    FL_INLINE vector fl_multiply_##kind(vector x, vector y) { return prefix##_mul_##suffix(x, y); }                    \
    FL_INLINE vector fl_multiply_add_##kind(vector x, vector y, vector z) { return prefix##_fmadd_##suffix(x, y, z); } \
    FL_INLINE vector fl_above_##kind(vector x, vector low) { /* else low; +0 for -0; nan if x is, x if low is */       \
        return prefix##_add_##suffix(prefix##_max_##suffix(low, x), prefix##_setzero_##suffix());                      \
    }                                                                                                                  \
    FL_INLINE int fl_has_nan_##kind(vector x) { return prefix##_cmp_##suffix##_mask(x, x, _CMP_UNORD_Q) != 0; }
FL_VECTORS(f16, float, __m512, _mm512, ps, __mmask16, 0xffff)
FL_VECTORS(f8, float, __m256, _mm256, ps, __mmask8, 0xff)
FL_VECTORS(d8, double, __m512d, _mm512, pd, __mmask8, 0xff)
FL_VECTORS(d4, double, __m256d, _mm256, pd, __mmask8, 0xf)
#elif defined(FL_AVX2)
enum { FL_FREE_MASKS = 0 };
#define FL_VECTORS(kind, real, vector, suffix, mask_of)                                                                \
    typedef vector fl_##kind;                                                                                          \
    typedef struct { __m256i set; int count; } fl_mask_##kind;                                                         \
    FL_INLINE fl_mask_##kind fl_first_##kind(int lanes) {                                                              \
        const fl_mask_##kind first = {mask_of, lanes};                                                                 \
        return first;                                                                                                  \
    }                                                  \
    FL_INLINE vector fl_zero_##kind(void) { return _mm256_setzero_##suffix(); }                                        \
    FL_INLINE vector fl_every_##kind(real x) { return _mm256_set1_##suffix(x); }                                       \
    FL_INLINE vector fl_load_##kind(const real *p) { return _mm256_loadu_##suffix(p); }                                \
    FL_INLINE vector fl_load_first_##kind(const real *p, fl_mask_##kind first) {                                      \
        return _mm256_maskload_##suffix(p, first.set);                                                                 \
    }                                                                                                                  \
    FL_INLINE void fl_store_##kind(real *p, vector x) { _mm256_storeu_##suffix(p, x); }                                \
    FL_INLINE vector fl_add_##kind(vector x, vector y) { return _mm256_add_##suffix(x, y); }                           \
    FL_INLINE vector fl_multiply_##kind(vector x, vector y) { return _mm256_mul_##suffix(x, y); }                      \
    FL_INLINE vector fl_multiply_add_##kind(vector x, vector y, vector z) { return _mm256_fmadd_##suffix(x, y, z); }   \
    FL_INLINE vector fl_above_##kind(vector x, vector low) {                                                           \
        return _mm256_add_##suffix(_mm256_max_##suffix(low, x), _mm256_setzero_##suffix());                            \
    }                                                                                                                  \
    FL_INLINE int fl_has_nan_##kind(vector x) {                                                                        \
        return _mm256_movemask_##suffix(_mm256_cmp_##suffix(x, x, _CMP_UNORD_Q)) != 0;                                 \
    }
#define FL_NUMBERS _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
FL_VECTORS(f8, float, __m256, ps, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), FL_NUMBERS))
FL_VECTORS(d4, double, __m256d, pd, _mm256_cmpgt_epi64(_mm256_set1_epi64x(lanes), _mm256_setr_epi64x(0, 1, 2, 3)))
/* Fewer than all. A store with a mask takes tens of cycles on many processors. */
FL_INLINE void fl_store_first_f8(float *p, fl_mask_f8 first, __m256 x) {
    __m128 rest = _mm256_castps256_ps128(x);
    if (first.count & 4) {
        _mm_storeu_ps(p, rest);
        rest = _mm256_extractf128_ps(x, 1);
        p += 4;
    }
    if (first.count & 2) {
        _mm_storel_pi((__m64 *)p, rest);
        rest = _mm_movehl_ps(rest, rest);
        p += 2;
    }
    if (first.count & 1) _mm_store_ss(p, rest);
}
FL_INLINE void fl_store_first_d4(double *p, fl_mask_d4 first, __m256d x) {
    __m128d rest = _mm256_castpd256_pd128(x);
    if (first.count & 2) {
        _mm_storeu_pd(p, rest);
        rest = _mm256_extractf128_pd(x, 1);
        p += 2;
    }
    if (first.count & 1) _mm_store_sd(p, rest);
}
#else
enum { FL_FREE_MASKS = 0 };
/* 16 bytes, which every processor has: the compiler's own vectors; where it has none, lanes in a loop. */
#if defined(__GNUC__)
#define FL_VECTOR_TYPE(kind, real) typedef real fl_##kind __attribute__((vector_size(16)))
#define FL_LANE(x, lane) (x)[lane]
#define FL_OF_LANES(kind, real, x, sign, y) return x sign y
#else
#define FL_VECTOR_TYPE(kind, real) typedef struct { real lane[16 / sizeof(real)]; } fl_##kind
#define FL_LANE(x, i) (x).lane[i]
#define FL_OF_LANES(kind, real, x, sign, y) FL_EACH_LANE(kind, real, FL_LANE(x, i) sign FL_LANE(y, i))
#endif
#if defined(__GNUC__) && !FL_FUSED
#define FL_SUM_OF_PRODUCT(kind, real, x, y, z) return x * y + z
#elif defined(__GNUC__) && defined(__aarch64__)
#include <arm_neon.h>
#define FL_SUM_OF_PRODUCT(kind, real, x, y, z) return vfmaq_##kind(z, x, y)
#define vfmaq_f4 vfmaq_f32
#define vfmaq_d2 vfmaq_f64
#else
#define FL_SUM_OF_PRODUCT(kind, real, x, y, z)                                                                         \
    FL_EACH_LANE(kind, real, fl_multiply_add_##real(FL_LANE(x, i), FL_LANE(y, i), FL_LANE(z, i)))
#endif
#define FL_EACH_LANE(kind, real, value)                                                                                \
    fl_##kind result;                                                                                                  \
    for (int i = 0; i < (int)(16 / sizeof(real)); i++) FL_LANE(result, i) = value;                                     \
    return result
#define FL_VECTORS(kind, real)                                                                                         \
    FL_VECTOR_TYPE(kind, real);                                                                                        \
    typedef int fl_mask_##kind;                                                                                        \
    FL_INLINE int fl_first_##kind(int lanes) { return lanes; }                                                         \
    FL_INLINE fl_##kind fl_load_##kind(const real *p) { fl_##kind x; memcpy(&x, p, 16); return x; }                    \
    FL_INLINE fl_##kind fl_load_first_##kind(const real *p, int first) {                                               \
        FL_EACH_LANE(kind, real, i < first ? p[i] : 0);                                                                \
    }                                                                                                                  \
    FL_INLINE void fl_store_##kind(real *p, fl_##kind x) { memcpy(p, &x, 16); }                                        \
    FL_INLINE void fl_store_first_##kind(real *p, int first, fl_##kind x) {                                            \
        for (int i = 0; i < first; i++) p[i] = FL_LANE(x, i);                                                          \
    }                                                                                                                  \
    FL_INLINE fl_##kind fl_add_##kind(fl_##kind x, fl_##kind y) { FL_OF_LANES(kind, real, x, +, y); }                  \
    FL_INLINE fl_##kind fl_multiply_##kind(fl_##kind x, fl_##kind y) { FL_OF_LANES(kind, real, x, *, y); }             \
    FL_INLINE fl_##kind fl_above_##kind(fl_##kind x, fl_##kind low) {                                                  \
        FL_EACH_LANE(kind, real, FL_LANE(x, i) <= FL_LANE(low, i) ? 0 : FL_LANE(x, i));                                \
    }                                                                                                                  \
    FL_INLINE fl_##kind fl_multiply_add_##kind(fl_##kind x, fl_##kind y, fl_##kind z) {                                \
        FL_SUM_OF_PRODUCT(kind, real, x, y, z);                                                                        \
    }                                                                                                                  \
    FL_INLINE int fl_has_nan_##kind(fl_##kind x) {                                                                     \
        int nan = 0;                                                                                                   \
        for (int i = 0; i < (int)(16 / sizeof(real)); i++) nan |= FL_LANE(x, i) != FL_LANE(x, i);                      \
        return nan;                                                                                                    \
    }                                                                                                                  \
    FL_INLINE real fl_sum_##kind(fl_##kind x) {                                                                        \
        real sum = FL_LANE(x, 0);                                                                                      \
        for (int i = 1; i < (int)(16 / sizeof(real)); i++) sum += FL_LANE(x, i);                                       \
        return sum;                                                                                                    \
    }
FL_VECTORS(f4, float)
FL_VECTORS(d2, double)
#if defined(__GNUC__)
FL_INLINE fl_f4 fl_every_f4(float x) { return (fl_f4){x, x, x, x}; }
FL_INLINE fl_d2 fl_every_d2(double x) { return (fl_d2){x, x}; }
#else
FL_INLINE fl_f4 fl_every_f4(float x) { FL_EACH_LANE(f4, float, x); }
FL_INLINE fl_d2 fl_every_d2(double x) { FL_EACH_LANE(d2, double, x); }
#endif
FL_INLINE fl_f4 fl_zero_f4(void) { return fl_every_f4(0); }
FL_INLINE fl_d2 fl_zero_d2(void) { return fl_every_d2(0); }
#endif

/* The sum of the lanes, by halves. */
#if defined(FL_AVX2)
FL_INLINE float fl_sum_f8(__m256 x) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
FL_INLINE double fl_sum_d4(__m256d x) {
    const __m128d sum = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    return _mm_cvtsd_f64(_mm_add_sd(sum, _mm_unpackhi_pd(sum, sum)));
}
#endif
#if defined(__AVX512VL__)
FL_INLINE float fl_sum_f16(__m512 x) {
    return fl_sum_f8(_mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)));
}
FL_INLINE double fl_sum_d8(__m512d x) {
    return fl_sum_d4(_mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1)));
}
#endif

/* out[j * out_row + i] = in[i * in_row + j] of a block of FL_TURNED_float squared, or FL_TURNED_double; of the first
   `rows` of `in` alone. */
enum { FL_TURNED_float = 8, FL_TURNED_double = 4 };
#if defined(FL_AVX2)
#define FL_PUT_TURNED(kind, j, x)                                                                                      \
    do {                                                                                                               \
        if (rows == FL_TURNED_##kind) fl_store_##kind(out + (j) * out_row, x);                                         \
        else fl_store_first_##kind(out + (j) * out_row, first, x);                                                     \
    } while (0)
enum { FL_TURNED_f8 = FL_TURNED_float, FL_TURNED_d4 = FL_TURNED_double };
FL_INLINE void fl_turn_float(const float *in, Py_ssize_t in_row, float *out, Py_ssize_t out_row, const int rows) {
    const fl_mask_f8 first = fl_first_f8(rows);
    __m256 x[8], y[8];
    for (int i = 0; i < 4; i++) { /* halves of rows i and i + 4: then four blocks of 4 by 4 are left, two in each */
        x[i] = _mm256_insertf128_ps(
            _mm256_castps128_ps256(_mm_loadu_ps(in + i * in_row)), _mm_loadu_ps(in + (i + 4) * in_row), 1);
        x[i + 4] = _mm256_insertf128_ps(
            _mm256_castps128_ps256(_mm_loadu_ps(in + i * in_row + 4)), _mm_loadu_ps(in + (i + 4) * in_row + 4), 1);
    }
    for (int half = 0; half < 8; half += 4) {
        y[half] = _mm256_unpacklo_ps(x[half], x[half + 1]);
        y[half + 1] = _mm256_unpackhi_ps(x[half], x[half + 1]);
        y[half + 2] = _mm256_unpacklo_ps(x[half + 2], x[half + 3]);
        y[half + 3] = _mm256_unpackhi_ps(x[half + 2], x[half + 3]);
        FL_PUT_TURNED(f8, half, _mm256_shuffle_ps(y[half], y[half + 2], 0x44));
        FL_PUT_TURNED(f8, half + 1, _mm256_shuffle_ps(y[half], y[half + 2], 0xee));
        FL_PUT_TURNED(f8, half + 2, _mm256_shuffle_ps(y[half + 1], y[half + 3], 0x44));
        FL_PUT_TURNED(f8, half + 3, _mm256_shuffle_ps(y[half + 1], y[half + 3], 0xee));
    }
}
FL_INLINE void fl_turn_double(const double *in, Py_ssize_t in_row, double *out, Py_ssize_t out_row, const int rows) {
    const fl_mask_d4 first = fl_first_d4(rows);
    for (int half = 0; half < 4; half += 2) {
        const __m256d even = _mm256_insertf128_pd(
            _mm256_castpd128_pd256(_mm_loadu_pd(in + half)), _mm_loadu_pd(in + 2 * in_row + half), 1);
        const __m256d odd = _mm256_insertf128_pd(
            _mm256_castpd128_pd256(_mm_loadu_pd(in + in_row + half)), _mm_loadu_pd(in + 3 * in_row + half), 1);
        FL_PUT_TURNED(d4, half, _mm256_unpacklo_pd(even, odd));
        FL_PUT_TURNED(d4, half + 1, _mm256_unpackhi_pd(even, odd));
    }
}
#else
#define FL_TURN(real)                                                                                                  \
    FL_INLINE void fl_turn_##real(const real *in, Py_ssize_t in_row, real *out, Py_ssize_t out_row, const int rows) {  \
        for (int i = 0; i < rows; i++)                                                                                 \
            for (int j = 0; j < FL_TURNED_##real; j++) out[j * out_row + i] = in[i * in_row + j];                      \
    }
FL_TURN(float)
FL_TURN(double)
#endif

#endif
