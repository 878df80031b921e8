"""What the losses share that hold each number against one target: targets, weights, the sum, the entries.

An array is gone through a chunk at a time, in blocks that do not depend on the number of threads, each of which
leaves its sum in its place. A sample has `columns` numbers.
"""


cdef inline Py_ssize_t start_of_chunks(const LossWork *work, Py_ssize_t block) noexcept nogil:
    """Blocks are whole chunks, so that where one ends does not show in the results."""
    cdef Py_ssize_t chunks = (work.rows * work.columns + CHUNK - 1) // CHUNK
    cdef Py_ssize_t chunk = chunks // work.blocks * block + min(block, chunks % work.blocks)
    return min(chunk * CHUNK, work.rows * work.columns)


cdef inline const floating *targets_at(
    const LossWork *work, const floating *same_type, Py_ssize_t start, floating *converted, Py_ssize_t n
) noexcept nogil:
    """The targets from `start` on: where they are, or converted from another type."""
    if work.label_type == SOFT_TARGETS:
        return same_type + start
    convert(work.t.data, work.label_type, converted, start, n)
    return converted


cdef inline void weights_at(const LossWork *work, floating *weights, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    """The weight of each number from `start` on: that of its sample, or 1."""
    cdef const char *of_samples = work.sample_weights.data
    cdef Py_ssize_t j
    if of_samples == NULL:
        for j in range(n):
            weights[j] = <floating> 1
    elif work.columns == 1:
        memcpy(weights, <const floating *> of_samples + start, n * sizeof(floating))
    else:
        for j in range(n):
            weights[j] = (<const floating *> of_samples)[(start + j) // work.columns]


cdef inline double sum_of_losses(floating *kept, const double *losses, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    """The sum of a chunk's losses; where each is to be kept they go there instead."""
    cdef Py_ssize_t j
    if kept != NULL:
        for j in range(n):
            kept[start + j] = <floating> losses[j]
        return 0
    return sum_of(losses, n)


cdef bint are_paired(object x, object t) noexcept:
    """Whether t has x's shape, or x's without a last axis of one."""
    cdef int i, ndim = PyArray_NDIM(<ndarray> x)
    if PyArray_NDIM(<ndarray> t) == ndim:
        return same_shape(x, t)
    if PyArray_NDIM(<ndarray> t) != ndim - 1 or ndim < 2 or PyArray_DIM(<ndarray> x, ndim - 1) != 1:
        return False
    for i in range(ndim - 1):
        if PyArray_DIM(<ndarray> x, i) != PyArray_DIM(<ndarray> t, i):
            return False
    return True


# Whether the targets are what a loss can be held against.
ctypedef bint (*Examine)(const LossWork *work) noexcept nogil


cdef bint targets_are_in_range(const LossWork *work) noexcept nogil:
    """Whether every finite target is finite in the numbers' type."""
    if work.typenum == NPY_DOUBLE or work.label_type != NPY_DOUBLE:
        return True
    return not exceed_float(<const double *> work.t.data, work.rows * work.columns)


cdef double divisor_of_pairs(const LossWork *work) noexcept nogil:
    """What the losses are divided by: in a mean the number of numbers, each times the weight of its sample."""
    cdef double total = 0, lost = 0
    cdef Py_ssize_t row
    if work.reduction != MEAN:
        return 1
    if work.sample_weights.data == NULL:
        return <double> work.rows * work.columns
    for row in range(work.rows):
        add_exactly(&total, &lost, number_at(work.sample_weights.data, work.typenum, row))
    return exact(total, lost) * work.columns


cdef bint prepare_pairs(
    Call *call, LossWork *work, object x, object t, object sample_weight, object reduction, Examine examine
) except -1:
    """Take numbers x and targets t and the weights; False where these, or the reduction, are not plain or do not fit.

    `examine` looks through the targets.
    """
    cdef int typenum = floating_type(x), target_type
    cdef npy_intp rows
    cdef bint fit = True
    cdef list _pinned
    begin_loss(work, call, typenum)
    if take(call, &work.x, x, typenum, NPY_ARRAY_C_CONTIGUOUS) == 0 or not PyArray_CheckExact(t):
        return False
    work.x.replaceable = True
    target_type = PyArray_TYPE(<ndarray> t)
    if take(call, &work.t, t, target_type, NPY_ARRAY_C_CONTIGUOUS) == 0 or not are_paired(x, t):
        return False
    if not is_real_type(target_type):
        return False
    work.label_type = SOFT_TARGETS if target_type == typenum else target_type
    work.rows = rows = PyArray_DIM(<ndarray> x, 0) if PyArray_NDIM(<ndarray> x) > 0 else 1
    work.columns = work.x.size // rows if rows > 0 else 0
    work.reduction = reduction_of(reduction)
    if work.reduction == NO_REDUCTION:
        return False
    if sample_weight is not None and (
        PyArray_NDIM(<ndarray> x) == 0
        or not take_shaped(call, &work.sample_weights, sample_weight, typenum, EITHER_ORDER, 1, &rows)
    ):
        return False
    if work.x.size < WORTH_RELEASING:
        work.divisor = divisor_of_pairs(work)
        return has_finite_sums(work, work.divisor) and examine(work)
    _pinned = pinned(call)
    with nogil:
        work.divisor = divisor_of_pairs(work)
        fit = has_finite_sums(work, work.divisor) and examine(work)
    return fit


cdef object losses_of_pairs(Task task, LossWork *work, Call *call, object t, Py_ssize_t cost):
    """Do the work; returns the loss, or the losses in an array of t's shape, NotImplemented where that does not fit."""
    cdef double[MAX_BLOCKS] sums
    cdef double total = 0, lost = 0
    cdef Py_ssize_t block, chunks
    cdef ndarray kept = None
    if work.reduction == EACH:
        kept = new_like(None, t, work.typenum, NPY_ARRAY_C_CONTIGUOUS)
        take(call, &work.row_losses, kept, work.typenum, NPY_ARRAY_C_CONTIGUOUS)
        if work.row_losses.size != work.x.size:  # t's shape may be another since it was taken, as x's
            return NotImplemented
    chunks = (work.x.size + CHUNK - 1) // CHUNK
    if chunks > 0:
        work.block_losses = sums
        work.blocks = min(MAX_BLOCKS, chunks)
        run(task, work, call, work.blocks, min(work.x.size, chunks // work.blocks * CHUNK) * cost)
        for block in range(work.blocks):
            add_exactly(&total, &lost, sums[block])
    return exact(total, lost) / work.divisor if kept is None else kept


cdef object paired_loss(
    Task task,
    Examine examine,
    Py_ssize_t cost,
    object x,
    object t,
    object y,
    object dx,
    object sample_weight,
    object reduction,
    double delta,
):
    """(loss, dx) of plain numbers and targets, with y between them where its array is given.

    The arrays of the results come made, as in `softmax_loss`.
    """
    cdef object loss, weights = in_type(sample_weight, floating_type(x))
    cdef Call call
    cdef LossWork work
    work.delta = delta
    if not prepare_pairs(&call, &work, x, t, weights, reduction, examine):
        return NotImplemented
    if y is not None and not take_as_x(&call, &work, &work.y, y, x):  # y is never a caller's array
        return NotImplemented
    if not take_as_x(&call, &work, &work.dx, dx, x) or not is_result(&call):
        return NotImplemented
    loss = losses_of_pairs(task, &work, &call, t, cost)
    if loss is NotImplemented:
        return NotImplemented
    return (loss, dx) if y is None else (loss, y, dx)
