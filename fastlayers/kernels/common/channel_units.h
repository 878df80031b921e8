/* The numbers of channels of FL_REAL, unit by unit: included once for float and once for double.

   A unit is one channel, or some narrow ones beside each other. What is found of them is in float64. */

#define UNIT FL_NAMED(FlUnit_, FL_REAL)

/* With room for as many columns as the unit's channels have, or as a tile. */
typedef struct {
    FlPass pass;
    Py_ssize_t first, channels;
    double sums[FL_PLACES], more[FL_PLACES]; /* what a pass has found */
    double centre[FL_PLACES];                /* minus what is subtracted from x */
    double factor[FL_PLACES];
    FL_REAL columns[FL_COLUMNS_END];
} UNIT;

/* A channel's number for each of its columns; for those of one tile, where all have the same. */
FL_APART void FL_OF_REAL(spread)(const FlNormalization *w, UNIT *u, int name) {
    const Py_ssize_t each = u->channels == 1 ? FL_TILE * FL_LANES : w->each;
    FL_REAL *numbers = u->columns + name;
    if (each == 1) return;
    for (Py_ssize_t c = u->channels - 1; c >= 0; c--) {
        const FL_REAL number = numbers[c];
        for (Py_ssize_t j = 0; j < each; j++) numbers[c * each + j] = number;
    }
}

/* The sums of the channels, of those of their columns. */
FL_APART void FL_OF_REAL(add_columns)(const FlNormalization *w, UNIT *u) {
    const Py_ssize_t each = u->channels == 1 ? fl_least(w->each, FL_TILE * FL_LANES) : w->each;
    for (Py_ssize_t c = 0; each > 1 && c < u->channels; c++) {
        u->sums[c] = fl_added(u->sums + c * each, each);
        u->more[c] = fl_added(u->more + c * each, each);
    }
}

/* Have the squares of some channels summed in another way, if there are any that need it: where they overflowed, or
   where the mean is off by more than the root of the variance, which would take digits from it. */
FL_RARE int FL_OF_REAL(find_worse)(const FlNormalization *w, UNIT *u) {
    const double shrinks = sizeof(FL_REAL) == 4 ? FL_SHRINKS : 1;
    int worse = 0;
    for (Py_ssize_t c = 0; c < u->channels; c++) {
        const double off = u->sums[c] * w->inverse, var = u->more[c] * w->inverse - off * off;
        if (var == INFINITY && u->factor[c] > shrinks) u->factor[c] = shrinks, worse = 1;
        else if (off * off > var) u->centre[c] = (FL_REAL)(u->centre[c] - off), worse = 1;
        u->columns[FL_CENTRE + c] = (FL_REAL)(u->centre[c] * u->factor[c]);
        u->columns[FL_FACTOR + c] = (FL_REAL)u->factor[c];
    }
    return worse;
}

FL_RARE void FL_OF_REAL(undo_factors)(UNIT *u) {
    for (Py_ssize_t c = 0; c < u->channels; c++) {
        u->sums[c] /= u->factor[c];
        u->more[c] /= u->factor[c] * u->factor[c];
    }
}

/* Minus a mean of which the sum was found, as x's type has it; `less` is minus the inverse of the count. */
FL_APART void FL_OF_REAL(set_centres)(UNIT *u, double less) {
    for (Py_ssize_t c = 0; c < u->channels; c++) {
        u->columns[FL_CENTRE + c] = (FL_REAL)(u->sums[c] * less);
        u->columns[FL_FACTOR + c] = 1;
        u->centre[c] = u->columns[FL_CENTRE + c];
        u->factor[c] = 1;
    }
}

/* Sums of x + centre over so many rows, and of its square. */
FL_APART void FL_OF_REAL(sum_columns)(const FlNormalization *w, UNIT *u, Py_ssize_t rows) {
    u->pass.rows = rows;
    FL_OF_REAL(spread)(w, u, FL_CENTRE);
    FL_OF_REAL(spread)(w, u, FL_FACTOR);
    if (w->kind == FL_BACKWARD) FL_OF_REAL(sum_products)(&u->pass);
    else FL_OF_REAL(sum_squares)(&u->pass);
    FL_OF_REAL(add_columns)(w, u);
}

