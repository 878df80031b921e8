"""How an entry gets its arguments: `take` is the one place where an array becomes memory that a kernel may touch.

An entry makes the arrays that it was not given first: a `Recycler` may drop an old one, whose weak reference may have a
callback that does anything to the inputs. Then it takes every argument: nothing from there to the run of the kernel
calls into Python, so what was found then holds. Arguments are chained as they are taken, in the struct of the family:
so there may be any number, and the chain knows whose memory must stay, and what a result must not overlap.

Memory between two steps of a call is an array of `new_array`, taken as a result is, or bytes of `new_scratch`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport PyObject

cdef struct Argument:
    char *data  # NULL: there is no such array
    char *end
    Py_ssize_t size  # elements
    PyObject *array
    bint writeable
    bint replaceable  # a result may take its very place
    const Argument *before  # the one that was taken before it

# The arguments of a call, of which none is taken twice.
cdef struct Call:
    Argument *last


cdef inline void begin(Call *call) noexcept:
    """A call without arguments yet."""
    call.last = NULL


cdef inline int take(Call *call, Argument *argument, object a, int typenum, int orders) noexcept:
    """Take a plain array of this type; its orders among `orders`, 0 where it has none and was not taken."""
    cdef int order = order_of(a, typenum) & orders
    if order == 0:
        return 0
    argument.size = size_of(a)
    argument.data = <char *> PyArray_DATA(<ndarray> a)
    argument.end = argument.data + argument.size * PyArray_ITEMSIZE(<ndarray> a)
    argument.array = <PyObject *> a
    argument.writeable = is_writeable(a)
    argument.replaceable = False
    argument.before = call.last
    call.last = argument
    return order


cdef int take_like(Call *call, Argument *argument, object a, object like, int typenum, int orders) noexcept:
    """The same of an array that must have the shape of one that was taken."""
    return take(call, argument, a, typenum, orders) if PyArray_CheckExact(a) and same_shape(a, like) else 0


cdef int take_shaped(
    Call *call, Argument *argument, object a, int typenum, int orders, int ndim, const npy_intp *shape
) noexcept:
    """The same of an array that must have this shape."""
    return take(call, argument, a, typenum, orders) if PyArray_CheckExact(a) and has_shape(a, ndim, shape) else 0


cdef inline bint are_apart(const Argument *one, const Argument *other) noexcept:
    """Whether two arguments share no byte."""
    return one.end <= other.data or other.end <= one.data


cdef bint is_result(const Call *call) noexcept:
    """Whether the argument that was taken last may be written: no other shares a byte with it, but a replaceable one
    every byte in its place."""
    cdef const Argument *result = call.last
    cdef const Argument *other = result.before
    if not result.writeable:
        return False
    while other != NULL:
        if not are_apart(result, other) and not (
            other.replaceable and other.data == result.data and other.end == result.end
        ):
            return False
        other = other.before
    return True


cdef inline bytes new_scratch(Py_ssize_t size):
    """That many bytes of a call's own, aligned for any number, which go with this object; `scratch_of` is where."""
    return PyBytes_FromStringAndSize(NULL, size)


cdef inline char *scratch_of(bytes scratch) noexcept:
    return PyBytes_AS_STRING(scratch)
