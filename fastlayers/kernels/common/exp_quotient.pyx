"""exp as a quotient of two sums, (c + r) / (c - r): an even c has half of the terms that a polynomial for exp has.

What divides anyway has it for the price of a product; and less 1 it is 2 r / (c - r), of all its digits.
"""


cdef inline floating exp_quotient(
    floating x,
    floating low,
    floating rate,
    bint squares,
    floating inverse,
    floating unit,
    floating unit_low,
    floating bias,
    floating *k,
    floating *r,
) noexcept nogil:
    """c and r, and k with n in its low bits, where e**(rate * (x + low)) = 2**n (c + r) / (c - r); see `exp_less_1`.

    `squares` is for 4**n: what would leave the range is multiplied by 2**n twice. unit + unit_low is log(2) / rate, or
    twice that, and 1 / inverse; low is what x's rounding left, or 0.

    At rate 1, c = r coth(r / 2) = 2 + r**2 P(r**2): it is even, and its error counts for as little as r is less than c.
    By P of degree 1 the exponential is right to 2e-9, of degree 4 to 1e-18, where |r| <= log(2) / 2; by one degree more
    to 9e-10 and 2e-17 where |r| <= log 2. At any rate it is c of rate * r, over rate; the compiler works that out.
    """
    cdef floating n, c, y, square = rate * rate
    k[0] = multiply_add(x, inverse, bias)
    n = k[0] - bias
    r[0] = multiply_add(n, -unit, x) + multiply_add(n, -unit_low, low)
    y = r[0] * r[0]
    if floating is float:
        if squares:
            c = <float> 6.4962031732962103e-5 * (rate * square * square)
            c = multiply_add(c, y, <float> -2.7775667996372207e-3 * (rate * square))
            c = multiply_add(c, y, <float> 0.16666666103906618 * rate)
        else:
            c = <float> -2.7698545980824371e-3 * (rate * square)
            c = multiply_add(c, y, <float> 0.16666654775143922 * rate)
    elif squares:
        c = -1.0191242832074633e-9 * (rate * square * square * square * square * square)
        c = multiply_add(c, y, 4.1733279118129337e-8 * (rate * square * square * square * square))
        c = multiply_add(c, y, -1.6534341298516313e-6 * (rate * square * square * square))
        c = multiply_add(c, y, 6.6137565572901221e-5 * (rate * square * square))
        c = multiply_add(c, y, -2.7777777777545442e-3 * (rate * square))
        c = multiply_add(c, y, 0.16666666666666651 * rate)
    else:
        c = 4.1437725653582018e-8 * (rate * square * square * square * square)
        c = multiply_add(c, y, -1.6534060165972636e-6 * (rate * square * square * square))
        c = multiply_add(c, y, 6.6137564717078733e-5 * (rate * square * square))
        c = multiply_add(c, y, -2.7777777777564572e-3 * (rate * square))
        c = multiply_add(c, y, 0.16666666666666662 * rate)
    return multiply_add(c, y, <floating> 2 / rate)


cdef inline floating exp_quotient_of(
    floating x, floating low, floating rate, bint squares, floating bias, floating *k, floating *r
) noexcept nogil:
    """`exp_quotient` of a rate that is a power of two, or minus one."""
    cdef floating part = rate / <floating> 2 if squares else rate
    if floating is float:
        return exp_quotient(
            x, low, rate, squares, <float> 1.44269504088896341 * part, <float> 0.693359375 / part,
            <float> -2.12194440054690583e-4 / part, bias, k, r,
        )
    else:
        return exp_quotient(
            x, low, rate, squares, 1.44269504088896341 * part, 0.69314575195312500 / part,
            1.42860682030941723e-6 / part, bias, k, r,
        )
