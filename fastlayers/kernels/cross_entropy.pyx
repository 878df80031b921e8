"""Softmax with cross-entropy: what is asked of the loss, what fits, where the results go; its rows: `softmax.pyx`."""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from numpy cimport NPY_ULONGLONG


cdef inline bint is_plain_vector(object a, int typenum, Py_ssize_t n) noexcept:
    return fits(a, typenum, 1, 1, n, EITHER_ORDER)


cdef bint are_targets(Work *work, object t) noexcept:
    """Whether t is plain soft targets, or plain labels; sets how to read them."""
    cdef int label_type = PyArray_TYPE(<ndarray> t)
    work.label_type = SOFT_TARGETS if label_type == work.typenum else label_type
    if work.label_type == SOFT_TARGETS:
        return fits(t, label_type, 2, work.rows, work.columns, NPY_ARRAY_C_CONTIGUOUS)
    return NPY_BYTE <= label_type <= NPY_ULONGLONG and fits(t, label_type, 1, 1, work.rows, EITHER_ORDER)


cdef inline int reduction_of(object name) except -2:
    if type(name) is not str:
        return NO_REDUCTION
    if name == "mean":
        return MEAN
    if name == "sum":
        return SUM
    return EACH if name == "none" else NO_REDUCTION


cdef inline bint are_scores(object x) noexcept:
    """Whether x is plain, of rows of classes."""
    return order_of(x, floating_type(x)) & NPY_ARRAY_C_CONTIGUOUS != 0 and PyArray_NDIM(<ndarray> x) == 2


cdef bint are_options(
    Work *work, Loss *loss, object weight, object sample_weight, object ignored, object smoothing
) except -1:
    """Fill in what is asked of the loss; False where that is not plain."""
    cdef int overflow = 0
    if weight is not None:
        if not is_plain_vector(weight, work.typenum, work.columns):
            return False
        loss.weights = data_of(work, weight)
    if sample_weight is not None:
        if not is_plain_vector(sample_weight, work.typenum, work.rows):
            return False
        loss.sample_weights = data_of(work, sample_weight)
    if ignored is not None:
        if not PyLong_CheckExact(ignored) or work.label_type == SOFT_TARGETS:
            return False
        loss.ignored = PyLong_AsLongLongAndOverflow(ignored, &overflow)
        if overflow or loss.ignored == LLONG_MAX:
            return False
        loss.ignores = True
    if not PyFloat_CheckExact(smoothing) or not 0 <= PyFloat_AS_DOUBLE(smoothing) <= 1:
        return False
    if PyFloat_AS_DOUBLE(smoothing) != 0:
        loss.keep = 1 - PyFloat_AS_DOUBLE(smoothing)
        loss.base = PyFloat_AS_DOUBLE(smoothing) / work.columns if work.columns > 0 else 0
    return True


cdef bint examine(const Work *work, double *divisor) noexcept nogil:
    """Whether the labels, where there are any, fit; and what the losses are divided by, which must be finite."""
    if work.label_type != SOFT_TARGETS and not labels_fit(work):
        return False
    if loss_of(work).reduction != MEAN:
        divisor[0] = 1
        return True
    divisor[0] = sum_of_weights(work)
    return has_finite_sums(work, divisor[0])


cdef bint prepare(
    Work *work,
    Loss *loss,
    object x,
    object t,
    object weight,
    object sample_weight,
    object ignore_index,
    object label_smoothing,
    object reduction,
) except -1:
    """Fill in the work for scores x and targets t; False where they, or the options, are not plain or do not fit."""
    cdef bint fit
    cdef list _pinned
    if not are_scores(x) or not PyArray_CheckExact(t):
        return False
    begin(work, floating_type(x))
    work.rows, work.columns = PyArray_DIM(<ndarray> x, 0), PyArray_DIM(<ndarray> x, 1)
    work.x, work.t = data_of(work, x), data_of(work, t)
    work.loss = loss
    without_options(loss)
    loss.reduction = reduction_of(reduction)
    if loss.reduction == NO_REDUCTION or not are_targets(work, t):
        return False
    if not are_options(work, loss, weight, sample_weight, ignore_index, label_smoothing):
        return False
    if work.rows < WORTH_RELEASING:
        fit = examine(work, &loss.divisor)
    else:
        _pinned = pinned(work)
        with nogil:
            fit = examine(work, &loss.divisor)
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


cdef object losses_of(Work *work, Loss *loss):
    """Do the work; returns the loss, or the losses of all rows."""
    cdef ndarray row_losses
    if loss.reduction != EACH:
        return softmax_rows(work)
    row_losses = new_result(None, 1, 1, work.rows, work.typenum)
    loss.row_losses = data_of(work, row_losses)
    if work.columns == 0:
        memset(loss.row_losses, 0, PyArray_NBYTES(row_losses))
    softmax_rows(work)
    return row_losses


def softmax_cross_entropy(
    x, t, out=None, weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"
):
    """(loss, dx) of plain scores and targets; `out` None or an array for dx."""
    cdef tuple others
    cdef Loss loss
    cdef Work work
    if not is_given(out):
        if not are_scores(x):
            return NotImplemented
        out = new_like(out, x, floating_type(x), NPY_ARRAY_C_CONTIGUOUS)  # before the checks, as below
    if not prepare(&work, &loss, x, t, weight, sample_weight, ignore_index, label_smoothing, reduction):
        others = in_type_of_scores(x, t, weight, sample_weight)
        if others is None:
            return NotImplemented
        t, weight, sample_weight = others
        if not prepare(&work, &loss, x, t, weight, sample_weight, ignore_index, label_smoothing, reduction):
            return NotImplemented
    if order_of(out, work.typenum) & NPY_ARRAY_C_CONTIGUOUS == 0 or not (
        same_shape(x, out) and is_writeable(out) and apart_or_same(x, out) and apart(t, out)
    ):
        return NotImplemented
    if weight is not None and not apart(weight, out) or sample_weight is not None and not apart(sample_weight, out):
        return NotImplemented
    work.y = NULL
    work.dx = data_of(&work, out)
    return losses_of(&work, &loss), out


def softmax_with_loss(
    x, t, out=None, weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"
):
    """(loss, y, dx) of plain scores and targets; `out` None or the layer's two recyclers for y and dx."""
    cdef int typenum = floating_type(x)
    cdef object y = None, dx = None
    cdef tuple others
    cdef Loss loss
    cdef Work work
    if out is not None:
        if not PyTuple_CheckExact(out) or PyTuple_GET_SIZE(out) != 2:
            return NotImplemented
        y, dx = <object> PyTuple_GET_ITEM(out, 0), <object> PyTuple_GET_ITEM(out, 1)
    if is_given(y) or is_given(dx) or not are_scores(x):
        return NotImplemented
    y = new_like(y, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    dx = new_like(dx, x, typenum, NPY_ARRAY_C_CONTIGUOUS)
    # After the results, because to drop old ones may run any code: what is checked from here on stays so.
    if not prepare(&work, &loss, x, t, weight, sample_weight, ignore_index, label_smoothing, reduction):
        others = in_type_of_scores(x, t, weight, sample_weight)
        if others is None:
            return NotImplemented
        t, weight, sample_weight = others
        if not prepare(&work, &loss, x, t, weight, sample_weight, ignore_index, label_smoothing, reduction):
            return NotImplemented
    if work.typenum != typenum or not (same_shape(x, y) and same_shape(x, dx)):
        return NotImplemented
    work.y, work.dx = data_of(&work, y), data_of(&work, dx)
    return losses_of(&work, &loss), y, dx
