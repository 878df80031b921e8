/* Products of matrices of float and double, for one instruction set: y = a b + what is added, and its ReLU.

   A tile of y stays in registers while the inner dimension goes by (product_tile.h). Tiles stand below each other in
   panels, as many columns as a tile is wide (product_panels.h). What a panel needs of b is read where it lies if its
   rows can be read as vectors and are not read often enough to pay for a copy; else it is packed, FL_INNER rows at a
   time, into memory on the stack. So a product needs no other memory, and asks Python for nothing.

   A number of y is a sum over FL_INNER products at a time, in their order, each added in one rounding where the level
   has that; and these sums are added in order. So its bits are the same whatever the tile, wherever the matrices lie,
   and whoever computes it. */

#ifndef FASTLAYERS_PRODUCT_H
#define FASTLAYERS_PRODUCT_H

#include <math.h>

#include "vectors.h"

/* What a product is of. Steps are in numbers: a[i, k] is at i * a_row + k * a_inner, b[k, j] at k * b_inner +
   j * b_column, y[i, j] at i * y_row + j * y_column. To the sums is added `bias`, a number a column; or with
   `accumulate` what y holds. With `relu` what is not above 0 then becomes 0. `block` is how many rows a unit has. */
typedef struct {
    const void *a, *b, *bias;
    void *y;
    Py_ssize_t a_row, a_inner, b_inner, b_column, y_row, y_column;
    Py_ssize_t rows, inner, columns, block;
    int is_double;
    int accumulate;
    int relu;
} FlProduct;

enum {
    FL_INNER = 384,       /* of the inner dimension at a time */
    FL_FEW_ROWS = 4,      /* with so few, a panel is wider, and b passes by in slices that are read in order */
    FL_FEW_INNER = 64,
    FL_WORTH_TURNING = 32,
    FL_PACKED_ROWS = 48,  /* from here on a copy of b may pay, */
    FL_UNPACKED = FL_FREE_MASKS ? 1 << 21 : 1 << 17, /* if it is of more bytes */
    FL_BLOCK = 128,       /* rows of a that stay in the second cache while panels pass by; more where each is packed, */
    FL_FEW_PANELS = 8,    /* but not so many that there are too few parts for several threads, */
    FL_LEAST_BLOCK = 32,  /* nor so few */
    FL_PAGE = 4096,       /* bytes after which addresses share a place in the first cache */
    FL_PAGED_ROWS = 24,   /* from here on b is packed whose rows are so far apart, */
    FL_PAGED_INNER = FL_FREE_MASKS ? 2 : 8, /* if there are more of them than that place has room for */
    FL_FAR = 2048,        /* bytes between the numbers of a row of a from which on a block of it is copied, */
    FL_COPY_PANELS = FL_FREE_MASKS ? 6 : 4, /* if it is read more often than this */
    FL_COPIED = 48 << 10  /* bytes of what is packed or copied at a time */
};

#if defined(__GNUC__)
#define FL_ALIGNED __attribute__((aligned(64)))
#else
#define FL_ALIGNED
#endif

/* The tiles of each type: after `inner` rows of b, so far on as `b_steps` says come as many again, so many times as there
   are `steps`, told from the last one back; a goes on. AVX-512 has 32 registers of either width, others 16. */
#define FL_TILE_TYPE(real)                                                                                             \
    typedef struct {                                                                                                   \
        const real *a, *b, *add;                                                                                       \
        real *y, low;                                                                                                  \
        const Py_ssize_t *b_steps;                                                                                     \
        Py_ssize_t a_row, a_inner, b_row, add_row, y_row, inner, steps;                                                \
        int columns;                                                                                                   \
    } FlTile_##real;
FL_TILE_TYPE(float)
FL_TILE_TYPE(double)

#if defined(__AVX512VL__)
#define FL_MOST_ROWS 8
#define FL_MOST_COLUMNS 4
#define FL_HALVES 1
#define FL_FLOATS f16
#define FL_HALF_FLOATS f8
#define FL_DOUBLES d8
#define FL_HALF_DOUBLES d4
#define FL_WIDTH 64
#elif defined(FL_AVX2)
#define FL_MOST_ROWS 6
#define FL_MOST_COLUMNS 2
#define FL_HALVES 0
#define FL_FLOATS f8
#define FL_DOUBLES d4
#define FL_WIDTH 32
#else
#define FL_MOST_ROWS 4
#define FL_MOST_COLUMNS 2
#define FL_HALVES 0
#define FL_FLOATS f4
#define FL_DOUBLES d2
#define FL_WIDTH 16
#endif

