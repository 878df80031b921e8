/* Passes of a convolution of FL_REAL over a part of it: included once for float and once for double, with these set.

   FL_LANES   how many numbers the widest vectors have
   ROW_KIND   the kind of those that move rows, which are short: of half the width where there are such, and
   ROW_LANES  how many numbers these have */

#define FL_PASTE(a, b) a##b
#define FL_NAMED(a, b) FL_PASTE(a, b)
#define FL_OF_REAL(name) FL_NAMED(fl_##name##_, FL_REAL)
#define R(name) FL_NAMED(fl_##name##_, ROW_KIND)
#define TILE FL_NAMED(FlTile_, FL_REAL)
#define PART FL_NAMED(FlPart_, FL_REAL)

/* A part: its images and pixels, where these begin, and its numbers of each tensor. */
typedef struct {
    Py_ssize_t first, images, top, left, rows, columns, count;
    FL_REAL *planes, *y;
    Py_ssize_t row; /* from filter to filter of y */
} PART;

/* out[j * out_row + i] = in[i * in_row + j], in blocks, of which the last begin earlier where they would not be whole. */
FL_APART void FL_OF_REAL(turn_rows)(
    const FL_REAL *in, Py_ssize_t in_row, FL_REAL *out, Py_ssize_t out_row, Py_ssize_t rows, Py_ssize_t columns
) {
    const int size = FL_NAMED(FL_TURNED_, FL_REAL);
    if (rows < size || columns < size) {
        for (Py_ssize_t i = 0; i < rows; i++)
            for (Py_ssize_t j = 0; j < columns; j++) out[j * out_row + i] = in[i * in_row + j];
        return;
    }
    for (Py_ssize_t j = 0; j < columns; j += size) {
        const Py_ssize_t column = fl_least(j, columns - size);
        for (Py_ssize_t i = 0; i < rows; i += size) {
            const Py_ssize_t row = fl_least(i, rows - size);
            FL_OF_REAL(turn)(in + row * in_row + column, in_row, out + column * out_row + row, out_row, size);
        }
    }
}

/* The rows of `wide` numbers of a filter's channels, so that the first rows of all come first, and so on. Eight numbers
   move at a time where what is beyond a row is written anew with the next: for one image this is half of the time. */
FL_RARE void FL_OF_REAL(order_rows)(
    const FL_REAL *from, FL_REAL *to, Py_ssize_t filters, Py_ssize_t channels, Py_ssize_t rows, Py_ssize_t wide
) {
    const Py_ssize_t all = filters * channels * rows * wide, short_of = wide <= 8 ? all - 8 : 0;
    for (Py_ssize_t f = 0; f < filters; f++)
        for (Py_ssize_t y = 0; y < rows; y++)
            for (Py_ssize_t channel = 0; channel < channels; channel++, to += wide) {
                const Py_ssize_t at = ((f * channels + channel) * rows + y) * wide;
                const Py_ssize_t into = ((f * rows + y) * channels + channel) * wide;
                if (at < short_of && into < short_of) memcpy(to, from + at, 8 * sizeof(FL_REAL));
                else memcpy(to, from + at, wide * sizeof(FL_REAL));
            }
}

FL_RARE int FL_OF_REAL(turn_weights)(const FlConvolution *c, const FL_REAL *from, FL_REAL *to) {
    const Py_ssize_t filters = c->filters / c->groups, channels = c->channels / c->groups;
    const Py_ssize_t size = c->filter.y * c->filter.x, n = c->filters * c->inner;
    FL_NAMED(fl_, ROW_KIND) bad = R(zero)();
    for (Py_ssize_t i = 0; i < n; i += ROW_LANES) {
        const int lanes = (int)fl_least(n - i, ROW_LANES);
        bad = R(multiply_add)(R(load_first)(from + i, R(first)(lanes)), R(zero)(), bad);
    }
    for (Py_ssize_t group = 0; group < c->groups; group++, from += filters * channels * size)
        for (Py_ssize_t channel = 0; channel < channels; channel++)
            for (Py_ssize_t f = 0; f < filters; f++, to += size) {
                const FL_REAL *last = from + (f * channels + channel + 1) * size - 1;
                for (Py_ssize_t i = 0; i < size; i++) to[i] = last[-i];
            }
    return !R(has_nan)(bad);
}

