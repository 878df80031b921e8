/* What the kernels hold the compiler to in floating-point arithmetic, and the one operation that they spell out.

   Their results are what IEEE 754 makes of the operations as they are written: exp rounds by a sum that must not be
   re-associated, NaN and infinity count, and two runs give the same bits. */

#ifndef FASTLAYERS_FLOATING_POINT_H
#define FASTLAYERS_FLOATING_POINT_H

/* GCC names each part of -ffast-math that is on. Older ones name fewer, but none takes its own arithmetic for that of
   IEEE 754 then, where the processor's is. That nobody reads traps or errno is what setup.py itself says. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0) \
    || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__) \
    || (defined(__GCC_IEC_559) && __GCC_IEC_559 < 1 && (defined(__x86_64__) || defined(__aarch64__))) \
    || defined(_M_FP_FAST)
#error "the compiler's flags have -ffast-math, /fp:fast or a part of it: the kernels would give wrong numbers"
#endif

/* Clang names no part but one, and can be told here to do without all of them. Which products and sums are rounded as
   one is said below, and nowhere left to a compiler: where it works on vectors and on single numbers, as addresses
   have it, it need not choose the same for both. GCC has a flag for that alone, and setup.py gives it. */
#if defined(__clang__) || defined(_MSC_VER)
#pragma float_control(precise, on)
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif

/* a * b + c, rounded once where the instruction set has that as one instruction, else twice; never a call. MSVC may
   make it a call. */
#if !defined(_MSC_VER) && (defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__FP_FAST_FMA))
#define FL_FUSED 1
static inline float fl_multiply_add_float(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double fl_multiply_add_double(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
#define FL_FUSED 0
static inline float fl_multiply_add_float(float a, float b, float c) { return a * b + c; }
static inline double fl_multiply_add_double(double a, double b, double c) { return a * b + c; }
#endif

#endif
