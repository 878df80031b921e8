/* Whether a product is made here or by BLAS: rules that were fitted to what both take.

   ``python bench/product_rules.py`` measures products of the grid of ``bench/products.py`` on an instruction set and
   fits its rules: one for each type, shape and order, since BLAS has ways of its own for each. Below are those of Zen 4
   beside OpenBLAS's kernels for SkylakeX; with AVX2 beside those for Haswell, and with neither those for Nehalem, which
   are what such a processor would run. docs/performance.md says how often they are right. */

#ifndef FASTLAYERS_PRODUCT_CHOICE_H
#define FASTLAYERS_PRODUCT_CHOICE_H

/* Where the sum of these is below zero, a product is ours: for the call, each number of y, of a and of b, each
   multiplication, and each in lanes that are in vain. Their scale is free. */
typedef struct {
    float call, of_y, of_a, of_b, each, in_vain;
} FlRule;
#define OURS {-1}
#define BLAS {1}

/* One row of a; one column of b; up to FL_FEW_ROWS of either; more; and of any two or more, a b beyond FL_LARGE_BYTES. */
enum { FL_ROW, FL_COLUMN, FL_SLIM, FL_BULK, FL_LARGE, FL_SHAPES };
/* Columns that lie in a row of memory in neither a nor b, in a, in b; and in b where y is turned too. */
enum { FL_PLAIN, FL_TURNED_A, FL_TURNED_B, FL_TURNED_Y, FL_ORDERS };
enum { FL_LARGE_BYTES = 1 << 20 };

#if defined(__AVX512VL__)
static const FlRule fl_rules[2][FL_SHAPES][FL_ORDERS] = {
    { /* float */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 0.454, -2, 0.0188, 0.0188, 0.238},
            [FL_TURNED_B] = {-1000, -1.9, 1.06, 0.153, 0.153, 0.365}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 3.07, 0.111, 2.38, 0.111, 0.0159},
            [FL_TURNED_A] = {-1000, -0.0736, 0.177, 0.785, 0.177, 0.0253}},
        [FL_SLIM] = {[FL_PLAIN] = {-1000, -0.189, 1.42, 0.438, -0.26, -0.08},
            [FL_TURNED_A] = {-1000, -0.118, 0.399, -0.00965, -0.00486, -0.0251},
            [FL_TURNED_B] = {-1000, 0.522, -0.0333, 4.3, -0.00831, -0.00831},
            [FL_TURNED_Y] = {-1000, 1.5, -0.066, 9.41, -0.0165, -0.0165}},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.0154, 0.166, 1.06, -0.0433, 0.0249},
            [FL_TURNED_Y] = {-1000, 0.438, -0.893, 5.51, -0.0913, 0.2}},
        [FL_LARGE] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.00743, 0.000463, -0.000021, 0.000015},
            [FL_TURNED_B] = OURS, [FL_TURNED_Y] = BLAS},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 0.521, -1.6, 0.0286, 0.0286, 0.0828},
            [FL_TURNED_B] = {-1000, -3.57, 0.352, 0.219, 0.219, -0.028}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 0.68, 0.113, 2.67, 0.113, 0.0378},
            [FL_TURNED_A] = {-1000, 15.3, 0.265, -8.33, 0.265, 0.0884}},
        [FL_SLIM] = {[FL_PLAIN] = {-1000, 0.52, 1.9, 0.00317, -0.487, -0.000279},
            [FL_TURNED_A] = {-1000, -0.0881, 0.204, 0.0225, -0.00987, -0.0682},
            [FL_TURNED_B] = {-1000, 0.0403, -0.0206, 1.97, -0.00515},
            [FL_TURNED_Y] = {-1000, 0.19, -0.015, 1.91, -0.00376}},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.0646, 0.329, 0.747, -0.0299, -0.0631},
            [FL_TURNED_Y] = {-1000, 0.336, -0.0848, 2.39, -0.0439, 0.116}},
        [FL_LARGE] = {[FL_PLAIN] = {1000, -0.17, -0.247, -0.00447, 0.000701},
            [FL_TURNED_A] = {-1000, -0.00739, -0.0152, 0.000096, 0.000074}, [FL_TURNED_B] = OURS,
            [FL_TURNED_Y] = BLAS},
    },
};
#elif defined(FL_AVX2)
static const FlRule fl_rules[2][FL_SHAPES][FL_ORDERS] = {
    { /* float */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 1.81, -0.24, 0.0317, 0.0317, -0.0243},
            [FL_TURNED_B] = {-1000, -1.85, 0.5, 0.172, 0.172, 0.426}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 7.78, 0.0865, 2.35, 0.0865, 0.0124},
            [FL_TURNED_A] = {-1000, 0.711, 0.257, -0.47, 0.257, 0.0367}},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.267, 0.803, 1, -0.254, -0.027}},
        [FL_BULK] = {[FL_PLAIN] = {-1000, -0.0146, -6.45, -1.14, 0.0372, 0.932},
            [FL_TURNED_A] = {-1000, -0.0135, -0.908, -0.287, 0.0153, 0.14}, [FL_TURNED_B] = OURS},
        [FL_LARGE] = {[FL_PLAIN] = {-1000, 0.0195, -0.00577, 0.000175, 0.000041},
            [FL_TURNED_A] = {-1000, 0.00736, 0.0057, 0.000187, 0.000073},
            [FL_TURNED_B] = {-1000, -0.0257, 0.0624, 0.00223, -0.000263}},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 4.31, 0.119, 0.0419, 0.0419, -0.267},
            [FL_TURNED_B] = {-1000, -0.157, -0.514, 0.384, 0.384, 2.98}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 1.46, 0.15, 2.52, 0.15, 0.0501},
            [FL_TURNED_A] = {-1000, 1.35, 0.207, -5.25, 0.207, 0.0691}},
        [FL_SLIM] = {[FL_PLAIN] = {-1000, 0.321, -0.14, 0.171, -0.0465, -0.000013},
            [FL_TURNED_A] = {-1000, 0.284, -0.016, -0.059, 0.00158, -0.000053}, [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.102, -0.635, -0.591, 0.0191, 0.108},
            [FL_TURNED_B] = OURS},
        [FL_LARGE] = {[FL_PLAIN] = {-1000, 0.0333, -0.075, -0.00424, 0.000477},
            [FL_TURNED_A] = {-1000, 0.0293, 0.0343, 0.000395, -0.000025},
            [FL_TURNED_B] = {-1000, -0.0141, -0.00108, -0.0147, 0.000058}},
    },
};
#else
static const FlRule fl_rules[2][FL_SHAPES][FL_ORDERS] = {
    { /* float */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 4.38, -0.283, 0.0417, 0.0417, 0.28},
            [FL_TURNED_B] = {-1000, 1.36, -0.755, 0.597, 0.597, 1.31}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 13.1, 0.336, 3.08, 0.336, 0.112},
            [FL_TURNED_A] = {-1000, 12.2, 0.75, -3.31, 0.75, 0.25}},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.045, 0.0166, -0.747, 0.00415, -0.00002},
            [FL_TURNED_B] = {-1000, -0.364, 0.103, 0.354, -0.0606, 0.224}},
        [FL_BULK] = {[FL_PLAIN] = {-1000, 0.285, -8.96, 0.943, -0.436, 6.14},
            [FL_TURNED_A] = {-1000, -0.124, -0.155, -0.318, 0.00491, 0.431},
            [FL_TURNED_B] = {-1000, 1.88, -5.44, -66, -0.736, 5.7}},
        [FL_LARGE] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.000771, -0.00258, -0.0109, 0.000786},
            [FL_TURNED_B] = {1000, -0.609, -0.0154, 0.00332, -0.000073}},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 7.38, 0.135, 0.0888, 0.0888},
            [FL_TURNED_B] = {-1000, 13.8, -2.05, 0.806, 0.806}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 13.3, 0.0251, 2.13, 0.0251, 0.0251},
            [FL_TURNED_A] = {-1000, 1.64, 0.174, 0.00866, 0.174, 0.174}},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = {-1000, 0.383, -0.174, 0.138, 0.0148}},
        [FL_BULK] = {[FL_PLAIN] = {-1000, 0.0712, -7.7, -1.97, 0.118},
            [FL_TURNED_A] = {-1000, 0.128, -0.0328, -0.223, 0.0115},
            [FL_TURNED_B] = {-1000, -0.184, -2.59, 0.4, 0.0544}},
        [FL_LARGE] = {[FL_PLAIN] = {1000, 0.0124, -0.00571, -0.00624, 0.000049},
            [FL_TURNED_A] = {1000, 0.0165, -0.00501, -0.0104, 0.000272},
            [FL_TURNED_B] = {1000, 0.0102, 0.121, -0.00119, -0.000103}},
    },
};
#endif
#undef OURS
#undef BLAS

