"""Adam's rule, one pass over parameter, gradient and both means.

A square root and a division a number are what it waits for: in float64 some 40 cycles for eight of them, where all the
rest takes 10. AVX-512 has estimates of both, good to 14 bits. One step of Newton's makes them 28, and another, of the
residual ``x - s * s`` or ``a - d * q``, gives a result within an ulp of the rounded one. Where an estimate has no such
neighbour (numbers that are not finite or near the ends of the range), lane by lane, the exact instructions answer.
float32 gains little, and stays with them.
"""

from libc.float cimport DBL_EPSILON, DBL_MIN, FLT_EPSILON, FLT_MIN
from libc.math cimport sqrt, sqrtf

cdef extern from * nogil:
    """
    #if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__GNUC__)
    #include <immintrin.h>
    enum { FL_ADAM_ESTIMATES = 1 };

    static inline __m512d fl_adam_step(__m512d a, __m512d x, __m512d eps) {
        /* a / (sqrt(x) + eps), eps from 1e-100 to 1e100, x not negative. */
        const __m512d one = _mm512_set1_pd(1.0), half = _mm512_set1_pd(0.5), end = _mm512_set1_pd(1e200);
        /* 0 has an infinite estimate; what is below 1e-250 has a root that is nothing beside eps. */
        const __m512d safe = _mm512_max_pd(_mm512_set1_pd(1e-250), x), size = _mm512_abs_pd(a);
        /* The residual of a small number is subnormal, which takes the processor hundreds of cycles. */
        const __mmask8 small = _mm512_cmp_pd_mask(size, _mm512_set1_pd(1e-250), _CMP_LT_OQ);
        const __mmask8 large = _mm512_cmp_pd_mask(x, end, _CMP_NLE_UQ) | _mm512_cmp_pd_mask(size, end, _CMP_NLE_UQ);
        const __mmask8 far = large | (small & _mm512_cmp_pd_mask(a, _mm512_setzero_pd(), _CMP_NEQ_OQ));
        const __m512d near = _mm512_maskz_mov_pd((__mmask8)~far, a);
        __m512d r, s, d, q, y;
        r = _mm512_rsqrt14_pd(safe);
        r = _mm512_mul_pd(r, _mm512_fnmadd_pd(_mm512_mul_pd(safe, half), _mm512_mul_pd(r, r), _mm512_set1_pd(1.5)));
        s = _mm512_mul_pd(safe, r);
        s = _mm512_fmadd_pd(_mm512_fnmadd_pd(s, s, safe), _mm512_mul_pd(r, half), s);
        d = _mm512_add_pd(s, eps);
        q = _mm512_rcp14_pd(d);
        q = _mm512_fmadd_pd(_mm512_fnmadd_pd(d, q, one), q, q);
        y = _mm512_mul_pd(near, q);
        y = _mm512_fmadd_pd(_mm512_fnmadd_pd(d, y, near), q, y);
        if (__builtin_expect(far != 0, 0))
            y = _mm512_mask_div_pd(y, far, a, _mm512_add_pd(_mm512_sqrt_pd(x), eps));
        return y;
    }

    static void fl_adam_by_estimates(
        double *param, const double *grad, double *mean, double *square, double lr, double eps_, double gain1_,
        double gain2_, double scale1_, double scale2_, Py_ssize_t n
    ) {
        const __m512d rate = _mm512_set1_pd(lr), eps = _mm512_set1_pd(eps_), least = _mm512_set1_pd(DBL_MIN);
        const __m512d gain1 = _mm512_set1_pd(gain1_), gain2 = _mm512_set1_pd(gain2_);
        const __m512d scale1 = _mm512_set1_pd(scale1_), scale2 = _mm512_set1_pd(scale2_);
        for (Py_ssize_t i = 0; i < n; i += 8) {
            /* The last few are lanes like the others: where an array ends does not show in the results. */
            const __mmask8 lanes = n - i >= 8 ? 0xff : (__mmask8)((1u << (n - i)) - 1);
            const __m512d g = _mm512_maskz_loadu_pd(lanes, grad + i);
            __m512d m = _mm512_maskz_loadu_pd(lanes, mean + i), v = _mm512_maskz_loadu_pd(lanes, square + i);
            __m512d p = _mm512_maskz_loadu_pd(lanes, param + i);
            m = _mm512_fmadd_pd(gain1, _mm512_sub_pd(g, m), m);
            m = _mm512_mask_mov_pd(m, _mm512_cmp_pd_mask(_mm512_abs_pd(m), least, _CMP_LT_OQ), _mm512_setzero_pd());
            v = _mm512_fmadd_pd(gain2, _mm512_fmsub_pd(g, g, v), v);
            v = _mm512_mask_mov_pd(v, _mm512_cmp_pd_mask(_mm512_abs_pd(v), least, _CMP_LT_OQ), _mm512_setzero_pd());
            p = _mm512_sub_pd(
                p, fl_adam_step(_mm512_mul_pd(rate, _mm512_mul_pd(m, scale1)), _mm512_mul_pd(v, scale2), eps)
            );
            _mm512_mask_storeu_pd(mean + i, lanes, m);
            _mm512_mask_storeu_pd(square + i, lanes, v);
            _mm512_mask_storeu_pd(param + i, lanes, p);
        }
    }
    #else
    enum { FL_ADAM_ESTIMATES = 0 };
    #define fl_adam_by_estimates(param, grad, mean, square, lr, eps, gain1, gain2, scale1, scale2, n) ((void)0)
    #endif
    """
    enum:
        ADAM_ESTIMATES "FL_ADAM_ESTIMATES"
    void fl_adam_by_estimates(
        double *param, const double *grad, double *mean, double *square, double lr, double eps, double gain1,
        double gain2, double scale1, double scale2, Py_ssize_t n
    )


