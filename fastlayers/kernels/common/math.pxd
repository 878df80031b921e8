"""Arithmetic that the families share: exp, the running sum that loses nothing, reductions of a row.

Written so that the compiler vectorises it at every level without -ffast-math. That flag would let it
drop NaN and infinity and re-associate sums, and the rounding trick in `exp` below is a sum that must
not be re-associated. So every loop here runs over LANES independent elements, with no branch and no
call, and a reduction keeps LANES partial results of its own. That also fixes its order of additions:
the result is the same for any number of threads and any alignment. A product is added without a
rounding of its own where `multiply_add` says so, and nowhere else (``floating_point.h``). A literal next
to a `floating` is written `<floating> 1`: Cython makes a bare 1 the double 1.0, and float32 arithmetic
then runs in float64, right but half as fast (``gcc -Wdouble-promotion`` finds it).
"""

from libc.math cimport INFINITY
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

ctypedef fused floating:
    float
    double

cdef enum:
    LANES = 32  # two 512-bit registers of float32
    CHUNK = 512  # what is summed before a partial sum moves on; a multiple of 4 * LANES


cdef extern from "floating_point.h" nogil:
    const bint FL_FUSED
    float fl_multiply_add_float(float a, float b, float c)
    double fl_multiply_add_double(double a, double b, double c)


cdef inline floating multiply_add(floating a, floating b, floating c) noexcept nogil:
    """a * b + c, rounded once where the instruction set has one instruction for it, else twice."""
    if floating is float:
        return fl_multiply_add_float(a, b, c)
    else:
        return fl_multiply_add_double(a, b, c)


cdef inline floating upper_half(floating a) noexcept nogil:
    """The upper half of a's digits (Veltkamp's split); 2**28 a must not overflow."""
    cdef floating shifted = a * (<floating> 4097 if floating is float else <floating> 134217729)
    return shifted - (shifted - a)


cdef inline floating product_error(floating a, floating b, floating product) noexcept nogil:
    """a * b - product, what its rounding lost, exact; without an instruction for that from halves (Dekker)."""
    cdef floating high, other
    if FL_FUSED:
        return multiply_add(a, b, -product)
    high, other = upper_half(a), upper_half(b)
    return (((high * other - product) + high * (b - other)) + (a - high) * other) + (a - high) * (b - other)


cdef extern from * nogil:
    """
    static const volatile float fl_exp_low_float = -88.02f, fl_exp_high_float = 88.8f;
    static const volatile double fl_exp_low_double = -709.08, fl_exp_high_double = 709.8;
    """
    const float fl_exp_low_float, fl_exp_high_float
    const double fl_exp_low_double, fl_exp_high_double


cdef inline void exp_bounds(floating *low, floating *high) noexcept nogil:
    """The bounds of what `exp` takes with m = 0: at the lower its 2**n is 0, at the upper inf.

    A caller reads them before its loop and bounds with ``low if x < low else x``, which is false for NaN
    and so keeps it. They are volatile to hide their values: with a constant the compiler works out what
    exp of it is, and blends that in at the end, in four instructions where a maximum is one.
    """
    if floating is float:
        low[0], high[0] = fl_exp_low_float, fl_exp_high_float
    else:
        low[0], high[0] = fl_exp_low_double, fl_exp_high_double


cdef inline floating exp_bias(floating m) noexcept nogil:
    """What makes `exp` divide by 2**m, m an integer: see there."""
    if floating is float:
        return <float> 12583039.0 - m
    else:
        return 6755399441056767.0 - m


cdef inline floating power_of_two(floating k) noexcept nogil:
    """2**n, with n and the exponent's own bias in the low bits of k, as `exp_bias` puts them there."""
    cdef uint32_t bits
    cdef uint64_t wide
    cdef floating power
    if floating is float:
        memcpy(&bits, &k, sizeof(bits))
        bits <<= 23
        memcpy(&power, &bits, sizeof(bits))
    else:
        memcpy(&wide, &k, sizeof(wide))
        wide <<= 52
        memcpy(&power, &wide, sizeof(wide))
    return power


