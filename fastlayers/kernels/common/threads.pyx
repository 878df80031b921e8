"""A pool of threads for large arrays: portable, safe across fork, and never in the way.

Why not OpenMP: libgomp hangs in a forked child after a parallel region in its parent, ties a wheel to
the build machine's C library, and meets other copies of itself in one process. What is needed here is
less: split one range among a few threads. CPython's own locks and threads do that on every platform.

A job is a range of units, handed out in pieces from a counter under a lock. The caller takes pieces
too and never waits for a thread to wake up, only for pieces that another thread has begun: so a busy
second core costs nothing. If the pool is at work for another Python thread, the caller runs its job by
itself: more callers than cores do not make more threads. Workers touch no Python object.
"""

import os

from cpython.weakref cimport PyWeakref_NewRef

# Declared here because Cython's own declarations ask for the GIL, which none of these needs.
cdef extern from "pythread.h" nogil:
    ctypedef void *PyThread_type_lock
    enum:
        WAIT_LOCK
        NOWAIT_LOCK
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
    void PyThread_release_lock(PyThread_type_lock lock)
    unsigned long PyThread_start_new_thread(void (*function)(void *) noexcept nogil, void *argument)

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *object)  # Cython's own declaration wants a reference, which would count

# The number of threads may be set while others read it, for which no one holds the GIL: it is read and written
# whole, at the cost of any other number.
cdef extern from * nogil:
    """
    #if defined(__GNUC__)
      #define fl_read(number) __atomic_load_n(number, __ATOMIC_RELAXED)
      #define fl_write(number, value) __atomic_store_n(number, value, __ATOMIC_RELAXED)
    #else  /* MSVC reads and writes a volatile number whole */
      #define fl_read(number) (*(volatile int *)(number))
      #define fl_write(number, value) (*(volatile int *)(number) = (value))
    #endif
    """
    int fl_read(int *number)
    void fl_write(int *number, int value)

cdef enum:
    MAX_WORKERS = 63
    # A job's size in elements times their cost, where ReLU costs 1: below the first the GIL is kept
    # (releasing it costs as much as 2,000 elements), below the second one thread is faster than two.
    WORTH_RELEASING = 20_000
    WORTH_SPLITTING = 600_000
    WORTH_A_PIECE = 60_000
    TRIES = 3_000  # about 30 us

