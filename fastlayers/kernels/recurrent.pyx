"""Recurrent layers: all steps of a batch of sequences in one call.

The part of the gates that is x's is one product over all steps, and so are the gradients of x and the weights. What is
left to a step is a product with Wh and the gates' functions (``common/recurrent_units.pyx``). The steps of a sequence
wait for each other; the sequences of a batch do not: so a unit of work is some of these, from the first step to the
last, and no thread waits for another. How many they are follows from the batch alone, so that results have the same
bits for any number of threads.

Kept for backward are the gates after their functions, h, and an LSTM's c, in the layout ``(N, T, ...)`` of the batch.
The gates stand in Wx, Wh and b as in the book: of an LSTM f, g, i, o; of a GRU z, r and the candidate. An RNN has one,
which is h.
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

cdef struct Recurrence:
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
    char *turned  # the transpose of Wh
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
    floating *y,
    Py_ssize_t y_row,
    bint accumulate,
) noexcept nogil:
    """``y = a b``, or that is added to y; for one thread, and whether or not the result is finite."""
    cdef FlProduct p
    if rows == 1 and b_row == columns:
        if floating is float:
            fl_row_float(a, b, y if accumulate else NULL, y, inner, columns)
        else:
            fl_row_double(a, b, y if accumulate else NULL, y, inner, columns)
        return
    p.is_double = floating is double
    p.a, p.a_row, p.a_inner = a, a_row, 1
    p.b, p.b_inner, p.b_column = b, b_row, 1
    p.bias, p.y, p.y_row, p.y_column = NULL, y, y_row, 1
    p.rows, p.inner, p.columns = rows, inner, columns
    p.accumulate, p.relu = accumulate, False
    p.block = fl_block(&p, 1)
    fl_multiply(&p, 0, fl_product_units(&p))


cdef void steps_forward(const Recurrence *work, Py_ssize_t first, Py_ssize_t rows, floating *_of) noexcept nogil:
    """All steps of some sequences, whose gates hold x's part."""
    cdef Py_ssize_t T = work.steps, H = work.units, columns = work.gates * H, far = T * H, last, n, t
    cdef const floating *Wh = <const floating *> work.Wh.data
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
            rows, H, 2 * H if work.gates == GRU else columns, h, last, Wh, columns, kept, T * columns, True
        )
        if work.gates == GRU:
            for n in range(rows):
                row.at[0] = <char *> (kept + n * T * columns)
                row.at[1] = <char *> (kept + n * T * columns + H)
                row.at[2] = <char *> (reset + n * H)
                row.at[3] = <char *> (h + n * last)
                over_units(gru_gates[floating], &row, 4, 3, H)
            multiply_step(rows, H, H, reset, H, Wh + 2 * H, columns, kept + 2 * H, T * columns, True)
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
    cdef const floating *turned = <const floating *> work.turned
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
            multiply_step(rows, H, H, dgates + 2 * H, T * columns, turned + 2 * H * H, H, reset, H, False)
            for n in range(rows):
                row.at[0] = <char *> (dgates + n * T * columns + H)
                row.at[1] = <char *> (dh + n * H)
                row.at[2] = work.reset_before + (first * far + t * H + n * far) * sizeof(floating)
                row.at[3] = <char *> (reset + n * H)
                row.at[4] = <char *> (kept + n * T * columns + H)
                row.at[5] = <char *> (h + n * last)
                over_units(gru_reset_back[floating], &row, 6, 3, H)
            multiply_step(rows, 2 * H, H, dgates, T * columns, turned, H, dh, H, True)
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
        multiply_step(rows, columns, H, dgates, T * columns, turned, H, dh, H, False)


cdef inline void put_gates(Row *row, const floating *gates, Py_ssize_t H) noexcept nogil:
    """The four gates of a row are its first arrays."""
    cdef int i
    for i in range(LSTM):
        row.at[i] = <char *> (gates + i * H)


