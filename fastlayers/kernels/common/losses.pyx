"""What every loss works on, and how its results get their arrays."""

cdef enum:
    NO_TARGETS = -1
    SOFT_TARGETS = -2

cdef enum:
    NO_REDUCTION = -1
    MEAN
    SUM
    EACH

# What a loss works on: `rows` rows of `columns` scores or numbers; a NULL stands for what is not there.
cdef struct LossWork:
    int typenum
    Py_ssize_t rows
    Py_ssize_t columns
    Argument x
    Argument t
    int label_type  # of t, or NO_TARGETS or SOFT_TARGETS
    Argument y  # the probabilities
    Argument dx
    Argument weights  # of the classes, in the scores' dtype; where there are none, each is 1
    Argument sample_weights  # of the rows, the same
    int reduction
    Argument row_losses  # a loss for each row, in the scores' dtype, where not their sum or mean is asked for
    bint ignores
    long long ignored  # the label whose rows do not count
    double keep  # 1 - label smoothing
    double base  # label smoothing / classes
    double divisor  # of the loss and its gradient
    double delta  # the error from which on a loss grows as a straight line
    Py_ssize_t blocks
    double *block_losses  # a sum for each block of rows


cdef inline void begin_loss(LossWork *work, Call *call, int typenum) noexcept:
    """The mean, of no targets yet, with nothing asked for beside it."""
    begin(call)
    work.typenum, work.label_type, work.reduction = typenum, NO_TARGETS, MEAN
    work.t.data = work.y.data = work.dx.data = NULL
    work.weights.data = work.sample_weights.data = work.row_losses.data = NULL
    work.ignores = False
    work.keep, work.base, work.divisor = 1, 0, 1


cdef inline int reduction_of(object name) except -2:
    if type(name) is not str:
        return NO_REDUCTION
    if name == "mean":
        return MEAN
    if name == "sum":
        return SUM
    return EACH if name == "none" else NO_REDUCTION


cdef inline bint take_as_x(Call *call, const LossWork *work, Argument *argument, object a, object x) noexcept:
    """Take an array for a result of the shape of x, which may have another since it was taken: targets are looked
    through without the GIL."""
    return (
        take_like(call, argument, a, x, work.typenum, NPY_ARRAY_C_CONTIGUOUS) != 0 and argument.size == work.x.size
    )


cdef object array_for(object out, object x):
    """An array for dx: `out` where it is given, else another of x's shape; None where x is not plain."""
    cdef int typenum = floating_type(x)
    if is_given(out):
        return out
    if order_of(x, typenum) & NPY_ARRAY_C_CONTIGUOUS == 0:
        return None
    return new_like(out, x, typenum, NPY_ARRAY_C_CONTIGUOUS)


cdef object array_of_layer(object out, int i, object x):
    """Another of x's shape for what a layer keeps, from recycler i of its two; where x or `out` is not plain,
    `NotImplemented`, which is taken for no array."""
    cdef int typenum = floating_type(x)
    cdef object given
    if not are_outs(out, 2) or order_of(x, typenum) & NPY_ARRAY_C_CONTIGUOUS == 0:
        return NotImplemented
    given = out_at(out, i)
    return NotImplemented if is_given(given) else new_like(given, x, typenum, NPY_ARRAY_C_CONTIGUOUS)


ctypedef double (*FloatLosses)(
    const LossWork *work, const float *x, const float *t, float *y, float *dx, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil
ctypedef double (*DoubleLosses)(
    const LossWork *work, const double *x, const double *t, double *y, double *dx, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil
ctypedef Py_ssize_t (*StartOfBlock)(const LossWork *work, Py_ssize_t block) noexcept nogil


cdef inline void losses_task(
    const void *of,
    Py_ssize_t start,
    Py_ssize_t stop,
    StartOfBlock start_of,
    FloatLosses losses,
    DoubleLosses losses_of_double,
) noexcept nogil:
    """The blocks start to stop, each of which leaves its loss in its place; a family's task is one call of this.

    t is NULL where it holds labels, or targets of another type than x's.
    """
    cdef const LossWork *work = <const LossWork *> of
    cdef const char *t = work.t.data if work.label_type == SOFT_TARGETS else NULL
    cdef const char *x = work.x.data
    cdef char *y = work.y.data
    cdef char *dx = work.dx.data
    cdef Py_ssize_t block, first, last
    for block in range(start, stop):
        first, last = start_of(work, block), start_of(work, block + 1)
        if work.typenum == NPY_FLOAT:
            work.block_losses[block] = losses(
                work, <const float *> x, <const float *> t, <float *> y, <float *> dx, first, last
            )
        else:
            work.block_losses[block] = losses_of_double(
                work, <const double *> x, <const double *> t, <double *> y, <double *> dx, first, last
            )
