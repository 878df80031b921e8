"""All steps of some sequences of a recurrent layer, forward and back: products with Wh, and the gates' functions.

Each step reads all of Wh, or of its transpose. Where it is large, its rows lie so far apart that the processor foresees
none of them; so it is packed once a call, in panels of as many columns as a tile of a product has.
"""

cdef extern from "product.h" nogil:
    void fl_pack_float(
        const float *b, Py_ssize_t b_inner, Py_ssize_t b_column, Py_ssize_t inner, int columns, float *packed
    )
    void fl_pack_double(
        const double *b, Py_ssize_t b_inner, Py_ssize_t b_column, Py_ssize_t inner, int columns, double *packed
    )

cdef enum:
    RNN = 1  # gates
    GRU = 3
    LSTM = 4
    IN_ONE_UNIT = 64  # sequences; of more than these each unit has
    SEQUENCES = 32
    MOST_UNITS = 1 << 24  # numbers of h; more are left to the reference
    WIDEST = 32  # columns of a panel of Wh that is packed, for more than FEW sequences: what a tile has of float32
    FEW = 4  # as `product.h` has them
    STEPS_TO_PACK = 4  # from so many on, and
    BYTES_TO_PACK = 1 << 16  # where Wh has more than these

cdef struct Recurrence:
    bint back  # to the gradients
    int typenum
    int gates
    Py_ssize_t samples
    Py_ssize_t steps
    Py_ssize_t inputs  # numbers of x in a step
    Py_ssize_t units
    Py_ssize_t chunk  # sequences of a unit of work
    Argument Wh
    Argument h
    Argument c  # an LSTM's, as cs and dc
    Argument hs
    Argument cs
    Argument kept  # the gates; of an RNN none
    Argument dhs
    Argument dh
    Argument dc
    Argument dgates
    const char *weights  # Wh, or its transpose, and
    Py_ssize_t panel  # how many of its columns lie together, if it is packed; else 0
    char *before  # h before each step, (N, T, H)
    char *reset  # a GRU's r h, (N, H); going back, its gradient
    char *reset_before  # r h of each step, (N, T, H)


cdef inline void multiply_step(
    Py_ssize_t rows,
    Py_ssize_t inner,
    Py_ssize_t columns,
    const floating *a,
    Py_ssize_t a_row,
    const floating *b,
    Py_ssize_t b_row,
    Py_ssize_t panel,
    floating *y,
    Py_ssize_t y_row,
    bint accumulate,
) noexcept nogil:
    """``y = a b``, or that is added to y; on one thread, and whether or not the result is finite. See `pack_panels`."""
    cdef FlProduct p
    cdef Py_ssize_t j = 0
    if panel == 0:
        panel = columns
    elif panel >= columns:
        b_row = columns
    if rows == 1 and panel >= columns and b_row == columns:
        if floating is float:
            fl_row_float(a, b, y if accumulate else NULL, y, inner, columns)
        else:
            fl_row_double(a, b, y if accumulate else NULL, y, inner, columns)
        return
    p.is_double = floating is double
    p.a, p.a_row, p.a_inner = a, a_row, 1
    p.b_column = p.y_column = 1
    p.bias, p.y_row, p.rows, p.inner = NULL, y_row, rows, inner
    p.accumulate, p.relu = accumulate, False
    while j < columns:
        p.columns = min(panel, columns - j)
        p.b, p.b_inner, p.y = b + j * inner, p.columns if panel < columns else b_row, y + j
        p.block = fl_block(&p, 1)
        fl_multiply(&p, 0, fl_product_units(&p))
        j += panel


cdef void pack_panels(
    const floating *b, Py_ssize_t b_inner, Py_ssize_t b_column, Py_ssize_t inner, Py_ssize_t columns, Py_ssize_t panel,
    floating *packed,
) noexcept nogil:
    """A matrix in panels of so many columns, each with its rows one after the other."""
    cdef Py_ssize_t j = 0
    while j < columns:
        if floating is float:
            fl_pack_float(
                b + j * b_column, b_inner, b_column, inner, <int> min(panel, columns - j), packed + j * inner
            )
        else:
            fl_pack_double(
                b + j * b_column, b_inner, b_column, inner, <int> min(panel, columns - j), packed + j * inner
            )
        j += panel


