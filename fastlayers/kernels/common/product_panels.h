/* Panels of a product of FL_REAL: included once for float and once for double, with these set.

   FL_WIDE, FL_NARROW   the kinds of the widest vectors, and of those of half the width where FL_HALVES
   FL_LANES             how many numbers the widest have
   FL_MOST_ROWS         how many rows a tile has at most */

#define FL_PASTE(a, b) a##b
#define FL_NAMED(a, b) FL_PASTE(a, b)
#define FL_OF_REAL(name) FL_NAMED(fl_##name##_, FL_REAL)
#define TILE FL_NAMED(FlTile_, FL_REAL)
#define FL_PASTE_TILES(kind, columns) fl_tiles_##kind##_##columns
#define FL_TILES(kind, columns) FL_PASTE_TILES(kind, columns)

enum { FL_OF_REAL(panel) = 2 * FL_LANES, FL_OF_REAL(wide_panel) = FL_MOST_COLUMNS * FL_LANES };

static const FL_REAL FL_OF_REAL(zeros)[FL_OF_REAL(wide_panel)];

/* The tiles for `left` columns or the first of them; how many those are replaces `left`. */
FL_INLINE int (*const *FL_OF_REAL(tiles_for)(int few, int *left))(const TILE *) {
    const int columns = *left;
#if FL_MOST_COLUMNS > 2
    if (few && columns > 3 * FL_LANES) {
        *left = columns < 4 * FL_LANES ? columns : 4 * FL_LANES;
        return FL_TILES(FL_WIDE, 4);
    }
#endif
#if FL_HALVES
    if (columns <= FL_LANES / 2) return FL_TILES(FL_NARROW, 1);
    if (columns > FL_LANES && columns <= FL_LANES / 2 * 3) return FL_TILES(FL_NARROW, 3);
#endif
    if (columns <= FL_LANES) return FL_TILES(FL_WIDE, 1);
    if (columns > 2 * FL_LANES) *left = 2 * FL_LANES;
    return FL_TILES(FL_WIDE, 2);
}

/* `inner` rows of `columns` of b, one after the other; by blocks where its columns lie in a row (see `turn`). */
static void FL_OF_REAL(pack)(
    const FL_REAL *b, Py_ssize_t b_inner, Py_ssize_t b_column, Py_ssize_t inner, int columns, FL_REAL *packed
) {
    const int size = FL_NAMED(FL_TURNED_, FL_REAL);
    Py_ssize_t k = 0;
    int j;
    if (b_column == 1) {
        for (; k < inner; k++) memcpy(packed + k * columns, b + k * b_inner, columns * sizeof(FL_REAL));
        return;
    }
    if (b_inner == 1)
        for (; k + size <= inner; k += size) {
            for (j = 0; j + size <= columns; j += size)
                FL_OF_REAL(turn)(b + k + j * b_column, b_column, packed + k * columns + j, columns, size);
            for (; j < columns; j++)
                for (int i = 0; i < size; i++) packed[(k + i) * columns + j] = b[k + i + j * b_column];
        }
    for (; k < inner; k++)
        for (j = 0; j < columns; j++) packed[k * columns + j] = b[k * b_inner + j * b_column];
}

/* A tile to where it belongs, or `adds` to what is there; whether that makes a number that is not finite. */
static int FL_OF_REAL(scatter)(
    const FlProduct *p, const FL_REAL *part, Py_ssize_t rows, int columns, FL_REAL *y, int adds, FL_REAL low
) {
    const int size = FL_NAMED(FL_TURNED_, FL_REAL), row = FL_OF_REAL(wide_panel);
    const int turned = !adds && p->y_row == 1 ? columns / size * size : 0;
    int bad = 0;
    for (int j = 0; j < turned; j += size)
        for (Py_ssize_t i = 0; i < rows; i += size) {
            FL_REAL *at = y + i + j * p->y_column;
            if (!FL_FREE_MASKS && rows - i >= size) FL_OF_REAL(turn)(part + i * row + j, row, at, p->y_column, size);
            else FL_OF_REAL(turn)(part + i * row + j, row, at, p->y_column,
                                  rows - i < size ? (int)(rows - i) : size);
        }
    for (int j = turned; j < columns; j++)
        for (Py_ssize_t i = 0; i < rows; i++) {
            FL_REAL *at = y + i * p->y_row + j * p->y_column;
            *at = adds ? *at + part[i * row + j] : part[i * row + j];
            bad |= *at * 0 != 0;
            if (*at <= low) *at = 0;
        }
    return bad;
}

/* A panel's tiles of the rows start to stop, whose a is at `a`, from `first` of the inner dimension on; whether one has
   a number that is not finite. All have about the same number of rows: a tile of few waits for its own sums. Where y's
   columns do not lie next to each other, a tile goes there by way of the stack. */
