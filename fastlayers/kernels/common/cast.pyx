"""Numbers of any real dtype as float32 or float64: a network's input, targets and weights, operands of several dtypes.

A finite float64 beyond float32's range would become infinite: then the entry declines, for the rules to say what is to
come of it.
"""

from libc.float cimport DBL_MAX
from libc.math cimport fabs
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t

ctypedef fused number:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    float
    double

cdef enum:
    MAXIMA = 16  # of `exceed_float`, for which a loop over LANES is too long to be unrolled everywhere

# The largest float32 and half a step: from here on a number rounds to infinity.
cdef double OVERFLOWS = 3.4028235677973366e+38


cdef inline bint is_real_type(int typenum) noexcept nogil:
    """Whether `convert` takes it; the C types' numbers follow each other, and longdouble is not among them."""
    return typenum == NPY_FLOAT16 or NPY_BOOL <= typenum <= NPY_DOUBLE


cdef inline bint is_wide(int typenum) noexcept nogil:
    """Whether NumPy promotes float32 and this type to float64: integers of more than 16 bits, and float64 itself."""
    return typenum == NPY_DOUBLE or NPY_INT <= typenum <= NPY_ULONGLONG


cdef inline void convert_loop(const number *x, floating *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <floating> x[i]


cdef inline void convert_bool_loop(const uint8_t *x, floating *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <floating> (x[i] != 0)


cdef inline void convert_half_loop(const uint16_t *x, floating *y, Py_ssize_t n) noexcept nogil:
    """float16 has 5 bits of exponent and 10 behind the point: moved to where float32 has them and times 2**112, the
    difference of the exponents' biases, which is exact for subnormal numbers too; only infinity and nan are apart."""
    cdef Py_ssize_t i
    cdef uint32_t bits, special = 0x7F800000
    cdef float value
    for i in range(n):
        bits = (<uint32_t> x[i] & 0x7FFF) << 13
        memcpy(&value, &bits, sizeof(value))
        value *= <float> 5.192296858534828e33
        memcpy(&bits, &value, sizeof(bits))
        bits |= special if value >= <float> 65536 else 0
        bits |= (<uint32_t> x[i] & 0x8000) << 16
        memcpy(&value, &bits, sizeof(value))
        y[i] = value


cdef bint exceed_float(const double *x, Py_ssize_t n) noexcept nogil:
    """Whether any finite one of n numbers is infinite as float32."""
    cdef double[MAXIMA] largest
    cdef double size, limit = OVERFLOWS, top = 0
    cdef Py_ssize_t i = 0
    cdef int lane
    for lane in range(MAXIMA):
        largest[lane] = 0
    while i + MAXIMA <= n:
        for lane in range(MAXIMA):
            size = fabs(x[i + lane])
            size = size if size <= DBL_MAX else 0  # nan too
            largest[lane] = size if size > largest[lane] else largest[lane]
        i += MAXIMA
    for i in range(i, n):
        size = fabs(x[i])
        top = size if top < size <= DBL_MAX else top
    for lane in range(MAXIMA):
        top = max(top, largest[lane])
    return top >= limit


cdef bint convert(const char *x, int typenum, floating *y, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    """The n numbers of x from `start` on, of any type of `is_real_type`; False where one is beyond y's range."""
    if typenum == NPY_DOUBLE:
        convert_loop(<const double *> x + start, y, n)
        return floating is double or not exceed_float(<const double *> x + start, n)
    if typenum == NPY_FLOAT:
        convert_loop(<const float *> x + start, y, n)
    elif typenum == NPY_FLOAT16:
        convert_half_loop(<const uint16_t *> x + start, y, n)
    elif typenum == NPY_BOOL:
        convert_bool_loop(<const uint8_t *> x + start, y, n)
    elif typenum == NPY_BYTE:
        convert_loop(<const int8_t *> x + start, y, n)
    elif typenum == NPY_UBYTE:
        convert_loop(<const uint8_t *> x + start, y, n)
    elif typenum == NPY_SHORT:
        convert_loop(<const int16_t *> x + start, y, n)
    elif typenum == NPY_USHORT:
        convert_loop(<const uint16_t *> x + start, y, n)
    elif typenum == NPY_INT or (typenum == NPY_LONG and sizeof(long) == 4):
        convert_loop(<const int32_t *> x + start, y, n)
    elif typenum == NPY_UINT or (typenum == NPY_ULONG and sizeof(long) == 4):
        convert_loop(<const uint32_t *> x + start, y, n)
    elif typenum == NPY_LONG or typenum == NPY_LONGLONG:
        convert_loop(<const int64_t *> x + start, y, n)
    else:
        convert_loop(<const uint64_t *> x + start, y, n)
    return True


cdef struct CastWork:
    Argument x
    int own  # x's type
    Argument y
    int typenum  # y's
    int *exceeds  # set where a number is beyond y's range


cdef void cast_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef const CastWork *work = <const CastWork *> of
    cdef Py_ssize_t n
    cdef bint fits = True
    while start < stop and fits:  # a chunk at a time, so that the second look at it finds it in the cache
        n = min(CHUNK, stop - start)
        if work.typenum == NPY_FLOAT:
            fits = convert(work.x.data, work.own, <float *> work.y.data + start, start, n)
        else:
            fits = convert(work.x.data, work.own, <double *> work.y.data + start, start, n)
        start += n
    if not fits:
        fl_write(work.exceeds, 1)


cdef object converted(object a, int typenum):
    """`a` as float32 or float64: itself where it is of that type; None where it is no plain array of real numbers, or
    one of them is beyond the type's range."""
    cdef int own, order, exceeds = 0
    cdef ndarray result
    cdef Call call
    cdef CastWork work
    if not PyArray_CheckExact(a):
        return None
    own = PyArray_TYPE(<ndarray> a)
    if own == typenum:
        return a
    order = order_of(a, own)
    if order == 0 or not is_real_type(own):
        return None
    result = new_like(None, a, typenum, order)
    begin(&call)
    order = take(&call, &work.x, a, own, EITHER_ORDER)
    if order == 0 or take_like(&call, &work.y, result, a, typenum, order) == 0:
        return None
    work.own, work.typenum, work.exceeds = own, typenum, &exceeds
    run(cast_task, &work, &call, work.x.size, 1)
    return None if fl_read(&exceeds) else result


cdef inline object in_type(object a, int typenum):
    """As `converted` where that gives anything; else `a` as it is, None too, for the checks to come."""
    cdef object result
    if a is None or typenum < 0 or order_of(a, typenum) != 0:
        return a
    result = converted(a, typenum)
    return a if result is None else result


cdef tuple promoted(object a, object b, object c):
    """Operands of several types in the one that NumPy promotes them to; c may be None.

    None where there is nothing to convert, or nothing of use here: no plain arrays, or another type than float32 and
    float64 for the result.
    """
    cdef object operand
    cdef int typenum, last = -1
    cdef bint has_float = False, wide = False, differ = False
    for operand in (a, b) if c is None else (a, b, c):
        if not PyArray_CheckExact(operand):
            return None
        typenum = PyArray_TYPE(<ndarray> operand)
        if order_of(operand, typenum) == 0 or not is_real_type(typenum):
            return None
        has_float |= typenum == NPY_FLOAT or typenum == NPY_DOUBLE
        wide |= is_wide(typenum)
        differ |= last >= 0 and typenum != last
        last = typenum
    if not has_float or not differ:
        return None
    typenum = NPY_DOUBLE if wide else NPY_FLOAT
    a, b = converted(a, typenum), converted(b, typenum)
    operand = None if c is None else converted(c, typenum)
    return None if a is None or b is None or (operand is None) != (c is None) else (a, b, operand)


def cast_like(x, like, /):
    """A plain x in the type of `like`, float32 or float64; x itself where it is of that type."""
    cdef int typenum = floating_type(like)
    cdef object result
    if typenum < 0:
        return NotImplemented
    result = converted(x, typenum)
    return NotImplemented if result is None else result


def as_input(layers, x, own, /):
    """A plain x in the dtype of the parameters of `layers`, each of which must be of one of the classes `own`.

    x itself where the first parameter has its type already, and where there are none or parameters of several types.
    """
    cdef int typenum = -1, found
    cdef object layer, names, param
    cdef Py_ssize_t i
    if not PyList_CheckExact(layers) or not PyArray_CheckExact(x):
        return NotImplemented
    for layer in <list> layers:
        if type(layer) not in <set> own:
            return NotImplemented
        names = layer.param_names
        if type(names) is not tuple:
            return NotImplemented
        for i in range(len(<tuple> names)):
            param = getattr(layer, (<tuple> names)[i])
            if param is None:
                continue
            found = floating_type(param)
            if found < 0:
                return NotImplemented
            if found == PyArray_TYPE(<ndarray> x) if typenum < 0 else found != typenum:
                return x
            typenum = found
    if typenum < 0:
        return x
    layer = converted(x, typenum)
    return NotImplemented if layer is None else layer