cdef void pack_weights(const Recurrence *work, floating *packed) noexcept nogil:
    """Wh, or going back its transpose; of a GRU that of z and r before the candidate's, which has its own product."""
    cdef Py_ssize_t H = work.units, columns = work.gates * H, first = 2 * H if work.gates == GRU else columns
    cdef const floating *Wh = <const floating *> work.Wh.data
    if work.back:
        pack_panels(Wh, 1, columns, first, H, work.panel, packed)
        pack_panels(Wh + first, 1, columns, columns - first, H, work.panel, packed + first * H)
    else:
        pack_panels(Wh, columns, 1, H, first, work.panel, packed)
        pack_panels(Wh + first, columns, 1, H, columns - first, work.panel, packed + first * H)


cdef void steps_forward(const Recurrence *work, Py_ssize_t first, Py_ssize_t rows, floating *_of) noexcept nogil:
    """All steps of some sequences, whose gates hold x's part."""
    cdef Py_ssize_t T = work.steps, H = work.units, columns = work.gates * H, far = T * H, last, n, t
    cdef const floating *Wh = <const floating *> work.weights
    cdef const floating *of_candidate = Wh + 2 * H * (H if work.panel > 0 else 1)
    cdef const floating *h
    cdef const floating *c
    cdef floating *hs
    cdef floating *cs
    cdef floating *kept
    cdef floating *reset = <floating *> work.reset + first * H
    cdef Row row
    for t in range(T):
        hs = <floating *> work.hs.data + first * far + t * H
        kept = hs if work.gates == RNN else <floating *> work.kept.data + (first * T + t) * columns
        h = <const floating *> work.h.data + first * H if t == 0 else hs - H
        last = H if t == 0 else far
        multiply_step(
            rows, H, 2 * H if work.gates == GRU else columns, h, last, Wh, columns, work.panel, kept, T * columns, True
        )
        if work.gates == GRU:
            for n in range(rows):
                row.at[0] = <char *> (kept + n * T * columns)
                row.at[1] = <char *> (kept + n * T * columns + H)
                row.at[2] = <char *> (reset + n * H)
                row.at[3] = <char *> (h + n * last)
                over_units(gru_gates[floating], &row, 4, 3, H)
            multiply_step(rows, H, H, reset, H, of_candidate, columns, work.panel, kept + 2 * H, T * columns, True)
            for n in range(rows):
                row.at[0] = <char *> (kept + n * T * columns + 2 * H)
                row.at[1] = <char *> (hs + n * far)
                row.at[2] = <char *> (kept + n * T * columns)
                row.at[3] = <char *> (h + n * last)
                over_units(gru_units[floating], &row, 4, 2, H)
        elif work.gates == LSTM:
            cs = <floating *> work.cs.data + first * far + t * H
            c = <const floating *> work.c.data + first * H if t == 0 else cs - H
            for n in range(rows):
                put_gates(&row, kept + n * T * columns, H)
                row.at[4] = <char *> (cs + n * far)
                row.at[5] = <char *> (hs + n * far)
                row.at[6] = <char *> (c + n * last)
                over_units(lstm_units[floating], &row, 7, 6, H)
        else:
            for n in range(rows):
                row.at[0] = <char *> (hs + n * far)
                over_units(rnn_units[floating], &row, 1, 1, H)