# A kernel over the units start to stop (elements, rows, ...) of its work, a struct that its family defines.
ctypedef void (*Task)(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil

cdef struct Pool:
    PyThread_type_lock busy  # held by the caller whose job it is
    PyThread_type_lock guard  # of all that follows
    PyThread_type_lock done  # released by the last worker, where the caller waits for it
    PyThread_type_lock wake[MAX_WORKERS]
    bint asleep[MAX_WORKERS]
    int workers
    int active
    bint waiting
    Task task
    const void *work
    Py_ssize_t next
    Py_ssize_t stop
    Py_ssize_t piece

cdef Pool pool
cdef int num_threads = 1  # only through fl_read and fl_write


cdef list pinned(const Call *call):
    """References that hold a call's arrays where they are, while another thread may have the GIL.

    ``resize(refcheck=False)`` frees memory whoever reads it, but not of an array with a weak reference.
    One that has a single owner is this call's own.
    """
    cdef list pins = []
    cdef const Argument *argument = call.last
    while argument != NULL:
        if Py_REFCNT(argument.array) > 1:
            pins.append(PyWeakref_NewRef(<object> argument.array, None))
        argument = argument.before
    return pins


cdef bint open_pool() noexcept:
    """Fresh locks and no workers: at import, and in a forked child, which has the locks but not the threads."""
    pool.workers = 0
    pool.active = 0
    pool.waiting = False
    pool.next = pool.stop = 0
    pool.busy = PyThread_allocate_lock()
    pool.guard = PyThread_allocate_lock()
    pool.done = PyThread_allocate_lock()
    if pool.busy == NULL or pool.guard == NULL or pool.done == NULL:
        return False
    PyThread_acquire_lock(pool.done, WAIT_LOCK)
    return True


cdef inline void wait_for(PyThread_type_lock lock) noexcept nogil:
    """Acquire a lock that is often free within microseconds: to sleep and be woken takes tens of them."""
    cdef int _tries
    for _tries in range(TRIES):
        if PyThread_acquire_lock(lock, NOWAIT_LOCK):
            return
    PyThread_acquire_lock(lock, WAIT_LOCK)


cdef void take_pieces() noexcept nogil:
    """Run pieces of the job until none is left; `guard` is held on entry and on return."""
    cdef Py_ssize_t start, stop
    while pool.next < pool.stop:
        start = pool.next
        stop = start + min(pool.piece, pool.stop - start)
        pool.next = stop
        PyThread_release_lock(pool.guard)
        pool.task(pool.work, start, stop)
        PyThread_acquire_lock(pool.guard, WAIT_LOCK)


cdef void serve(void *argument) noexcept nogil:
    """A worker's life: sleep, take pieces, tell the caller if it waits."""
    cdef int me = <int> <Py_ssize_t> argument
    while True:
        wait_for(pool.wake[me])
        PyThread_acquire_lock(pool.guard, WAIT_LOCK)
        pool.active += 1
        take_pieces()
        pool.active -= 1
        pool.asleep[me] = True
        if pool.active == 0 and pool.waiting:
            pool.waiting = False
            PyThread_release_lock(pool.done)
        PyThread_release_lock(pool.guard)


cdef void start_workers(int wanted) noexcept nogil:
    """Have up to `wanted` workers; fewer where the system gives no more. The caller holds `busy`."""
    cdef int me
    while pool.workers < min(wanted, MAX_WORKERS):
        me = pool.workers
        pool.wake[me] = PyThread_allocate_lock()
        if pool.wake[me] == NULL:
            return
        PyThread_acquire_lock(pool.wake[me], WAIT_LOCK)
        pool.asleep[me] = True
        if PyThread_start_new_thread(serve, <void *> <Py_ssize_t> me) == <unsigned long> -1:
            PyThread_release_lock(pool.wake[me])
            PyThread_free_lock(pool.wake[me])
            return
        pool.workers += 1


cdef void share(Task task, const void *work, Py_ssize_t n, Py_ssize_t piece, int threads) noexcept nogil:
    """Run task over 0 to n on this thread and those of the pool, `threads` in all at most."""
    cdef int me, helpers
    cdef bint wait
    if pool.busy == NULL or PyThread_acquire_lock(pool.busy, NOWAIT_LOCK) == 0:
        task(work, 0, n)
        return
    helpers = <int> min(threads - 1, (n - 1) // piece)
    start_workers(helpers)
    PyThread_acquire_lock(pool.guard, WAIT_LOCK)
    pool.task, pool.work = task, work
    pool.next, pool.stop, pool.piece = 0, n, piece
    for me in range(min(helpers, pool.workers)):
        if pool.asleep[me]:
            pool.asleep[me] = False
            PyThread_release_lock(pool.wake[me])
    take_pieces()
    wait = pool.waiting = pool.active > 0
    PyThread_release_lock(pool.guard)
    if wait:
        wait_for(pool.done)
    PyThread_release_lock(pool.busy)


cdef int run(Task task, const void *work, const Call *call, Py_ssize_t n, Py_ssize_t cost) except -1:
    """Run task over 0 to n, each unit costing `cost`: here and at once where that is quickest.

    Its memory is that of `call`; NULL where the caller has `pinned` that already.
    """
    cdef Py_ssize_t piece
    cdef int threads
    cdef list _pinned
    if n < WORTH_RELEASING // cost:
        task(work, 0, n)
        return 0
    if call != NULL:
        _pinned = pinned(call)
    with nogil:
        threads = fl_read(&num_threads)
        if threads == 1 or n < WORTH_SPLITTING // cost:
            task(work, 0, n)
        else:
            # Whole multiples of the vector width, so that where a range is cut does not show in the results.
            piece = max(WORTH_A_PIECE // cost, 1)
            if piece > 64:
                piece -= piece % 64
            share(task, work, n, piece, threads)
    return 0


def set_num_threads(int n):
    """How many threads a job may use, this one included."""
    fl_write(&num_threads, n)


if not open_pool():
    raise MemoryError("no locks could be had for the threads of the kernels")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: open_pool())
