"""What a compiled entry may ask of an object before it touches it, in C.

An entry runs only on exact `ndarray` objects that are aligned, contiguous and in native byte order,
of one floating dtype, with shapes that fit; anything else it declines. These are the questions.
"""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from numpy cimport (
    NPY_ARRAY_ALIGNED,
    NPY_ARRAY_C_CONTIGUOUS,
    NPY_ARRAY_F_CONTIGUOUS,
    NPY_ARRAY_WRITEABLE,
    NPY_BOOL,
    NPY_BYTE,
    NPY_DOUBLE,
    NPY_FLOAT,
    NPY_FLOAT16,
    NPY_INT,
    NPY_INT32,
    NPY_INT64,
    NPY_INTP,
    NPY_LONG,
    NPY_LONGLONG,
    NPY_SHORT,
    NPY_UBYTE,
    NPY_UINT,
    NPY_UINT64,
    NPY_ULONG,
    NPY_ULONGLONG,
    NPY_USHORT,
    PyArray_CheckExact,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_DIMS,
    PyArray_EMPTY,
    PyArray_FLAGS,
    PyArray_GETCONTIGUOUS,
    PyArray_ISNOTSWAPPED,
    PyArray_ITEMSIZE,
    PyArray_NBYTES,
    PyArray_NDIM,
    PyArray_TYPE,
    ndarray,
    npy_bool,
    npy_intp,
)

from fastlayers.kernels._memory cimport Recycler

cdef enum:
    EITHER_ORDER = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS


cdef inline int order_of(object a, int typenum) noexcept:
    """The contiguity flags of a plain array of this type; 0 (of no use) for anything else."""
    if not PyArray_CheckExact(a):
        return 0
    cdef int flags = PyArray_FLAGS(<ndarray> a)
    if PyArray_TYPE(<ndarray> a) != typenum or not flags & NPY_ARRAY_ALIGNED or not PyArray_ISNOTSWAPPED(<ndarray> a):
        return 0
    return flags & EITHER_ORDER


cdef inline int floating_type(object a) noexcept:
    """NPY_FLOAT or NPY_DOUBLE where `a` is an array of that dtype, else -1."""
    if not PyArray_CheckExact(a):
        return -1
    cdef int typenum = PyArray_TYPE(<ndarray> a)
    return typenum if typenum == NPY_FLOAT or typenum == NPY_DOUBLE else -1


cdef inline bint has_shape(object a, int ndim, const npy_intp *shape) noexcept:
    cdef int i
    if PyArray_NDIM(<ndarray> a) != ndim:
        return False
    for i in range(ndim):
        if PyArray_DIM(<ndarray> a, i) != shape[i]:
            return False
    return True


cdef inline void copy_sizes(npy_intp *to, const npy_intp *shape, int ndim) noexcept:
    """Copy an array's sizes, which are at no address where it has no axis."""
    cdef int i
    for i in range(ndim):
        to[i] = shape[i]


cdef inline bint same_shape(object a, object b) noexcept:
    return has_shape(a, PyArray_NDIM(<ndarray> b), PyArray_DIMS(<ndarray> b))


cdef inline bint fits(object a, int typenum, int orders, int ndim, const npy_intp *shape) noexcept:
    """Whether `a` is plain, of this shape, in one of these orders."""
    return order_of(a, typenum) & orders != 0 and has_shape(a, ndim, shape)


cdef inline bint is_writeable(object a) noexcept:
    return PyArray_FLAGS(<ndarray> a) & NPY_ARRAY_WRITEABLE != 0


cdef inline Py_ssize_t size_of(object a) noexcept:
    """How many elements; NumPy's own function for it is a call."""
    cdef Py_ssize_t size = 1
    cdef int i
    for i in range(PyArray_NDIM(<ndarray> a)):
        size *= PyArray_DIM(<ndarray> a, i)
        if size == 0:  # and no vectors are made of a loop of one or two turns, which would cost more than it
            break
    return size


cdef inline bint is_given(object out) noexcept:
    """Whether a caller has given an array for a result; None and a layer's `Recycler` leave it to the kernel."""
    return out is not None and type(out) is not Recycler


cdef inline ndarray new_array(object out, int ndim, npy_intp *shape, int typenum, bint fortran):
    """An array for a result, or for numbers between two steps of a call; from the `Recycler` if `out` is one."""
    if out is None:
        return PyArray_EMPTY(ndim, shape, typenum, fortran)
    return (<Recycler> out).take(ndim, shape, typenum, fortran)


cdef inline ndarray new_like(object out, object a, int typenum, int order):
    """The same of a's shape, in C order where `order` allows both."""
    return new_array(
        out, PyArray_NDIM(<ndarray> a), PyArray_DIMS(<ndarray> a), typenum, not order & NPY_ARRAY_C_CONTIGUOUS
    )


cdef inline bint are_outs(object out, int n) noexcept:
    """Whether `out` is None, or a tuple of n."""
    return out is None or PyTuple_CheckExact(out) and PyTuple_GET_SIZE(out) == n


cdef inline object out_at(object out, int i):
    return None if out is None else <object> PyTuple_GET_ITEM(out, i)