cdef inline floating exp_less_1(floating x, floating bias, floating *scale) noexcept nogil:
    """e**r - 1, where e**x / 2**m = e**r * scale; see `exp`.

    With n the integer nearest x / log 2 and r = x - n log 2, |r| <= log(2) / 2, e**x = 2**n e**r.
    Adding 1.5 * 2**23 (2**52 in float64) leaves the significand no bit for a fraction: that rounds,
    and puts n into its low bits, from where a shift makes it the exponent of 2**n; the exponent's own bias
    of 127 (1023) is added along, and m taken off. log 2 is subtracted in two parts, the first short enough
    that n times it is exact (to |x| = 2,000 and more). e**r = 1 + r + r**2 P(r), P of least relative error
    (Remez): 3e-9 at degree 4, 4e-18 at degree 9.
    """
    cdef floating k, n, r, p
    k = multiply_add(x, <floating> 1.44269504088896341, bias)
    n = k - bias
    if floating is float:
        r = multiply_add(n, <float> -0.693359375, x)
        r = multiply_add(n, <float> 2.12194440054690583e-4, r)
        p = <float> 0.0013814598646664034
        p = multiply_add(p, r, <float> 0.0083687168797281399)
        p = multiply_add(p, r, <float> 0.041668388045313997)
        p = multiply_add(p, r, <float> 0.16666520631709497)
        p = multiply_add(p, r, <float> 0.49999993447796487)
    else:
        r = multiply_add(n, -0.69314575195312500, x)
        r = multiply_add(n, -1.42860682030941723e-6, r)
        p = 2.5000061625531280e-8
        p = multiply_add(p, r, 2.7630248385323021e-7)
        p = multiply_add(p, r, 2.7557586373785181e-6)
        p = multiply_add(p, r, 2.4801493098887392e-5)
        p = multiply_add(p, r, 1.9841269506578724e-4)
        p = multiply_add(p, r, 1.3888888943630134e-3)
        p = multiply_add(p, r, 8.3333333334944616e-3)
        p = multiply_add(p, r, 4.1666666666530158e-2)
        p = multiply_add(p, r, 1.6666666666666413e-1)
        p = multiply_add(p, r, 0.50000000000000106)
    scale[0] = power_of_two(k)
    return multiply_add(p, r * r, r)


cdef inline floating exp(floating x, floating bias) noexcept nogil:
    """e**x / 2**m of x within its bounds, to 1 ulp; 0 where that is below the normal numbers; nan of nan."""
    cdef floating scale, less_1 = exp_less_1(x, bias, &scale)
    return (less_1 + <floating> 1) * scale


cdef inline void exp_frame(floating top, floating *shift, floating *bias, floating *low) noexcept nogil:
    """What `exp_below` needs for numbers up to `top`.

    Softmax subtracts the maximum to keep exp from overflowing. That subtraction rounds, and exp makes a
    relative error of it: 41 below the top, one of 20 ulp. A power of two near exp(top) does as well, and
    dividing by it is exact and free: it goes into exp's bias. Beyond |top| = 256 (2048 in float64) x would
    be too large for exp; but there, what is not 0 after exp is within a factor of two of top, and the
    subtraction is exact (Sterbenz).
    """
    cdef floating m = 0, reach, least
    if floating is float:
        reach, least = 256, 127
    else:
        reach, least = 2048, 1023
    shift[0] = top
    if -reach < top < reach:
        shift[0] = 0
        m = multiply_add(top, <floating> 1.44269504088896341, exp_bias(<floating> 0)) - exp_bias(<floating> 0)
    bias[0] = exp_bias(m)
    low[0] = (m - least) * <floating> 0.69314718055994531


cdef inline floating exp_below(floating x, floating shift, floating bias, floating low) noexcept nogil:
    """exp(x) of x up to the top that `exp_frame` was given, over a number near exp(top); nan if top is not finite."""
    x -= shift
    return exp(low if x < low else x, bias)


cdef inline double exp_of_top(floating top, floating shift, floating bias, double *rest) noexcept nogil:
    """The same of the top itself, which all others are measured against: not rounded in the end, with a `rest`."""
    cdef floating scale, less_1 = exp_less_1(top - shift, bias, &scale)
    cdef double value = <double> less_1 + 1  # rounds only where it is float64
    rest[0] = 0 if floating is float else (less_1 - (value - 1)) * scale
    return value * scale