/* The same about a first mean, of some of the rows; about a better one where it must be. */
static void FL_OF_REAL(find_sums)(const FlNormalization *w, UNIT *u) {
    const Py_ssize_t part = w->each < FL_WIDE ? FL_ROWS_OF_A_SUM : w->rows / FL_PART > 1 ? w->rows / FL_PART : 1;
    const Py_ssize_t rows = fl_least(part, w->rows);
    const double inverse = w->inverse;
    int attempt = 0;
    Py_ssize_t worse;
    fl_clear(u->sums, u->channels);
    FL_OF_REAL(set_centres)(u, 0);
    FL_OF_REAL(sum_columns)(w, u, rows);
    FL_OF_REAL(set_centres)(u, -1 / ((double)rows * (double)w->each));
    do {
        FL_OF_REAL(sum_columns)(w, u, w->rows);
        if (attempt > 0) FL_OF_REAL(undo_factors)(u);
        worse = 0;
        for (Py_ssize_t c = 0; c < u->channels; c++) {
            const double off = u->sums[c] * inverse, square = off * off, var = u->more[c] * inverse - square;
            worse += !(square <= var) | !(var < INFINITY);
        }
    } while (worse > 0 && ++attempt < FL_ATTEMPTS && FL_OF_REAL(find_worse)(w, u));
}

/* The mean and variance of the batch: in `sums` what the mean is more than `centre`, and in `more` the variance. */
FL_APART void FL_OF_REAL(find_statistics)(
    UNIT *FL_RESTRICT u, double inverse, double *FL_RESTRICT mean, double *FL_RESTRICT var
) {
    for (Py_ssize_t c = 0; c < u->channels; c++) {
        const double off = u->sums[c] * inverse, found = u->more[c] * inverse - off * off;
        u->sums[c] = off;
        mean[c] = off - u->centre[c];
        var[c] = u->more[c] = found > 0 || found != found ? found : 0;
    }
}

/* The running mean or variance. */
FL_APART void FL_OF_REAL(move_on)(
    const double *FL_RESTRICT of_batch, const FL_REAL *FL_RESTRICT before, FL_REAL *FL_RESTRICT running,
    double momentum, Py_ssize_t n
) {
    const double rest = 1 - momentum;
    for (Py_ssize_t c = 0; c < n; c++) running[c] = (FL_REAL)(momentum * (double)before[c] + rest * of_batch[c]);
}

/* What makes y of x, by `centre`, and by what is in `sums` and `more`. */
FL_APART void FL_OF_REAL(find_scales)(
    UNIT *FL_RESTRICT u, const FL_REAL *FL_RESTRICT gamma, const FL_REAL *FL_RESTRICT beta, double eps
) {
    for (Py_ssize_t c = 0; c < u->channels; c++) {
        const double scale = gamma[c] / sqrt(u->more[c] + eps);
        u->columns[FL_CENTRE + c] = (FL_REAL)u->centre[c];
        u->columns[FL_FACTOR + c] = (FL_REAL)scale;
        u->columns[FL_SHIFT + c] = (FL_REAL)(beta[c] - u->sums[c] * scale);
    }
}

/* y, by the batch's mean and variance or by those given. */
static void FL_OF_REAL(scale_unit)(const FlNormalization *w, UNIT *u) {
    const FL_REAL *mean = w->mean ? (const FL_REAL *)w->mean + u->first : NULL;
    const FL_REAL *var = w->var ? (const FL_REAL *)w->var + u->first : NULL;
    if (w->kind == FL_PREDICT) {
        for (Py_ssize_t c = 0; c < u->channels; c++) u->centre[c] = -mean[c], u->more[c] = var[c], u->sums[c] = 0;
    } else {
        double *of_batch[2] = {(double *)w->results[1] + u->first, (double *)w->results[2] + u->first};
        FL_REAL *zeros = u->columns;
        FL_OF_REAL(find_sums)(w, u);
        FL_OF_REAL(find_statistics)(u, w->inverse, of_batch[0], of_batch[1]);
        for (Py_ssize_t c = 0; c < u->channels; c++) zeros[c] = 0;
        for (int i = 0; i < 2; i++)
            FL_OF_REAL(move_on)(of_batch[i], i == 0 ? (mean ? mean : zeros) : var ? var : zeros,
                                (FL_REAL *)w->results[3 + i] + u->first, w->momentum, u->channels);
    }
    FL_OF_REAL(find_scales)(u, (const FL_REAL *)w->gamma + u->first, (const FL_REAL *)w->other + u->first, w->eps);
    FL_OF_REAL(spread)(w, u, FL_CENTRE);
    FL_OF_REAL(spread)(w, u, FL_FACTOR);
    FL_OF_REAL(spread)(w, u, FL_SHIFT);
    FL_OF_REAL(scale_rows)(&u->pass);
}