/* A product's panels, and the rows of a unit, which is these of one panel. */
FL_INLINE Py_ssize_t fl_panel(const FlProduct *p) {
    return (p->rows <= FL_FEW_ROWS ? FL_MOST_COLUMNS : 2) * (FL_WIDTH / (p->is_double ? 8 : 4));
}
FL_INLINE Py_ssize_t fl_panels(const FlProduct *p) { return (p->columns + fl_panel(p) - 1) / fl_panel(p); }
FL_INLINE size_t fl_bytes(const FlProduct *p) { return (size_t)p->inner * p->columns * (p->is_double ? 8 : 4); }
FL_INLINE Py_ssize_t fl_size(const FlProduct *p) { return p->is_double ? 8 : 4; }
static int fl_packs(const FlProduct *p) {
    return p->b_column != 1 || (p->rows >= FL_PACKED_ROWS && fl_bytes(p) > FL_UNPACKED)
        || (p->rows >= FL_PAGED_ROWS && p->inner > FL_PAGED_INNER && p->b_inner * fl_size(p) % FL_PAGE == 0);
}
/* Whether blocks of a are copied: their rows lie next to each other, and what is next in a row is far away. */
static int fl_copies(const FlProduct *p) {
    return p->a_row == 1 && p->a_inner * fl_size(p) >= FL_FAR && p->rows > FL_MOST_ROWS
        && p->columns > FL_COPY_PANELS * fl_panel(p)
        && !fl_packs(p);
}
/* The most rows of a block; where it is copied, as many as there is room for. */
static Py_ssize_t fl_most(const FlProduct *p) {
    const Py_ssize_t inner = p->inner < FL_INNER ? p->inner + 1 : FL_INNER;
    const Py_ssize_t room = fl_copies(p) ? FL_COPIED / (inner * fl_size(p)) : FL_BLOCK;
    const Py_ssize_t most = room < FL_BLOCK ? room : FL_BLOCK;
    if (fl_packs(p)) return fl_panels(p) < FL_FEW_PANELS ? 2 * FL_BLOCK : 4 * FL_BLOCK;
    return most - most % FL_MOST_ROWS;
}
/* Blocks are about as large as each other, and where units are few there are some for each of the threads. */
static Py_ssize_t fl_block(const FlProduct *p, int threads) {
    const Py_ssize_t panels = fl_panels(p), most = fl_most(p);
    Py_ssize_t count = (p->rows + most - 1) / most, block;
    if (panels * count < 4 * threads) {
        const Py_ssize_t wanted = (count + threads - 1) / threads * threads, least = p->rows / FL_LEAST_BLOCK;
        count = wanted < least ? wanted : least > count ? least : count;
    }
    if (count == 0) return 1;
    block = (p->rows + count - 1) / count + FL_MOST_ROWS - 1;
    return block - block % FL_MOST_ROWS;
}

#define FL_REAL float
#define FL_KIND FL_FLOATS
#define FL_LANES_OF_KIND (FL_WIDTH / 4)
#include "product_tiles.h"
#if FL_HALVES
#define FL_KIND FL_HALF_FLOATS
#define FL_LANES_OF_KIND (FL_WIDTH / 8)
#define FL_HALF
#include "product_tiles.h"
#endif
#define FL_LANES (FL_WIDTH / 4)
#define FL_WIDE FL_FLOATS
#define FL_NARROW FL_HALF_FLOATS
#include "product_panels.h"

#define FL_REAL double
#define FL_KIND FL_DOUBLES
#define FL_LANES_OF_KIND (FL_WIDTH / 8)
#include "product_tiles.h"
#if FL_HALVES
#define FL_KIND FL_HALF_DOUBLES
#define FL_LANES_OF_KIND (FL_WIDTH / 16)
#define FL_HALF
#include "product_tiles.h"
#endif
#define FL_LANES (FL_WIDTH / 8)
#define FL_WIDE FL_DOUBLES
#define FL_NARROW FL_HALF_DOUBLES
#include "product_panels.h"

/* How many lanes that many columns take. */
FL_INLINE Py_ssize_t fl_lanes(const FlProduct *p, Py_ssize_t columns) {
    const Py_ssize_t step = FL_WIDTH / (p->is_double ? 8 : 4) / (1 + FL_HALVES);
    return (columns + step - 1) / step * step;
}

/* Make y = a b the product of the transposes, where that leaves fewer lanes in vain, or less to be turned: y is turned
   instead, which is by blocks only where a tile has the rows of one. */
static void fl_turn_product(FlProduct *p) {
    const FlProduct of = *p;
    const int fills = of.a_row == 1 && of.columns > 1 && of.inner >= FL_WORTH_TURNING
        && (4 * fl_lanes(p, of.columns) * of.rows > 5 * of.columns * fl_lanes(p, of.rows)
            || (2 * fl_size(p) * of.columns <= FL_WIDTH && of.rows >= FL_WORTH_TURNING));
    const int turns_less = FL_MOST_ROWS == FL_TURNED_float && of.b_column != 1 && of.a_row != 1
        && of.rows >= FL_FEW_ROWS && 2 * of.rows <= of.columns;
    if (of.bias || !(fills || turns_less)) return;
    p->a = of.b, p->a_row = of.b_column, p->a_inner = of.b_inner, p->rows = of.columns;
    p->b = of.a, p->b_inner = of.a_inner, p->b_column = of.a_row, p->columns = of.rows;
    p->y_row = of.y_column, p->y_column = of.y_row;
}

#include "product_choice.h"

/* How many units a product has: they may be done in any order, and by several threads. */
static Py_ssize_t fl_product_units(const FlProduct *p) {
    return fl_panels(p) * ((p->rows + p->block - 1) / p->block);
}

/* The units start to stop; whether all their numbers are finite. */
static int fl_multiply(const FlProduct *p, Py_ssize_t start, Py_ssize_t stop) {
    return p->is_double ? fl_product_double(p, start, stop) : fl_product_float(p, start, stop);
}

/* One row: fl_row_float and fl_row_double. */
#define FL_REAL float
#define FL_KIND FL_FLOATS
#define FL_LANES_OF_KIND (FL_WIDTH / 4)
#include "product_row.h"
#undef FL_REAL
#undef FL_KIND
#undef FL_LANES_OF_KIND
#define FL_REAL double
#define FL_KIND FL_DOUBLES
#define FL_LANES_OF_KIND (FL_WIDTH / 8)
#include "product_row.h"
#undef FL_REAL
#undef FL_KIND
#undef FL_LANES_OF_KIND

#endif
