"""A small network as part of a program, by what the level in use has for one: see `small_network.pyx`."""


cdef const SmallNetwork *small_network_of(object kernels, tuple steps, int *places) except? NULL:
    """What the kernels have for a small network of these steps, with the place of each; NULL where they are none."""
    cdef const SmallNetwork *found
    cdef Step step
    cdef Py_ssize_t i
    if not 0 < len(steps) <= MOST_SMALL:
        return NULL
    found = <const SmallNetwork *> PyCapsule_GetPointer(kernels.small_network, "fastlayers.small_network")
    for i in range(len(steps)):
        step = <Step> steps[i]
        places[i] = AN_AFFINE if step.kept == AFFINE else found.place_of(step.entry)
        if places[i] < AN_AFFINE or step.kept != AFFINE and len(step.params) > 0:
            return NULL
    return found


cdef inline object predict_small(
    const SmallNetwork *small, const int *places, const Held *held, object x, Recycler results
):
    """What the layers make of a small x, in one piece; None where it, or what they are, is not small."""
    cdef SmallLayer[MOST_SMALL] layers
    cdef Py_ssize_t i, at = 0
    if small == NULL:
        return None
    for i in range(held.steps):
        layers[i].place = places[i]
        if places[i] == AN_AFFINE:
            layers[i].W = held.param[at]
            layers[i].b = held.param[at + 1]
            at += 2
    return small.predict(layers, held.steps, x, results)
