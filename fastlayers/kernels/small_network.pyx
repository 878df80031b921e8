"""A small batch through a whole network, in two stretches of memory that stay in the cache.

In control one state at a time is asked for: there what surrounds a kernel, its arguments and its new array, costs
more than the kernel. Here there is one array for all, the result. A network takes part whose layers are affine, or
have one kernel of one array and no option; a batch, whose products are done by a kernel of ours. ReLU after such a
product is part of it: its numbers are cleared while they are in registers.
"""

from cpython.pycapsule cimport PyCapsule_New

from fastlayers.kernels.common.small_network cimport AN_AFFINE, MOST_SMALL, SmallLayer, SmallNetwork

cdef enum:
    LITTLE = 4096  # bytes, which a thread's stack has for each of two
    LITTLE_STRETCHES = 1024  # numbers of eight bytes in both
    MOST_BYTES = 1 << 15  # of the numbers between two layers
    MOST_WORK = 1_000_000  # multiplications; for more the call itself is nothing


cdef int place_of(object entry) except? -3:
    return places.get(entry, -2)


cdef int place_of_relu = place_of("relu")


cdef inline bint set_affine(Product *p, const AffineWork *affine, bint relu) noexcept nogil:
    """Make it the product ``x W + b``, or ReLU of it; whether a kernel of ours does that."""
    cdef Matrix x = matrix(&affine.x, NPY_ARRAY_C_CONTIGUOUS, affine.rows, affine.inputs)
    cdef Matrix W = matrix(&affine.W, NPY_ARRAY_C_CONTIGUOUS, affine.inputs, affine.columns)
    set_product(p, affine.typenum, x, W, affine.b.data, affine.y.data, W.columns)
    p.of.relu = relu
    return fl_product_is_ours(&p.of)


cdef object predict_small(const SmallLayer *layers, Py_ssize_t n, object x, Recycler results):
    """What the layers make of x; None where it is not small, or a result is not finite, of which NumPy may warn."""
    cdef AffineWork[MOST_SMALL] works
    cdef bint[MOST_SMALL] by_row
    cdef Product product
    cdef bint is_row, fuses, fits
    cdef MapWork map
    cdef Call called
    cdef Py_ssize_t i, rows, width, size, most = 0, work = 0
    cdef int typenum = -1, own, ndim
    cdef npy_intp[2] shape
    cdef AffineWork *affine
    cdef char *stretches[2]
    cdef double[LITTLE_STRETCHES] little
    cdef char *source
    cdef char *target
    cdef object W, b, y
    cdef bytes scratch
    cdef list _pinned
    if not PyArray_CheckExact(x) or not 0 < n <= MOST_SMALL:
        return None
    own, ndim = PyArray_TYPE(<ndarray> x), PyArray_NDIM(<ndarray> x)
    if not 1 <= ndim <= 2:
        return None
    for i in range(n):  # a network has the type of its parameters, which all are held to below
        if layers[i].place == AN_AFFINE:
            typenum = floating_type(<object> layers[i].W)
            break
    else:
        typenum = floating_type(x)
    begin(&called)
    if typenum < 0 or not is_real_type(own) or take(&called, &map.x, x, own, NPY_ARRAY_C_CONTIGUOUS) == 0:
        return None
    source = map.x.data
    rows, width = PyArray_DIM(<ndarray> x, 0) if ndim == 2 else 1, PyArray_DIM(<ndarray> x, ndim - 1)
    size = sizeof(double) if typenum == NPY_DOUBLE else sizeof(float)
    if map.x.size == 0:
        return None
    if own != typenum:
        most = width
    for i in range(n):
        if layers[i].place == AN_AFFINE:
            W, b = <object> layers[i].W, <object> layers[i].b
            affine = &works[i]
            if W is None or take(&called, &affine.W, W, typenum, NPY_ARRAY_C_CONTIGUOUS) == 0:
                return None
            if PyArray_NDIM(<ndarray> W) != 2 or PyArray_DIM(<ndarray> W, 0) != width:
                return None
            shape[0] = PyArray_DIM(<ndarray> W, 1)
            affine.b.data = NULL
            if b is not None and take_shaped(&called, &affine.b, b, typenum, EITHER_ORDER, 1, shape) == 0:
                return None
            affine.typenum, affine.rows, affine.inputs, affine.columns = typenum, rows, width, shape[0]
            affine.x.data = affine.y.data = NULL
            by_row[i] = rows == 1 and is_small(W, typenum)
            if not by_row[i] and not set_affine(&product, affine, False):
                return None
            width = shape[0]
            if affine.W.size > MOST_WORK // rows:
                return None
            work += affine.W.size * rows
        most = max(most, width)
    if width == 0 or work > MOST_WORK or most > MOST_BYTES // size // rows:
        return None
    if work >= WORTH_PINNING:
        _pinned = pinned(&called)
    shape[0], shape[1] = rows, width
    y = results.take(ndim, &shape[2 - ndim], typenum, False)
    if rows * most * size <= LITTLE:
        stretches[0], stretches[1] = <char *> little, <char *> little + LITTLE
    else:
        scratch = new_scratch(2 * MOST_BYTES)
        stretches[0], stretches[1] = scratch_of(scratch), scratch_of(scratch) + MOST_BYTES
    if own != typenum:
        if typenum == NPY_FLOAT:
            fits = convert(source, own, <float *> stretches[1], 0, map.x.size)
        else:
            fits = convert(source, own, <double *> stretches[1], 0, map.x.size)
        if not fits:
            return None  # what is beyond the type has an error of its own
        source = stretches[1]
    width = map.x.size // rows
    map.typenum, map.option = typenum, 0
    i = 0
    while i < n:
        if layers[i].place == AN_AFFINE:
            affine = &works[i]
            is_row = by_row[i]
            fuses = not is_row and i < n - 1 and layers[i + 1].place == place_of_relu
            i += fuses
            target = <char *> PyArray_DATA(<ndarray> y) if i == n - 1 else stretches[source == stretches[0]]
            affine.x.data, affine.y.data = source, target
            width = affine.columns
            if is_row:
                if not run_row(affine):
                    return None
            elif not set_affine(&product, affine, fuses) or not multiply(&product, &called):
                return None
        else:
            target = source if source == stretches[1] else stretches[0]
            if i == n - 1:
                target = <char *> PyArray_DATA(<ndarray> y)
            map.x.data, map.y.data = source, target
            maps[layers[i].place](&map, 0, rows * width)
        source = target
        i += 1
    return y


cdef SmallNetwork of_this_level
of_this_level.predict, of_this_level.place_of = predict_small, place_of
small_network = PyCapsule_New(&of_this_level, "fastlayers.small_network", NULL)
