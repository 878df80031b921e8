"""What the losses share that hold each number against one target: targets, weights, the sum, the entries.

An array is gone through a chunk at a time, in blocks that do not depend on the number of threads, each of which
leaves its sum in its place. Work: x and t, dx, for some losses y; a sample has `columns` numbers; `factors[0]` is what
each number's gradient is multiplied by beside the weight of its sample.
"""


cdef inline Py_ssize_t start_of_block(const Work *work, Py_ssize_t block) noexcept nogil:
    """Blocks are whole chunks, so that where one ends does not show in the results."""
    cdef Py_ssize_t chunks = (work.rows * work.columns + CHUNK - 1) // CHUNK
    cdef Py_ssize_t chunk = chunks // work.blocks * block + min(block, chunks % work.blocks)
    return min(chunk * CHUNK, work.rows * work.columns)


cdef inline const floating *targets_at(
    const Work *work, const floating *same_type, Py_ssize_t start, floating *converted, Py_ssize_t n
) noexcept nogil:
    """The targets from `start` on: where they are, or converted from another type."""
    if work.label_type == SOFT_TARGETS:
        return same_type + start
    convert(work.t, work.label_type, converted, start, n)
    return converted


cdef inline void weights_at(const Work *work, floating *weights, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    """The weight of each number from `start` on: that of its sample, or 1."""
    cdef const char *of_samples = loss_of(work).sample_weights
    cdef Py_ssize_t j
    if of_samples == NULL:
        for j in range(n):
            weights[j] = <floating> 1
    elif work.columns == 1:
        memcpy(weights, <const floating *> of_samples + start, n * sizeof(floating))
    else:
        for j in range(n):
            weights[j] = (<const floating *> of_samples)[(start + j) // work.columns]


cdef inline double sum_of_losses(
    const Work *work, const floating *weights, double *losses, Py_ssize_t start, Py_ssize_t n
) noexcept nogil:
    """The sum of a chunk's losses, each times its weight; also leaves each in its place where that is asked for."""
    cdef Py_ssize_t j
    cdef floating *kept = <floating *> loss_of(work).row_losses
    for j in range(n):
        losses[j] *= <double> weights[j]
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
ctypedef bint (*Examine)(const Work *work) noexcept nogil


cdef bint targets_are_in_range(const Work *work) noexcept nogil:
    """Whether every finite target is finite in the numbers' type."""
    if work.typenum == NPY_DOUBLE or work.label_type != NPY_DOUBLE:
        return True
    return not exceed_float(<const double *> work.t, work.rows * work.columns)


cdef double divisor_of_pairs(const Work *work) noexcept nogil:
    """What the losses are divided by: in a mean the number of numbers, each times the weight of its sample."""
    cdef double total = 0, lost = 0
    cdef Py_ssize_t row
    if loss_of(work).reduction != MEAN:
        return 1
    if loss_of(work).sample_weights == NULL:
        return <double> work.rows * work.columns
    for row in range(work.rows):
        add_exactly(&total, &lost, number_at(loss_of(work).sample_weights, work.typenum, row))
    return exact(total, lost) * work.columns


cdef bint prepare_pairs(
    Work *work, Loss *loss, double *factors, object x, object t, object sample_weight, object reduction, Examine examine
) except -1:
    """Fill in the work for numbers x and targets t; False where they, or the options, are not plain or do not fit.

    `examine` looks through the targets.
    """
    cdef int typenum = floating_type(x), target_type
    cdef bint fit = True
    cdef list _pinned
    if order_of(x, typenum) & NPY_ARRAY_C_CONTIGUOUS == 0 or not PyArray_CheckExact(t):
        return False
    target_type = PyArray_TYPE(<ndarray> t)
    if order_of(t, target_type) & NPY_ARRAY_C_CONTIGUOUS == 0 or not are_paired(x, t):
        return False
    if not is_real_type(target_type):
        return False
    begin(work, typenum)
    work.label_type = SOFT_TARGETS if target_type == typenum else target_type
    work.rows = PyArray_DIM(<ndarray> x, 0) if PyArray_NDIM(<ndarray> x) > 0 else 1
    work.columns = size_of(x) // work.rows if work.rows > 0 else 0
    work.x, work.t = data_of(work, x), data_of(work, t)
    work.y = NULL
    work.loss, work.factors = loss, factors
    without_options(loss)
    loss.reduction = reduction_of(reduction)
    if loss.reduction == NO_REDUCTION:
        return False
    if sample_weight is not None:
        if PyArray_NDIM(<ndarray> x) == 0 or not is_plain_vector(sample_weight, typenum, work.rows):
            return False
        loss.sample_weights = data_of(work, sample_weight)
    if work.rows * work.columns < WORTH_RELEASING:
        loss.divisor = divisor_of_pairs(work)
        return has_finite_sums(work, loss.divisor) and examine(work)
    _pinned = pinned(work)
    with nogil:
        loss.divisor = divisor_of_pairs(work)
        fit = has_finite_sums(work, loss.divisor) and examine(work)
    return fit


cdef bint can_go_to(object dx, Work *work, object x, object t, object sample_weight) noexcept:
    """Whether a result of x's shape can be written to this array; it may be x itself."""
    return (
        order_of(dx, work.typenum) & NPY_ARRAY_C_CONTIGUOUS != 0
        and same_shape(x, dx) and is_writeable(dx) and apart_or_same(x, dx) and apart(t, dx)
        and (sample_weight is None or apart(sample_weight, dx))
    )


cdef object losses_of_pairs(Task task, Work *work, Loss *loss, object t, Py_ssize_t cost):
    """Do the work; returns the loss, or the losses in an array of t's shape."""
    cdef double[MAX_BLOCKS] sums
    cdef double total = 0, lost = 0
    cdef Py_ssize_t block, chunks
    cdef ndarray kept = None
    if loss.reduction == EACH:
        kept = new_array(None, PyArray_NDIM(<ndarray> t), PyArray_DIMS(<ndarray> t), work.typenum, False)
        loss.row_losses = data_of(work, kept)
    chunks = (work.rows * work.columns + CHUNK - 1) // CHUNK
    if chunks > 0:
        work.losses = sums
        work.blocks = min(MAX_BLOCKS, chunks)
        run(task, work, work.blocks, min(work.rows * work.columns, chunks // work.blocks * CHUNK) * cost)
        for block in range(work.blocks):
            add_exactly(&total, &lost, sums[block])
    return exact(total, lost) / loss.divisor if kept is None else kept
