"""The Gaussian error linear unit and its gradient, exactly and by tanh.

Exactly, y = x Phi(x) = max(x, 0) - |x| Phi(-|x|), Phi being the normal distribution. Its tail is
Phi(-a) = exp(-a**2 / 2) R(a), where R falls from 1/2 as 1 / (a sqrt(2 pi)): a quotient of polynomials, of least
relative error (weighted least squares after Lawson, in 45 digits) up to where the exponential is 0: 5e-9 with degrees
4 and 5, 9e-19 with 10 and 11. All its coefficients are positive, so nothing cancels. What a**2 loses by rounding goes
into the exponential too, else that would make 700 ulp of it.

By tanh, y = x (1 + tanh u) / 2 = x / (1 + exp(-v)), v = 2 u = x (B + A x**2) with A = 0.044715 B and
B = 2 sqrt(2 / pi): a sigmoid as in `silu.pyx`, of a v with what its rounding loses.
"""


cdef inline floating tail_terms(floating a, floating *m) noexcept nogil:
    """n and m of R(a) = n / (sqrt(2 pi) a n + m)."""
    cdef floating n
    if floating is float:
        m[0] = <floating> 0.028780003433
        m[0] = multiply_add(m[0], a, <floating> 0.25657912642)
        m[0] = multiply_add(m[0], a, <floating> 0.99595704885)
        m[0] = multiply_add(m[0], a, <floating> 1.999999915)
        n = <floating> 0.011491422593
        n = multiply_add(n, a, <floating> 0.10199694803)
        n = multiply_add(n, a, <floating> 0.42590317844)
        n = multiply_add(n, a, <floating> 0.95340546512)
        n = multiply_add(n, a, <floating> 1.0)
    else:
        m[0] = 1.435103635845165519e-6
        m[0] = multiply_add(m[0], a, 0.00004306472667755026291)
        m[0] = multiply_add(m[0], a, 0.000635179690291873163)
        m[0] = multiply_add(m[0], a, 0.005972666357316953676)
        m[0] = multiply_add(m[0], a, 0.03924335968034720135)
        m[0] = multiply_add(m[0], a, 0.1866222210483628311)
        m[0] = multiply_add(m[0], a, 0.6440737198732356571)
        m[0] = multiply_add(m[0], a, 1.567209360567270559)
        m[0] = multiply_add(m[0], a, 2.475656736749345691)
        m[0] = multiply_add(m[0], a, 1.999999999999999992)
        n = 5.725235171451916554e-7
        n = multiply_add(n, a, 0.00001718034025642100211)
        n = multiply_add(n, a, 0.0002545450819262563356)
        n = multiply_add(n, a, 0.002417109776946904099)
        n = multiply_add(n, a, 0.01615920174035378238)
        n = multiply_add(n, a, 0.07911387453126127485)
        n = multiply_add(n, a, 0.2867642606756603467)
        n = multiply_add(n, a, 0.7605433184341204894)
        n = multiply_add(n, a, 1.418144656682764256)
        n = multiply_add(n, a, 1.693257944887306894)
        n = multiply_add(n, a, 1.0)
    return n


cdef inline floating tail_exp(floating a, floating factor, floating bias, floating *scale) noexcept nogil:
    """exp(-factor * a**2) as `exp_less_1` gives it, of all digits of a**2; the factor is a power of two."""
    cdef floating square = a * a
    return exp_less_1(-factor * square, factor * product_error(a, a, square), bias, scale)


cdef inline floating gelu_formula(floating x, floating _option, floating low, floating _high) noexcept nogil:
    cdef floating scale, less_1, m, n, tail, a = magnitude(x)
    cdef floating limit = low * <floating> (-0.15087 if floating is float else -0.053111)  # where the exponential is 0
    a = limit if a > limit else a  # false for NaN, which stays
    n = a * tail_terms(a, &m)
    tail = n / multiply_add(n, <floating> 2.5066282746310005024, m)
    less_1 = tail_exp(a, <floating> 0.5, exp_bias(<floating> 0), &scale)
    tail = multiply_add(tail, less_1, tail) * scale
    return (x if x >= <floating> 0 else <floating> -0.0) - tail


cdef inline floating gelu_slope(
    floating dout, floating x, floating _option, floating low, floating _high
) noexcept nogil:
    # Phi(x) + x phi(x), with exp(-x**2 / 4) twice: see `gate_slope`.
    cdef floating scale, less_1, m, n, tail, a = magnitude(x)
    cdef floating limit = low * <floating> (-0.213176 if floating is float else -0.0751073)
    a = limit if a > limit else a
    n = tail_terms(a, &m)
    tail = n / multiply_add(a * n, <floating> 2.5066282746310005024, m)
    tail = multiply_add(a, <floating> -0.39894228040143267794, tail)
    less_1 = tail_exp(a, <floating> 0.25, exp_bias(<floating> 0), &scale)
    tail = multiply_add(tail, less_1, tail)
    tail = multiply_add(tail, less_1, tail)
    tail = <floating> 1 - tail * scale * scale if x > <floating> 0 else tail
    scale = <floating> 1 if x > <floating> 0 else scale
    return dout * scale * tail * scale


cdef inline floating tanh_exp(
    floating x, floating part, floating bias, floating *z, floating *scale
) noexcept nogil:
    """exp(-part * v) / 2**m as `exp_less_1` has it, and z = x times v's slope; by w = v / A = x (C + x**2)."""
    cdef floating C, C_low, p, w, lost
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
        return exp_of_rate(
            -part * w, part * lost, <float> 0.071354816272600248776, <float> 0.10294323958002348742, <float> 9.71484375,
            <float> -7.5272197630490439e-4, bias, scale,
        )
    else:
        return exp_of_rate(
            -part * w, part * lost, 0.071354816272600248776, 0.10294323958002348742, 9.714091025292873382568359,
            2.7308227130388706638e-9, bias, scale,
        )


cdef inline floating gelu_tanh_formula(floating x, floating _option, floating low, floating _high) noexcept nogil:
    cdef floating scale, less_1, z
    cdef floating least = low * <floating> (0.11949469 if floating is float else 0.030000816)  # where exp(-v) is inf
    x = least if x < least else x  # false for NaN, which stays
    less_1 = tanh_exp(x, <floating> 1, exp_bias(<floating> GATE), &z, &scale)
    return gated(x, less_1, scale, <floating> 8)


cdef inline floating gelu_tanh_slope(
    floating dout, floating x, floating _option, floating low, floating _high
) noexcept nogil:
    cdef floating scale, half, z, a = magnitude(x)
    cdef floating most = low * <floating> (-0.14724983 if floating is float else -0.037812663)  # where exp(-v / 2) is 0
    a = most if a > most else a
    half = (tanh_exp(a, <floating> 0.5, exp_bias(<floating> 0), &z, &scale) + <floating> 1) * scale
    return gate_slope(dout, with_sign(z, x), x < <floating> 0, half)


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
