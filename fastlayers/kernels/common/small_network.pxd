"""What a level's kernels and a program, which is of no level, say to each other: see `small_network.pyx`."""

from cpython.ref cimport PyObject

from fastlayers.kernels._memory cimport Recycler

cdef enum:
    MOST_SMALL = 16  # layers
    AN_AFFINE = -1  # in place of a kernel's place

# A layer: affine with its parameters, of which b may be None; or a kernel of one array.
cdef struct SmallLayer:
    int place
    PyObject *W
    PyObject *b

# What a level has, in a capsule that is its attribute `small_network`.
cdef struct SmallNetwork:
    # What the layers make of x; None where they are not small, or a result is not finite.
    object (*predict)(const SmallLayer *layers, Py_ssize_t n, object x, Recycler results)
    # The place of the kernel whose entry has that name; below -1 for one that is not declared.
    int (*place_of)(object entry) except? -3
