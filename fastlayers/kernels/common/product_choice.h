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

/* One column of b; one row of a; a b beyond FL_LARGE_BYTES; up to FL_FEW_ROWS of a; an inner dimension up to that; up to
   FL_SLIM_COLUMNS of b; all others. The first that holds counts. */
enum { FL_COLUMN, FL_ROW, FL_LARGE, FL_FEW, FL_SHORT, FL_SLIM, FL_BULK, FL_SHAPES };
/* Columns that lie in a row of memory in neither a nor b, in a, in b; and in b where y is turned too. */
enum { FL_PLAIN, FL_TURNED_A, FL_TURNED_B, FL_TURNED_Y, FL_ORDERS };
enum { FL_LARGE_BYTES = 1 << 20, FL_SLIM_COLUMNS = 12 };

#if defined(__AVX512VL__)
static const FlRule fl_rules[2][FL_SHAPES][FL_ORDERS] = {
    { /* float */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 0.454, -2, 0.0188, 0.0188, 0.238},
            [FL_TURNED_B] = {-1000, -1.9, 1.06, 0.153, 0.153, 0.365}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 3.07, 0.111, 2.38, 0.111, 0.0159},
            [FL_TURNED_A] = {-1000, -0.0736, 0.177, 0.785, 0.177, 0.0253}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = BLAS},
        [FL_SHORT] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.0111, 0.325, 0.606, -0.00276, -0.0375},
            [FL_TURNED_B] = OURS, [FL_TURNED_Y] = {-1000, -0.00191, -0.69, 8.77, -0.000478, 0.414}},
        [FL_SLIM] = {[FL_PLAIN] = {-1000, -0.0639, 1.04, 0.97, -0.319, 0.0675},
            [FL_TURNED_A] = {-1000, -1.74, 0.907, -0.823, -0.119, 0.0956},
            [FL_TURNED_B] = {-1000, -0.00734, 0.168, 2.58, -0.0606, 0.00775},
            [FL_TURNED_Y] = {-1000, 0.929, 0.37, 8.72, -0.142, 0.0141}},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.0309, -0.0736, 0.769, -0.018, -0.143},
            [FL_TURNED_Y] = {-1000, 0.148, 0.0593, 0.855, -0.0193, 0.0365}},
        [FL_LARGE] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.00743, 0.000463, -0.000021, 0.000015},
            [FL_TURNED_B] = OURS, [FL_TURNED_Y] = BLAS},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 0.521, -1.6, 0.0286, 0.0286, 0.0828},
            [FL_TURNED_B] = {-1000, -3.57, 0.352, 0.219, 0.219, -0.028}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 0.68, 0.113, 2.67, 0.113, 0.0378},
            [FL_TURNED_A] = {-1000, 15.3, 0.265, -8.33, 0.265, 0.0884}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = OURS},
        [FL_SHORT] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.0258, 0.0384, 0.775, -0.00644, 0.278},
            [FL_TURNED_B] = OURS, [FL_TURNED_Y] = {-1000, -0.0051, 0.363, 8.69, -0.00128, 0.203}},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, 0.348, 0.0639, 0.0593, 0.00142, -0.0955},
            [FL_TURNED_B] = {-1000, 0.0824, 0.00335, 1.18, -0.00632, -0.0597},
            [FL_TURNED_Y] = {-1000, 0.263, -0.0033, 1.97, -0.0081, -0.0606}},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.057, 0.213, 0.703, -0.0216, -0.248},
            [FL_TURNED_Y] = {-1000, 0.209, 0.0492, 1.15, -0.022, 0.0903}},
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
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.269, 0.786, -0.00913, -0.00228, -0.0235}},
        [FL_SHORT] = {[FL_PLAIN] = {-1000, -0.0387, -3.07, -1.46, 0.0575, 0.467},
            [FL_TURNED_A] = {-1000, 0.0164, -0.759, 0.278, 0.00411, 0.174}, [FL_TURNED_B] = OURS},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = {-1000, -0.0374, -0.978, -0.0957, 0.00563, 0.162},
            [FL_TURNED_A] = {-1000, -0.051, -0.319, -0.131, 0.00723, 0.0683},
            [FL_TURNED_B] = {-1000, -0.01, -0.0631, -0.000009, -0.00186, 0.0388}},
        [FL_LARGE] = {[FL_PLAIN] = {-1000, 0.0195, -0.00577, 0.000175, 0.000041},
            [FL_TURNED_A] = {-1000, 0.00736, 0.0057, 0.000187, 0.000073},
            [FL_TURNED_B] = {-1000, -0.0257, 0.0624, 0.00223, -0.000263}},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 4.31, 0.119, 0.0419, 0.0419, -0.267},
            [FL_TURNED_B] = {-1000, -0.157, -0.514, 0.384, 0.384, 2.98}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 1.46, 0.15, 2.52, 0.15, 0.0501},
            [FL_TURNED_A] = {-1000, 1.35, 0.207, -5.25, 0.207, 0.0691}},
        [FL_FEW] = {[FL_PLAIN] = {-1000, 0.321, 0.126, -0.00806, -0.00202, -0.0175}, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = OURS},
        [FL_SHORT] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.0241, 0.105, 0.578, -0.00603, 0.118},
            [FL_TURNED_B] = OURS},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, 0.168, 0.000217, -6.82, 0.0019, 0.0153},
            [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.173, -0.357, -0.417, 0.014, 0.0271},
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
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, -0.316, 0.129, 0.0526, 0.0131, 0.186}},
        [FL_SHORT] = {[FL_PLAIN] = {-1000, 0.152, 0.45, -0.918, -0.284, 1.94},
            [FL_TURNED_A] = {-1000, -0.0175, 0.0258, 0.342, -0.00438, 0.142}, [FL_TURNED_B] = OURS},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.407, -0.149, -1.6, 0.0515, 0.739},
            [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.066, -0.0141, -0.091, 0.00161, 0.157},
            [FL_TURNED_B] = OURS},
        [FL_LARGE] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.000771, -0.00258, -0.0109, 0.000786},
            [FL_TURNED_B] = {1000, -0.609, -0.0154, 0.00332, -0.000073}},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 7.38, 0.135, 0.0888, 0.0888},
            [FL_TURNED_B] = {-1000, 13.8, -2.05, 0.806, 0.806}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 13.3, 0.0251, 2.13, 0.0251, 0.0251},
            [FL_TURNED_A] = {-1000, 1.64, 0.174, 0.00866, 0.174, 0.174}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = {-1000, 0.386, -0.163, 0.0981, 0.0245}},
        [FL_SHORT] = {[FL_PLAIN] = {-1000, 0.132, -13.6, -0.341, 0.0491},
            [FL_TURNED_A] = {-1000, 0.0338, -0.244, 0.323, 0.00844},
            [FL_TURNED_B] = {-1000, -0.00315, 0.0622, 0.939, -0.000788}},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, 0.39, -0.126, -0.0324, 0.016}, [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = {-1000, 0.324, -0.644, -0.264, 0.00938},
            [FL_TURNED_A] = {-1000, 0.304, 0.0109, -0.089, 0.00227},
            [FL_TURNED_B] = {-1000, -0.0207, -4.49, -0.175, 0.0997}},
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
    if (p->rows <= FL_FEW_ROWS) return FL_FEW;
    if (p->inner <= FL_FEW_ROWS) return FL_SHORT;
    return p->columns <= FL_SLIM_COLUMNS ? FL_SLIM : FL_BULK;
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
