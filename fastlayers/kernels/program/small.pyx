"""A small network as part of a program, by what the level in use has for one: see `small_network.pyx`."""


cdef const SmallNetwork *small_network_of(object kernels) except? NULL:
    """What the kernels have for small networks."""
    return <const SmallNetwork *> PyCapsule_GetPointer(kernels.small_network, "fastlayers.small_network")


cdef Py_ssize_t small_tail(tuple steps, object kernels, int *places) except -1:
    """Where the layers begin, as far as the last, that are a small network; their places. Behind the last for none."""
    cdef const SmallNetwork *small = small_network_of(kernels)
    cdef Step step
    cdef Py_ssize_t i, n = len(steps), tail = n
    cdef int place
    cdef int[MOST_SMALL] found
    while tail > 0 and n - tail < MOST_SMALL:
        step = <Step> steps[tail - 1]
        place = AN_AFFINE if step.kept == AFFINE else small.place_of(step.entry)
        if place < AN_AFFINE or step.kept != AFFINE and len(step.params) > 0:
            break
        tail -= 1
        found[n - tail - 1] = place
    for i in range(n - tail):
        places[i] = found[n - tail - 1 - i]
    return tail
