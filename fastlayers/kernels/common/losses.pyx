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