/* What is summed of x: less its mean, and small enough. */
FL_APART void FL_OF_REAL(find_centres)(
    UNIT *FL_RESTRICT u, const double *FL_RESTRICT mean, const double *FL_RESTRICT var
) {
    for (Py_ssize_t c = 0; c < u->channels; c++) {
        const FL_REAL factor = (FL_REAL)(var[c] > 1 / FL_SHRINKS ? FL_SHRINKS : 1);
        u->columns[FL_CENTRE + c] = (FL_REAL)-mean[c] * factor;
        u->columns[FL_FACTOR + c] = factor;
    }
}

/* The gradients of gamma and beta, and what makes dx of dout and x. */
FL_APART void FL_OF_REAL(find_slopes)(
    UNIT *FL_RESTRICT u, const FlNormalization *w, const FL_REAL *FL_RESTRICT gamma, const double *FL_RESTRICT mean,
    const double *FL_RESTRICT var, FL_REAL *FL_RESTRICT dgamma, FL_REAL *FL_RESTRICT dbeta
) {
    const double eps = w->eps, inverse = w->inverse;
    for (Py_ssize_t c = 0; c < u->channels; c++) {
        const FL_REAL centre = (FL_REAL)-mean[c];
        const double root = 1 / sqrt(var[c] + eps), off = mean[c] + centre, sum = u->sums[c];
        const double product = root * (u->more[c] * (var[c] > 1 / FL_SHRINKS ? 1 / FL_SHRINKS : 1) - off * sum);
        const double of_each = root * product * inverse;
        dgamma[c] = (FL_REAL)product;
        dbeta[c] = (FL_REAL)sum;
        u->columns[FL_CENTRE + c] = centre;
        u->columns[FL_FACTOR + c] = (FL_REAL)(gamma[c] * root);
        u->columns[FL_SHIFT + c] = (FL_REAL)(off * of_each - sum * inverse);
        u->columns[FL_SLOPE + c] = (FL_REAL)-of_each;
    }
}

static void FL_OF_REAL(gradient_unit)(const FlNormalization *w, UNIT *u) {
    const double *mean = (const double *)w->mean + u->first, *var = (const double *)w->var + u->first;
    FL_OF_REAL(find_centres)(u, mean, var);
    FL_OF_REAL(sum_columns)(w, u, w->rows);
    FL_OF_REAL(find_slopes)(u, w, (const FL_REAL *)w->gamma + u->first, mean, var,
                            (FL_REAL *)w->results[1] + u->first, (FL_REAL *)w->results[2] + u->first);
    if (!w->results[0]) return;
    for (int name = FL_CENTRE; name < FL_COLUMNS_END; name += FL_PLACES) FL_OF_REAL(spread)(w, u, name);
    FL_OF_REAL(gradient_of_rows)(&u->pass);
}

/* The units from start to stop. */
static void FL_OF_REAL(normalise)(const FlNormalization *w, Py_ssize_t start, Py_ssize_t stop) {
    UNIT u;
    Py_ssize_t end = fl_unit_at(w, start, sizeof(FL_REAL));
    u.pass.rows = w->rows;
    u.pass.stride = w->channels * w->each;
    u.pass.columns = u.columns;
    u.pass.sums = u.sums;
    u.pass.more = u.more;
    for (Py_ssize_t i = start; i < stop; i++) {
        const Py_ssize_t column = end * w->each;
        u.first = end;
        end = fl_unit_at(w, i + 1, sizeof(FL_REAL));
        u.channels = end - u.first;
        u.pass.x = (const FL_REAL *)w->x + column;
        u.pass.dout = w->kind == FL_BACKWARD ? (const FL_REAL *)w->other + column : u.pass.x;
        u.pass.y = w->results[0] ? (FL_REAL *)w->results[0] + column : (FL_REAL *)u.pass.x; /* which no sum writes */
        u.pass.width = u.channels * w->each;
        u.pass.is_one = u.channels == 1;
        if (w->kind == FL_BACKWARD) FL_OF_REAL(gradient_unit)(w, &u);
        else FL_OF_REAL(scale_unit)(w, &u);
    }
}

#undef UNIT
