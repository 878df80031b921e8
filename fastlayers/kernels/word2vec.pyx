"""word2vec: a step of negative sampling for each word of a text, or for a batch, on the rows that it touches alone.

The mean of the rows of a few inputs is multiplied with rows of the other table: those of the words that it is to
predict, and of others that are drawn (`negative_sampling.pyx`). Of each product the sigmoid says how far the rows are
to be moved. A text is learned word by word, one after another, so it runs on one thread; a batch is seen whole before
any row is moved. The tables are of float32.
"""

cdef extern from "rows.h" nogil:
    void fl_ask_for_rows(const float *W, const int32_t *rows, Py_ssize_t n, Py_ssize_t columns)
    void fl_combine_rows(
        const float *W, const int32_t *rows, const float *factors, Py_ssize_t n, Py_ssize_t columns, float *y
    )
    void fl_products_with_rows(
        const float *W, const int32_t *rows, Py_ssize_t n, Py_ssize_t columns, const float *x, float *y
    )
    void fl_move_rows(
        float *W, const int32_t *rows, const float *factors, Py_ssize_t n, Py_ssize_t columns, const float *x
    )

cdef enum:
    SCORES = 16  # at a time
    MOST_SCORES = 1 << 30  # of a batch; memory for more is asked of nobody

# One step's memory: of a word of a text, or of each row of a batch.
cdef struct WordStep:
    int32_t *inputs
    Py_ssize_t n  # of them
    int32_t *outputs  # the words that they are to predict, each with its negatives
    Py_ssize_t m  # of all these
    float *slopes  # padded to SCORES
    float *h
    float *dh

cdef struct Words:
    Samples drawn
    Argument words  # the text, or the inputs of a batch
    Argument targets
    Argument keep
    Argument into
    Argument out
    Py_ssize_t columns
    Py_ssize_t each  # a word and its negatives
    Py_ssize_t window
    bint shrinks
    bint skip_gram
    float rate
    int32_t *kept  # of a text, the words that are learned, and -1 where a sentence ends
    int32_t *places
    Py_ssize_t length
    WordStep step
    Py_ssize_t padded  # slopes of a step
    Py_ssize_t stride  # columns in whole lines of the cache, across which no vector lies then
    float *factors
    double loss
    Py_ssize_t learned


cdef void turn_targets(const Words *work, const WordStep *step) noexcept nogil:
    """Change the sign of what a step has for the words that it is to predict."""
    cdef Py_ssize_t k = 0
    while k < step.m:
        step.slopes[k] = -step.slopes[k]
        k += work.each


cdef void slopes_of(Words *work, const WordStep *step) noexcept nogil:
    """The sigmoid of each score, less 1 of a target: its place is taken by the slope of its loss, which is counted.

    -log(sigmoid(s)) is log(1 + exp(-|s|)), and -s more where s < 0. The logarithms are one of a product.
    """
    cdef float[SCORES] e
    cdef float *scores = step.slopes
    cdef float low, high, minus, tail, bias = exp_bias(<float> 0)
    cdef double product
    cdef Py_ssize_t start = 0, k
    exp_bounds(&low, &high)
    turn_targets(work, step)  # so that all are of words that should not be there
    while start < step.m:
        for k in range(SCORES):
            minus = -magnitude(scores[k])
            minus = low if minus < low else minus
            e[k] = exp(minus, bias)
        product = 1
        for k in range(min(<Py_ssize_t> SCORES, step.m - start)):
            product *= 1 + <double> e[k]
            work.loss += scores[k] if scores[k] > <float> 0 else <float> 0
        work.loss += log_1p(product - 1)
        for k in range(SCORES):
            tail = <float> 1 / (<float> 1 + e[k])
            scores[k] = tail if scores[k] > <float> 0 else e[k] * tail
        start += SCORES
        scores += SCORES
    turn_targets(work, step)


cdef void draw_negatives(Words *work, const WordStep *step, uint64_t place) noexcept nogil:
    """Draw what each target is held against, and have all rows of a step brought near.

    They are there when the step before is done.
    """
    cdef Py_ssize_t k = 0
    while k < step.m:
        draw_row(&work.drawn.sampler, place, step.outputs[k], step.outputs + k + 1, work.each - 1)
        place += 1 << 20
        k += work.each
    fl_ask_for_rows(<const float *> work.out.data, step.outputs, step.m, work.columns)
    fl_ask_for_rows(<const float *> work.into.data, step.inputs, step.n, work.columns)


