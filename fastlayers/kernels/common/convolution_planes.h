/* Numbers of x into the planes of a part, and from there to dx; and images beside each other. Included once for each
   type by `convolution_passes.h`, whose names these are. */

/* Zeros, and beyond them to the end of a vector: mostly of one, for which a compiler that sees them calls memset. */
FL_INLINE void FL_OF_REAL(clear)(FL_REAL *at, Py_ssize_t n) {
    const FL_REAL zero = *(const volatile FL_REAL *)FL_OF_REAL(zeros);
    for (Py_ssize_t j = 0; j < n; j += ROW_LANES) R(store)(at + j, R(every)(zero));
}

/* n numbers copied; or, if `adds`, added to those that are there. The last vector begins earlier where it would not be
   whole, and is loaded before any is stored: masked stores take long. */
FL_INLINE void FL_OF_REAL(move)(const FL_REAL *from, FL_REAL *to, Py_ssize_t n, Py_ssize_t stride, const int adds) {
    const Py_ssize_t tail = n - ROW_LANES;
    Py_ssize_t j = 0;
    if (stride == 1 && tail >= 0) {
        const FL_NAMED(fl_, ROW_KIND) last = R(load)(from + tail), sum = R(add)(last, R(load)(to + tail));
        for (; j < tail; j += ROW_LANES) {
            const FL_NAMED(fl_, ROW_KIND) next = R(load)(from + j);
            R(store)(to + j, adds ? R(add)(next, R(load)(to + j)) : next);
        }
        R(store)(to + tail, adds ? sum : last);
        return;
    }
    for (; j < n; j++)
        if (adds) to[j * stride] += from[j];
        else to[j] = from[j * stride];
}

/* `rows` rows of n numbers of x, `line` apart, to rows of `columns` numbers of a plane, n of them from `start` on and the
   others zeros; or, if `folds`, added to those of x. Where rows are as far apart in both they are one. */
FL_INLINE void FL_OF_REAL(through_rows)(
    FL_REAL *x, Py_ssize_t line, Py_ssize_t stride, FL_REAL *plane, Py_ssize_t columns, Py_ssize_t start, Py_ssize_t n,
    Py_ssize_t rows, int folds
) {
    const int as_one = line == columns && stride == 1;
    const Py_ssize_t count = as_one ? 1 : rows, each = as_one ? (rows - 1) * columns + n : n;
    for (int turn = 0; turn < 2; turn++) /* what is not of x is zeros when all has been copied, or before it is added */
        if (as_one && turn != folds) {
            for (Py_ssize_t j = 0; j < columns; j++)
                if (j < start || j >= start + n)
                    for (Py_ssize_t i = 0; i < rows; i++) plane[i * columns + j] = 0;
        } else if (turn == folds) {
            FL_REAL *of = x, *to = plane;
#define EACH_ROW for (Py_ssize_t i = 0; i < count; i++, of += line, to += columns)
            if (folds) EACH_ROW FL_OF_REAL(move)(to + start, of, each, stride, 1);
            else if (each >= columns) EACH_ROW FL_OF_REAL(move)(of, to + start, each, stride, 0);
            else EACH_ROW { /* what is cleared beyond an end is written again */
                FL_OF_REAL(clear)(to, start);
                FL_OF_REAL(clear)(to + start + n, columns - start - n);
                FL_OF_REAL(move)(of, to + start, each, stride, 0);
            }
#undef EACH_ROW
        }
}

/* A part's numbers of x in its planes; or, if `folds`, the planes' numbers added to where they belong in x. Planes of
   one column of the filter follow each other, so that nothing is loaded which has just been stored nearby. */
FL_APART void FL_OF_REAL(through_planes)(const FlConvolution *c, const PART *part, FL_REAL *x, int folds) {
    const Py_ssize_t high = c->steps > 1 ? 1 : c->filter.y, rows = part->rows + (c->steps - 1) * c->dilation.y;
    const Py_ssize_t stride = c->stride.x, down = c->stride.y, of_image = c->image.y * c->image.x;
    x += part->first * c->channels * of_image;
    for (Py_ssize_t k = 0; k < high * c->filter.x; k++) {
        /* pixel (i, j) sees row `top` + i down, and there `left` + j stride: those from `first` and `start` on are x's */
        const Py_ssize_t top = part->top * down + k / c->filter.x * c->dilation.y - c->pad.y;
        const Py_ssize_t left = part->left * stride + k % c->filter.x * c->dilation.x - c->pad.x;
        const Py_ssize_t first = fl_least(top < 0 ? (-top + down - 1) / down : 0, rows);
        const Py_ssize_t end = top < c->image.y ? fl_least((c->image.y - 1 - top) / down + 1, rows) : 0;
        const Py_ssize_t start = left < 0 ? (-left + stride - 1) / stride : 0;
        const Py_ssize_t stop = left < c->image.x ? fl_least((c->image.x - 1 - left) / stride + 1, part->columns) : 0;
        const Py_ssize_t n = stop > start ? stop - start : 0, inside = n > 0 && end > first ? end - first : 0;
        for (Py_ssize_t channel = 0; channel < c->channels; channel++) {
            FL_REAL *plane = part->planes + (channel * high * c->filter.x + k) * c->plane;
            for (Py_ssize_t image = 0; image < part->images; image++, plane += rows * part->columns) {
                FL_REAL *of = x + (image * c->channels + channel) * of_image;
                if (!folds) FL_OF_REAL(clear)(plane, (inside ? first : rows) * part->columns);
                if (inside)
                    FL_OF_REAL(through_rows)(
                        of + (top + first * down) * c->image.x + left + start * stride, down * c->image.x, stride,
                        plane + first * part->columns, part->columns, start, n, inside, folds);
                if (!folds && inside) FL_OF_REAL(clear)(plane + end * part->columns, (rows - end) * part->columns);
            }
        }
    }
}

/* y of several images that stand beside each other, to where it belongs; or dout of these, if `gathers`. */
FL_RARE void FL_OF_REAL(place_images)(const FlConvolution *c, const PART *part, FL_REAL *y, int gathers) {
    const Py_ssize_t pixels = part->count / part->images;
    for (Py_ssize_t image = 0; image < part->images; image++)
        for (Py_ssize_t f = 0; f < c->filters; f++) {
            FL_REAL *beside = part->y + f * part->row + image * pixels;
            FL_REAL *own = y + ((part->first + image) * c->filters + f) * pixels;
            if (gathers) memcpy(beside, own, pixels * sizeof(FL_REAL));
            else memcpy(own, beside, pixels * sizeof(FL_REAL));
        }
}

/* The part `at` of the images from `first` on; `memory` begins with the planes. */
FL_RARE PART FL_OF_REAL(part)(const FlConvolution *c, Py_ssize_t first, Py_ssize_t at, FL_REAL *memory, FL_REAL *images) {
    const Py_ssize_t top = at / c->parts.x * c->part.y, left = at % c->parts.x * c->part.x;
    PART part;
    part.first = first, part.images = fl_least(c->images, c->count - first);
    part.top = top, part.rows = fl_least(c->part.y, c->pixels.y - top);
    part.left = left, part.columns = c->part.x; /* the last of a row may have pixels that do not count */
    part.count = c->parts.x > 1 ? fl_least(c->part.x, c->pixels.x - left) : part.images * part.rows * part.columns;
    part.planes = memory;
    if (c->images > 1) part.y = images, part.row = part.count;
    else {
        part.row = c->pixels.y * c->pixels.x;
        part.y = (FL_REAL *)c->y + first * c->filters * part.row + top * c->pixels.x + left;
    }
    return part;
}
