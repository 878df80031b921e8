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


cdef int run_steps(Recurrence *work) except -1:
    """All sequences, a unit after the other or several at once; their memory is `pinned` where it is worth it."""
    cdef Py_ssize_t work_of_unit = work.chunk * work.steps * work.units * work.units * work.gates
    if work.samples > 0:
        run(recurrent_task, work, NULL, (work.samples - 1) // work.chunk + 1, work_of_unit // WORTH_A_THREAD + 1)
    return 0


cdef inline object flattened(object a, Py_ssize_t columns, const Recurrence *work):
    """Rows of a batch, a step of a sequence each; a's own shape may be another by now."""
    return a if PyArray_NDIM(<ndarray> a) == 2 else a.reshape(work.samples * work.steps, columns)


def recurrent_forward(x, Wx, Wh, b, h, c=None, gates=None, out=None):
    """(hs, cs, kept) of plain arrays; `out` None or a tuple of three for memory. What a cell lacks of these is None."""
    cdef npy_intp[3] of_hs
    cdef npy_intp[3] of_kept
    cdef npy_intp[2] of_h
    cdef npy_intp[2] of_Wh
    cdef int ndim
    cdef object sums, hs, cs = None, kept = None
    cdef bytes scratch
    cdef list _pinned
    cdef Py_ssize_t weights
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
    weights = work.gates * work.units * work.units * PyArray_ITEMSIZE(<ndarray> x)
    scratch = new_scratch(weights + work.samples * work.units * PyArray_ITEMSIZE(<ndarray> x))
    work.reset = scratch_of(scratch) + weights
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
    if work.samples * work.steps * work.units * work.gates * (work.units + work.inputs) >= WORTH_PINNING:
        _pinned = pinned(&call)
    sums = flattened(hs if kept is None else kept, work.gates * work.units, &work)
    if affine(flattened(x, work.inputs, &work), Wx, b, sums, True) is NotImplemented:
        return NotImplemented
    check_in_place(&call)  # for too few numbers to be worth pinning
    work.back = False
    pack(&work, scratch_of(scratch))
    run_steps(&work)
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
    cdef Argument of_x
    cdef Argument of_Wx
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
    work.before = scratch_of(scratch) + work.gates * work.units * work.units * size
    work.reset_before = work.before + numbers * size
    work.reset = work.reset_before + (numbers * size if work.gates == GRU else 0)
    begin(&call)
    of_dc.data = NULL
    if not (
        take(&call, &of_x, x, work.typenum, EITHER_ORDER)
        and take(&call, &of_Wx, Wx, work.typenum, EITHER_ORDER)
        and take_shaped(&call, &work.Wh, Wh, work.typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_Wh)
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
    work.back = True
    pack(&work, scratch_of(scratch))
    run_steps(&work)
    if work.gates == GRU:
        sum_over_steps(&work, work.before, 0, 2 * work.units, of_dWh.data)
        sum_over_steps(&work, work.reset_before, 2 * work.units, work.units, of_dWh.data)
    else:
        sum_over_steps(&work, work.before, 0, of_Wh[1], of_dWh.data)
    gradients = affine_backward(
        flattened(dgates, work.gates * work.units, &work), flattened(x, work.inputs, &work), Wx, need_dx, True,
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
    cdef Matrix before, gates
    cdef Py_ssize_t size = 8 if work.typenum == NPY_DOUBLE else 4, all_columns = work.gates * work.units
    before.data, before.rows, before.columns = a, work.samples * work.steps, work.units
    before.row, before.column = work.units, 1
    gates.data, gates.rows, gates.columns = work.dgates.data + start * size, before.rows, columns
    gates.row, gates.column = all_columns, 1
    set_product(&p, work.typenum, turned(before), gates, NULL, dWh + start * size, all_columns)
    multiply(&p, NULL)
    return 0
