/* Convolution of images of float and double, for one instruction set: how it is divided, and a pass over a part of it.

   No array of patches is made. Where the filter moves by one row at a time, its rows see the same numbers, a row of
   pixels further on: so a part of x is copied into planes, one for each channel and column of the filter, in which the
   numbers that belong to the pixels of y lie in a row, zeros for those outside the image; and the row k of the
   patches' matrix begins k rows of pixels into its plane. Else there is a plane for each number of a filter. Tiles of
   `product.h` do the arithmetic, with vectors of pixels; a table tells them where each row of a filter begins, so
   that W is read as it lies.

   forward   y = W planes, with the bias of its filter for each row
   dW        is dout planes^T, by sums along pixels; or where few pixels would be worth a sum in each lane, and filters
             fill the lanes, its transpose is planes dout^T, dout turned first
   dx        its planes are W^T dout, added where they begin; then each row of a plane is added to its row of dx

   The planes stay in the second cache: a part is so many rows of pixels of an image, a piece of a row where one alone
   is too long, or several small images, whose pixels stand beside each other. What is not finite is as IEEE 754 has
   it; the zeros around an image are multiplied like its own numbers. */

#ifndef FASTLAYERS_CONVOLUTION_H
#define FASTLAYERS_CONVOLUTION_H

#include "product.h"

/* The sums of a tile along pixels, as many as there are registers for. */
#if FL_HALVES
#define FL_DOT_ROWS 5
#define FL_DOT_COLUMNS 5
#else
#define FL_DOT_ROWS 3
#define FL_DOT_COLUMNS 3
#endif

/* Down and across. */
typedef struct { Py_ssize_t y, x; } FlPair;

typedef struct {
    const void *x, *W, *bias; /* bias repeated to a panel */
    const Py_ssize_t *next;   /* how far it is from the planes' end of a run to the next one, from the last run back */
    void *y; /* or dout */
    void *dx;
    Py_ssize_t count, channels, filters, groups;
    FlPair image, filter, pixels, stride, pad, dilation;
    int is_double, relu; /* whether y is ReLU of it */
    /* By `fl_divide_convolution`: */
    Py_ssize_t images;      /* of a part, several only if they are whole */
    FlPair part, parts;     /* its pixels, and how many there are of an image */
    Py_ssize_t inner;       /* how many numbers a filter has, */
    Py_ssize_t run, runs;   /* how many of them have planes next to each other, and how often */
    Py_ssize_t steps, step; /* the rows of a filter that share a plane, and how far they are apart in it */
    Py_ssize_t each, plane; /* planes of a group, and how far they are apart */
    Py_ssize_t turned;      /* from row to row of dout^T; 0 for sums along pixels */
    Py_ssize_t of_planes, of_turned, of_images, of_sums; /* numbers of memory */
} FlConvolution;

enum {
    FL_PLANES = 128 << 10, /* bytes of the planes; more for several images, since parts of one share their rows, */
    FL_IMAGE_PLANES = FL_FREE_MASKS ? 192 << 10 : FL_PLANES, /* on processors whose second cache has a megabyte; */
    FL_LEAST_PIXELS = 128, /* but for so many pixels that a part is worth its products, */
    FL_MOST_PLANES = 1 << 20, /* where these are not too many */
    FL_BEYOND = 8,         /* numbers that may be written behind a plane's */
    FL_SHARING = 64,       /* from so many pixels on an image is worth a part of its own */
    FL_MOST_DOTS = 1 << 18 /* bytes of sums along pixels */
};

FL_INLINE Py_ssize_t fl_up(Py_ssize_t n, Py_ssize_t to) { return (n + to - 1) / to * to; }

/* How many pixels of a row a panel has, at most. */
FL_INLINE Py_ssize_t fl_wide_panel(const FlConvolution *c) { return FL_MOST_COLUMNS * FL_WIDTH / (c->is_double ? 8 : 4); }
FL_INLINE Py_ssize_t fl_parts(const FlConvolution *c) { return c->parts.y * c->parts.x; }
/* Whether sums of dW are along pixels, in lanes that are yet to be added. */
FL_INLINE int fl_folds(const FlConvolution *c) { return c->turned == 0; }

/* The rows of a tile along pixels where so many are left, and those of all tiles. */
FL_INLINE Py_ssize_t fl_dot_rows(Py_ssize_t left) { return left <= 3 || left == 6 || left == 9 ? 3 : FL_DOT_ROWS; }
FL_INLINE Py_ssize_t fl_all_dot_rows(Py_ssize_t rows) {
    Py_ssize_t all = 0;
    while (all < rows) all += fl_dot_rows(rows - all);
    return all;
}

