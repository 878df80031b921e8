"""The sigmoid linear unit x / (1 + exp(-x)) and its gradient, and what GELU by tanh shares: a sigmoid as a gate.

exp(-x) is taken 2**16 times smaller, so that it does not leave the range before the result does.
"""

cdef enum:
    GATE = 16


cdef inline floating gated(floating x, floating less_1, floating scale, floating enough) noexcept nogil:
    """x / (1 + exp(-v)), given exp(-v) / 2**GATE; and x above `enough`, where that rounds to x."""
    cdef floating small = <floating> (1.0 / (1 << GATE))
    cdef floating y = x / multiply_add(less_1 + <floating> 1, scale, small) * small
    return x if x > enough else y


cdef inline floating gate_slope(floating dout, floating z, bint below, floating half) noexcept nogil:
    """dout (s + z s (1 - s)), s the sigmoid of v and z x times the slope of v, given half = exp(-|v| / 2).

    With e = exp(-|v|) that is dout (1 + e (1 + z)) / (1 + e)**2 for positive x, else dout e (1 + z + e) / (1 + e)**2.
    e would leave the range before its product with a large dout.
    """
    # Both choices stand together: what stands between two of one condition GCC computes twice.
    cdef floating e = half * half, t = <floating> 1 + z, squared = multiply_add(e, <floating> 2 + e, <floating> 1)
    t = t + e if below else multiply_add(e, t, <floating> 1)
    half = half if below else <floating> 1
    return dout * half * (t / squared) * half


cdef inline floating silu_formula(floating x, floating _option, floating _low, floating high) noexcept nogil:
    cdef floating scale, less_1, least = -high - <floating> (GATE * 0.69314718055994531)  # where exp(-x) / 2**16 is inf
    cdef floating bounded = least if x < least else x  # false for NaN, which stays
    less_1 = exp_less_1(-bounded, <floating> 0, exp_bias(<floating> GATE), &scale)
    return gated(bounded, less_1, scale, <floating> 40)


cdef inline floating silu_slope(
    floating dout, floating x, floating _option, floating low, floating _high
) noexcept nogil:
    cdef floating a = magnitude(x), limit = -<floating> 2 * (low + <floating> 1)  # beyond, half is as there: not 0
    a = limit if a > limit else a  # false for NaN, which stays
    return gate_slope(
        dout, with_sign(a, x), x < <floating> 0, exp(<floating> -0.5 * a, exp_bias(<floating> 0))
    )


cdef void silu_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    map_task(work, start, stop, silu_formula, silu_formula)


cdef void silu_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    slope_task(work, start, stop, silu_slope, silu_slope)


declare("silu_forward", silu_forward_task)


def silu_forward(x, out=None):
    """y of a plain array; `out` None or an array."""
    return elementwise(silu_forward_task, x, 0, out, 4)


def silu_backward(dout, x, out=None):
    """dx of two plain arrays; `out` None or an array."""
    return gradient(silu_backward_task, dout, x, 0, out, 4)
