"""Convolution of images, without an array of patches: see ``common/convolution.h``.

A unit is a range of parts; of the backward of whole images, and as many units as the shapes make worth while, whatever
the threads: what each has of dW and db is added in their order. Each has memory, of which those that one thread does
one after the other need the first one's alone: so that stays in its cache.
"""

cdef enum:
    PARTS_OF_A_THREAD = 4
    MOST_SUMS = 16  # units of a backward,
    PIXELS_OF_SUMS = 512  # each of so many pixels at least,
    BYTES_OF_SUMS = 1 << 24  # with no more sums than that, or two

cdef struct Convolution:
    FlConvolution of
    FlConvolution turned  # which gives dx
    bint turns  # if it does
    Py_ssize_t parts
    Py_ssize_t units
    char *memory  # of each unit, as far as another thread does it
    Py_ssize_t bytes  # how much
    char *sums  # of each unit: of dW,
    Py_ssize_t bytes_of_sums
    double *totals  # and of db, with what the additions lost
    Argument x
    Argument W
    Argument b  # or none
    Argument y  # or dout
    Argument dx  # or none
    Argument dW
    Argument db


cdef inline Py_ssize_t whole_lines(Py_ssize_t size) noexcept nogil:
    """So many bytes and what is left of a line of the cache."""
    return (size + 63) // 64 * 64


