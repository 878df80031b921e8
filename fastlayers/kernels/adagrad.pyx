"""AdaGrad and RMSprop: one pass over parameter, gradient and the squares of those before."""

cdef enum:
    OF_SQUARES = 3  # the cost of a number: a root and a division


cdef void rooted_loop(
    floating *param, const floating *grad, floating *h, const double *factors, Py_ssize_t n
) noexcept nogil:
    """``h <- factors[1] h + factors[2] grad**2`` and ``param <- param - lr grad / (sqrt(h) + 1e-7)``."""
    cdef floating lr = <floating> factors[0], keep = <floating> factors[1], gain = <floating> factors[2]
    cdef floating eps = <floating> 1e-7, squares  # a local, as in `adam_loop`
    cdef Py_ssize_t i
    for i in range(n):
        squares = at_rest(multiply_add(gain * grad[i], grad[i], keep * h[i]))
        h[i] = squares
        param[i] -= lr * grad[i] / (square_root(squares) + eps)


cdef void rooted_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    one_state_task(of, start, stop, rooted_loop, rooted_loop)


def adagrad_update(params, grads, h, lr, weight_decay=0.0, clip_norm=None, /):
    """Update lists of plain parameters and sums of squares in place; None when done."""
    cdef Rule rule
    cdef tuple held_h = held(h)
    if held_h is None or not begin_rule(&rule, rooted_task, OF_SQUARES, lr, weight_decay, clip_norm):
        return NotImplemented
    rule.factors[1] = rule.factors[2] = 1
    return update(&rule, held(params), held(grads), held_h, None)


def rmsprop_update(params, grads, h, lr, decay_rate, weight_decay=0.0, clip_norm=None, /):
    """Update lists of plain parameters and means of squares in place; None when done."""
    cdef Rule rule
    cdef tuple held_h = held(h)
    if held_h is None or not begin_rule(&rule, rooted_task, OF_SQUARES, lr, weight_decay, clip_norm):
        return NotImplemented
    if not is_fraction(decay_rate):
        return NotImplemented
    rule.factors[1], rule.factors[2] = decay_rate, 1 - <double> decay_rate
    return update(&rule, held(params), held(grads), held_h, None)
