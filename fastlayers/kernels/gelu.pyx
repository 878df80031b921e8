"""The Gaussian error linear unit and its gradient, exactly and by tanh.

Exactly, y = x Phi(x) = max(x, 0) - |x| Phi(-|x|), Phi being the normal distribution. Its tail is
Phi(-a) = exp(-a**2 / 2) R(a), where R falls from 1/2 as 1 / (a sqrt(2 pi)): a quotient of polynomials, of least
relative error (Remez, in 50 digits) up to where the exponential is 0: 7e-10 with degrees 5 and 6, 4e-18 with 10 and 11.
What a**2 loses by rounding goes into the exponential too, else that would make 700 ulp of it.

Of a polynomial p(a) = g(a**2) + a h(a**2) the highest terms are evaluated from the roots of h, which are negative: what
is left at each is a number, so a multiplication by a**2 less the root takes the place of two by a. There terms cancel.
The highest are of weight where a is large, and R no longer depends on them: half an ulp.

By tanh, y = x (1 + tanh u) / 2 = x / (1 + exp(-v)), v = 2 u = x (B + A x**2) with A = 0.044715 B and
B = 2 sqrt(2 / pi): a sigmoid as in `silu.pyx`, of a v with what its rounding loses.
"""


cdef inline floating tail_terms(floating a, floating square, floating *m) noexcept nogil:
    """n and m of R(a) = n / (sqrt(2 pi) a n + m)."""
    cdef floating n
    if floating is float:
        m[0] = multiply_add(<float> 0.0062680646359, a, <float> 0.0749057244005)
        m[0] = multiply_add(m[0], square + <float> 66.4954592375, <float> -3.71961832526)
        m[0] = multiply_add(m[0], a, <float> 2.00000000134)
        n = multiply_add(<float> 0.00250035140504, a, <float> 0.0298953580714)
        n = multiply_add(n, square + <float> 68.3943156452, <float> -1.47826768397)
        n = multiply_add(n, a, <float> 1.08606574234)
        n = multiply_add(n, a, <float> 1)
    else:
        m[0] = multiply_add(1.442292448370742557e-6, a, 0.00004324730570737061066)
        m[0] = multiply_add(m[0], square + 367.8188634322811037, -0.01312364278268925449)
        m[0] = multiply_add(m[0], square + 74.15907042621325389, -0.0194252869276315879)
        m[0] = multiply_add(m[0], a, 0.6450744253251142868)
        m[0] = multiply_add(m[0], a, 1.568918928367293313)
        m[0] = multiply_add(m[0], a, 2.477151488713175915)
        m[0] = multiply_add(m[0], a, 1.999999999999999992)
        n = multiply_add(5.753914384049907299e-7, a, 0.00001725317875133576217)
        n = multiply_add(n, square + 367.3300782970789838, -0.00523557603596794288)
        n = multiply_add(n, square + 76.6478568349244184, -0.00519056180996064117)
        n = multiply_add(n, a, 0.2872364850711236872)
        n = multiply_add(n, a, 0.7614858765038963365)
        n = multiply_add(n, a, 1.419339817709715708)
        n = multiply_add(n, a, 1.694005320869221982)
        n = multiply_add(n, a, 1.0)
    return n


cdef inline floating tail_exp_less_1(floating a, floating square, bint squares, floating *scale) noexcept nogil:
    """exp(-a**2 / 2) less 1 but for powers of two, which are `scale`, or the square of that; of all digits of a**2."""
    cdef floating k, r, c = exp_quotient_of(
        square, product_error(a, a, square), <floating> -0.5, squares, exp_bias(<floating> 0), &k, &r
    )
    scale[0] = power_of_two(k)
    return (r + r) / (c - r)


cdef inline floating gelu_formula(floating x, floating _option, floating low, floating _high) noexcept nogil:
    cdef floating scale, less_1, m, n, square, tail, a = magnitude(x)
    cdef floating limit = low * <floating> (-0.15087 if floating is float else -0.053111)  # where the exponential is 0
    a = limit if a > limit else a  # false for NaN, which stays
    square = a * a
    n = tail_terms(a, square, &m)
    tail = n / multiply_add(<floating> 2.5066282746310005024 * a, n, m)
    less_1 = tail_exp_less_1(a, square, False, &scale)
    tail = multiply_add(tail, less_1, tail)
    return with_sign(multiply_add(-tail, a * scale, x if x > <floating> 0 else <floating> 0), x)