cdef void steps_backward(const Recurrence *work, Py_ssize_t first, Py_ssize_t rows, floating *_of) noexcept nogil:
    """The gradient of the gates' sums at all steps of some sequences, and of the first h and c."""
    cdef Py_ssize_t T = work.steps, H = work.units, columns = work.gates * H, far = T * H, last, n, t
    cdef const floating *turned = <const floating *> work.weights
    cdef const floating *hs
    cdef const floating *h
    cdef const floating *c
    cdef const floating *dhs
    cdef const floating *kept
    cdef floating *dgates
    cdef floating *dh = <floating *> work.dh.data + first * H
    cdef floating *dc = <floating *> work.dc.data + first * H
    cdef floating *reset = <floating *> work.reset + first * H
    cdef floating *before
    cdef Row row
    for t in range(T - 1, -1, -1):
        n = first * far + t * H
        hs, dhs = <const floating *> work.hs.data + n, <const floating *> work.dhs.data + n
        before = <floating *> work.before + n
        n = (first * T + t) * columns
        kept, dgates = <const floating *> work.kept.data + n, <floating *> work.dgates.data + n
        h = <const floating *> work.h.data + first * H if t == 0 else hs - H
        last = H if t == 0 else far
        for n in range(rows):
            memcpy(before + n * far, h + n * last, H * sizeof(floating))
        if work.gates == GRU:
            for n in range(rows):
                row.at[0] = <char *> (dgates + n * T * columns)
                row.at[1] = <char *> (dgates + n * T * columns + 2 * H)
                row.at[2] = <char *> (dh + n * H)
                row.at[3] = <char *> (dhs + n * far)
                row.at[4] = <char *> (kept + n * T * columns)
                row.at[5] = <char *> (kept + n * T * columns + 2 * H)
                row.at[6] = <char *> (h + n * last)
                over_units(gru_units_back[floating], &row, 7, 3, H)
            multiply_step(rows, H, H, dgates + 2 * H, T * columns, turned + 2 * H * H, H, work.panel, reset, H, False)
            for n in range(rows):
                row.at[0] = <char *> (dgates + n * T * columns + H)
                row.at[1] = <char *> (dh + n * H)
                row.at[2] = work.reset_before + (first * far + t * H + n * far) * sizeof(floating)
                row.at[3] = <char *> (reset + n * H)
                row.at[4] = <char *> (kept + n * T * columns + H)
                row.at[5] = <char *> (h + n * last)
                over_units(gru_reset_back[floating], &row, 6, 3, H)
            multiply_step(rows, 2 * H, H, dgates, T * columns, turned, H, work.panel, dh, H, True)
            continue
        if work.gates == LSTM:
            n = first * far + t * H
            c = <const floating *> work.c.data + first * H if t == 0 else <const floating *> work.cs.data + n - H
            for n in range(rows):
                put_gates(&row, dgates + n * T * columns, H)
                row.at[4] = <char *> (dc + n * H)
                row.at[5] = <char *> (dh + n * H)
                row.at[6] = <char *> (dhs + n * far)
                row.at[7] = <char *> (kept + n * T * columns)
                row.at[8] = row.at[7] + H * sizeof(floating)
                row.at[9] = row.at[8] + H * sizeof(floating)
                row.at[10] = row.at[9] + H * sizeof(floating)
                row.at[11] = work.cs.data + ((first + n) * far + t * H) * sizeof(floating)
                row.at[12] = <char *> (c + n * last)
                over_units(lstm_units_back[floating], &row, 13, 5, H)
        else:
            for n in range(rows):
                row.at[0] = <char *> (dgates + n * far)
                row.at[1] = <char *> (dh + n * H)
                row.at[2] = <char *> (dhs + n * far)
                row.at[3] = <char *> (hs + n * far)
                over_units(rnn_units_back[floating], &row, 4, 1, H)
        multiply_step(rows, columns, H, dgates, T * columns, turned, H, work.panel, dh, H, False)


cdef inline void put_gates(Row *row, const floating *gates, Py_ssize_t H) noexcept nogil:
    """The four gates of a row are its first arrays."""
    cdef int i
    for i in range(LSTM):
        row.at[i] = <char *> (gates + i * H)


cdef void recurrent_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The units start to stop, forward or back."""
    cdef const Recurrence *work = <const Recurrence *> of
    cdef Py_ssize_t i, first, rows
    for i in range(start, stop):
        first = i * work.chunk
        rows = min(work.chunk, work.samples - first)
        if work.typenum == NPY_FLOAT and work.back:
            steps_backward(work, first, rows, <float *> NULL)
        elif work.typenum == NPY_FLOAT:
            steps_forward(work, first, rows, <float *> NULL)
        elif work.back:
            steps_backward(work, first, rows, <double *> NULL)
        else:
            steps_forward(work, first, rows, <double *> NULL)


cdef void pack(Recurrence *work, char *scratch) noexcept nogil:
    """Wh, or going back its transpose, as the steps read it: packed for a tile's columns where that pays."""
    cdef bint pays = work.samples > FEW and (
        work.back or (work.steps >= STEPS_TO_PACK and (work.Wh.end - work.Wh.data) > BYTES_TO_PACK)
    )
    work.panel = WIDEST if work.typenum == NPY_FLOAT else WIDEST // 2
    work.weights = scratch
    if not pays:
        work.panel = work.units if work.back else 0
    if not pays and not work.back:
        work.weights = work.Wh.data
    elif work.typenum == NPY_FLOAT:
        pack_weights(work, <float *> scratch)
    else:
        pack_weights(work, <double *> scratch)