FL_RARE void FL_OF_REAL(repeat_bias)(const FlConvolution *c, const FL_REAL *b, FL_REAL *bias) {
    for (Py_ssize_t f = 0; f < c->filters; f++)
        for (int j = 0; j < FL_OF_REAL(wide_panel); j += ROW_LANES, bias += ROW_LANES) R(store)(bias, R(every)(b[f]));
}

/* Of all units to the first one's, from one to the next `step` numbers, whole vectors. */
FL_RARE void FL_OF_REAL(add_sums)(FL_REAL *sums, Py_ssize_t step, Py_ssize_t units) {
    for (const FL_REAL *more = sums + step; --units > 0; more += step)
        for (Py_ssize_t i = 0; i < step; i += ROW_LANES)
            R(store)(sums + i, R(add)(R(load)(sums + i), R(load)(more + i)));
}

/* Sums along pixels: the lanes of each added. */
FL_RARE void FL_OF_REAL(fold_sums)(const FlConvolution *c, const FL_REAL *sums, FL_REAL *to) {
    const Py_ssize_t filters = c->filters / c->groups;
    for (Py_ssize_t group = 0; group < c->groups; group++, sums += c->of_sums / c->groups)
        for (Py_ssize_t f = 0; f < filters; f++, to += c->inner)
            FL_OF_REAL(fold_dots)(sums + f * fl_up(c->inner, FL_DOT_COLUMNS) * FL_LANES, to, c->inner);
}

FL_RARE void FL_OF_REAL(finish_sums)(const FlConvolution *c, const FL_REAL *sums, FL_REAL *dW, FL_REAL *memory) {
    const Py_ssize_t filters = c->filters / c->groups, channels = c->channels / c->groups;
    FL_REAL *turned = c->steps > 1 ? memory : dW; /* where rows share planes these come first */
    if (!c->turned) {
        memcpy(dW, sums, c->filters * c->inner * sizeof(FL_REAL));
        return;
    }
    for (Py_ssize_t f = 0; f < c->filters; f += filters)
        FL_OF_REAL(turn_rows)(sums + f * c->inner, filters, turned + f * c->inner, c->inner, c->inner, filters);
    if (c->steps > 1) FL_OF_REAL(order_rows)(turned, dW, c->filters, c->filter.y, channels, c->filter.x);
}

/* y = a b in tiles, of which `t` has all but the columns and what is added: what y holds, if `adds`, or the bias, a row
   of a panel for each of y. */
FL_APART void FL_OF_REAL(multiply_tiles)(
    TILE *t, Py_ssize_t rows, Py_ssize_t columns, const FL_REAL *bias, int adds, int relu
) {
    const FL_REAL *a = t->a, *b = t->b;
    FL_REAL *y = t->y;
    const int few = rows <= FL_FEW_ROWS;
    const Py_ssize_t panel = (few ? FL_MOST_COLUMNS : 2) * FL_LANES, count = (rows + FL_MOST_ROWS - 1) / FL_MOST_ROWS;
    t->low = relu ? 0 : (FL_REAL)NAN; /* with nan nothing is cleared, minus infinity neither */
    for (Py_ssize_t j = 0; j < columns; j += t->columns) {
        int (*const *tiles)(const TILE *);
        t->columns = (int)fl_least(columns - j, panel);
        tiles = FL_OF_REAL(tiles_for)(few, &t->columns);
        t->b = b + j;
        for (Py_ssize_t i = 0, row = 0; i < count; i++) {
            const Py_ssize_t height = rows / count + (i < rows % count);
            t->a = a + row * t->a_row, t->y = y + row * t->y_row + j;
            if (adds) t->add = t->y, t->add_row = t->y_row;
            else if (bias) t->add = bias + row * FL_OF_REAL(wide_panel), t->add_row = FL_OF_REAL(wide_panel);
            else t->add = FL_OF_REAL(zeros), t->add_row = 0;
            tiles[height - 1](t);
            row += height;
        }
    }
}

