/* Vectors of a level: the widest that it has, and on AVX-512 those of half the width too, for what is left of a row.

   One set of operations a kind, named by what a vector holds: f16 is 16 of float. A product of matrices is all
   multiply-adds in registers; so these are spelled out, where a loop over lanes would leave it to the compiler which
   lanes make a vector and what is rounded as one. Every kind rounds as `fl_multiply_add_*` of its level. */

#ifndef FASTLAYERS_VECTORS_H
#define FASTLAYERS_VECTORS_H

#include "floating_point.h"

#if defined(_MSC_VER) && !defined(__clang__)
#define FL_INLINE static __forceinline
#else
#define FL_INLINE static inline __attribute__((always_inline))
#endif

#if defined(__GNUC__)
#define FL_PREFETCH(p) __builtin_prefetch(p)
#else
#define FL_PREFETCH(p) (void)0
#endif

#if defined(__AVX512VL__) || (defined(__AVX2__) && FL_FUSED)
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
    FL_INLINE vector fl_multiply_add_##kind(vector x, vector y, vector z) { return prefix##_fmadd_##suffix(x, y, z); } \
    FL_INLINE int fl_has_nan_##kind(vector x) { return prefix##_cmp_##suffix##_mask(x, x, _CMP_UNORD_Q) != 0; }
FL_VECTORS(f16, float, __m512, _mm512, ps, __mmask16, 0xffff)
FL_VECTORS(f8, float, __m256, _mm256, ps, __mmask8, 0xff)
FL_VECTORS(d8, double, __m512d, _mm512, pd, __mmask8, 0xff)
FL_VECTORS(d4, double, __m256d, _mm256, pd, __mmask8, 0xf)
#elif defined(__AVX2__) && FL_FUSED
enum { FL_FREE_MASKS = 0 };
#define FL_VECTORS(kind, real, vector, suffix, mask_of)                                                                \
    typedef vector fl_##kind;                                                                                          \
    typedef __m256i fl_mask_##kind;                                                                                    \
    FL_INLINE __m256i fl_first_##kind(int lanes) { return mask_of; }                                                   \
    FL_INLINE vector fl_zero_##kind(void) { return _mm256_setzero_##suffix(); }                                        \
    FL_INLINE vector fl_every_##kind(real x) { return _mm256_set1_##suffix(x); }                                       \
    FL_INLINE vector fl_load_##kind(const real *p) { return _mm256_loadu_##suffix(p); }                                \
    FL_INLINE vector fl_load_first_##kind(const real *p, __m256i first) { return _mm256_maskload_##suffix(p, first); } \
    FL_INLINE void fl_store_##kind(real *p, vector x) { _mm256_storeu_##suffix(p, x); }                                \
    FL_INLINE void fl_store_first_##kind(real *p, __m256i first, vector x) { _mm256_maskstore_##suffix(p, first, x); } \
    FL_INLINE vector fl_add_##kind(vector x, vector y) { return _mm256_add_##suffix(x, y); }                           \
    FL_INLINE vector fl_multiply_add_##kind(vector x, vector y, vector z) { return _mm256_fmadd_##suffix(x, y, z); }   \
    FL_INLINE int fl_has_nan_##kind(vector x) {                                                                        \
        return _mm256_movemask_##suffix(_mm256_cmp_##suffix(x, x, _CMP_UNORD_Q)) != 0;                                 \
    }
FL_VECTORS(f8, float, __m256, ps, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)))
FL_VECTORS(d4, double, __m256d, pd, _mm256_cmpgt_epi64(_mm256_set1_epi64x(lanes), _mm256_setr_epi64x(0, 1, 2, 3)))
#else
enum { FL_FREE_MASKS = 0 };
/* 16 bytes: what every compiler makes vectors of by itself, or of GCC's own vectors on any processor. */
#if defined(__GNUC__)
#define FL_VECTOR_TYPE(kind, real, lanes) typedef real fl_##kind __attribute__((vector_size(16)))
#define FL_LANE(x, lane) (x)[lane]
#else
#define FL_VECTOR_TYPE(kind, real, lanes) typedef struct { real lane[lanes]; } fl_##kind
#define FL_LANE(x, i) (x).lane[i]
#endif
#define FL_EACH_LANE(kind, result, value)                                                                                  \
    fl_##kind result;                                                                                                  \
    for (int lane = 0; lane < (int)(sizeof(result) / sizeof(FL_LANE(result, 0))); lane++) FL_LANE(result, lane) = value