FL_INLINE int FL_OF_REAL(column)(
    const FlProduct *p, const FL_REAL *a, TILE *tile, int (*const *tiles)(const TILE *), Py_ssize_t start,
    Py_ssize_t stop, Py_ssize_t j, Py_ssize_t first
) {
    const Py_ssize_t rows = stop - start, count = (rows + FL_MOST_ROWS - 1) / FL_MOST_ROWS;
    const int last = first + tile->inner == p->inner, adds = first > 0 || p->accumulate, whole = p->y_column == 1;
    FL_ALIGNED FL_REAL part[FL_TURNED_float * FL_OF_REAL(wide_panel)]; /* rows of whole blocks */
    const FL_REAL low = last && p->relu ? 0 : (FL_REAL)-INFINITY;
    Py_ssize_t larger = rows > 0 ? rows % count : 0;
    int bad = 0;
    for (Py_ssize_t row = start; row < stop;) {
        const Py_ssize_t height = rows / count + (larger-- > 0);
        FL_REAL *y = (FL_REAL *)p->y + row * p->y_row + j * p->y_column;
        tile->a = a + (row - start) * tile->a_row;
        tile->y = whole ? y : part, tile->y_row = whole ? p->y_row : FL_OF_REAL(wide_panel);
        tile->add = FL_OF_REAL(zeros), tile->add_row = 0;
        if (adds && whole) tile->add = y, tile->add_row = p->y_row;
        else if (p->bias && !adds) tile->add = (const FL_REAL *)p->bias + j;
        tile->low = adds && !whole ? (FL_REAL)-INFINITY : low; /* before the sum is whole, nothing is cleared */
        bad |= tiles[height - 1](tile);
        if (!whole) bad |= FL_OF_REAL(scatter)(p, part, height, tile->columns, y, adds, low);
        row += height;
    }
    return bad;
}

/* The units start to stop; whether all of their numbers are finite, sums of a part of the inner dimension too. */
static int FL_OF_REAL(product)(const FlProduct *p, Py_ssize_t start, Py_ssize_t stop) {
    FL_ALIGNED FL_REAL packed[FL_COPIED / sizeof(FL_REAL)];
    const int few = p->rows <= FL_FEW_ROWS;
    const int packs = fl_packs(p), copies = fl_copies(p);
    const Py_ssize_t panel = fl_panel(p);
    /* a slice of few rows is short, and so read in order; but what is scattered is so once, if there is the room */
    const Py_ssize_t slice = few && (packs || p->y_column == 1) ? FL_FEW_INNER : FL_INNER;
    const Py_ssize_t panels = fl_panels(p), block = p->block;
    int bad = 0;
    while (start < stop) { /* what is left of the block that `start` is in */
        const Py_ssize_t top = start / panels * block, bottom = top + block < p->rows ? top + block : p->rows;
        const Py_ssize_t begin = start % panels * panel;
        const Py_ssize_t units = stop - start < panels - start % panels ? stop - start : panels - start % panels;
        const Py_ssize_t end = begin + units * panel < p->columns ? begin + units * panel : p->columns;
        for (Py_ssize_t first = 0; first == 0 || first < p->inner; first += slice) {
            TILE tile;
            const FL_REAL *a = (const FL_REAL *)p->a + top * p->a_row + first * p->a_inner;
            tile.a_row = p->a_row, tile.a_inner = p->a_inner, tile.steps = 1;
            tile.inner = p->inner - first < slice ? p->inner - first : slice;
            if (copies) {
                for (Py_ssize_t k = 0; k < tile.inner; k++)
                    memcpy(packed + k * block, a + k * p->a_inner, (bottom - top) * sizeof(FL_REAL));
                a = packed, tile.a_inner = block;
            }
            for (Py_ssize_t j = begin; j < end; j += tile.columns) {
                const FL_REAL *b = (const FL_REAL *)p->b + first * p->b_inner + j * p->b_column;
                int (*const *tiles)(const TILE *);
                tile.columns = (int)(end - j < panel ? end - j : panel);
                tiles = FL_OF_REAL(tiles_for)(few, &tile.columns);
                tile.b = b, tile.b_row = p->b_inner;
                if (packs) {
                    FL_OF_REAL(pack)(b, p->b_inner, p->b_column, tile.inner, tile.columns, packed);
                    tile.b = packed, tile.b_row = tile.columns;
                }
                bad |= FL_OF_REAL(column)(p, a, &tile, tiles, top, bottom, j, first);
            }
        }
        start += units;
    }
    return !bad;
}

#undef FL_PASTE
#undef FL_NAMED
#undef FL_OF_REAL
#undef TILE
#undef FL_PASTE_TILES
#undef FL_TILES
#undef FL_REAL
#undef FL_WIDE
#undef FL_NARROW
#undef FL_LANES