cdef inline floating gelu_slope(
    floating dout, floating x, floating _option, floating low, floating _high
) noexcept nogil:
    # Phi(x) + x phi(x). The exponential's square root is multiplied by twice: the exponential itself would leave the
    # range before its product with a large dout.
    cdef floating scale, less_1, m, n, square, tail, a = magnitude(x)
    cdef floating limit = low * <floating> (-0.213176 if floating is float else -0.0751073)
    a = limit if a > limit else a
    square = a * a
    n = tail_terms(a, square, &m)
    tail = n / multiply_add(a * n, <floating> 2.5066282746310005024, m)
    tail = multiply_add(a, <floating> -0.39894228040143267794, tail)
    less_1 = tail_exp_less_1(a, square, True, &scale)
    tail = multiply_add(tail, less_1, tail) * scale
    tail = tail if x < <floating> 0 else multiply_add(-tail, scale, <floating> 1)
    return dout * (scale if x < <floating> 0 else <floating> 1) * tail


cdef inline floating tanh_gate(
    floating x, floating low, floating *z, floating *power, floating *p_of_gate, floating *q
) noexcept nogil:
    """`gate` of v, and z = x times v's slope; by w = v / A = x (C + x**2)."""
    cdef floating C, C_low, c, k, lost, p, r, w
    if floating is float:  # C is short, so that p - C is exact
        C, C_low = 22.363861083984375, -1.0817479889997764e-6
    else:
        C, C_low = 22.3638600022363789321389, 7.0680847336708613e-15
    p = multiply_add(x, x, C)
    lost = multiply_add(x, x, C - p)
    if not FL_FUSED:
        lost += product_error(x, x, x * x)
    lost += C_low
    w = x * p
    lost = multiply_add(x, lost, product_error(x, p, w))
    z[0] = x * multiply_add(<floating> 0.21406444881780074633, x * x, <floating> 1.5957691216057307118)
    if floating is float:
        c = exp_quotient(
            w, lost, <float> 0.071354816272600248776, True, <float> 0.051471619790011743709, <float> 19.4296875,
            <float> -1.5054439526098078e-3, gate_bias(<floating> 0), &k, &r,
        )
    else:
        c = exp_quotient(
            w, lost, 0.071354816272600248776, True, 0.051471619790011743709, 19.428182050585746765136718,
            5.4616454260773413276e-9, gate_bias(<floating> 0), &k, &r,
        )
    return gate(c, r, k, low, power, p_of_gate, q)


cdef inline floating gelu_tanh_bounded(floating x, floating low, floating high) noexcept nogil:
    """As `silu_bounded`."""
    cdef floating least = low * <floating> (0.14027 if floating is float else 0.037463)
    high = high / <floating> 11 if floating is float else high / <floating> 88
    x = least if x < least else x
    return high if x > high else x


cdef inline floating gelu_tanh_formula(floating x, floating _option, floating low, floating high) noexcept nogil:
    cdef floating power, p, q, z, bounded = gelu_tanh_bounded(x, low, high)
    tanh_gate(bounded, low, &z, &power, &p, &q)
    return x if x > bounded else bounded * p / (p + q)


cdef inline floating gelu_tanh_slope(
    floating dout, floating x, floating _option, floating low, floating high
) noexcept nogil:
    cdef floating power, p, q, z
    cdef floating s = tanh_gate(gelu_tanh_bounded(x, low, high), low, &z, &power, &p, &q)
    return gate_slope(dout, z, s, power, p, q)


cdef void gelu_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    map_task(work, start, stop, gelu_formula, gelu_formula)


cdef void gelu_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    slope_task(work, start, stop, gelu_slope, gelu_slope)


cdef void gelu_tanh_forward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    map_task(work, start, stop, gelu_tanh_formula, gelu_tanh_formula)


cdef void gelu_tanh_backward_task(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    slope_task(work, start, stop, gelu_tanh_slope, gelu_tanh_slope)


def gelu_forward(x, approximate="none", out=None):
    """y of a plain array, "none" or "tanh"; `out` None or an array."""
    if type(approximate) is not str or approximate not in ("none", "tanh"):
        return NotImplemented
    return elementwise(gelu_forward_task if approximate == "none" else gelu_tanh_forward_task, x, 0, out, 6)


def gelu_backward(dout, x, approximate="none", out=None):
    """dx of two plain arrays, "none" or "tanh"; `out` None or an array."""
    if type(approximate) is not str or approximate not in ("none", "tanh"):
        return NotImplemented
    return gradient(gelu_backward_task if approximate == "none" else gelu_tanh_backward_task, dout, x, 0, out, 6)