#include "convolution_planes.h"

/* How far it is from the run of planes before `run` to this one. */
FL_INLINE Py_ssize_t FL_OF_REAL(to_run)(const FlConvolution *c, Py_ssize_t run) {
    return c->run * c->plane + c->next[c->runs - run];
}

FL_RARE void FL_OF_REAL(convolve)(const FlConvolution *c, Py_ssize_t first, Py_ssize_t at, FL_REAL *memory) {
    const PART part = FL_OF_REAL(part)(c, first, at, memory, memory + c->of_planes);
    const Py_ssize_t filters = c->filters / c->groups;
    const Py_ssize_t most = c->run < FL_INNER ? FL_INNER / c->run : 1; /* runs of a product */
    const FL_REAL *bias = c->bias;
    FL_OF_REAL(through_planes)(c, &part, (FL_REAL *)c->x, 0);
    for (Py_ssize_t group = 0; group < c->groups; group++, bias += bias ? filters * FL_OF_REAL(wide_panel) : 0) {
        const FL_REAL *b = part.planes + group * c->each * c->plane;
        for (Py_ssize_t run = 0, stop; run < c->runs; run = stop) {
            TILE t;
            stop = fl_least(run + most, c->runs);
            t.steps = stop - run, t.b_steps = c->next + c->runs - stop;
            for (Py_ssize_t k = 0; k < c->run; k += FL_INNER) { /* once, but where a run is longer than that */
                t.inner = fl_least(FL_INNER, c->run - k);
                t.a = (const FL_REAL *)c->W + group * filters * c->inner + run * c->run + k;
                t.a_row = c->inner, t.a_inner = 1;
                t.b = b + k * c->plane, t.b_row = c->plane;
                t.y = part.y + group * filters * part.row, t.y_row = part.row;
                FL_OF_REAL(multiply_tiles)(
                    &t, filters, part.count, bias, run + k > 0,
                    c->relu && stop == c->runs && k + FL_INNER >= c->run);
            }
            for (Py_ssize_t next = run + 1; stop < c->runs && next <= stop; next++) b += FL_OF_REAL(to_run)(c, next);
        }
    }
    if (c->images > 1) FL_OF_REAL(place_images)(c, &part, c->y, 0);
}

/* What a part has of dW, by sums along its pixels. Where a tile has more rows or columns than there are, the last one is
   taken again; what sums of these come to lies between those of the others, and no one reads it. */
FL_RARE void FL_OF_REAL(sum_along_pixels)(const FlConvolution *c, const PART *part, FL_REAL *sums, int adds) {
    const Py_ssize_t filters = c->filters / c->groups, of_row = fl_up(c->inner, FL_DOT_COLUMNS) * FL_LANES;
    const FL_REAL *a[FL_DOT_ROWS], *b[FL_DOT_COLUMNS];
    Py_ssize_t height;
    if (!adds) memset(sums, 0, c->of_sums * sizeof(FL_REAL));
    for (Py_ssize_t group = 0; group < c->groups; group++)
        for (Py_ssize_t f = 0; f < filters; f += height) {
            const FL_REAL *row = part->planes + group * c->each * c->plane;
            height = fl_dot_rows(filters - f);
            for (Py_ssize_t i = 0; i < FL_DOT_ROWS; i++)
                a[i] = part->y + (group * filters + fl_least(f + i, filters - 1)) * part->row;
            for (Py_ssize_t k = 0, run = 0, in_run = 0; k < c->inner; k += FL_DOT_COLUMNS) {
                for (Py_ssize_t j = 0; j < FL_DOT_COLUMNS; j++) {
                    b[j] = row;
                    if (k + j + 1 >= c->inner) continue;
                    row += c->plane;
                    if (++in_run == c->run) in_run = 0, row += c->next[c->runs - ++run];
                }
                FL_OF_REAL(dots)(
                    a, b, part->count, a[0] + (height + k / FL_DOT_COLUMNS % height) * part->row, sums + k * FL_LANES,
                    of_row, height);
            }
            sums += height * of_row;
        }
}