cdef inline char *aligned_scratch(bytes scratch) noexcept:
    return <char *> ((<size_t> scratch_of(scratch) + 63) // 64 * 64)


cdef inline Py_ssize_t bytes_of_runs(const FlConvolution *c) noexcept nogil:
    return whole_lines(c.runs * <Py_ssize_t> sizeof(Py_ssize_t))


cdef inline Py_ssize_t multiplications(const FlConvolution *c) noexcept nogil:
    return (
        c.count * c.pixels.y * c.pixels.x * c.filters * (c.channels // c.groups) * c.filter.y * c.filter.x
        * (2 if c.is_double else 1)
    )


cdef void convolve_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The units start to stop."""
    cdef const Convolution *work = <const Convolution *> of
    cdef Py_ssize_t part, parts = fl_parts(&work.of)
    for part in range(part_of(work.parts, work.units, start), part_of(work.parts, work.units, stop)):
        fl_convolve(&work.of, part // parts * work.of.images, part % parts, work.memory + start * work.bytes)


cdef void add_to_bias(const floating *dout, Py_ssize_t filters, Py_ssize_t pixels, double *totals) noexcept nogil:
    cdef Py_ssize_t f
    for f in range(filters):
        add_exactly(&totals[2 * f], &totals[2 * f + 1], sum_of(dout + f * pixels, pixels))


cdef void convolve_back_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The units start to stop."""
    cdef const Convolution *work = <const Convolution *> of
    cdef const FlConvolution *c = &work.of
    cdef Py_ssize_t unit, first, last, image, at, i, pixels = c.pixels.y * c.pixels.x, size = 8 if c.is_double else 4
    cdef Py_ssize_t of_image = c.channels * c.image.y * c.image.x * size, groups = work.parts
    cdef char *memory = work.memory + start * work.bytes
    cdef char *sums
    cdef double *totals
    for unit in range(start, stop):
        first = part_of(groups, work.units, unit) * c.images
        last = min(part_of(groups, work.units, unit + 1) * c.images, c.count)
        if c.dx != NULL:
            memset(<char *> c.dx + first * of_image, 0, (last - first) * of_image)
        totals = work.totals + unit * 2 * c.filters
        memset(totals, 0, 2 * c.filters * sizeof(double))
        sums = work.sums + unit * work.bytes_of_sums
        if fl_folds(c):  # behind all else
            sums = memory + work.bytes - whole_lines(c.of_sums * size)
        image = first
        while image < last:
            for at in range(fl_parts(c)):
                fl_convolve_back(c, image, at, memory, sums, image > first or at > 0)
            if work.turns:
                for at in range(fl_parts(&work.turned)):
                    fl_convolve(&work.turned, image, at, memory)
            for i in range(image, min(image + c.images, last)):
                if c.is_double:
                    add_to_bias(<const double *> c.y + i * c.filters * pixels, c.filters, pixels, totals)
                else:
                    add_to_bias(<const float *> c.y + i * c.filters * pixels, c.filters, pixels, totals)
            image += c.images
        if fl_folds(c):
            fl_fold_sums(c, sums, work.sums + unit * work.bytes_of_sums)


cdef void add_totals(const double *totals, floating *db, const Convolution *work) noexcept nogil:
    """Of all units, to db."""
    cdef Py_ssize_t unit, i, filters = work.of.filters
    cdef double total, lost
    for i in range(filters):
        total = lost = 0
        for unit in range(work.units):
            add_exactly(&total, &lost, totals[2 * (unit * filters + i)])
            lost += totals[2 * (unit * filters + i) + 1]
        db[i] = <floating> exact(total, lost)


def convolution_forward(x, W, b=None, stride=1, pad=0, dilation=1, groups=1, out=None):
    """y of plain images, weights and biases; `out` None or an array."""
    cdef int typenum = floating_type(x)
    cdef npy_intp[4] of_x
    cdef npy_intp[4] of_W
    cdef npy_intp[4] of_y
    cdef tuple operands
    cdef bytes scratch
    cdef char *at
    cdef Call call
    cdef Convolution work
    cdef Py_ssize_t size, panel, cost
    if order_of(x, typenum) == 0 or order_of(W, typenum) == 0 or (b is not None and order_of(b, typenum) == 0):
        operands = promoted(x, W, b)
        if operands is None:
            return NotImplemented
        return convolution_forward(*operands, stride, pad, dilation, groups, out)
    if not set_convolution(&work.of, x, W, typenum, stride, pad, dilation, groups):
        return NotImplemented
    of_y[0], of_y[1], of_y[2], of_y[3] = work.of.count, work.of.filters, work.of.pixels.y, work.of.pixels.x
    copy_shape(of_x, x)
    copy_shape(of_W, W)
    if b is not None and not fits(b, typenum, EITHER_ORDER, 1, &of_y[1]):
        return NotImplemented
    size = 8 if work.of.is_double else 4
    panel = fl_wide_panel(&work.of) if b is not None else 0
    cost = multiplications(&work.of) // WORTH_A_THREAD
    work.parts = (work.of.count + work.of.images - 1) // work.of.images * fl_parts(&work.of)
    work.units = min(work.parts, PARTS_OF_A_THREAD * fl_read(&num_threads) if cost >= WORTH_SPLITTING else 1)
    work.bytes = whole_lines((work.of.of_planes + work.of.of_images) * size)
    if not is_given(out):
        out = new_array(out, 4, of_y, typenum, False)
    scratch = new_scratch(
        work.units * work.bytes + bytes_of_runs(&work.of) + whole_lines(work.of.filters * panel * size) + 64
    )
    begin(&call)
    if not (
        take_shaped(&call, &work.x, x, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_x)
        and take_shaped(&call, &work.W, W, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_W)
        and (b is None or take_shaped(&call, &work.b, b, typenum, EITHER_ORDER, 1, &of_y[1]))
        and take_shaped(&call, &work.y, out, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_y)
        and is_result(&call)
    ):
        return NotImplemented
    at = aligned_scratch(scratch)
    fl_place_runs(&work.of, <Py_ssize_t *> at)
    work.of.x, work.of.W, work.of.y = work.x.data, work.W.data, work.y.data
    at += bytes_of_runs(&work.of)
    if b is not None:
        work.of.bias = at
        fl_repeat_bias(&work.of, work.b.data, at)
    work.memory = at + whole_lines(work.of.filters * panel * size)
    run(convolve_task, &work, &call, work.units, cost // work.units + 1)
    return out


def convolution_backward(dout, x, W, stride=1, pad=0, dilation=1, groups=1, need_dx=True, out=None):
    """(dx, dW, db) of plain images; `out` None or a tuple of the three, any of it None."""
    cdef int typenum = floating_type(dout)
    cdef npy_intp[4] of_dout
    cdef npy_intp[4] of_x
    cdef npy_intp[4] of_W
    cdef object dx, dW, db
    cdef bint with_dx = need_dx
    cdef tuple operands
    cdef bytes scratch
    cdef char *at
    cdef char *turned
    cdef Call call
    cdef Convolution work
    cdef Py_ssize_t size, cost, images, runs
    if order_of(dout, typenum) == 0 or order_of(x, typenum) == 0 or order_of(W, typenum) == 0:
        operands = promoted(dout, x, W)
        if operands is None:
            return NotImplemented
        return convolution_backward(*operands, stride, pad, dilation, groups, need_dx, out)
    if not set_convolution(&work.of, x, W, typenum, stride, pad, dilation, groups) or not are_outs(out, 3):
        return NotImplemented
    of_dout[0], of_dout[1] = work.of.count, work.of.filters
    of_dout[2], of_dout[3] = work.of.pixels.y, work.of.pixels.x
    copy_shape(of_x, x)
    copy_shape(of_W, W)
    dx, dW, db = out_at(out, 0), out_at(out, 1), out_at(out, 2)
    if is_given(dx) and not with_dx:
        return NotImplemented
    if not fits(dout, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_dout):
        return NotImplemented
    size = 8 if work.of.is_double else 4
    cost = multiplications(&work.of) // WORTH_A_THREAD * (3 if with_dx else 2)
    images = (work.of.count + work.of.images - 1) // work.of.images
    work.parts = images
    work.bytes_of_sums = whole_lines(size_of(W) * size)
    work.units = min(
        min(images, MOST_SUMS),
        min(
            work.of.count * work.of.pixels.y * work.of.pixels.x // PIXELS_OF_SUMS,
            max(BYTES_OF_SUMS // work.bytes_of_sums, 2),
        ),
    )
    work.units = max(work.units, 1)
    work.turns = with_dx and fl_turn_convolution(&work.of, &work.turned)
    work.bytes = work.of.of_planes + work.of.of_turned + work.of.of_images
    work.bytes = whole_lines((max(work.bytes, work.turned.of_planes) if work.turns else work.bytes) * size)
    if fl_folds(&work.of):
        work.bytes += whole_lines(work.of.of_sums * size)
    if not with_dx:
        dx = None
    elif not is_given(dx):
        dx = new_array(dx, 4, of_x, typenum, False)
    if not is_given(dW):
        dW = new_array(dW, 4, of_W, typenum, False)
    if not is_given(db):
        db = new_array(db, 1, &of_dout[1], typenum, False)
    runs = bytes_of_runs(&work.of) + (bytes_of_runs(&work.turned) if work.turns else 0)
    scratch = new_scratch(
        work.units * (work.bytes + work.bytes_of_sums + 16 * work.of.filters) + work.bytes_of_sums + runs + 64
    )
    begin(&call)
    work.dx.data = NULL
    if not (
        take_shaped(&call, &work.x, x, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_x)
        and take_shaped(&call, &work.W, W, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_W)
        and take_shaped(&call, &work.y, dout, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_dout)
        and (not with_dx or take_gradient(&call, &work.dx, dx, typenum, 4, of_x))
        and take_gradient(&call, &work.dW, dW, typenum, 4, of_W)
        and take_gradient(&call, &work.db, db, typenum, 1, &of_dout[1])
    ):
        return NotImplemented
    at = aligned_scratch(scratch)
    fl_place_runs(&work.of, <Py_ssize_t *> at)
    work.of.x, work.of.W, work.of.y, work.of.dx = work.x.data, work.W.data, work.y.data, work.dx.data
    turned = at + runs
    work.turns = work.turns and fl_turn_weights(&work.of, work.W.data, turned)
    if work.turns:
        fl_place_runs(&work.turned, <Py_ssize_t *> (at + bytes_of_runs(&work.of)))
        work.turned.x, work.turned.W, work.turned.y, work.of.dx = work.y.data, turned, work.dx.data, NULL
    work.sums = turned + work.bytes_of_sums
    work.memory = work.sums + work.units * work.bytes_of_sums
    work.totals = <double *> (work.memory + work.units * work.bytes)
    run(convolve_back_task, &work, &call, work.units, cost // work.units + 1)
    if work.of.is_double:
        add_totals(work.totals, <double *> work.db.data, &work)
    else:
        add_totals(work.totals, <float *> work.db.data, &work)
    fl_add_sums(&work.of, work.sums, work.bytes_of_sums, work.units)
    fl_finish_sums(&work.of, work.sums, work.dW.data, turned)
    return dx, dW, db
