"""Words drawn by how often they occur, each in one look at an alias table.

Random numbers are the outputs of SplitMix64 at places that a row and its draws have: so the rows are the same whoever
draws them, and in NumPy too. A word that a row has already is drawn again; after so many tries, which only a row has
that takes nearly all of the words, those that are left are gone through.
"""

cdef extern from *:
    const uint64_t GOLDEN "UINT64_C(0x9E3779B97F4A7C15)"
    const uint64_t FIRST_FACTOR "UINT64_C(0xBF58476D1CE4E5B9)"
    const uint64_t SECOND_FACTOR "UINT64_C(0x94D049BB133111EB)"

cdef enum:
    TRIES = 32
    COST_OF_DRAW = 8  # in ReLU's numbers

cdef struct Sampler:
    const uint64_t *table
    const double *p
    uint64_t words
    uint64_t key  # where its random numbers begin
    char *taken  # of each word whether the row has it

cdef struct Samples:
    Sampler sampler
    Argument table
    Argument p
    Argument target
    Argument samples
    Py_ssize_t *targets
    Py_ssize_t size  # of a row


cdef inline uint64_t mixed(uint64_t number) noexcept nogil:
    """The end of SplitMix64."""
    number = (number ^ (number >> 30)) * FIRST_FACTOR
    number = (number ^ (number >> 27)) * SECOND_FACTOR
    return number ^ (number >> 31)


cdef inline uint64_t key_of(double draw) noexcept nogil:
    """Where the numbers begin that follow from one draw of [0, 1)."""
    return mixed(<uint64_t> (draw * 9007199254740992.0) + GOLDEN)


cdef inline uint64_t number_at_place(uint64_t key, uint64_t place) noexcept nogil:
    """The random number of a place."""
    return mixed(key + place * GOLDEN)


cdef inline double fraction_of(uint64_t number) noexcept nogil:
    return <double> (number >> 11) * 1.1102230246251565e-16


cdef inline Py_ssize_t word_at(const Sampler *sampler, uint64_t place) noexcept nogil:
    """The word of a place; an entry that no table of ours has does not lead out of it."""
    cdef uint64_t number = number_at_place(sampler.key, place), low = <uint32_t> number
    cdef uint64_t where = (number >> 32) * sampler.words + ((low * sampler.words) >> 32)
    cdef uint64_t column = where >> 32, entry = sampler.table[column], alias = <uint32_t> entry
    cdef uint64_t is_alias = <uint64_t> 0 - (<uint64_t> (<uint32_t> where >= entry >> 32))  # a branch would be missed
    return <Py_ssize_t> (column ^ ((column ^ min(alias, sampler.words - 1)) & is_alias))


cdef Py_ssize_t word_left(const Sampler *sampler, uint64_t place) noexcept nogil:
    """One of the words that are not taken, by their probabilities; the first where they have none."""
    cdef double total = 0, below, sum_so_far = 0
    cdef Py_ssize_t i, found = -1, words = <Py_ssize_t> sampler.words
    for i in range(words):
        if not sampler.taken[i]:
            total += sampler.p[i]
    below = fraction_of(number_at_place(sampler.key, place)) * total
    for i in range(words):
        if not sampler.taken[i] and (found < 0 or sampler.p[i] > 0):
            found = i
            sum_so_far += sampler.p[i]
            if sum_so_far > below:
                break
    return found


cdef void draw_row(
    const Sampler *sampler, uint64_t place, Py_ssize_t target, int32_t *row, Py_ssize_t size
) noexcept nogil:
    """So many words that are not the target, none of them twice; fewer than there are."""
    cdef Py_ssize_t k, word
    cdef int _tries
    sampler.taken[target] = True
    for k in range(size):
        word = target
        for _tries in range(TRIES):
            word = word_at(sampler, place)
            place += 1
            if not sampler.taken[word]:
                break
        if sampler.taken[word]:
            word = word_left(sampler, place)
            place += 1
        sampler.taken[word] = True
        row[k] = <int32_t> word
    for k in range(size):
        sampler.taken[row[k]] = False
    sampler.taken[target] = False


cdef void samples_task(const void *of, Py_ssize_t _start, Py_ssize_t _stop) noexcept nogil:
    """All rows."""
    cdef const Samples *work = <const Samples *> of
    cdef Py_ssize_t i
    for i in range(work.target.size):
        draw_row(
            &work.sampler, <uint64_t> i << 32, work.targets[i], <int32_t *> work.samples.data + i * work.size, work.size
        )


cdef bint take_sampler(Call *call, Samples *work, object table, object word_p, object draw) noexcept:
    """Take the table and the probabilities of a sampler, and its draw."""
    if (
        not PyArray_CheckExact(table)
        or PyArray_NDIM(<ndarray> table) != 1
        or not PyFloat_CheckExact(draw)
        or not 0 <= PyFloat_AS_DOUBLE(draw) < 1
        or take(call, &work.table, table, NPY_UINT64, NPY_ARRAY_C_CONTIGUOUS) == 0
        or take_like(call, &work.p, word_p, table, NPY_DOUBLE, NPY_ARRAY_C_CONTIGUOUS) == 0
    ):
        return False
    work.sampler.table, work.sampler.p = <const uint64_t *> work.table.data, <const double *> work.p.data
    work.sampler.words, work.sampler.key = <uint64_t> work.table.size, key_of(PyFloat_AS_DOUBLE(draw))
    return 0 < work.table.size <= 0x7fffffff


def negative_samples(target, table, word_p, sample_size, draw, /):
    """For each of plain targets so many other words of a plain table."""
    cdef npy_intp[MOST_AXES] shape
    cdef int axes, idx_type
    cdef Py_ssize_t n, words
    cdef Call call
    cdef Samples work
    cdef bytes scratch
    if not PyArray_CheckExact(target) or not PyArray_CheckExact(table):
        return NotImplemented
    axes, idx_type = PyArray_NDIM(<ndarray> target), PyArray_TYPE(<ndarray> target)
    work.size, words = whole(sample_size, 0), size_of(table)
    if not is_integer_type(idx_type) or axes + 1 >= MOST_AXES or not 0 <= work.size < words:
        return NotImplemented
    target = PyArray_GETCONTIGUOUS(target)
    copy_sizes(shape, PyArray_DIMS(<ndarray> target), axes)
    shape[axes] = work.size
    n = size_of(target)
    result = new_array(None, axes + 1, shape, NPY_INT32, False)
    scratch = new_scratch(n * sizeof(Py_ssize_t) + words)
    work.targets = <Py_ssize_t *> scratch_of(scratch)
    work.sampler.taken = <char *> (work.targets + n)
    begin(&call)
    if (
        not take_sampler(&call, &work, table, word_p, draw)
        or take_like(&call, &work.target, target, target, idx_type, NPY_ARRAY_C_CONTIGUOUS) == 0
        or take_shaped(&call, &work.samples, result, NPY_INT32, NPY_ARRAY_C_CONTIGUOUS, axes + 1, shape) == 0
        or not is_result(&call)
        or work.target.size != n
        or work.table.size != words
        or not read_indices(work.targets, &work.target, idx_type, words)
    ):
        return NotImplemented
    memset(work.sampler.taken, 0, words)
    run(samples_task, &work, &call, 1, COST_OF_DRAW * n * work.size + 1)
    return result