cdef void foresee(Words *work, const WordStep *step) noexcept nogil:
    """What the inputs predict, and the slopes; nothing is moved."""
    cdef Py_ssize_t i
    for i in range(step.n):
        work.factors[i] = <float> 1 / <float> step.n
    fl_combine_rows(<const float *> work.into.data, step.inputs, work.factors, step.n, work.columns, step.h)
    fl_products_with_rows(<const float *> work.out.data, step.outputs, step.m, work.columns, step.h, step.slopes)
    slopes_of(work, step)
    fl_combine_rows(<const float *> work.out.data, step.outputs, step.slopes, step.m, work.columns, step.dh)


cdef void move(Words *work, const WordStep *step, float share) noexcept nogil:
    """The rows of a step go down their slopes, those of the inputs by this share."""
    cdef Py_ssize_t i
    for i in range(step.m):
        step.slopes[i] *= -work.rate
    fl_move_rows(<float *> work.out.data, step.outputs, step.slopes, step.m, work.columns, step.h)
    for i in range(step.n):
        work.factors[i] = -work.rate * share
    fl_move_rows(<float *> work.into.data, step.inputs, work.factors, step.n, work.columns, step.dh)


cdef WordStep step_of(const Words *work, Py_ssize_t i) noexcept nogil:
    """The memory of one step of several."""
    cdef WordStep step = work.step
    step.inputs += i * step.n
    step.outputs += i * step.m
    step.slopes += i * work.padded
    step.h += i * work.stride
    step.dh += i * work.stride
    return step


cdef void begin_step(Words *work, WordStep *step, Py_ssize_t i) noexcept nogil:
    """What is learned at word i of a text: from its contexts the word, or by the skip-gram from it its contexts."""
    cdef uint64_t place = (<uint64_t> work.places[i] << 32) + 1
    cdef Py_ssize_t j, first = i, last = i, reach = work.window
    if work.shrinks:
        reach = 1 + <Py_ssize_t> (((number_at_place(work.drawn.sampler.key, place) >> 32) * <uint64_t> reach) >> 32)
    place += 1
    while first > 0 and i - first < reach and work.kept[first - 1] >= 0:
        first -= 1
    while last + 1 < work.length and last - i < reach and work.kept[last + 1] >= 0:
        last += 1
    step.n = step.m = 0
    if first == last:
        return
    for j in range(first, last + 1):
        if (j == i) == work.skip_gram:
            step.inputs[step.n] = work.kept[j]
            step.n += 1
        else:
            step.outputs[step.m] = work.kept[j]
            step.m += work.each
    draw_negatives(work, step, place)


cdef void learn_text_task(const void *of, Py_ssize_t _start, Py_ssize_t _stop) noexcept nogil:
    """All words of a text that are kept, one after another."""
    cdef Words *work = <Words *> of
    cdef WordStep step = step_of(work, 0), before = step_of(work, 1)
    cdef Py_ssize_t i
    before.n = 0
    for i in range(work.length + 1):
        step.n = 0
        if i < work.length and work.kept[i] >= 0:
            begin_step(work, &step, i)
        if before.n > 0:
            foresee(work, &before)
            move(work, &before, <float> 1)
            work.learned += before.m // work.each
        step, before = before, step


cdef void learn_batch_task(const void *of, Py_ssize_t _start, Py_ssize_t _stop) noexcept nogil:
    """A batch, of which all slopes are seen before a row is moved."""
    cdef Words *work = <Words *> of
    cdef WordStep step
    cdef Py_ssize_t i
    for i in range(work.length + 1):
        if i < work.length:
            step = step_of(work, i)
            draw_negatives(work, &step, <uint64_t> i << 32)
        if i > 0:
            step = step_of(work, i - 1)
            foresee(work, &step)
    for i in range(work.length):
        step = step_of(work, i)
        move(work, &step, <float> 1 / <float> step.n)


