"""A pool of threads for large arrays: portable, safe across fork, and never in the way.

Why not OpenMP: libgomp hangs in a forked child after a parallel region in its parent, ties a wheel to
the build machine's C library, and meets other copies of itself in one process. What is needed here is
less: split one range among a few threads. CPython's own locks and threads do that on every platform.

A job is a range of units, handed out in pieces from one atomic number. The caller takes pieces too, from the
front as workers do from the back: so in one call after another each core meets the same memory. It never waits
for a thread to wake up, only for pieces that another thread has begun: so a busy second core costs nothing. If
the pool is at work for another Python thread, the caller runs its job by itself: more callers than cores do not
make more threads. Workers touch no Python object.

To wake a thread that sleeps costs the caller microseconds, and it comes tens of them later. So a worker looks out
for the next job for a while before it sleeps, and one of 10 us is worth sharing with those that are awake. Now and
then it gives way to what else would run on its core; if something did, it sleeps at once, and is left asleep for a
while by all but the largest jobs.
"""

import os

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

cdef extern from "atomics.h" nogil:
    int fl_read(int *number)
    void fl_write(int *number, int value)
    int fl_see(int *number)
    int fl_swap(int *number, int value)
    int fl_add(int *number, int value)
    bint fl_replace(int *number, int old, int value)
    void fl_pause()
    void fl_give_way()
    unsigned int fl_now()
    enum:
        TICKS "FL_TICKS"  # of a microsecond

cdef enum:
    MAX_WORKERS = 63
    # In ticks. A thread that waits looks out for so long before it sleeps, and gives way so often.
    LOOK_OUT = 100 * TICKS
    GIVE_WAY = 5 * TICKS
    CROWDED = 50 * TICKS  # for so long only another thread that ran meanwhile keeps one from its core
    LEAVE_ASLEEP = 10_000 * TICKS
    MANY = 4  # jobs, after which as many more are expected; fewer pay for no wake-up

# The number that hands a job out. Pieces from `first` to below `last` are left; then come how many workers have
# joined it, and whether the caller sleeps until they have left. It means the same whenever it is the same, so that
# a thread may replace what it read a while ago.
cdef enum:
    FIRST = 1
    LAST = 1 << 12
    WORKER = 1 << 24
    WAITING = 1 << 30
    MAX_PIECES = LAST - 1

# A kernel over the units start to stop (elements, rows, ...) of its work, a struct that its family defines.
ctypedef void (*Task)(const void *work, Py_ssize_t start, Py_ssize_t stop) noexcept nogil

cdef struct Pool:
    int busy  # whose job it is has set it
    char[124] _apart  # what callers write is in no cache line with what they only read
    int job
    int helpers  # as many workers, the first ones, may join it
    int crowded  # when a worker was last kept from its core
    Task task  # these are read by those who have a piece
    const void *work
    Py_ssize_t stop
    Py_ssize_t piece
    char[128] _apart_too
    unsigned int shared  # when the last job was done; these are the owner's alone
    int followed  # how many jobs since one that had none just before it
    int workers
    PyThread_type_lock done  # released by the last worker, where the caller sleeps
    PyThread_type_lock[MAX_WORKERS] wake
    int[MAX_WORKERS] asleep  # whoever sets it back must release `wake`, or be the worker

cdef Pool pool


cdef bint open_pool() noexcept:
    """Fresh locks and no workers: at import, and in a forked child, which has the locks but not the threads."""
    pool.busy = True  # for good, where there is no lock
    pool.job = pool.workers = 0
    pool.done = PyThread_allocate_lock()
    if pool.done == NULL:
        return False
    PyThread_acquire_lock(pool.done, WAIT_LOCK)
    pool.busy = False
    return True


cdef inline bint is_left(int job) noexcept nogil:
    return job % LAST < job // LAST % LAST


cdef inline bint is_joined(int job) noexcept nogil:
    return job % WAITING >= WORKER


