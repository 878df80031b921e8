"""A layer's last two results, to be handed out again once nobody else holds them.

A large array that is allocated, used and freed at every call costs more in page faults than in arithmetic.
So a layer keeps its results here, and the next call takes one of them if, and only if, this object holds
the one reference to it: views, buffers, DLPack capsules, generators and tracebacks all hold references.
A weak reference does not, and could bring the array back, so it counts as well.

Two, because the next layer keeps its input for backward: while it holds the newer, the older is free.

When is a count of 1 to be trusted? CPython 3.14 leaves references on its evaluation stack uncounted, but
only where a local variable holds a counted one; still, it has a function for this question, and that is
used. On a free-threaded build nothing is recycled: two threads could find the same array free at once, and
these fields have no lock. There each result is a new array.
"""

from cpython.ref cimport PyObject
from numpy cimport (
    NPY_ARRAY_ALIGNED,
    NPY_ARRAY_C_CONTIGUOUS,
    NPY_ARRAY_F_CONTIGUOUS,
    NPY_ARRAY_OWNDATA,
    NPY_ARRAY_WRITEABLE,
    PyArray_DESCR,
    PyArray_DescrFromType,
    PyArray_DIM,
    PyArray_DIMS,
    PyArray_EMPTY,
    PyArray_FLAGS,
    PyArray_IS_F_CONTIGUOUS,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
)

cdef extern from * nogil:
    """
    #if defined(Py_GIL_DISABLED)
    enum { FL_RECYCLES = 0 };
    #else
    enum { FL_RECYCLES = 1 };
    #endif

    static int fl_is_unshared(PyObject *object) {
        PyObject **weak = (PyObject **)((char *)object + Py_TYPE(object)->tp_weaklistoffset);
        if (Py_TYPE(object)->tp_weaklistoffset > 0 && *weak != NULL) return 0;
    #if PY_VERSION_HEX >= 0x030E0000
        return PyUnstable_Object_IsUniquelyReferenced(object);
    #else
        return Py_REFCNT(object) == 1;
    #endif
    }
    """
    enum:
        RECYCLES "FL_RECYCLES"
    bint fl_is_unshared(PyObject *object)

import_array()


cdef inline bint is_free(PyObject *pointer, int ndim, npy_intp *shape, int typenum, int flags) noexcept:
    """Whether an array is ours alone, and still as it was made: its holder may have reshaped or locked it.

    It comes as a pointer, because passing an object on would count as a reference.
    """
    cdef int i
    if pointer == <PyObject *> None or not fl_is_unshared(pointer):
        return False
    cdef ndarray array = <ndarray> pointer
    if PyArray_NDIM(array) != ndim or PyArray_FLAGS(array) & flags != flags:
        return False
    # The very object that NumPy has for the type: not one in another byte order, nor one with metadata.
    cdef object plain = PyArray_DescrFromType(typenum)
    if <void *> PyArray_DESCR(array) != <void *> plain:
        return False
    for i in range(ndim):
        if PyArray_DIM(array, i) != shape[i]:
            return False
    return True


cdef class Recycler:
    """The last two results of a layer."""

    cdef ndarray take(self, int ndim, npy_intp *shape, int typenum, bint fortran):
        """An array for a result: one of the last two where it is free, else a new one."""
        cdef int flags = NPY_ARRAY_OWNDATA | NPY_ARRAY_WRITEABLE | NPY_ARRAY_ALIGNED
        flags |= NPY_ARRAY_F_CONTIGUOUS if fortran else NPY_ARRAY_C_CONTIGUOUS
        cdef ndarray result, _dropped
        if not RECYCLES:
            return PyArray_EMPTY(ndim, shape, typenum, fortran)
        if is_free(<PyObject *> self.newer, ndim, shape, typenum, flags):
            return self.newer
        if is_free(<PyObject *> self.older, ndim, shape, typenum, flags):
            self.newer, self.older = self.older, self.newer
            return self.newer
        # The array that is dropped may have a weak reference whose callback runs this very layer: so it is
        # held until all is in its place, and goes when this returns.
        result = PyArray_EMPTY(ndim, shape, typenum, fortran)
        _dropped = self.older
        self.older, self.newer = self.newer, result
        return result

    cdef void let_go(self) noexcept:
        """Keep neither of the two."""
        cdef ndarray _newer = self.newer, _older = self.older  # until both are out of their places, as above
        self.newer = self.older = None

    def like(self, ndarray array not None):
        """An array of array's shape, dtype and layout, whatever is in it."""
        cdef bint fortran = PyArray_IS_F_CONTIGUOUS(array) and not PyArray_IS_C_CONTIGUOUS(array)
        return self.take(PyArray_NDIM(array), PyArray_DIMS(array), PyArray_TYPE(array), fortran)

    def __reduce__(self):
        from fastlayers._core.memory import recycler  # where the kernels are not built, that makes another class

        return recycler, ()