cdef bint keep_words(Words *work) noexcept nogil:
    """Which words of the text are learned, by chance the rarer the more often they occur; False where one is too large.

    What is left of a sentence moves together. Each word is read once, since another thread may write to it.
    """
    cdef Py_ssize_t i
    cdef int32_t word
    work.length = 0
    for i in range(work.words.size):
        word = (<const volatile int32_t *> work.words.data)[i]
        if word >= <int32_t> work.drawn.sampler.words:
            return False
        if word >= 0 and not fraction_of(
            number_at_place(work.drawn.sampler.key, <uint64_t> i << 32)
        ) < (<const double *> work.keep.data)[word]:
            continue
        work.kept[work.length], work.places[work.length] = word, <int32_t> i
        work.length += 1
    return True


cdef bint take_tables(Call *call, Words *work, object into, object out) noexcept:
    """Take both tables, to be written to."""
    return (
        PyArray_CheckExact(into)
        and PyArray_NDIM(<ndarray> into) == 2
        and PyArray_DIM(<ndarray> into, 0) == <Py_ssize_t> work.drawn.sampler.words
        and PyArray_DIM(<ndarray> into, 1) == work.columns
        and take(call, &work.into, into, NPY_FLOAT, NPY_ARRAY_C_CONTIGUOUS) != 0
        and is_result(call)
        and take_like(call, &work.out, out, into, NPY_FLOAT, NPY_ARRAY_C_CONTIGUOUS) != 0
        and is_result(call)
    )


cdef bytes new_memory(Words *work, Py_ssize_t steps, Py_ssize_t inputs, Py_ssize_t targets, Py_ssize_t words):
    """What the steps of a call work on, of so many inputs and targets each, and what of the text is kept."""
    cdef Py_ssize_t taken = (<Py_ssize_t> work.drawn.sampler.words + 63) // 64 * 64, numbers
    cdef bytes scratch
    work.step.n, work.step.m = inputs, targets * work.each
    work.padded = (work.step.m + SCORES - 1) // SCORES * SCORES
    work.stride = (work.columns + 15) // 16 * 16
    numbers = steps * (work.padded + 2 * work.stride) + inputs
    scratch = new_scratch(4 * (numbers + steps * (inputs + work.step.m) + 2 * words) + taken + 64)
    work.step.slopes = <float *> aligned_scratch(scratch)
    memset(work.step.slopes, 0, steps * work.padded * sizeof(float))
    work.step.h = work.step.slopes + steps * work.padded
    work.step.dh = work.step.h + steps * work.stride
    work.factors = work.step.dh + steps * work.stride
    work.step.inputs = <int32_t *> (work.factors + inputs)
    work.step.outputs = work.step.inputs + steps * inputs
    work.kept = work.step.outputs + steps * work.step.m
    work.places = work.kept + words
    work.drawn.sampler.taken = <char *> (work.places + words)
    memset(work.drawn.sampler.taken, 0, taken)
    work.loss, work.learned = 0, 0
    return scratch


cdef bint read_sizes(Words *work, object table, object into, object sample_size, object rate) noexcept:
    """How many words, columns and negatives there are, and how far each step goes; False where that is not plain."""
    work.each = whole(sample_size, 0) + 1
    if (
        not PyArray_CheckExact(table)
        or not PyArray_CheckExact(into)
        or PyArray_NDIM(<ndarray> into) != 2
        or not PyFloat_CheckExact(rate)
        or not 0 < work.each <= size_of(table)
        or PyArray_DIM(<ndarray> into, 1) > LONGEST
    ):
        return False
    work.drawn.sampler.words = <uint64_t> size_of(table)
    work.columns = PyArray_DIM(<ndarray> into, 1)
    work.rate = <float> PyFloat_AS_DOUBLE(rate)
    return True


cdef bint take_words(Call *call, Argument *words, object a, Py_ssize_t rows) noexcept:
    """Take so many rows of integers, or as many of one each."""
    return (
        PyArray_CheckExact(a)
        and 0 < PyArray_NDIM(<ndarray> a) <= 2
        and PyArray_DIM(<ndarray> a, 0) == rows
        and is_integer_type(PyArray_TYPE(<ndarray> a))
        and take(call, words, a, PyArray_TYPE(<ndarray> a), NPY_ARRAY_C_CONTIGUOUS) != 0
    )