/* Whether dW is by sums along pixels: by what a part takes so, and with dout turned, in vectors' multiplications. */
static int fl_sums_along_pixels(const FlConvolution *c) {
    const Py_ssize_t lanes = FL_WIDTH / (c->is_double ? 8 : 4), pixels = c->part.y * c->part.x;
    const Py_ssize_t filters = c->filters / c->groups, rows = fl_all_dot_rows(filters);
    const Py_ssize_t along = fl_up(c->inner, FL_DOT_COLUMNS) * rows * (fl_up(pixels, lanes) / lanes + 3);
    const Py_ssize_t across = c->inner * fl_up(filters, lanes / (1 + FL_HALVES)) / lanes + filters / 2;
    return c->images == 1 && c->filters * c->inner <= FL_MOST_DOTS / FL_WIDTH && along < pixels * across;
}

/* Divide it; `image` and all above that are set. */
FL_RARE void fl_divide_convolution(FlConvolution *c) {
    const Py_ssize_t size = c->is_double ? 8 : 4, pixels = c->pixels.y * c->pixels.x;
    const int shares = c->stride.y == 1 && c->filter.y > 1 && (c->count == 1 || pixels >= FL_SHARING);
    const Py_ssize_t halo = shares ? (c->filter.y - 1) * c->dilation.y : 0;
    const Py_ssize_t most = c->count > 1 ? FL_IMAGE_PLANES : FL_PLANES;
    Py_ssize_t bytes, rows;
    c->inner = c->channels / c->groups * c->filter.y * c->filter.x;
    c->run = shares ? c->filter.x : c->inner, c->runs = c->inner / c->run;
    c->steps = shares ? c->filter.y : 1;
    c->each = c->channels / c->groups * c->filter.x * (shares ? 1 : c->filter.y);
    c->images = 1, c->part = c->pixels;
    if (!shares && pixels < FL_LEAST_PIXELS) c->images = fl_least((FL_LEAST_PIXELS + pixels - 1) / pixels, c->count);
    bytes = c->each * c->groups * size; /* of a pixel */
    if (c->images == 1) {
        const Py_ssize_t least = (FL_LEAST_PIXELS + c->pixels.x - 1) / c->pixels.x;
        rows = most / bytes / c->pixels.x - halo;
        if (rows < least) rows = least;
        while (rows > 1 && bytes * (rows + halo) > FL_MOST_PLANES / c->pixels.x) rows--;
        if (rows > c->pixels.y) rows = c->pixels.y;
        if (rows == 1) c->part.x = fl_least(c->part.x, FL_LEAST_PIXELS + most / (bytes * (1 + halo)));
        c->parts.y = (c->pixels.y + rows - 1) / rows;
        c->part.y = (c->pixels.y + c->parts.y - 1) / c->parts.y;
    }
    c->parts.y = (c->pixels.y + c->part.y - 1) / c->part.y;
    c->parts.x = (c->pixels.x + c->part.x - 1) / c->part.x;
    c->step = c->dilation.y * c->part.x;
    c->plane = fl_up(c->images * (c->part.y + halo) * c->part.x + FL_BEYOND, 16);
    if (c->plane % 32 == 0) c->plane += 16; /* planes would share places in the first cache */
    c->turned = fl_sums_along_pixels(c) ? 0 : fl_up(c->filters, FL_WIDTH / size);
    c->of_planes = c->each * c->groups * c->plane + 2 * FL_WIDTH / size;
    c->of_turned = c->images * c->part.y * c->part.x * c->turned;
    c->of_images = c->images > 1 ? c->images * pixels * c->filters : 0;
    c->of_sums = c->filters * c->inner;
    if (!c->turned)
        c->of_sums = c->groups * fl_all_dot_rows(c->filters / c->groups) * fl_up(c->inner, FL_DOT_COLUMNS)
            * (FL_WIDTH / size);
}

/* Fill `next`, which has a number for each run. */
FL_RARE void fl_place_runs(FlConvolution *c, Py_ssize_t *next) {
    for (Py_ssize_t run = 0; run < c->runs; run++) /* to the next row of a filter, or up again for the next channel */
        next[run] = run % c->steps > 0 ? c->step - c->run * c->plane : -(c->steps - 1) * c->step;
    c->next = next;
}

/* Where filters move by one, dx is a convolution of dout as well, with the filters turned about and channels in their
   place: a tile has rows enough if there are as many, and no sums are stored halfway. Whether it is to be done so: a sum
   for each pixel of x takes 1.3 times what its multiplications do; for one of y, 1.2, and what 8 filters more would. */