#define FL_VECTORS(kind, real)                                                                                         \
    FL_VECTOR_TYPE(kind, real, 16 / sizeof(real));                                                                     \
    typedef int fl_mask_##kind;                                                                                        \
    FL_INLINE int fl_first_##kind(int lanes) { return lanes; }                                                         \
    FL_INLINE fl_##kind fl_every_##kind(real x) { FL_EACH_LANE(kind, y, x); return y; }                                    \
    FL_INLINE fl_##kind fl_zero_##kind(void) { return fl_every_##kind(0); }                                            \
    FL_INLINE fl_##kind fl_load_##kind(const real *p) { fl_##kind x; memcpy(&x, p, 16); return x; }                    \
    FL_INLINE fl_##kind fl_load_first_##kind(const real *p, int first) { FL_EACH_LANE(kind, x, lane < first ? p[lane] : 0); return x; } \
    FL_INLINE void fl_store_##kind(real *p, fl_##kind x) { memcpy(p, &x, 16); }                                        \
    FL_INLINE void fl_store_first_##kind(real *p, int first, fl_##kind x) {                                            \
        for (int lane = 0; lane < first; lane++) p[lane] = FL_LANE(x, lane);                                           \
    }                                                                                                                  \
    FL_INLINE fl_##kind fl_add_##kind(fl_##kind x, fl_##kind y) { FL_EACH_LANE(kind, z, FL_LANE(x, lane) + FL_LANE(y, lane)); return z; } \
    FL_INLINE fl_##kind fl_multiply_add_##kind(fl_##kind x, fl_##kind y, fl_##kind z) {                                \
        FL_EACH_LANE(kind, sum, fl_multiply_add_##real(FL_LANE(x, lane), FL_LANE(y, lane), FL_LANE(z, lane)));             \
        return sum;                                                                                                    \
    }                                                                                                                  \
    FL_INLINE int fl_has_nan_##kind(fl_##kind x) {                                                                     \
        int nan = 0;                                                                                                   \
        for (int lane = 0; lane < (int)(16 / sizeof(real)); lane++) nan |= FL_LANE(x, lane) != FL_LANE(x, lane);       \
        return nan;                                                                                                    \
    }
FL_VECTORS(f4, float)
FL_VECTORS(d2, double)
#endif

/* out[j * out_row + i] = in[i * in_row + j] of a block of FL_TURNED_float squared, or FL_TURNED_double. */
enum { FL_TURNED_float = 8, FL_TURNED_double = 4 };
#if defined(__AVX2__) && FL_FUSED
FL_INLINE void fl_turn_float(const float *in, Py_ssize_t in_row, float *out, Py_ssize_t out_row) {
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
        _mm256_storeu_ps(out + half * out_row, _mm256_shuffle_ps(y[half], y[half + 2], 0x44));
        _mm256_storeu_ps(out + (half + 1) * out_row, _mm256_shuffle_ps(y[half], y[half + 2], 0xee));
        _mm256_storeu_ps(out + (half + 2) * out_row, _mm256_shuffle_ps(y[half + 1], y[half + 3], 0x44));
        _mm256_storeu_ps(out + (half + 3) * out_row, _mm256_shuffle_ps(y[half + 1], y[half + 3], 0xee));
    }
}
FL_INLINE void fl_turn_double(const double *in, Py_ssize_t in_row, double *out, Py_ssize_t out_row) {
    for (int half = 0; half < 4; half += 2) {
        const __m256d even = _mm256_insertf128_pd(
            _mm256_castpd128_pd256(_mm_loadu_pd(in + half)), _mm_loadu_pd(in + 2 * in_row + half), 1);
        const __m256d odd = _mm256_insertf128_pd(
            _mm256_castpd128_pd256(_mm_loadu_pd(in + in_row + half)), _mm_loadu_pd(in + 3 * in_row + half), 1);
        _mm256_storeu_pd(out + half * out_row, _mm256_unpacklo_pd(even, odd));
        _mm256_storeu_pd(out + (half + 1) * out_row, _mm256_unpackhi_pd(even, odd));
    }
}
#else
#define FL_TURN(real)                                                                                                  \
    FL_INLINE void fl_turn_##real(const real *in, Py_ssize_t in_row, real *out, Py_ssize_t out_row) {                  \
        for (int i = 0; i < FL_TURNED_##real; i++)                                                                     \
            for (int j = 0; j < FL_TURNED_##real; j++) out[j * out_row + i] = in[i * in_row + j];                      \
    }
FL_TURN(float)
FL_TURN(double)
#endif

#endif