/* The same for its transpose, with dout turned. */
FL_RARE void FL_OF_REAL(sum_across)(
    const FlConvolution *c, const PART *part, FL_REAL *turned, FL_REAL *sums, int adds
) {
    const Py_ssize_t filters = c->filters / c->groups;
    FL_OF_REAL(turn_rows)(part->y, part->row, turned, c->turned, c->filters, part->count);
    for (Py_ssize_t pixel = 0; pixel < part->count; pixel += FL_INNER)
        for (Py_ssize_t group = 0; group < c->groups; group++)
            for (Py_ssize_t k = 0; k < c->steps; k++) {
                TILE t;
                t.steps = 1, t.inner = fl_least(FL_INNER, part->count - pixel);
                t.a = part->planes + group * c->each * c->plane + k * c->step + pixel;
                t.a_row = c->plane, t.a_inner = 1;
                t.b = turned + pixel * c->turned + group * filters, t.b_row = c->turned;
                t.y = sums + (group * c->inner + k * c->each) * filters, t.y_row = filters;
                FL_OF_REAL(multiply_tiles)(&t, c->each, filters, NULL, adds || pixel > 0, 0);
            }
}

FL_RARE void FL_OF_REAL(convolve_back)(
    const FlConvolution *c, Py_ssize_t first, Py_ssize_t at, FL_REAL *memory, FL_REAL *sums, int adds
) {
    FL_REAL *turned = memory + c->of_planes;
    const PART part = FL_OF_REAL(part)(c, first, at, memory, turned + c->of_turned);
    const Py_ssize_t filters = c->filters / c->groups;
    if (c->images > 1) FL_OF_REAL(place_images)(c, &part, c->y, 1);
    FL_OF_REAL(through_planes)(c, &part, (FL_REAL *)c->x, 0);
    if (c->turned) FL_OF_REAL(sum_across)(c, &part, turned, sums, adds);
    else FL_OF_REAL(sum_along_pixels)(c, &part, sums, adds);
    if (!c->dx) return;
    memset(part.planes, 0, c->of_planes * sizeof(FL_REAL));
    for (Py_ssize_t group = 0; group < c->groups; group++) {
        FL_REAL *y = part.planes + group * c->each * c->plane;
        for (Py_ssize_t run = 0; run < c->runs; run++) {
            if (run > 0) y += FL_OF_REAL(to_run)(c, run);
            for (Py_ssize_t f = 0; f < filters; f += FL_INNER) {
                TILE t;
                t.steps = 1, t.inner = fl_least(FL_INNER, filters - f);
                t.a = (const FL_REAL *)c->W + (group * filters + f) * c->inner + run * c->run;
                t.a_row = 1, t.a_inner = c->inner;
                t.b = part.y + (group * filters + f) * part.row, t.b_row = part.row;
                t.y = y, t.y_row = c->plane;
                FL_OF_REAL(multiply_tiles)(&t, c->run, part.count, NULL, 1, 0);
            }
        }
    }
    FL_OF_REAL(through_planes)(c, &part, c->dx, 1);
}

#undef FL_PASTE
#undef FL_NAMED
#undef FL_OF_REAL
#undef R
#undef ROW_KIND
#undef ROW_LANES
#undef TILE
#undef PART
#undef FL_REAL
#undef FL_LANES
