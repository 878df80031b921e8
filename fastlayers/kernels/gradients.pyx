"""What an optimizer's rule sees as the gradient: clipped, and with weight decay.

That is scale * grad + decay * param. It is made a chunk at a time, on the stack: so each array passes by once, the
gradient's own numbers stay as they were, and the plain loop of a rule pays nothing. The scale comes of the norm of all
gradients together, which a pass of its own takes before anything is written.
"""

cdef enum:
    MOST_SPANS = 64  # of a gradient, each summed by itself: the same for any number of threads

cdef struct Rule:
    Task task
    Py_ssize_t cost
    double[6] factors
    double weight_decay
    bint decoupled  # the parameter itself shrinks, its gradient is left alone
    double clip_norm  # infinite: none
    double scale

# Those outside which a gradient is zero; `touched_rows.pyx` knows how.
cdef struct Rows:
    const Py_ssize_t *rows  # in order, each once; NULL: all are touched
    Py_ssize_t count
    Py_ssize_t columns

# One parameter, its gradient, and its state: of momentum `first` is the velocity, of Adam `first` is m and `second` v.
cdef struct Update:
    const Rule *rule
    int typenum
    bint is_bias  # of one axis
    Argument param
    Argument grad
    Argument first
    Argument second
    Rows touched  # of the gradient
    Py_ssize_t span  # elements of the gradient whose squares are summed by themselves
    double *squares  # a sum for each span


cdef inline bint begin_rule(Rule *rule, Task task, Py_ssize_t cost, object lr, object weight_decay, object clip_norm):
    """What all rules have; False where one of these numbers is none that a kernel takes."""
    if not isinstance(lr, float) or not isinstance(weight_decay, float):  # np.float64 is one too
        return False
    rule.task, rule.cost = task, cost
    rule.factors[0] = lr
    rule.weight_decay, rule.decoupled, rule.clip_norm, rule.scale = weight_decay, False, INFINITY, 1
    if clip_norm is not None:
        if not isinstance(clip_norm, float):
            return False
        rule.clip_norm = clip_norm
        if not 0 < rule.clip_norm < INFINITY:
            return False
    return 0 <= rule.weight_decay < INFINITY


cdef void effective_loop(
    const floating *grad, floating *param, floating *effective, const Rule *rule, bint decays, Py_ssize_t n
) noexcept nogil:
    """The gradients of a chunk. A parameter that does not decay is not multiplied by 0: it may be infinite."""
    cdef floating scale = <floating> rule.scale, decay = <floating> rule.weight_decay
    cdef floating shrink = <floating> (rule.factors[0] * rule.weight_decay)
    cdef Py_ssize_t i
    if decays and not rule.decoupled:
        for i in range(n):
            effective[i] = multiply_add(scale, grad[i], decay * param[i])
        return
    for i in range(n):
        effective[i] = scale * grad[i]
    if decays and shrink != 0:
        for i in range(n):
            param[i] = multiply_add(-shrink, param[i], param[i])


cdef inline bint decays(const Update *work) noexcept nogil:
    """Weights do, a bias does not."""
    return work.rule.weight_decay != 0 and not work.is_bias


cdef void effective_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The rule, on the effective gradient of a chunk at a time, which stays in the cache."""
    cdef const Update *work = <const Update *> of
    cdef const Rule *rule = work.rule
    cdef bint decayed = decays(work)
    cdef double[CHUNK] effective  # large enough for either type
    cdef Py_ssize_t width, at, itemsize = sizeof(float) if work.typenum == NPY_FLOAT else sizeof(double)
    cdef Update part = work[0]
    part.grad.data = <char *> effective
    while start < stop:
        width = min(CHUNK, stop - start)
        at = start * itemsize
        part.param.data = work.param.data + at
        part.first.data, part.second.data = work.first.data + at, work.second.data + at
        if work.typenum == NPY_FLOAT:
            effective_loop(
                <const float *> work.grad.data + start, <float *> part.param.data, <float *> effective, rule, decayed,
                width,
            )
        else:
            effective_loop(
                <const double *> work.grad.data + start, <double *> part.param.data, <double *> effective, rule,
                decayed, width,
            )
        rule.task(&part, 0, width)
        start += width


cdef void squares_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The sums of the squares of `scale` times the gradient, a span each."""
    cdef const Update *work = <const Update *> of
    cdef double scale = work.rule.scale
    cdef Py_ssize_t span, first, n
    for span in range(start, stop):
        first = span * work.span
        n = min(work.span, work.grad.size - first)
        if work.touched.rows != NULL:
            work.squares[span] = touched_squares(work, first, n)
        elif work.typenum == NPY_FLOAT:
            work.squares[span] = sum_of_squares(<const float *> work.grad.data + first, scale, n)
        else:
            work.squares[span] = sum_of_squares(<const double *> work.grad.data + first, scale, n)


cdef double scaled_norm(Update *works, Py_ssize_t n) except? -1:
    """The Euclidean norm of all gradients as one vector, times their `scale`."""
    cdef double[MOST_SPANS] squares
    cdef double total = 0, lost = 0
    cdef Py_ssize_t i, span, spans, size
    for i in range(n):
        size = works[i].grad.size
        works[i].squares = squares
        works[i].span = CHUNK * max(1, (size + CHUNK * MOST_SPANS - 1) // (CHUNK * MOST_SPANS))
        spans = (size + works[i].span - 1) // works[i].span
        # Reading costs half of what ReLU does: so the GIL is kept wherever the rule itself keeps it.
        run(squares_task, &works[i], NULL, spans, works[i].span // 2)
        for span in range(spans):
            add_exactly(&total, &lost, squares[span])
    return sqrt(exact(total, lost))


cdef int clip(Rule *rule, Update *works, Py_ssize_t n) except -1:
    """Set the scale that brings the gradients' norm down to `clip_norm`; 1 where it is no more than that."""
    cdef double norm
    rule.scale = 1
    norm = scaled_norm(works, n)
    if norm == INFINITY:  # the squares may be too large for a float64, and the norm not
        rule.scale = 1e-160
        norm = scaled_norm(works, n) / rule.scale
    rule.scale = rule.clip_norm / (norm + 1e-6)
    if rule.scale > 1:  # not nan
        rule.scale = 1
    return 0