cdef bint look_out(int me) noexcept nogil:
    """Wait until worker `me` may join a job; or, of the caller, which is -1, until no worker is at its own.

    False if that has not come for a while, or this thread was kept from its core.
    """
    cdef unsigned int start = fl_now(), turn = start, now = start
    cdef int job
    while now - start < LOOK_OUT:
        while now - turn < GIVE_WAY:
            job = fl_read(&pool.job)
            if (is_left(job) and me < fl_read(&pool.helpers)) if me >= 0 else not is_joined(job):
                return True
            fl_pause()
            now = fl_now()
        fl_give_way()
        turn = fl_now()
        if turn - now > CROWDED:
            break
        now = turn
    else:
        return False
    fl_write(&pool.crowded, <int> turn)
    return False


cdef bint take_piece(int me, int joins) noexcept nogil:
    """Run a piece of the job, if one is left; with it a worker `joins`, which is WORKER or 0."""
    cdef Py_ssize_t start
    cdef int job = fl_see(&pool.job)
    while is_left(job):
        if fl_replace(&pool.job, job, job + joins + (FIRST if me < 0 else -LAST)):
            start = (job % LAST if me < 0 else job // LAST % LAST - 1) * pool.piece
            pool.task(pool.work, start, min(start + pool.piece, pool.stop))
            return True
        job = fl_see(&pool.job)
    return False


cdef void serve(void *argument) noexcept nogil:
    """A worker's life: look out for a job, take pieces, tell the caller if it sleeps; sleep."""
    cdef int me = <int> <Py_ssize_t> argument
    while True:
        while look_out(me):
            if take_piece(me, WORKER):
                while take_piece(me, 0):
                    pass
                if fl_add(&pool.job, -WORKER) // WORKER == WAITING // WORKER:
                    PyThread_release_lock(pool.done)
        fl_swap(&pool.asleep[me], True)
        # A caller has set its job before it looks who sleeps.
        if not (is_left(fl_see(&pool.job)) and fl_swap(&pool.asleep[me], False)):
            PyThread_acquire_lock(pool.wake[me], WAIT_LOCK)


cdef void start_workers(int wanted) noexcept nogil:
    """Have up to `wanted` workers; fewer where the system gives no more. The caller has the pool."""
    cdef int me
    while pool.workers < min(wanted, MAX_WORKERS):
        me = pool.workers
        pool.wake[me] = PyThread_allocate_lock()
        if pool.wake[me] == NULL:
            return
        PyThread_acquire_lock(pool.wake[me], WAIT_LOCK)
        pool.asleep[me] = False
        if PyThread_start_new_thread(serve, <void *> <Py_ssize_t> me) == <unsigned long> -1:
            PyThread_release_lock(pool.wake[me])
            PyThread_free_lock(pool.wake[me])
            return
        pool.workers += 1


cdef void share(Task task, const void *work, Py_ssize_t n, Py_ssize_t piece, int helpers, bint is_large) noexcept nogil:
    """Run task over 0 to n on this thread and on that many workers at most; the caller has the pool.

    Those that sleep are woken if it `is_large`, or if it is one of many that have followed on each other.
    """
    cdef int me, awake = 0
    cdef unsigned int now = fl_now()
    cdef bint wakes
    pool.followed = pool.followed + 1 if now - pool.shared < LOOK_OUT else 0
    wakes = is_large or (
        pool.followed >= MANY and now - <unsigned int> fl_read(&pool.crowded) > LEAVE_ASLEEP
    )
    if wakes:
        start_workers(helpers)
    helpers = min(helpers, pool.workers)
    for me in range(helpers):
        awake += not fl_read(&pool.asleep[me])
    if helpers == 0 or not (wakes or awake > 0):
        task(work, 0, n)
        pool.shared = fl_now()
        return
    pool.task, pool.work, pool.stop, pool.piece = task, work, n, piece
    fl_write(&pool.helpers, helpers)
    fl_swap(&pool.job, <int> ((n - 1) // piece + 1) * LAST)
    if wakes:
        for me in range(helpers):
            if fl_see(&pool.asleep[me]) and fl_swap(&pool.asleep[me], False):
                PyThread_release_lock(pool.wake[me])
    while take_piece(-1, 0):
        pass
    if is_joined(fl_see(&pool.job)) and not look_out(-1) and is_joined(fl_add(&pool.job, WAITING)):
        PyThread_acquire_lock(pool.done, WAIT_LOCK)
    fl_see(&pool.job)  # what workers wrote is there for whoever reads it now
    pool.shared = fl_now()


if not open_pool():
    raise MemoryError("no locks could be had for the threads of the kernels")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: open_pool())
