"""The functions of one step of a recurrent layer, on numbers of one sequence.

They are taken of UNITS numbers at a time, a length that the compiler knows, into memory of its own that overlaps
nothing: so they are all vectors. What is left of a row is done as its last UNITS numbers, before the others, since
gates are written where their sums were read; it is put to its place after them.
"""

cdef enum:
    UNITS = 16  # at a time
    MOST_IN_ROW = 13  # arrays that a step reads and writes
    MOST_MADE = 6  # of them written

# Where the numbers of one sequence and one step are: first what is written, then what is only read.
cdef struct Row:
    char *at[MOST_IN_ROW]


cdef inline void rnn_units(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """h of its sum."""
    cdef const floating *h = <const floating *> row.at[0] + j
    cdef floating low, high
    cdef int k
    exp_bounds(&low, &high)
    for k in range(UNITS):
        made[k] = tanh_formula(h[k], <floating> 0, low, high)


cdef inline void rnn_units_back(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """The sum's gradient, of dh, dhs and h."""
    cdef const floating *dh = <const floating *> row.at[1] + j
    cdef const floating *dhs = <const floating *> row.at[2] + j
    cdef const floating *h = <const floating *> row.at[3] + j
    cdef int k
    for k in range(UNITS):
        made[k] = (dh[k] + dhs[k]) * ((<floating> 1 - h[k]) * (<floating> 1 + h[k]))


cdef inline void lstm_units(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """f, g, i, o of their sums, c, h; of the sums and the last c."""
    cdef const floating *f = <const floating *> row.at[0] + j
    cdef const floating *g = <const floating *> row.at[1] + j
    cdef const floating *i = <const floating *> row.at[2] + j
    cdef const floating *o = <const floating *> row.at[3] + j
    cdef const floating *c = <const floating *> row.at[6] + j
    cdef floating low, high
    cdef int k
    exp_bounds(&low, &high)
    for k in range(UNITS):
        made[k] = sigmoid_formula(f[k], <floating> 0, low, high)
    for k in range(UNITS):
        made[UNITS + k] = tanh_formula(g[k], <floating> 0, low, high)
    for k in range(UNITS):
        made[2 * UNITS + k] = sigmoid_formula(i[k], <floating> 0, low, high)
    for k in range(UNITS):
        made[3 * UNITS + k] = sigmoid_formula(o[k], <floating> 0, low, high)
    for k in range(UNITS):
        made[4 * UNITS + k] = made[k] * c[k] + made[UNITS + k] * made[2 * UNITS + k]
    for k in range(UNITS):
        made[5 * UNITS + k] = made[3 * UNITS + k] * tanh_formula(made[4 * UNITS + k], <floating> 0, low, high)


cdef inline void lstm_units_back(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """The gradients of the sums of f, g, i, o and of the last c; of dc, dh, dhs, the gates, c and the last c."""
    cdef const floating *dc = <const floating *> row.at[4] + j
    cdef const floating *dh = <const floating *> row.at[5] + j
    cdef const floating *dhs = <const floating *> row.at[6] + j
    cdef const floating *f = <const floating *> row.at[7] + j
    cdef const floating *g = <const floating *> row.at[8] + j
    cdef const floating *i = <const floating *> row.at[9] + j
    cdef const floating *o = <const floating *> row.at[10] + j
    cdef const floating *c = <const floating *> row.at[11] + j
    cdef const floating *before = <const floating *> row.at[12] + j
    cdef floating low, high, tanh_c, out, of_c
    cdef int k
    exp_bounds(&low, &high)
    for k in range(UNITS):
        tanh_c = tanh_formula(c[k], <floating> 0, low, high)
        out = dh[k] + dhs[k]
        of_c = dc[k] + out * o[k] * ((<floating> 1 - tanh_c) * (<floating> 1 + tanh_c))
        made[3 * UNITS + k] = out * tanh_c * (o[k] * (<floating> 1 - o[k]))
        made[4 * UNITS + k] = of_c
    for k in range(UNITS):
        of_c = made[4 * UNITS + k]
        made[k] = of_c * before[k] * (f[k] * (<floating> 1 - f[k]))
        made[UNITS + k] = of_c * i[k] * ((<floating> 1 - g[k]) * (<floating> 1 + g[k]))
        made[2 * UNITS + k] = of_c * g[k] * (i[k] * (<floating> 1 - i[k]))
    for k in range(UNITS):
        made[4 * UNITS + k] *= f[k]


cdef inline void gru_gates(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """z and r of their sums, and r h; of the sums and the last h."""
    cdef const floating *z = <const floating *> row.at[0] + j
    cdef const floating *r = <const floating *> row.at[1] + j
    cdef const floating *h = <const floating *> row.at[3] + j
    cdef floating low, high
    cdef int k
    exp_bounds(&low, &high)
    for k in range(UNITS):
        made[k] = sigmoid_formula(z[k], <floating> 0, low, high)
    for k in range(UNITS):
        made[UNITS + k] = sigmoid_formula(r[k], <floating> 0, low, high)
    for k in range(UNITS):
        made[2 * UNITS + k] = made[UNITS + k] * h[k]


cdef inline void gru_units(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """The candidate of its sum, and h; of that, z and the last h."""
    cdef const floating *candidate = <const floating *> row.at[0] + j
    cdef const floating *z = <const floating *> row.at[2] + j
    cdef const floating *h = <const floating *> row.at[3] + j
    cdef floating low, high
    cdef int k
    exp_bounds(&low, &high)
    for k in range(UNITS):
        made[k] = tanh_formula(candidate[k], <floating> 0, low, high)
    for k in range(UNITS):
        made[UNITS + k] = (<floating> 1 - z[k]) * h[k] + z[k] * made[k]


cdef inline void gru_units_back(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """The gradients of the sums of z and the candidate, and a part of the last h's; of dh, dhs, z, the candidate, h."""
    cdef const floating *dh = <const floating *> row.at[2] + j
    cdef const floating *dhs = <const floating *> row.at[3] + j
    cdef const floating *z = <const floating *> row.at[4] + j
    cdef const floating *candidate = <const floating *> row.at[5] + j
    cdef const floating *h = <const floating *> row.at[6] + j
    cdef floating out
    cdef int k
    for k in range(UNITS):
        out = dh[k] + dhs[k]
        made[k] = out * (candidate[k] - h[k]) * (z[k] * (<floating> 1 - z[k]))
        made[UNITS + k] = out * z[k] * ((<floating> 1 - candidate[k]) * (<floating> 1 + candidate[k]))
        made[2 * UNITS + k] = out * (<floating> 1 - z[k])


cdef inline void gru_reset_back(const Row *row, Py_ssize_t j, floating *made) noexcept nogil:
    """The gradient of the sum of r, another part of the last h's, and r h; of dh, that of r h, r and h."""
    cdef const floating *dh = <const floating *> row.at[1] + j
    cdef const floating *dreset = <const floating *> row.at[3] + j
    cdef const floating *r = <const floating *> row.at[4] + j
    cdef const floating *h = <const floating *> row.at[5] + j
    cdef int k
    for k in range(UNITS):
        made[k] = dreset[k] * h[k] * (r[k] * (<floating> 1 - r[k]))
        made[UNITS + k] = dh[k] + r[k] * dreset[k]
        made[2 * UNITS + k] = r[k] * h[k]


cdef inline void over_units(
    void (*function)(const Row *row, Py_ssize_t j, floating *made) noexcept nogil,
    const Row *given,
    int arrays,
    int written,
    Py_ssize_t units,
) noexcept nogil:
    """A function of all numbers of a row, of whose arrays the first are written."""
    cdef floating[MOST_MADE * UNITS] made
    cdef floating[MOST_MADE * UNITS] last
    cdef floating[MOST_IN_ROW * UNITS] short
    cdef Row padded
    cdef const Row *row = given
    cdef Py_ssize_t j = 0, tail = units % UNITS
    cdef int i
    if units < UNITS:
        memset(short, 0, sizeof(short))
        for i in range(arrays):
            padded.at[i] = <char *> (short + i * UNITS)
            memcpy(padded.at[i], given.at[i], units * sizeof(floating))
        row, tail = &padded, 0
    if tail > 0:
        function(row, units - UNITS, last)
    while j + UNITS <= units or j == 0:
        function(row, j, made)
        for i in range(written):
            memcpy(<floating *> row.at[i] + j, made + i * UNITS, UNITS * sizeof(floating))
        j += UNITS
    if tail > 0:
        for i in range(written):
            memcpy(<floating *> row.at[i] + units - UNITS, last + i * UNITS, UNITS * sizeof(floating))
    if units < UNITS:
        for i in range(written):
            memcpy(given.at[i], padded.at[i], units * sizeof(floating))