cdef inline double log_1p(double x) noexcept nogil:
    """log(1 + x) of x from 0 to 2**31, within 1 ulp; nan of nan.

    After fdlibm (Sun Microsystems 1993, s_log1p.c): w = 1 + x is rounded, c = (x - (w - 1)) / w makes
    it good; w = 2**k m with m from sqrt(1/2) to sqrt(2); f = m - 1, s = f / (2 + f), and
    log(1 + f) = f - f**2 / 2 + s (f**2 / 2 + R(s**2)). Here without a branch: k comes from the exponent's
    bits, set below those of 2**52 to become a float.
    """
    cdef double w = 1 + x
    cdef double c = (x - (w - 1)) / w
    cdef double k, m, f, s, z, p, half
    cdef uint64_t bits, part
    memcpy(&bits, &w, sizeof(bits))
    bits += 0x3FF0000000000000u - 0x3FE6A09E667F3BCDu
    part = (bits >> 52) | 0x4330000000000000u
    memcpy(&k, &part, sizeof(k))
    k -= 4503599627371519.0  # 2**52 + 1023
    bits = (bits & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu
    memcpy(&m, &bits, sizeof(m))
    f = m - 1
    s = f / (2 + f)
    z = s * s
    half = 0.5 * f * f
    p = 1.479819860511658591e-01
    p = multiply_add(p, z, 1.531383769920937332e-01)
    p = multiply_add(p, z, 1.818357216161805012e-01)
    p = multiply_add(p, z, 2.222219843214978396e-01)
    p = multiply_add(p, z, 2.857142874366239149e-01)
    p = multiply_add(p, z, 3.999999999940941908e-01)
    p = multiply_add(p, z, 6.666666666666735130e-01)
    p = multiply_add(s, multiply_add(p, z, half), multiply_add(k, 1.90821492927058770002e-10, c))
    return multiply_add(k, 6.93147180369123816490e-01, f - (half - p))


cdef inline void add_exactly(double *total, double *lost, double value) noexcept nogil:
    """total += value, with the rounding error of the addition gathered in `lost` (Knuth's two-sum)."""
    cdef double rounded = total[0] + value
    cdef double part = rounded - total[0]
    lost[0] += (total[0] - (rounded - part)) + (value - part)
    total[0] = rounded


cdef inline double exact(double total, double lost) noexcept nogil:
    """What `add_exactly` has gathered; an infinite sum has lost nothing, and inf - inf would make it nan."""
    return total + lost if lost == lost else total


# A loop that folds lanes in half, with its length a constant at each call, becomes one or two instructions.


cdef inline void keep_greater(floating *lanes, int half) noexcept nogil:
    cdef int lane
    for lane in range(half):
        lanes[lane] = lanes[lane + half] if lanes[lane + half] > lanes[lane] else lanes[lane]


cdef inline Py_ssize_t largest(const floating *x, Py_ssize_t n, floating *top) noexcept nogil:
    """The index of the largest of n numbers where it is above `top`, which it then replaces; else -1. NaN aside."""
    cdef floating[LANES] lanes
    cdef floating[LANES] folded
    cdef Py_ssize_t i = 0, j, found = -1
    cdef int lane
    if n < LANES:  # a short row is looked at one by one
        for j in range(n):
            if x[j] > top[0]:
                top[0], found = x[j], j
        return found
    for lane in range(LANES):
        lanes[lane] = <floating> -INFINITY
    while i + LANES <= n:
        for lane in range(LANES):
            lanes[lane] = x[i + lane] if x[i + lane] > lanes[lane] else lanes[lane]
        i += LANES
    for lane in range(<int> (n - i)):
        lanes[lane] = x[i + lane] if x[i + lane] > lanes[lane] else lanes[lane]
    folded = lanes
    keep_greater(&folded[0], 16)
    keep_greater(&folded[0], 8)
    keep_greater(&folded[0], 4)
    keep_greater(&folded[0], 2)
    keep_greater(&folded[0], 1)
    if not folded[0] > top[0]:
        return -1
    top[0] = folded[0]
    # It lies in a lane that holds it: a 32nd of the row to look at.
    for lane in range(LANES):
        if lanes[lane] == top[0]:
            j = lane
            while j < n:
                if x[j] == top[0]:
                    return j
                j += LANES
    return -1


cdef inline void add_to_lanes(const floating *x, Py_ssize_t n, double *sums, double *lost) noexcept nogil:
    """Add n numbers, at most CHUNK, to running sums; each is LANES long and ends in `sum_of_lanes`.

    Four float32 terms are added in float32 and then in float64, which has digits to spare. A sum of float64
    has none: so a chunk is summed by itself, and what is lost where it joins the rest is kept.
    """
    cdef double[LANES] part
    cdef Py_ssize_t i = 0
    cdef int lane
    for lane in range(LANES):
        part[lane] = sums[lane] if floating is float else 0
    while i + 4 * LANES <= n:
        for lane in range(LANES):
            part[lane] += (x[i + lane] + x[i + LANES + lane]) + (x[i + 2 * LANES + lane] + x[i + 3 * LANES + lane])
        i += 4 * LANES
    while i + LANES <= n:
        for lane in range(LANES):
            part[lane] += <double> x[i + lane]
        i += LANES
    for lane in range(<int> (n - i)):
        part[lane] += <double> x[i + lane]
    for lane in range(LANES):
        if floating is float:
            sums[lane] = part[lane]
        else:
            add_exactly(&sums[lane], &lost[lane], part[lane])


cdef inline void add_halves(double *sums, double *lost, int half, bint exactly) noexcept nogil:
    cdef int lane
    for lane in range(half):
        if exactly:
            add_exactly(&sums[lane], &lost[lane], sums[lane + half])
            lost[lane] += lost[lane + half]
        else:
            sums[lane] += sums[lane + half]


cdef inline double sum_of_lanes(double *sums, double *lost, bint exactly) noexcept nogil:
    """The sum of what `add_to_lanes` has gathered; `exactly` where that was float64."""
    add_halves(sums, lost, 16, exactly)
    add_halves(sums, lost, 8, exactly)
    add_halves(sums, lost, 4, exactly)
    add_halves(sums, lost, 2, exactly)
    add_halves(sums, lost, 1, exactly)
    return exact(sums[0], lost[0]) if exactly else sums[0]


cdef inline double sum_of(const floating *x, Py_ssize_t n) noexcept nogil:
    """The sum of n numbers, in float64 and twice as accurate."""
    cdef double[LANES] sums
    cdef double[LANES] lost
    cdef Py_ssize_t i = 0
    cdef int lane
    sums[0] = lost[0] = 0
    if n < LANES:  # a short row is added one by one
        for i in range(n):
            if floating is float:
                sums[0] += <double> x[i]
            else:
                add_exactly(&sums[0], &lost[0], x[i])
        return exact(sums[0], lost[0])
    for lane in range(LANES):
        sums[lane] = lost[lane] = 0
    while i < n:
        add_to_lanes(x + i, min(CHUNK, n - i), sums, lost)
        i += CHUNK
    return sum_of_lanes(sums, lost, floating is double)


cdef inline double weighted_gap(const floating *x, const floating *t, floating top, Py_ssize_t n) noexcept nogil:
    """sum_j t_j (max - x_j); a class without weight counts nothing, also where its score is -inf."""
    cdef double[CHUNK] terms
    cdef double total = 0, lost = 0
    cdef Py_ssize_t i = 0, j, width
    while i < n:
        width = min(CHUNK, n - i)
        for j in range(width):
            terms[j] = <double> t[i + j] * (<double> top - <double> x[i + j]) if t[i + j] != <floating> 0 else 0.0
        add_exactly(&total, &lost, sum_of(terms, width))
        i += width
    return exact(total, lost)


cdef inline double square(double x) noexcept nogil:
    return x * x


cdef inline double add_square(double x, double rest) noexcept nogil:
    return multiply_add(x, x, rest)


cdef inline void add_squares(const floating *x, double scale, Py_ssize_t n, double *part) noexcept nogil:
    """Add the squares of n times `scale` to lanes, four vectors at a time as far as they go."""
    cdef const floating *at
    cdef Py_ssize_t i = 0
    cdef int lane
    while i + 4 * LANES <= n:
        at = x + i
        for lane in range(LANES):
            part[lane] += add_square(scale * at[lane], square(scale * at[LANES + lane])) + add_square(
                scale * at[2 * LANES + lane], square(scale * at[3 * LANES + lane])
            )
        i += 4 * LANES
    while i + LANES <= n:
        for lane in range(LANES):
            part[lane] = add_square(scale * x[i + lane], part[lane])
        i += LANES
    for lane in range(<int> (n - i)):
        part[lane] = add_square(scale * x[i + lane], part[lane])


cdef inline double sum_of_squares(const floating *x, double scale, Py_ssize_t n) noexcept nogil:
    """sum_j (scale x_j)**2, in float64; the scale keeps the squares within its range.

    As in `add_to_lanes` each chunk is summed by itself, and what is lost where it joins the rest is kept.
    """
    cdef double[LANES] sums
    cdef double[LANES] lost
    cdef double[LANES] part
    cdef Py_ssize_t i = 0, stop
    cdef int lane
    for lane in range(LANES):
        sums[lane] = lost[lane] = 0
    while i < n:
        stop = i + min(CHUNK, n - i)
        for lane in range(LANES):
            part[lane] = 0
        add_squares(x + i, scale, stop - i, part)
        i = stop
        if n <= CHUNK:
            return sum_of_lanes(part, lost, False)
        for lane in range(LANES):
            add_exactly(&sums[lane], &lost[lane], part[lane])
    return sum_of_lanes(sums, lost, True)
