"""Softmax with cross-entropy: what is asked of the loss, what fits, where the results go; its rows: `softmax.pyx`."""

from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact


cdef bint take_targets(Call *call, LossWork *work, object t) noexcept:
    """Take t, plain soft targets or plain labels, and set how to read them."""
    cdef int label_type = PyArray_TYPE(<ndarray> t)
    cdef npy_intp[2] shape
    shape[0], shape[1] = work.rows, work.columns
    work.label_type = SOFT_TARGETS if label_type == work.typenum else label_type
    if work.label_type == SOFT_TARGETS:
        return take_shaped(call, &work.t, t, label_type, NPY_ARRAY_C_CONTIGUOUS, 2, shape) != 0
    return (
        is_integer_type(label_type)
        and take_shaped(call, &work.t, t, label_type, EITHER_ORDER, 1, shape) != 0
    )


cdef bint take_options(
    Call *call, LossWork *work, object weight, object sample_weight, object ignored, object smoothing
) except -1:
    """Fill in what is asked of the loss; False where that is not plain."""
    cdef npy_intp rows = work.rows, columns = work.columns
    cdef int overflow = 0
    if weight is not None and not take_shaped(call, &work.weights, weight, work.typenum, EITHER_ORDER, 1, &columns):
        return False
    if sample_weight is not None and not take_shaped(
        call, &work.sample_weights, sample_weight, work.typenum, EITHER_ORDER, 1, &rows
    ):
        return False
    if ignored is not None:
        if not PyLong_CheckExact(ignored) or work.label_type == SOFT_TARGETS:
            return False
        work.ignored = PyLong_AsLongLongAndOverflow(ignored, &overflow)
        if overflow or work.ignored == LLONG_MAX:
            return False
        work.ignores = True
    if not PyFloat_CheckExact(smoothing) or not 0 <= PyFloat_AS_DOUBLE(smoothing) <= 1:
        return False
    if PyFloat_AS_DOUBLE(smoothing) != 0:
        work.keep = 1 - PyFloat_AS_DOUBLE(smoothing)
        work.base = PyFloat_AS_DOUBLE(smoothing) / work.columns if work.columns > 0 else 0
    return True


cdef bint examine(const LossWork *work, double *divisor) noexcept nogil:
    """Whether the labels, where there are any, fit; and what the losses are divided by, which must be finite."""
    if work.label_type != SOFT_TARGETS and not labels_fit(work):
        return False
    if work.reduction != MEAN:
        divisor[0] = 1
        return True
    divisor[0] = sum_of_weights(work)
    return has_finite_sums(work, divisor[0])


cdef bint prepare(
    Call *call,
    LossWork *work,
    object x,
    object t,
    object weight,
    object sample_weight,
    object ignore_index,
    object label_smoothing,
    object reduction,
) except -1:
    """Take scores x and targets t and what else is given; False where these are not plain or do not fit."""
    cdef bint fit
    cdef list _pinned
    begin_loss(work, call, floating_type(x))
    if take(call, &work.x, x, work.typenum, NPY_ARRAY_C_CONTIGUOUS) == 0 or PyArray_NDIM(<ndarray> x) != 2:
        return False
    work.x.replaceable = True
    work.rows, work.columns = PyArray_DIM(<ndarray> x, 0), PyArray_DIM(<ndarray> x, 1)
    if not PyArray_CheckExact(t):
        return False
    work.reduction = reduction_of(reduction)
    if work.reduction == NO_REDUCTION or not take_targets(call, work, t):
        return False
    if not take_options(call, work, weight, sample_weight, ignore_index, label_smoothing):
        return False
    if work.rows < WORTH_RELEASING:
        fit = examine(work, &work.divisor)
    else:
        _pinned = pinned(call)
        with nogil:
            fit = examine(work, &work.divisor)
    return fit


cdef tuple in_type_of_scores(object x, object t, object weight, object sample_weight):
    """Targets and weights in the type of the scores, labels as they are; None where none of them is changed by that."""
    cdef int typenum = floating_type(x)
    cdef tuple found
    if typenum < 0 or not PyArray_CheckExact(t):
        return None
    found = (
        in_type(t, typenum) if PyArray_NDIM(<ndarray> t) == PyArray_NDIM(<ndarray> x) else t,
        in_type(weight, typenum),
        in_type(sample_weight, typenum),
    )
    return None if found[0] is t and found[1] is weight and found[2] is sample_weight else found


cdef object losses_of(LossWork *work, Call *call):
    """Do the work; returns the loss, or the losses of all rows."""
    cdef npy_intp rows = work.rows
    cdef ndarray row_losses
    if work.reduction != EACH:
        return softmax_rows(softmax_task, work, call)
    row_losses = new_array(None, 1, &rows, work.typenum, False)
    take(call, &work.row_losses, row_losses, work.typenum, EITHER_ORDER)
    if work.columns == 0:
        memset(work.row_losses.data, 0, work.row_losses.end - work.row_losses.data)
    softmax_rows(softmax_task, work, call)
    return row_losses


cdef object softmax_loss(
    object x,
    object t,
    object y,
    object dx,
    object weight,
    object sample_weight,
    object ignore_index,
    object label_smoothing,
    object reduction,
):
    """(loss, dx) of plain scores and targets, with y between them where its array is given.

    The arrays of the results come made: to have one may run any code, and what is checked from here on stays so.
    """
    cdef tuple others
    cdef object loss
    cdef Call call
    cdef LossWork work
    if not prepare(&call, &work, x, t, weight, sample_weight, ignore_index, label_smoothing, reduction):
        others = in_type_of_scores(x, t, weight, sample_weight)
        if others is None:
            return NotImplemented
        return softmax_loss(x, others[0], y, dx, others[1], others[2], ignore_index, label_smoothing, reduction)
    if y is not None and not take_as_x(&call, &work, &work.y, y, x):  # y is never a caller's array
        return NotImplemented
    if not take_as_x(&call, &work, &work.dx, dx, x) or not is_result(&call):
        return NotImplemented
    loss = losses_of(&work, &call)
    return (loss, dx) if y is None else (loss, y, dx)


def softmax_cross_entropy(
    x, t, out=None, weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"
):
    """(loss, dx) of plain scores and targets; `out` None or an array for dx."""
    return softmax_loss(x, t, None, array_for(out, x), weight, sample_weight, ignore_index, label_smoothing, reduction)


def softmax_with_loss(
    x, t, out=None, weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"
):
    """(loss, y, dx) of plain scores and targets; `out` None or the layer's two recyclers for y and dx."""
    return softmax_loss(
        x, t, array_of_layer(out, 0, x), array_of_layer(out, 1, x), weight, sample_weight, ignore_index,
        label_smoothing, reduction,
    )