cdef void recurrent_forward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const Recurrence *work = <const Recurrence *> of
    cdef Py_ssize_t i, first
    for i in range(start, stop):
        first = i * work.chunk
        if work.typenum == NPY_FLOAT:
            steps_forward(work, first, min(work.chunk, work.samples - first), <float *> NULL)
        else:
            steps_forward(work, first, min(work.chunk, work.samples - first), <double *> NULL)


cdef void recurrent_backward_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const Recurrence *work = <const Recurrence *> of
    cdef Py_ssize_t i, first
    for i in range(start, stop):
        first = i * work.chunk
        if work.typenum == NPY_FLOAT:
            steps_backward(work, first, min(work.chunk, work.samples - first), <float *> NULL)
        else:
            steps_backward(work, first, min(work.chunk, work.samples - first), <double *> NULL)


cdef bint describe(Recurrence *work, object gates, object x, object Wh) noexcept:
    """What the shapes of x, ``(N, T, D)`` or ``(N, D)`` of one step, and Wh say; False where they say nothing."""
    cdef int ndim
    work.typenum = floating_type(x)
    if work.typenum < 0 or floating_type(Wh) != work.typenum or PyArray_NDIM(<ndarray> Wh) != 2:
        return False
    ndim, work.units = PyArray_NDIM(<ndarray> x), PyArray_DIM(<ndarray> Wh, 0)
    if not 2 <= ndim <= 3 or not 0 < work.units < MOST_UNITS:
        return False
    work.gates = <int> min(PyArray_DIM(<ndarray> Wh, 1) // work.units, LSTM + 1)
    if work.gates not in (RNN, GRU, LSTM) or PyArray_DIM(<ndarray> Wh, 1) != work.gates * work.units:
        return False
    if gates is not None and whole(gates, 1) != work.gates:
        return False
    work.samples = PyArray_DIM(<ndarray> x, 0)
    work.steps = PyArray_DIM(<ndarray> x, 1) if ndim == 3 else 1
    work.inputs = PyArray_DIM(<ndarray> x, ndim - 1)
    work.chunk = work.samples if work.samples <= IN_ONE_UNIT else SEQUENCES
    work.c.data = work.cs.data = work.kept.data = work.dc.data = NULL
    return True


cdef bint are_memory(object out, int n) noexcept:
    """Whether `out` is None, or a tuple of n of which none is a caller's array."""
    cdef int i
    if not are_outs(out, n):
        return False
    for i in range(n):
        if is_given(out_at(out, i)):
            return False
    return True


cdef int run_steps(Task task, Recurrence *work, const Call *call) except -1:
    """All sequences, a unit after the other or several at once."""
    cdef Py_ssize_t work_of_unit = work.chunk * work.steps * work.units * work.units * work.gates
    if work.samples > 0:
        run(task, work, call, (work.samples - 1) // work.chunk + 1, work_of_unit // WORTH_A_THREAD + 1)
    return 0


cdef inline object flattened(object a, Py_ssize_t columns, const Recurrence *work):
    """Rows of a batch, a step of a sequence each; a's own shape may be another by now."""
    return a if PyArray_NDIM(<ndarray> a) == 2 else a.reshape(work.samples * work.steps, columns)


def recurrent_forward(x, Wx, Wh, b, h, c=None, gates=None, out=None):
    """(hs, cs, kept) of plain arrays; `out` None or a tuple of three for out. What a cell lacks of these is None."""
    cdef npy_intp[3] of_hs
    cdef npy_intp[3] of_kept
    cdef npy_intp[2] of_h
    cdef npy_intp[2] of_Wh
    cdef int ndim
    cdef object sums, hs, cs = None, kept = None
    cdef bytes scratch = None
    cdef Call call
    cdef Recurrence work
    if not describe(&work, gates, x, Wh) or not are_memory(out, 3) or (c is not None) != (work.gates == LSTM):
        return NotImplemented
    ndim = PyArray_NDIM(<ndarray> x)
    of_hs[0] = of_kept[0] = of_h[0] = work.samples
    of_hs[1] = of_kept[1] = work.steps
    of_h[1] = of_hs[ndim - 1] = of_Wh[0] = work.units
    of_kept[ndim - 1] = of_Wh[1] = work.gates * work.units
    hs = new_array(out_at(out, 0), ndim, of_hs, work.typenum, False)
    if work.gates == LSTM:
        cs = new_array(out_at(out, 1), ndim, of_hs, work.typenum, False)
    if work.gates != RNN:
        kept = new_array(out_at(out, 2), ndim, of_kept, work.typenum, False)
    sums = flattened(hs if kept is None else kept, work.gates * work.units, &work)
    if affine_forward(flattened(x, work.inputs, &work), Wx, b, sums) is NotImplemented:
        return NotImplemented
    if work.gates == GRU:
        scratch = new_scratch(work.samples * work.units * PyArray_ITEMSIZE(<ndarray> x))
        work.reset = scratch_of(scratch)
    begin(&call)
    if not (
        take_shaped(&call, &work.Wh, Wh, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_Wh)
        and take_shaped(&call, &work.h, h, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_h)
        and (c is None or take_shaped(&call, &work.c, c, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_h))
        and take(&call, &work.hs, hs, work.typenum, NPY_ARRAY_C_CONTIGUOUS)
        and (cs is None or take(&call, &work.cs, cs, work.typenum, NPY_ARRAY_C_CONTIGUOUS))
        and (kept is None or take(&call, &work.kept, kept, work.typenum, NPY_ARRAY_C_CONTIGUOUS))
    ):
        return NotImplemented
    run_steps(recurrent_forward_task, &work, &call)
    return hs, cs, kept


def recurrent_backward(dhs, dc, x, Wx, Wh, h, c, hs, cs, kept, need_dx=True, gates=None, out=None):
    """(dx, dWx, dWh, db, dh, dc) of plain arrays, with what forward gave; `out` None or a tuple of these and dgates."""
    cdef npy_intp[3] of_hs
    cdef npy_intp[3] of_kept
    cdef npy_intp[2] of_h
    cdef npy_intp[2] of_Wh
    cdef int ndim
    cdef Py_ssize_t numbers, size
    cdef object dgates, dh, dWh, dc_before = None, dx, dWx, db
    cdef bytes scratch
    cdef Argument of_dWh
    cdef Argument of_dc
    cdef list _pinned
    cdef Call call
    cdef Recurrence work
    if not describe(&work, gates, x, Wh) or not are_memory(out, 7):
        return NotImplemented
    ndim, size = PyArray_NDIM(<ndarray> x), PyArray_ITEMSIZE(<ndarray> x)
    of_hs[0] = of_kept[0] = of_h[0] = work.samples
    of_hs[1] = of_kept[1] = work.steps
    of_h[1] = of_hs[ndim - 1] = of_Wh[0] = work.units
    of_kept[ndim - 1] = of_Wh[1] = work.gates * work.units
    dWh = new_array(out_at(out, 2), 2, of_Wh, work.typenum, False)
    dh = new_array(out_at(out, 4), 2, of_h, work.typenum, False)
    if work.gates == LSTM:
        dc_before = new_array(out_at(out, 5), 2, of_h, work.typenum, False)
    dgates = new_array(out_at(out, 6), ndim, of_kept, work.typenum, False)
    numbers = work.samples * work.steps * work.units
    scratch = new_scratch(
        (work.gates * work.units * work.units + (2 if work.gates == GRU else 1) * numbers + work.samples * work.units)
        * size
    )
    work.turned = scratch_of(scratch)
    work.before = work.turned + work.gates * work.units * work.units * size
    work.reset_before = work.before + numbers * size
    work.reset = work.reset_before + (numbers * size if work.gates == GRU else 0)
    begin(&call)
    of_dc.data = NULL
    if not (
        take_shaped(&call, &work.Wh, Wh, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_Wh)
        and take_shaped(&call, &work.h, h, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_h)
        and take_shaped(&call, &work.hs, hs, work.typenum, NPY_ARRAY_C_CONTIGUOUS, ndim, of_hs)
        and take_shaped(&call, &work.dhs, dhs, work.typenum, NPY_ARRAY_C_CONTIGUOUS, ndim, of_hs)
        and take(&call, &work.dh, dh, work.typenum, NPY_ARRAY_C_CONTIGUOUS)
        and take(&call, &work.dgates, dgates, work.typenum, NPY_ARRAY_C_CONTIGUOUS)
        and take(&call, &of_dWh, dWh, work.typenum, NPY_ARRAY_C_CONTIGUOUS)
        and (
            work.gates == RNN
            or take_shaped(&call, &work.kept, kept, work.typenum, NPY_ARRAY_C_CONTIGUOUS, ndim, of_kept)
        )
        and (
            work.gates != LSTM
            or take_shaped(&call, &work.c, c, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_h)
            and take_shaped(&call, &work.cs, cs, work.typenum, NPY_ARRAY_C_CONTIGUOUS, ndim, of_hs)
            and take(&call, &work.dc, dc_before, work.typenum, NPY_ARRAY_C_CONTIGUOUS)
            and (dc is None or take_shaped(&call, &of_dc, dc, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_h))
        )
        and (dc is None or work.gates == LSTM)
    ):
        return NotImplemented
    _pinned = pinned(&call)
    memset(work.dh.data, 0, work.dh.size * size)
    if work.gates == LSTM and of_dc.data != NULL:
        memcpy(work.dc.data, of_dc.data, of_dc.size * size)
    elif work.gates == LSTM:
        memset(work.dc.data, 0, work.dc.size * size)
    if work.typenum == NPY_FLOAT:
        fl_pack_float(
            <const float *> work.Wh.data, 1, of_Wh[1], of_Wh[1], <int> of_Wh[0], <float *> work.turned
        )
    else:
        fl_pack_double(
            <const double *> work.Wh.data, 1, of_Wh[1], of_Wh[1], <int> of_Wh[0], <double *> work.turned
        )
    run_steps(recurrent_backward_task, &work, NULL)
    if work.gates == GRU:
        sum_over_steps(&work, work.before, 0, 2 * work.units, of_dWh.data)
        sum_over_steps(&work, work.reset_before, 2 * work.units, work.units, of_dWh.data)
    else:
        sum_over_steps(&work, work.before, 0, of_Wh[1], of_dWh.data)
    gradients = affine_backward(
        flattened(dgates, work.gates * work.units, &work), flattened(x, work.inputs, &work), Wx, need_dx,
        (out_at(out, 0) if need_dx else None, out_at(out, 1), out_at(out, 3)),
    )
    if gradients is NotImplemented:
        return NotImplemented
    dx, dWx, db = gradients
    if dx is not None and ndim == 3:
        dx = dx.reshape(work.samples, work.steps, work.inputs)
    return dx, dWx, dWh, db, dh, dc_before


cdef int sum_over_steps(
    Recurrence *work, const char *a, Py_ssize_t start, Py_ssize_t columns, char *dWh
) except -1:
    """The columns of dWh from `start`: a of all steps, turned, times the gradient of these sums."""
    cdef Product p
    cdef Py_ssize_t size = 8 if work.typenum == NPY_DOUBLE else 4
    p.odd = 0
    p.of.is_double = work.typenum == NPY_DOUBLE
    p.of.a, p.of.a_row, p.of.a_inner = a, 1, work.units
    p.of.b, p.of.b_inner, p.of.b_column = work.dgates.data + start * size, work.gates * work.units, 1
    p.of.bias, p.of.y, p.of.y_row, p.of.y_column = NULL, dWh + start * size, work.gates * work.units, 1
    p.of.rows, p.of.inner, p.of.columns = work.units, work.samples * work.steps, columns
    p.of.accumulate = p.of.relu = False
    multiply(&p, NULL)
    return 0
