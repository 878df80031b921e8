/* What the kernels hold the compiler to in floating-point arithmetic, and the one operation that they spell out.

   Their results are what IEEE 754 makes of the operations as they are written: exp rounds by a sum that must not be
   re-associated, NaN and infinity count, and two runs give the same bits. */

#ifndef FASTLAYERS_FLOATING_POINT_H
#define FASTLAYERS_FLOATING_POINT_H

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
static inline float fl_multiply_add_float(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double fl_multiply_add_double(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
static inline float fl_multiply_add_float(float a, float b, float c) { return a * b + c; }
static inline double fl_multiply_add_double(double a, double b, double c) { return a * b + c; }
#endif

#endif
