/* Batch normalization of N rows of C channels of `each` numbers, for float and for double: passes over the rows
   (channel_passes.h), and what goes into them and is found by them (channel_units.h). */

#ifndef FASTLAYERS_CHANNELS_H
#define FASTLAYERS_CHANNELS_H

#include "product.h"
#include <stdint.h>
#include <string.h>

enum {
    FL_ROWS_OF_A_SUM = 32, /* that are added in x's own type, before float64 goes on */
    FL_TILE = 4,           /* vectors of a row that are done at a time: their sums stay in registers */
    FL_PLACES = 256,       /* columns for which a unit has room */
    FL_UNIT_BYTES = 512,   /* of a row, of several channels that make a unit */
    FL_WIDE = 32,          /* columns from which on a channel is a unit of its own */
    FL_PART = 8,           /* such a channel's first mean is that of one row in so many */
    FL_ATTEMPTS = 3        /* at most, to sum squares: about a first mean, without an overflow, about a better mean */
};

/* What is multiplied by this where float32 has not the squares of numbers that large, or products with them: 2**-80. */
#define FL_SHRINKS 8.271806125530277e-25

enum { FL_PREDICT, FL_FORWARD, FL_BACKWARD };

typedef struct {
    int kind;
    Py_ssize_t rows, channels, each, of_unit, units; /* of_unit: channels */
    double momentum, eps, inverse;                   /* inverse: of the count of a channel's numbers */
    const void *x, *gamma, *other;                   /* other: beta, or dout */
    const void *mean, *var; /* in float64 for backward, else in x's type; the running ones, if any, for forward */
    void *results[5];
} FlNormalization;

/* How rows and channels are divided: the channels that make a unit, and the units. */
static void fl_divide_normalization(FlNormalization *w, Py_ssize_t size) {
    w->inverse = 1 / ((double)w->rows * (double)w->each);
    w->of_unit = w->each >= FL_WIDE ? 1 : FL_UNIT_BYTES / size / w->each;
    w->units = (w->channels - 1) / w->of_unit + 1;
}

/* The channel where the i-th unit begins: where columns are channels, at a line of the cache, if rows are lines. */
static Py_ssize_t fl_unit_at(const FlNormalization *w, Py_ssize_t i, Py_ssize_t size) {
    if (i == 0) return 0;
    if (i == w->units) return w->channels;
    return i * w->of_unit - (w->each == 1 ? (Py_ssize_t)((uintptr_t)w->x % 64) / size : 0);
}

typedef struct {
    const void *x, *dout;
    void *y;
    Py_ssize_t rows, stride, width; /* of rows: how many, how many numbers from one to the next, and how many of each */
    const void *columns;            /* in x's type: for each of the names below, FL_PLACES numbers */
    double *sums, *more;            /* of each column */
    int is_one; /* all columns are of one channel: as many numbers and sums as a tile has do for all */
} FlPass;

/* What a pass does. Each column has numbers of its own: `centre`, which is added to x, `factor`, `shift`, `slope`. */
enum {
    FL_SUM_SQUARES,     /* sums of c = x factor + centre, and of its square */
    FL_SUM_PRODUCTS,    /* sums of dout, and of its products with c */
    FL_SCALE_ROWS,      /* y = (x + centre) factor + shift */
    FL_GRADIENT_OF_ROWS /* y = (dout + shift + (x + centre) slope) factor */
};
enum {
    FL_CENTRE,
    FL_FACTOR = FL_PLACES,
    FL_SHIFT = 2 * FL_PLACES,
    FL_SLOPE = 3 * FL_PLACES,
    FL_COLUMNS_END = 4 * FL_PLACES
};

/* GCC loads twice what is used twice, to save an instruction; loads are what there is least time for. */
#if defined(FL_AVX2) && defined(__GNUC__)
#define FL_LOADED(vector) __asm__("" : "+v"(vector))
#else
#define FL_LOADED(vector) (void)0
#endif

/* GCC would make of this an instruction for memory of any size, whose start alone takes longer. */
FL_APART void fl_clear(double *sums, Py_ssize_t n) {
    double zero = 0;
    FL_LOADED(zero);
    for (Py_ssize_t j = 0; j < n; j++) sums[j] = zero;
}

/* The sum of n numbers, in pairs; they are lost. */
FL_APART double fl_added(double *sums, Py_ssize_t n) {
    while (n > 1) {
        const Py_ssize_t half = n / 2;
        n -= half;
        for (Py_ssize_t j = 0; j < half; j++) sums[j] += sums[n + j];
    }
    return sums[0];
}

#define FL_PASTE(a, b) a##b
#define FL_NAMED(a, b) FL_PASTE(a, b)
#define FL_OF_REAL(name) FL_NAMED(fl_##name##_, FL_REAL)

#define FL_REAL float
#define FL_KIND FL_FLOATS
#define FL_LANES (FL_WIDTH / 4)
#include "channel_passes.h"
#include "channel_units.h"
#undef FL_LANES
#undef FL_KIND
#undef FL_REAL
#define FL_REAL double
#define FL_KIND FL_DOUBLES
#define FL_LANES (FL_WIDTH / 8)
#include "channel_passes.h"
#include "channel_units.h"
#undef FL_LANES
#undef FL_KIND
#undef FL_REAL
#undef FL_OF_REAL
#undef FL_NAMED
#undef FL_PASTE

#endif