/* Multiplications beyond which nothing was measured: elsewhere so few that the call decides. */
#if defined(__x86_64__) || defined(_M_X64)
enum { FL_MOST = 1 << 30 };
#else
enum { FL_MOST = 30000 };
#endif

FL_INLINE int fl_shape(const FlProduct *p) {
    if (p->columns == 1) return FL_COLUMN;
    if (p->rows == 1) return FL_ROW;
    if (fl_bytes(p) > FL_LARGE_BYTES) return FL_LARGE;
    return p->rows <= FL_FEW_ROWS || p->columns <= FL_FEW_ROWS ? FL_SLIM : FL_BULK;
}
FL_INLINE int fl_order(const FlProduct *p) {
    if (p->b_column != 1) return p->y_column != 1 ? FL_TURNED_Y : FL_TURNED_B;
    return p->a_row == 1 && p->a_inner != 1 ? FL_TURNED_A : FL_PLAIN;
}
FL_INLINE Py_ssize_t fl_in_vain(const FlProduct *p) { return fl_lanes(p, p->columns) - p->columns; }

/* Whether a product is as quick here as in BLAS. */
static int fl_product_is_ours(const FlProduct *p) {
    const double rows = (double)p->rows, inner = (double)p->inner, columns = (double)p->columns;
    const FlRule *rule = &fl_rules[p->is_double][fl_shape(p)][fl_order(p)];
    if (rows * inner * columns > FL_MOST) return 0;
    return rule->call + rule->of_y * rows * columns + rule->of_a * rows * inner + rule->of_b * inner * columns
        + (rule->each * columns + rule->in_vain * fl_in_vain(p)) * rows * inner < 0;
}

#endif
