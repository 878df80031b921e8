"""Softmax with loss of narrow rows, a row in each lane.

Ten classes are the common case, and ten numbers are too few for a vector: row by row, the scalar ends of
every loop, the divisions and the logarithm cost more than the exponentials. So up to LANES rows are turned
into columns first; then every step runs over LANES rows at once, in the same order as `softmax_row` does.
"""


cdef inline double log_1p(double x) noexcept nogil:
    """log(1 + x) of x from 0 to 2**31, within 1 ulp; nan of nan.

    After fdlibm (Sun Microsystems 1993, s_log1p.c): w = 1 + x is rounded, c = (x - (w - 1)) / w makes
    it good; w = 2**k m with m from sqrt(1/2) to sqrt(2); f = m - 1, s = f / (2 + f), and
    log(1 + f) = f - f**2 / 2 + s (f**2 / 2 + R(s**2)). Here without a branch: k comes from the exponent's
    bits, set below those of 2**52 to become a float.
    """
    cdef double w = 1 + x
    cdef double c = (x - (w - 1)) / w
    cdef double k, m, f, s, z, half
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
    z = z * (
        6.666666666666735130e-01 + z * (
            3.999999999940941908e-01 + z * (
                2.857142874366239149e-01 + z * (
                    2.222219843214978396e-01 + z * (
                        1.818357216161805012e-01 + z * (1.531383769920937332e-01 + z * 1.479819860511658591e-01)
                    )
                )
            )
        )
    )
    return k * 6.93147180369123816490e-01 - (
        (half - (s * (half + z) + (k * 1.90821492927058770002e-10 + c))) - f
    )


cdef inline void scale_rows(
    const floating *e, const floating *scale, floating *result, Py_ssize_t rows, Py_ssize_t n
) noexcept nogil:
    """The columns of e, each lane times its scale, as rows again."""
    cdef floating[LANES * LANES] scaled
    cdef Py_ssize_t j, lane
    for j in range(n):
        for lane in range(LANES):
            scaled[j * LANES + lane] = e[j * LANES + lane] * scale[lane]
    for lane in range(rows):
        for j in range(n):
            result[lane * n + j] = scaled[j * LANES + lane]


cdef double narrow_rows(
    const Work *work, const floating *x, const char *labels, Py_ssize_t first, floating *y, floating *dx, int rows
) noexcept nogil:
    """Up to LANES rows of fewer than LANES classes; returns the sum of their losses, 0 without labels."""
    cdef floating[LANES * LANES] e
    cdef floating[LANES] top
    cdef floating[LANES] which
    cdef floating[LANES] scale
    cdef double[LANES] others
    cdef double[LANES] total
    cdef double[LANES] loss
    cdef Py_ssize_t[LANES] label
    cdef Py_ssize_t n = work.columns, j, lane
    cdef floating *column
    cdef long long given
    cdef floating value, part, place, low, high
    cdef double rest, sum_of_losses = 0, lost = 0
    exp_bounds(&low, &high)
    for lane in range(rows):
        for j in range(n):
            e[j * LANES + lane] = x[lane * n + j]
    for lane in range(rows, LANES):
        for j in range(n):
            e[j * LANES + lane] = 0
    for lane in range(LANES):
        top[lane] = <floating> -INFINITY
        which[lane] = 0
        others[lane] = 0
    for j in range(n):
        column = e + j * LANES
        place = <floating> j
        for lane in range(LANES):
            which[lane] = place if column[lane] > top[lane] else which[lane]
            top[lane] = column[lane] if column[lane] > top[lane] else top[lane]
    if labels != NULL:  # read before anything is written: dx may be x itself
        for lane in range(rows):
            given = label_at(labels, work.label_type, first + lane)
            label[lane] = given if 0 <= given < n else 0  # another thread has written to t since it was checked
            loss[lane] = <double> top[lane] - <double> x[lane * n + label[lane]]
    for j in range(n):
        column = e + j * LANES
        place = <floating> j
        for lane in range(LANES):
            value = column[lane] - top[lane]
            part = value - column[lane]
            part = (column[lane] - (value - part)) - (top[lane] + part)
            part = part if part == part else <floating> 0
            value = exp(low if value < low else value)
            column[lane] = value + value * part
        for lane in range(LANES):
            others[lane] += <double> (<floating> 0 if which[lane] == place else column[lane])
    for lane in range(LANES):
        value = <floating> 1 + (top[lane] - top[lane])  # exp(0), or nan of an infinite or nan maximum
        others[lane] *= value
        total[lane] = value + others[lane]
    if y != NULL:
        for lane in range(LANES):
            scale[lane] = <floating> (1 / total[lane])
        scale_rows(e, scale, y, rows, n)
    if dx == NULL:
        return 0
    for lane in range(LANES):
        scale[lane] = <floating> (1 / total[lane] / work.rows)
    scale_rows(e, scale, dx, rows, n)
    for lane in range(rows):
        j = label[lane]
        rest = 0 - (others[lane] if which[lane] == <floating> j else total[lane] - e[j * LANES + lane])
        dx[lane * n + j] = <floating> (rest / total[lane] / work.rows)
    for lane in range(LANES):
        others[lane] = log_1p(others[lane])
    for lane in range(rows):
        add_exactly(&sum_of_losses, &lost, loss[lane] + others[lane])
    return sum_of_losses + lost if lost == lost else sum_of_losses