cdef bint read_words(
    const Argument *words, int typenum, int32_t *to, Py_ssize_t stride, Py_ssize_t limit
) noexcept:
    """Read words, each once, since another thread may write to it; False where one is outside the tables."""
    cdef Py_ssize_t i
    cdef long long word
    for i in range(words.size):
        word = label_at(words.data, typenum, i)
        if not 0 <= word < limit:
            return False
        to[i * stride] = <int32_t> word
    return True


def word2vec_text(corpus, keep, into, out, table, word_p, sample_size, window, shrinks, skip_gram, rate, draw, /):
    """(loss, how many targets) of a text of int32 and float32 tables, which are written to."""
    cdef Call call
    cdef Words work
    cdef bytes _scratch
    cdef Py_ssize_t n, words, span
    if not read_sizes(&work, table, into, sample_size, rate) or not PyArray_CheckExact(corpus):
        return NotImplemented
    n, words = size_of(corpus), <Py_ssize_t> work.drawn.sampler.words
    work.window, work.shrinks, work.skip_gram = whole(window, 1), shrinks is True, skip_gram is True
    if work.window < 0 or n > 0x7fffffff:
        return NotImplemented
    span = 2 * work.window
    _scratch = new_memory(&work, 2, 1 if work.skip_gram else span, span if work.skip_gram else 1, n)
    begin(&call)
    if (
        not take_sampler(&call, &work.drawn, table, word_p, draw)
        or words != <Py_ssize_t> work.drawn.sampler.words
        or take(&call, &work.words, corpus, NPY_INT32, NPY_ARRAY_C_CONTIGUOUS) == 0
        or work.words.size != n
        or take_like(&call, &work.keep, keep, table, NPY_DOUBLE, NPY_ARRAY_C_CONTIGUOUS) == 0
        or not take_tables(&call, &work, into, out)
        or not keep_words(&work)
    ):
        return NotImplemented
    run(learn_text_task, &work, &call, 1, (n + 1) * (work.columns + 1))
    return work.loss, work.learned


def word2vec_batch(inputs, outputs, into, out, table, word_p, sample_size, rate, draw, /):
    """The sum of the losses of a batch of rows of integers and float32 tables, which are written to."""
    cdef Call call
    cdef Words work
    cdef bytes _scratch
    cdef Py_ssize_t n, of_inputs, of_outputs, words
    if (
        not read_sizes(&work, table, into, sample_size, rate)
        or not PyArray_CheckExact(inputs)
        or not PyArray_CheckExact(outputs)
        or PyArray_NDIM(<ndarray> inputs) < 1
        or PyArray_DIM(<ndarray> inputs, 0) == 0
    ):
        return NotImplemented
    n, words = PyArray_DIM(<ndarray> inputs, 0), <Py_ssize_t> work.drawn.sampler.words
    of_inputs, of_outputs = size_of(inputs) // n, size_of(outputs) // n
    if not 0 < of_inputs <= LONGEST or not 0 < of_outputs <= LONGEST or n > LONGEST:
        return NotImplemented
    if <double> n * of_outputs * work.each > MOST_SCORES:  # in an integer it might overflow
        return NotImplemented
    _scratch = new_memory(&work, n, of_inputs, of_outputs, 0)
    work.length = n
    begin(&call)
    if (
        not take_sampler(&call, &work.drawn, table, word_p, draw)
        or words != <Py_ssize_t> work.drawn.sampler.words
        or not take_words(&call, &work.words, inputs, n)
        or not take_words(&call, &work.targets, outputs, n)
        or work.words.size != n * of_inputs
        or work.targets.size != n * of_outputs
        or not take_tables(&call, &work, into, out)
        or not read_words(&work.words, PyArray_TYPE(<ndarray> inputs), work.step.inputs, 1, words)
        or not read_words(&work.targets, PyArray_TYPE(<ndarray> outputs), work.step.outputs, work.each, words)
    ):
        return NotImplemented
    run(learn_batch_task, &work, &call, 1, (n + 1) * work.step.m * (work.columns + 1))
    return work.loss