cdef inline floating square_root(floating x) noexcept nogil:
    if floating is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef inline floating at_rest(floating x) noexcept nogil:
    """x, or 0 where it is subnormal: a state that shrinks step by step would stay there, at ten times the time."""
    cdef floating least = FLT_MIN if floating is float else DBL_MIN
    return 0 if -least < x < least else x


cdef void adam_loop(
    floating *param, const floating *grad, floating *m, floating *v, const double *factors, Py_ssize_t n
) noexcept nogil:
    cdef floating lr = <floating> factors[0]
    # Not 0: a unit that is never active divides 0 by it.
    cdef double least = FLT_MIN * FLT_EPSILON if floating is float else DBL_MIN * DBL_EPSILON
    cdef floating eps = <floating> max(factors[3], least)
    cdef floating gain1 = <floating> (1 - factors[1]), gain2 = <floating> (1 - factors[2])
    cdef floating scale1 = <floating> factors[4], scale2 = <floating> factors[5]
    cdef floating mean, square  # kept, since a store across a line of the cache is slow to be read again
    cdef Py_ssize_t i
    if floating is double:
        if ADAM_ESTIMATES and 1e-100 <= eps <= 1e100:
            fl_adam_by_estimates(param, grad, m, v, lr, eps, gain1, gain2, scale1, scale2, n)
            return
    for i in range(n):
        mean = at_rest(multiply_add(gain1, grad[i] - m[i], m[i]))
        square = at_rest(multiply_add(gain2, multiply_add(grad[i], grad[i], -v[i]), v[i]))
        m[i], v[i] = mean, square
        param[i] -= lr * (mean * scale1) / (square_root(square * scale2) + eps)


cdef void adam_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const Update *work = <const Update *> of
    if work.typenum == NPY_FLOAT:
        adam_loop(
            <float *> work.param.data + start, <const float *> work.grad.data + start,
            <float *> work.first.data + start, <float *> work.second.data + start, work.rule.factors, stop - start,
        )
    else:
        adam_loop(
            <double *> work.param.data + start, <const double *> work.grad.data + start,
            <double *> work.first.data + start, <double *> work.second.data + start, work.rule.factors, stop - start,
        )
