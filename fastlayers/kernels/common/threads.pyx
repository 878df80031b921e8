"""What is run on several threads, and where: a kernel's task on the memory of a call."""

from cpython.weakref cimport PyWeakref_NewRef

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *object)  # Cython's own declaration wants a reference, which would count

cdef enum:
    # A job's size in elements times their cost, where ReLU costs 1: below the first the GIL is kept
    # (releasing it costs as much as 2,000 elements), below the second one thread is faster than two,
    # below the third than two of which one must be woken.
    WORTH_RELEASING = 20_000
    WORTH_SPLITTING = 120_000
    WORTH_WAKING = 600_000
    WORTH_A_PIECE = 20_000

cdef int num_threads = 1  # only through fl_read and fl_write


cdef int check_in_place(const Call *call) except -1:
    """RuntimeError where an array was resized since it was taken, by what Python has run meanwhile."""
    cdef object array
    cdef const Argument *argument = call.last
    while argument != NULL:
        array = <object> argument.array
        if PyArray_DATA(<ndarray> array) != argument.data or size_of(array) != argument.size:
            raise RuntimeError("an array was resized while it was being read")
        argument = argument.before
    return 0


cdef list pinned(const Call *call):
    """References that hold a call's arrays where they are, while another thread may have the GIL.

    ``resize(refcheck=False)`` frees memory whoever reads it, but not of an array with a weak reference.
    One that has a single owner is this call's own. Garbage may be collected for these references, whose finalizer may
    resize an array that has none yet: RuntimeError.
    """
    cdef list pins = []
    cdef const Argument *argument = call.last
    while argument != NULL:
        if Py_REFCNT(argument.array) > 1:
            pins.append(PyWeakref_NewRef(<object> argument.array, None))
        argument = argument.before
    check_in_place(call)
    return pins


cdef inline Py_ssize_t piece_of(Py_ssize_t n, Py_ssize_t cost, int threads) noexcept nogil:
    """How many of n units a piece has: as many pieces for each thread, where that gives none that is too small.

    It is of whole multiples of the vector width, so that where a range is cut does not show in the results.
    """
    cdef Py_ssize_t piece, pieces = min(n // max(WORTH_A_PIECE // cost, 1), MAX_PIECES)
    if pieces > threads:
        pieces -= pieces % threads
    piece = (n - 1) // max(pieces, 1) + 1
    return piece if piece <= 64 else (piece + 63) // 64 * 64


cdef int run(Task task, const void *work, const Call *call, Py_ssize_t n, Py_ssize_t cost) except -1:
    """Run task over 0 to n, each unit costing `cost`: here and at once where that is quickest.

    Its memory is that of `call`; NULL where the caller has `pinned` that already.
    """
    cdef Py_ssize_t piece
    cdef int threads, helpers
    cdef list _pinned
    if n < WORTH_RELEASING // cost:
        task(work, 0, n)
        return 0
    if call != NULL:
        _pinned = pinned(call)
    with nogil:
        threads = fl_read(&num_threads)
        if threads > 1 and n >= WORTH_SPLITTING // cost and not fl_swap(&pool.busy, True):
            piece = piece_of(n, cost, threads)
            helpers = <int> min(threads - 1, (n - 1) // piece)
            share(task, work, n, piece, helpers, n >= WORTH_WAKING // cost)
            fl_swap(&pool.busy, False)
        else:
            task(work, 0, n)
    return 0


def set_num_threads(int n, /):
    """How many threads a job may use, this one included."""
    fl_write(&num_threads, n)
