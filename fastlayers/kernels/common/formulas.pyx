"""The loops of elementwise functions: a family gives a formula for one number, and has its loops from here.

A formula is a `cdef inline` function of a fused type, without a branch or a call that does not vectorise. Its loop has
it as a constant, so that the compiler puts it there: one loop a formula, as if each had been written out.

- `map_task`: y of x. The formula also has the function's option (a slope, an alpha; 0 where there is none) and the
  bounds of `exp`.
- `slope_task`: dx of dout and what forward kept, x or y, with the same.
- `mask_task`: (y, mask) of x, with mask = x <= 0; the formula is as for `map_task`.
- `mask_slope_task`: dx of dout and mask; the formula has the number, whether it is masked, and the option.

A family's task is one call of these, with the formula once for each type. Its entries: `elementwise.pyx`.
"""

ctypedef float (*FloatMap)(float x, float option, float low, float high) noexcept nogil
ctypedef double (*DoubleMap)(double x, double option, double low, double high) noexcept nogil
ctypedef float (*FloatSlope)(float dout, float kept, float option, float low, float high) noexcept nogil
ctypedef double (*DoubleSlope)(double dout, double kept, double option, double low, double high) noexcept nogil
ctypedef float (*FloatChoice)(float value, bint masked, float option) noexcept nogil
ctypedef double (*DoubleChoice)(double value, bint masked, double option) noexcept nogil

cdef struct MapWork:
    int typenum
    double option
    Argument x
    Argument draws  # of `dropout.pyx`
    Argument y
    Argument mask

cdef struct GradientWork:
    int typenum
    double option
    Py_ssize_t columns  # of a row, where a number's gradient is of its row; else 1
    Argument dout
    Argument kept  # x, y or mask
    Argument dx


cdef inline void map_loop(
    floating (*formula)(floating x, floating option, floating low, floating high) noexcept nogil,
    const floating *x,
    floating *y,
    floating option,
    Py_ssize_t n,
) noexcept nogil:
    cdef floating low, high
    cdef Py_ssize_t i
    exp_bounds(&low, &high)
    for i in range(n):
        y[i] = formula(x[i], option, low, high)


cdef inline void map_task(
    const void *of, Py_ssize_t start, Py_ssize_t stop, FloatMap formula, DoubleMap formula_of_double
) noexcept nogil:
    cdef const MapWork *work = <const MapWork *> of
    cdef double option = work.option
    cdef const char *x = work.x.data
    cdef char *y = work.y.data
    if work.typenum == NPY_FLOAT:
        map_loop(formula, <const float *> x + start, <float *> y + start, <float> option, stop - start)
    else:
        map_loop(formula_of_double, <const double *> x + start, <double *> y + start, option, stop - start)


cdef inline void slope_loop(
    floating (*formula)(floating dout, floating kept, floating option, floating low, floating high) noexcept nogil,
    const floating *dout,
    const floating *kept,
    floating *dx,
    floating option,
    Py_ssize_t n,
) noexcept nogil:
    cdef floating low, high
    cdef Py_ssize_t i
    exp_bounds(&low, &high)
    for i in range(n):
        dx[i] = formula(dout[i], kept[i], option, low, high)


cdef inline void slope_task(
    const void *of, Py_ssize_t start, Py_ssize_t stop, FloatSlope formula, DoubleSlope formula_of_double
) noexcept nogil:
    cdef const GradientWork *work = <const GradientWork *> of
    cdef double option = work.option
    cdef const char *dout = work.dout.data
    cdef const char *kept = work.kept.data
    cdef char *dx = work.dx.data
    if work.typenum == NPY_FLOAT:
        slope_loop(
            formula, <const float *> dout + start, <const float *> kept + start, <float *> dx + start, <float> option,
            stop - start,
        )
    else:
        slope_loop(
            formula_of_double, <const double *> dout + start, <const double *> kept + start, <double *> dx + start,
            option, stop - start,
        )


cdef inline void mask_loop(
    floating (*formula)(floating x, floating option, floating low, floating high) noexcept nogil,
    const floating *x,
    floating *y,
    npy_bool *mask,
    floating option,
    Py_ssize_t n,
) noexcept nogil:
    # Mask and y have loops of their own, a chunk at a time while x is in the cache: for float64 at the
    # baseline the compiler vectorises y's loop only where no byte is written beside it. x may be y.
    cdef floating low, high
    cdef Py_ssize_t i, start = 0, stop
    exp_bounds(&low, &high)
    while start < n:
        stop = start + min(CHUNK, n - start)
        for i in range(start, stop):
            mask[i] = x[i] <= <floating> 0
        for i in range(start, stop):
            y[i] = formula(x[i], option, low, high)
        start = stop


cdef inline void mask_task(
    const void *of, Py_ssize_t start, Py_ssize_t stop, FloatMap formula, DoubleMap formula_of_double
) noexcept nogil:
    cdef const MapWork *work = <const MapWork *> of
    cdef double option = work.option
    cdef const char *x = work.x.data
    cdef char *y = work.y.data
    cdef npy_bool *mask = <npy_bool *> work.mask.data + start
    if work.typenum == NPY_FLOAT:
        mask_loop(formula, <const float *> x + start, <float *> y + start, mask, <float> option, stop - start)
    else:
        mask_loop(formula_of_double, <const double *> x + start, <double *> y + start, mask, option, stop - start)


cdef inline void mask_slope_loop(
    floating (*formula)(floating value, bint masked, floating option) noexcept nogil,
    const floating *dout,
    const npy_bool *mask,
    floating *dx,
    floating option,
    Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = formula(dout[i], mask[i], option)


cdef inline void mask_slope_task(
    const void *of, Py_ssize_t start, Py_ssize_t stop, FloatChoice formula, DoubleChoice formula_of_double
) noexcept nogil:
    cdef const GradientWork *work = <const GradientWork *> of
    cdef double option = work.option
    cdef const char *dout = work.dout.data
    cdef const npy_bool *mask = <const npy_bool *> work.kept.data + start
    cdef char *dx = work.dx.data
    if work.typenum == NPY_FLOAT:
        mask_slope_loop(formula, <const float *> dout + start, mask, <float *> dx + start, <float> option, stop - start)
    else:
        mask_slope_loop(
            formula_of_double, <const double *> dout + start, mask, <double *> dx + start, option, stop - start
        )
