"""The sigmoid linear unit x / (1 + exp(-x)) and its gradient, and what GELU by tanh shares: a sigmoid as a gate.

The sigmoid of v is p / (p + q), where e**v = p / q: one quotient serves the exponential and the sigmoid. Of a power of
two in it p has one half and q the other: so neither leaves the range before the product with a large dout does. For
positive v q has all of it, and p is near 1: a dout that is multiplied by p is not to overflow.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy


cdef inline floating times_powers(floating x, floating k, floating other) noexcept nogil:
    """x * 2**(n - 2 m) by its exponent's bits; n and m in the low bits of k and other, without the exponent's bias."""
    cdef uint32_t bits, n, m
    cdef uint64_t wide, wide_n, wide_m
    if floating is float:
        memcpy(&bits, &x, sizeof(bits))
        memcpy(&n, &k, sizeof(n))
        memcpy(&m, &other, sizeof(m))
        bits += (n << 23) - (m << 24)
        memcpy(&x, &bits, sizeof(bits))
    else:
        memcpy(&wide, &x, sizeof(wide))
        memcpy(&wide_n, &k, sizeof(wide_n))
        memcpy(&wide_m, &other, sizeof(wide_m))
        wide += (wide_n << 52) - (wide_m << 53)
        memcpy(&x, &wide, sizeof(wide))
    return x


cdef inline floating gate_bias(floating m) noexcept nogil:
    """As `exp_bias`, with which k has n - m alone in its low bits, without the exponent's own bias."""
    return exp_bias(m + <floating> (127 if floating is float else 1023))


cdef inline floating gate(
    floating c, floating r, floating k, floating low, floating *power, floating *p, floating *q
) noexcept nogil:
    """The sigmoid p / (p + q) over `power`, a power of two, where p / q = 4**n (c + r) / (c - r) by `exp_quotient`."""
    # 0 times low hides the bound: with a constant the compiler blends in what follows of it.
    cdef floating none = gate_bias(<floating> 0), most = multiply_add(low, <floating> 0, none)
    most = k if k < most else most
    power[0] = times_powers(<floating> 1, most, none)
    p[0] = times_powers(c + r, most, none)
    q[0] = times_powers(c - r, most, k)
    return (c + r) / (p[0] + q[0])


cdef inline floating gate_slope(
    floating dout, floating z, floating s, floating power, floating p, floating q
) noexcept nogil:
    """dout (s + z s (1 - s)), s the sigmoid of v by `gate` and z x times v's slope."""
    return dout * power * (s * multiply_add(q / (p + q), z, <floating> 1))


cdef inline floating silu_bounded(floating x, floating low, floating high) noexcept nogil:
    """x, from where q would leave the range to where the sigmoid is 1 within rounding; nan of nan."""
    cdef floating least = <floating> 2 * low + <floating> (14 if floating is float else 32)
    high = high / <floating> 4 if floating is float else high / <floating> 16
    x = least if x < least else x
    return high if x > high else x


cdef inline floating silu_gate(
    floating bounded, floating low, floating *power, floating *p, floating *q
) noexcept nogil:
    cdef floating k, r
    cdef floating c = exp_quotient_of(bounded, <floating> 0, <floating> 1, True, gate_bias(<floating> 0), &k, &r)
    return gate(c, r, k, low, power, p, q)


cdef inline floating silu_formula(floating x, floating _option, floating low, floating high) noexcept nogil:
    cdef floating power, p, q, bounded = silu_bounded(x, low, high)
    silu_gate(bounded, low, &power, &p, &q)
    return x if x > bounded else bounded * p / (p + q)


cdef inline floating silu_slope(
    floating dout, floating x, floating _option, floating low, floating high
) noexcept nogil:
    cdef floating power, p, q, bounded = silu_bounded(x, low, high)
    cdef floating s = silu_gate(bounded, low, &power, &p, &q)
    return gate_slope(dout, bounded, s, power, p, q)


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
