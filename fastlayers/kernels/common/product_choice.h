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

/* One column of b; one row of a; a b beyond FL_LARGE_BYTES; up to FL_FEW_ROWS of a; an inner dimension up to that;
   up to FL_SLIM_COLUMNS of b; all others. The first that holds counts. */
enum { FL_COLUMN, FL_ROW, FL_LARGE, FL_FEW, FL_SHORT, FL_SLIM, FL_BULK, FL_SHAPES };
/* Columns that lie in a row of memory in neither a nor b, in a, in b; and in b where y is turned too. */
enum { FL_PLAIN, FL_TURNED_A, FL_TURNED_B, FL_TURNED_Y, FL_ORDERS };
enum { FL_LARGE_BYTES = 1 << 20, FL_SLIM_COLUMNS = 12 };

#if defined(__AVX512VL__)
static const FlRule fl_rules[2][FL_SHAPES][FL_ORDERS] = {
    { /* float */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 0.454, -2, 0.0189, 0.0189, 0.223},
            [FL_TURNED_B] = {-1000, -1.93, 1.22, 0.152, 0.152, 0.36}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 3.24, 0.11, 2.41, 0.11, 0.0157},
            [FL_TURNED_A] = {-1000, -0.0497, 0.177, 0.786, 0.177, 0.0253}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = BLAS},
        [FL_SHORT] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.0115, 0.335, 0.652, -0.00289, -0.0397},
            [FL_TURNED_B] = OURS, [FL_TURNED_Y] = {-1000, -0.00245, -0.696, 8.79, -0.000614, 0.417}},
        [FL_SLIM] = {[FL_PLAIN] = {-1000, -0.105, 0.978, 0.993, -0.292, 0.0653},
            [FL_TURNED_A] = {-1000, -1.66, 0.881, -0.78, -0.116, 0.0927},
            [FL_TURNED_B] = {-1000, -0.00424, 0.161, 2.32, -0.0534, 0.009},
            [FL_TURNED_Y] = {-1000, 0.902, 0.379, 9.3, -0.144, 0.0151}},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.0388, -0.106, 0.823, -0.0191, -0.155},
            [FL_TURNED_Y] = {-1000, 0.158, 0.0571, 0.896, -0.0203, 0.0414}},
        [FL_LARGE] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.00743, 0.000464, -0.000021, 0.000015},
            [FL_TURNED_B] = OURS, [FL_TURNED_Y] = BLAS},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 0.519, -1.61, 0.0288, 0.0288, 0.0742},
            [FL_TURNED_B] = {-1000, -3.47, 0.427, 0.215, 0.215, -0.00845}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 0.679, 0.113, 2.67, 0.113, 0.0378},
            [FL_TURNED_A] = {-1000, 15, 0.241, -7.42, 0.241, 0.0803}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = OURS},
        [FL_SHORT] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.0232, 0.035, 0.854, -0.0058, 0.268},
            [FL_TURNED_B] = OURS, [FL_TURNED_Y] = {-1000, -0.00515, 0.363, 8.73, -0.00129, 0.202}},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, 0.444, 0.0647, 0.11, -0.000883, -0.116},
            [FL_TURNED_B] = {-1000, 0.0912, -0.00353, 1.25, -0.00864, -0.0647},
            [FL_TURNED_Y] = {-1000, 0.279, -0.00512, 2.01, -0.00929, -0.0668}},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.0589, 0.207, 0.713, -0.0216, -0.241},
            [FL_TURNED_Y] = {-1000, 0.208, 0.0491, 1.13, -0.0218, 0.0929}},
        [FL_LARGE] = {[FL_PLAIN] = {1000, -0.217, -0.314, -0.00461, 0.000859},
            [FL_TURNED_A] = {-1000, -0.00737, -0.0157, 0.000116, 0.000074}, [FL_TURNED_B] = OURS,
            [FL_TURNED_Y] = BLAS},
    },
};
#elif defined(FL_AVX2)
static const FlRule fl_rules[2][FL_SHAPES][FL_ORDERS] = {
    { /* float */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 1.8, -0.275, 0.0325, 0.0325, -0.0326},
            [FL_TURNED_B] = {-1000, -1.82, 0.549, 0.171, 0.171, 0.449}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 7.63, 0.0899, 2.31, 0.0899, 0.0128},
            [FL_TURNED_A] = {-1000, 0.709, 0.256, -0.456, 0.256, 0.0366}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, 0.268, 0.785, -0.00899, -0.00225, -0.0235}},
        [FL_SHORT] = {[FL_PLAIN] = {-1000, -0.0527, -2.63, -0.949, 0.0551, 0.417},
            [FL_TURNED_A] = {-1000, 0.0178, -0.743, 0.3, 0.00446, 0.164}, [FL_TURNED_B] = OURS},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = {-1000, -0.0135, -1.33, -0.0976, 0.00559, 0.224},
            [FL_TURNED_A] = {-1000, -0.0706, -0.45, -0.181, 0.0101, 0.0895},
            [FL_TURNED_B] = {-1000, -0.0112, -0.0624, -0.00351, -0.00175, 0.0381}},
        [FL_LARGE] = {[FL_PLAIN] = {-1000, 0.021, -0.00413, 0.000206, 0.000034},
            [FL_TURNED_A] = {-1000, 0.00201, -0.00367, -0.000099, 0.000112},
            [FL_TURNED_B] = {-1000, -0.0538, 0.0634, 0.00237, -0.000263}},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 4.3, 0.11, 0.042, 0.042, -0.266},
            [FL_TURNED_B] = {-1000, -0.137, -0.463, 0.382, 0.382, 2.95}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 1.42, 0.15, 2.51, 0.15, 0.0502},
            [FL_TURNED_A] = {-1000, 1.47, 0.204, -5.08, 0.204, 0.0681}},
        [FL_FEW] = {[FL_PLAIN] = {-1000, 0.321, 0.126, -0.00816, -0.00204, -0.000208}, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = OURS},
        [FL_SHORT] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.0246, 0.179, 0.633, -0.00615, 0.0725},
            [FL_TURNED_B] = OURS},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, 0.184, -0.000363, -8.16, 0.00216, 0.0188},
            [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.296, -0.46, -0.534, 0.0191, 0.0175},
            [FL_TURNED_B] = OURS},
        [FL_LARGE] = {[FL_PLAIN] = {-1000, 0.0316, -0.0496, -0.00233, 0.000312},
            [FL_TURNED_A] = {-1000, 0.0294, 0.0407, 0.000413, -0.000033},
            [FL_TURNED_B] = {-1000, -0.0166, -0.00155, -0.0167, 0.000067}},
    },
};
#else
static const FlRule fl_rules[2][FL_SHAPES][FL_ORDERS] = {
    { /* float */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 4.36, -0.303, 0.041, 0.041, 0.283},
            [FL_TURNED_B] = {-1000, 1.4, -0.625, 0.593, 0.593, 1.37}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 13.3, 0.341, 3.06, 0.341, 0.114},
            [FL_TURNED_A] = {-1000, 12.1, 0.744, -3.24, 0.744, 0.248}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS,
            [FL_TURNED_B] = {-1000, -0.316, 0.129, 0.0526, 0.0131, 0.186}},
        [FL_SHORT] = {[FL_PLAIN] = {-1000, 0.151, 0.447, -0.914, -0.283, 1.94},
            [FL_TURNED_A] = {-1000, -0.0177, 0.0256, 0.341, -0.00441, 0.143}, [FL_TURNED_B] = OURS},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.407, -0.149, -1.6, 0.0515, 0.739},
            [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, -0.0661, -0.0142, -0.0912, 0.00161, 0.157},
            [FL_TURNED_B] = OURS},
        [FL_LARGE] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, 0.000903, -0.00127, -0.0108, 0.000763},
            [FL_TURNED_B] = {1000, -0.587, -0.0165, 0.00303, -0.000054}},
    },
    { /* double */
        [FL_ROW] = {[FL_PLAIN] = {-1000, 7.38, 0.133, 0.0883, 0.0883},
            [FL_TURNED_B] = {-1000, 13.4, -1.41, 0.751, 0.751}},
        [FL_COLUMN] = {[FL_PLAIN] = {-1000, 13.3, 0.0251, 2.13, 0.0251, 0.0251},
            [FL_TURNED_A] = {-1000, 1.78, 0.175, -0.0128, 0.175, 0.175}},
        [FL_FEW] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = OURS, [FL_TURNED_B] = {-1000, 0.385, -0.162, 0.0997, 0.0249}},
        [FL_SHORT] = {[FL_PLAIN] = {-1000, 0.139, -16.7, -0.559, 0.0814},
            [FL_TURNED_A] = {-1000, 0.039, -0.321, 0.312, 0.00976},
            [FL_TURNED_B] = {-1000, -0.00313, 0.0632, 0.933, -0.000783}},
        [FL_SLIM] = {[FL_PLAIN] = OURS, [FL_TURNED_A] = {-1000, 0.39, -0.126, -0.0324, 0.016}, [FL_TURNED_B] = OURS},
        [FL_BULK] = {[FL_PLAIN] = {-1000, 0.329, -0.648, -0.267, 0.00941},
            [FL_TURNED_A] = {-1000, 0.304, 0.0105, -0.0902, 0.00231},
            [FL_TURNED_B] = {-1000, -0.0204, -4.5, -0.176, 0.0998}},
        [FL_LARGE] = {[FL_PLAIN] = {1000, 0.0128, -0.00529, -0.00626, 0.000046},
            [FL_TURNED_A] = {1000, 0.0225, -0.00156, -0.0109, 0.000266},
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