FL_RARE int fl_turn_convolution(const FlConvolution *c, FlConvolution *turned) {
    const double filters = (double)c->filters / (double)c->groups, of_x = (double)c->image.y * (double)c->image.x;
    if (c->stride.y != 1 || c->stride.x != 1 || c->channels / c->groups < FL_MOST_ROWS || c->images > 1) return 0;
    if (1.3 * of_x * filters > (1.2 * filters + 8) * (double)c->pixels.y * (double)c->pixels.x) return 0;
    *turned = *c;
    turned->bias = turned->dx = NULL, turned->relu = 0;
    turned->channels = c->filters, turned->filters = c->channels, turned->image = c->pixels, turned->pixels = c->image;
    turned->pad.y = c->dilation.y * (c->filter.y - 1) - c->pad.y;
    turned->pad.x = c->dilation.x * (c->filter.x - 1) - c->pad.x;
    fl_divide_convolution(turned);
    return turned->images == 1;
}

#define FL_REAL float
#define FL_KIND FL_FLOATS
#define FL_LANES_OF_KIND (FL_WIDTH / 4)
#include "convolution_dots.h"
#undef FL_REAL
#undef FL_KIND
#undef FL_LANES_OF_KIND
#define FL_REAL double
#define FL_KIND FL_DOUBLES
#define FL_LANES_OF_KIND (FL_WIDTH / 8)
#include "convolution_dots.h"
#undef FL_REAL
#undef FL_KIND
#undef FL_LANES_OF_KIND

#if FL_HALVES
#define FL_ROW_FLOATS FL_HALF_FLOATS
#define FL_ROW_DOUBLES FL_HALF_DOUBLES
#else
#define FL_ROW_FLOATS FL_FLOATS
#define FL_ROW_DOUBLES FL_DOUBLES
#endif

#define FL_REAL float
#define FL_LANES (FL_WIDTH / 4)
#define ROW_KIND FL_ROW_FLOATS
#define ROW_LANES (FL_WIDTH / 4 / (1 + FL_HALVES))
#include "convolution_passes.h"
#define FL_REAL double
#define FL_LANES (FL_WIDTH / 8)
#define ROW_KIND FL_ROW_DOUBLES
#define ROW_LANES (FL_WIDTH / 8 / (1 + FL_HALVES))
#include "convolution_passes.h"

/* Each number of b as often as the widest panel has pixels. */
static void fl_repeat_bias(const FlConvolution *c, const void *b, void *bias) {
    if (c->is_double) fl_repeat_bias_double(c, b, bias);
    else fl_repeat_bias_float(c, b, bias);
}
/* The weights of what `fl_turn_convolution` gives, of which c is the other; whether all are finite. If not, dx may not
   be made so: in the margin they would be multiplied by zeros that are of no image. */
static int fl_turn_weights(const FlConvolution *c, const void *from, void *to) {
    return c->is_double ? fl_turn_weights_double(c, from, to) : fl_turn_weights_float(c, from, to);
}
/* The sums of a unit, if these are along pixels, to as many numbers as dW has: those that are then added. */
static void fl_fold_sums(const FlConvolution *c, const void *sums, void *to) {
    if (c->is_double) fl_fold_sums_double(c, sums, to);
    else fl_fold_sums_float(c, sums, to);
}
/* Add those of all units, `bytes` of them, whole lines of the cache, to the first one's. */
static void fl_add_sums(const FlConvolution *c, void *sums, Py_ssize_t bytes, Py_ssize_t units) {
    if (c->is_double) fl_add_sums_double(sums, bytes / 8, units);
    else fl_add_sums_float(sums, bytes / 4, units);
}
/* dW of what the sums come to; `memory` is as many numbers as it has. */
static void fl_finish_sums(const FlConvolution *c, const void *sums, void *dW, void *memory) {
    if (c->is_double) fl_finish_sums_double(c, sums, dW, memory);
    else fl_finish_sums_float(c, sums, dW, memory);
}
/* The part `at` of y; `memory` is of_planes numbers and then of_images. */
static void fl_convolve(const FlConvolution *c, Py_ssize_t image, Py_ssize_t at, void *memory) {
    if (c->is_double) fl_convolve_double(c, image, at, memory);
    else fl_convolve_float(c, image, at, memory);
}
/* What the part `at` has of dW: it makes of_sums numbers, or adds to them if `adds`; and of dx, if there is one.
   `memory` is of_planes, of_turned and of_images numbers. */
static void fl_convolve_back(
    const FlConvolution *c, Py_ssize_t image, Py_ssize_t at, void *memory, void *sums, int adds
) {
    if (c->is_double) fl_convolve_back_double(c, image, at, memory, sums, adds);
    else fl_convolve_back_float(c, image, at, memory, sums, adds);
}

#endif
