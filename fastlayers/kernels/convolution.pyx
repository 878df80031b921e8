"""Convolution of images, without an array of patches: see ``common/convolution.h``.

With ReLU behind it, and max pooling by windows of two by two behind that, which is how networks have it, y is cleared
while it is in registers, and pooled while its images are in the cache: none of what lies between is an array.

A unit is a range of parts; of the backward of whole images, and as many units as the shapes make worth while,
whatever the threads: what each has of dW and db is added in their order. Each has memory, of which those that one
thread does one after the other need the first one's alone: so that stays in its cache.
"""

cdef enum:
    PARTS_OF_A_THREAD = 4
    MOST_SUMS = 16  # units of a backward,
    PIXELS_OF_SUMS = 512  # each of so many pixels at least,
    BYTES_OF_SUMS = 1 << 24  # with no more sums than that, or two
    BYTES_OF_IMAGES = 1 << 19  # of y or dout, that a unit has beside its planes

# What follows a convolution, in the same pass.
cdef enum Behind:
    NOTHING
    RELU
    POOLING  # ReLU, and pooling

cdef struct Convolution:
    FlConvolution of
    FlConvolution turned  # which gives dx
    bint turns  # if it does
    Behind behind
    FlPair pooled  # the pixels of what is pooled
    Py_ssize_t parts
    Py_ssize_t units
    char *memory  # of each unit, as far as another thread does it
    Py_ssize_t bytes  # how much,
    Py_ssize_t bytes_of_planes  # and of that before an image of dout
    char *sums  # of each unit: of dW,
    Py_ssize_t bytes_of_sums
    double *totals  # and of db, with what the additions lost
    Argument x
    Argument W
    Argument b  # or none
    Argument y  # or dout, of what is behind it
    Argument of_forward  # for the gradient of what is behind it: its y
    Argument indices  # of what is pooled, or none
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


cdef inline Py_ssize_t numbers_of_images(const FlConvolution *c) noexcept nogil:
    """Of y, or dout, of the images of a part."""
    return c.images * c.filters * c.pixels.y * c.pixels.x


cdef FlConvolution of_images(const FlConvolution *of, Py_ssize_t first) noexcept nogil:
    """The same of the images of a part alone, from `first` on."""
    cdef Py_ssize_t size = 8 if of.is_double else 4
    cdef FlConvolution c = of[0]
    c.count = min(c.images, c.count - first)
    c.x = <const char *> c.x + first * c.channels * c.image.y * c.image.x * size
    c.y = <char *> c.y + first * c.filters * c.pixels.y * c.pixels.x * size
    if c.dx != NULL:
        c.dx = <char *> c.dx + first * c.channels * c.image.y * c.image.x * size
    return c


cdef void convolve_and_pool(const Convolution *work, Py_ssize_t first, char *memory) noexcept nogil:
    """The largest of each two by two numbers of y, of the images of a part."""
    cdef FlConvolution c = of_images(&work.of, first)
    cdef Py_ssize_t at, size = 8 if c.is_double else 4
    cdef Py_ssize_t windows = c.filters * work.pooled.y * work.pooled.x
    cdef char *y = memory + whole_lines((c.of_planes + c.of_images) * size)
    cdef uint8_t *indices = <uint8_t *> y + numbers_of_images(&c) * size
    if work.indices.data != NULL:
        indices = <uint8_t *> work.indices.data + first * windows
    c.y = y
    for at in range(fl_parts(&c)):
        fl_convolve(&c, 0, at, memory)
    if c.is_double:
        fl_quads_double(
            <const double *> y, c.pixels.y, c.pixels.x, <double *> work.y.data + first * windows, indices,
            work.pooled.y, work.pooled.x, c.count * c.filters,
        )
    else:
        fl_quads_float(
            <const float *> y, c.pixels.y, c.pixels.x, <float *> work.y.data + first * windows, indices,
            work.pooled.y, work.pooled.x, c.count * c.filters,
        )


cdef void convolve_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The units start to stop."""
    cdef const Convolution *work = <const Convolution *> of
    cdef Py_ssize_t part, parts = fl_parts(&work.of)
    cdef char *memory = work.memory + start * work.bytes
    for part in range(part_of(work.parts, work.units, start), part_of(work.parts, work.units, stop)):
        if work.behind == POOLING:
            convolve_and_pool(work, part * work.of.images, memory)
        else:
            fl_convolve(&work.of, part // parts * work.of.images, part % parts, memory)


cdef inline void mask_by(const floating *y, const floating *dout, floating *dx, Py_ssize_t n) noexcept nogil:
    """The gradient of ReLU, whose y is 0 where it is."""
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = <floating> 0 if y[i] <= <floating> 0 else dout[i]


cdef void return_through(
    const Convolution *work, const FlConvolution *c, Py_ssize_t first, floating *dout
) noexcept nogil:
    """The gradient with respect to y of a part's images, of that of what is behind them."""
    cdef Py_ssize_t windows = c.filters * (
        work.pooled.y * work.pooled.x if work.behind == POOLING else c.pixels.y * c.pixels.x
    )
    cdef const uint8_t *indices = <const uint8_t *> work.indices.data + first * windows
    cdef floating *masked = dout + (numbers_of_images(c) if work.behind == POOLING else 0)
    mask_by(
        <const floating *> work.of_forward.data + first * windows, <const floating *> work.y.data + first * windows,
        masked, c.count * windows,
    )
    if work.behind != POOLING:
        return
    if floating is double:
        fl_return_double(
            masked, indices, dout, c.pixels.y, c.pixels.x, work.pooled.y, work.pooled.x, c.count * c.filters
        )
    else:
        fl_return_float(
            masked, indices, dout, c.pixels.y, c.pixels.x, work.pooled.y, work.pooled.x, c.count * c.filters
        )


cdef void add_to_bias(const floating *dout, Py_ssize_t filters, Py_ssize_t pixels, double *totals) noexcept nogil:
    cdef Py_ssize_t f
    for f in range(filters):
        add_exactly(&totals[2 * f], &totals[2 * f + 1], sum_of(dout + f * pixels, pixels))


cdef void convolve_back_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The units start to stop."""
    cdef const Convolution *work = <const Convolution *> of
    cdef FlConvolution c = work.of, turned = work.turned
    cdef Py_ssize_t unit, first, last, at, i, pixels = c.pixels.y * c.pixels.x, size = 8 if c.is_double else 4
    cdef Py_ssize_t of_image = c.channels * c.image.y * c.image.x * size, groups = work.parts
    cdef char *memory = work.memory + start * work.bytes
    cdef char *sums
    cdef double *totals
    cdef bint adds
    for unit in range(start, stop):
        sums = work.sums + unit * work.bytes_of_sums
        totals = work.totals + unit * 2 * c.filters
        memset(totals, 0, 2 * c.filters * sizeof(double))
        if fl_folds(&c):
            sums = memory + work.bytes - whole_lines(c.of_sums * size)
        first, last = part_of(groups, work.units, unit) * c.images, part_of(groups, work.units, unit + 1) * c.images
        adds = False
        while first < min(last, work.of.count):
            c = of_images(&work.of, first)
            if work.behind != NOTHING:
                c.y = memory + work.bytes_of_planes
                if c.is_double:
                    return_through(work, &c, first, <double *> c.y)
                else:
                    return_through(work, &c, first, <float *> c.y)
            if c.dx != NULL:
                memset(c.dx, 0, c.count * of_image)
            for at in range(fl_parts(&c)):
                fl_convolve_back(&c, 0, at, memory, sums, adds)
                adds = True
            if work.turns:
                turned.count, turned.x, turned.y = c.count, c.y, <char *> work.dx.data + first * of_image
                for at in range(fl_parts(&turned)):
                    fl_convolve(&turned, 0, at, memory)
            for i in range(c.count):
                if c.is_double:
                    add_to_bias(<const double *> c.y + i * c.filters * pixels, c.filters, pixels, totals)
                else:
                    add_to_bias(<const float *> c.y + i * c.filters * pixels, c.filters, pixels, totals)
            first += c.images
        if fl_folds(&c):
            fl_fold_sums(&c, sums, work.sums + unit * work.bytes_of_sums)


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


cdef bint set_behind(Convolution *work, Behind behind) noexcept:
    """What follows; False where it is not to be done in the same pass."""
    cdef FlConvolution *c = &work.of
    work.behind, work.indices.data = behind, NULL
    work.pooled.y, work.pooled.x = c.pixels.y // 2, c.pixels.x // 2
    if behind == NOTHING:
        return True
    c.relu = True
    if numbers_of_images(c) > BYTES_OF_IMAGES // 8:
        return False
    return behind == RELU or work.pooled.y > 0 and work.pooled.x > 0


cdef inline Py_ssize_t bytes_behind(const Convolution *work) noexcept nogil:
    """What is needed for a part's y, or dout, and for what is pooled of it."""
    cdef Py_ssize_t numbers = numbers_of_images(&work.of)
    return 0 if work.behind == NOTHING else whole_lines((numbers + numbers // 4) * (8 if work.of.is_double else 4))


cdef inline void shape_behind(const Convolution *work, npy_intp *shape) noexcept:
    """Of what comes of it all."""
    cdef FlPair pixels = work.pooled if work.behind == POOLING else work.of.pixels
    shape[0], shape[1], shape[2], shape[3] = work.of.count, work.of.filters, pixels.y, pixels.x


cdef object convolved(
    object x, object W, object b, object stride, object pad, object dilation, object groups, Behind behind,
    bint keeps, object out
):
    """y, and if pooling `keeps` its indices, as a pair."""
    cdef int typenum = floating_type(x)
    cdef npy_intp[4] of_x
    cdef npy_intp[4] of_W
    cdef npy_intp[4] of_y
    cdef object y, indices = None
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
        return convolved(operands[0], operands[1], operands[2], stride, pad, dilation, groups, behind, keeps, out)
    if not set_convolution(&work.of, x, W, typenum, stride, pad, dilation, groups) or not set_behind(&work, behind):
        return NotImplemented
    if not are_outs(out, 2 if keeps else 1):
        return NotImplemented
    shape_behind(&work, of_y)
    copy_shape(of_x, x)
    copy_shape(of_W, W)
    if b is not None and not fits(b, typenum, EITHER_ORDER, 1, &of_W[0]):
        return NotImplemented
    size = 8 if work.of.is_double else 4
    panel = fl_wide_panel(&work.of) if b is not None else 0
    cost = multiplications(&work.of) // WORTH_A_THREAD
    work.parts = (work.of.count + work.of.images - 1) // work.of.images
    if behind != POOLING:
        work.parts *= fl_parts(&work.of)
    work.units = min(work.parts, PARTS_OF_A_THREAD * fl_read(&num_threads) if cost >= WORTH_SPLITTING else 1)
    work.bytes = whole_lines((work.of.of_planes + work.of.of_images) * size)
    if behind == POOLING:
        work.bytes += bytes_behind(&work)
    y = result_shaped(out, 0, of_y, typenum)
    if keeps:
        indices = result_shaped(out, 1, of_y, NPY_UBYTE)
    scratch = new_scratch(
        work.units * work.bytes + bytes_of_runs(&work.of) + whole_lines(work.of.filters * panel * size) + 64
    )
    begin(&call)
    if not (
        take_shaped(&call, &work.x, x, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_x)
        and take_shaped(&call, &work.W, W, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_W)
        and (b is None or take_shaped(&call, &work.b, b, typenum, EITHER_ORDER, 1, &of_W[0]))
        and take_shaped(&call, &work.y, y, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_y)
        and is_result(&call)
    ):
        return NotImplemented
    if keeps and not (
        take_shaped(&call, &work.indices, indices, NPY_UBYTE, NPY_ARRAY_C_CONTIGUOUS, 4, of_y) and is_result(&call)
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
    return (y, indices) if keeps else y


cdef inline Behind behind_of(object pooling) except *:
    return POOLING if pooling else RELU


def convolution_forward(x, W, b=None, stride=1, pad=0, dilation=1, groups=1, out=None):
    """y of plain images, weights and biases; `out` None or an array."""
    return convolved(x, W, b, stride, pad, dilation, groups, NOTHING, False, (out,))


def convolution_relu(x, W, b, stride, pad, dilation, groups, pooling, keeps, out=None):
    """ReLU of y, pooled or not; `out` None or an array. With `keeps` a pair of it and of the indices of what is pooled,
    or None; `out` None or such a pair."""
    cdef object y
    if keeps and pooling:
        return convolved(x, W, b, stride, pad, dilation, groups, POOLING, True, out)
    out = out_at(out, 0) if keeps else out
    y = convolved(x, W, b, stride, pad, dilation, groups, behind_of(pooling), False, (out,))
    return (y, None) if keeps and y is not NotImplemented else y


cdef object convolved_back(
    object dout, object y, object indices, object x, object W, object stride, object pad, object dilation,
    object groups, Behind behind, bint with_dx, object out
):
    """(dx, dW, db); y and indices are those of what is behind the convolution."""
    cdef int typenum = floating_type(dout)
    cdef npy_intp[4] of_dout
    cdef npy_intp[4] of_x
    cdef npy_intp[4] of_W
    cdef object dx, dW, db
    cdef tuple operands
    cdef bytes scratch
    cdef char *at
    cdef char *turned
    cdef Call call
    cdef Convolution work
    cdef Py_ssize_t size, cost, images, runs
    if order_of(dout, typenum) == 0 or order_of(x, typenum) == 0 or order_of(W, typenum) == 0:
        operands = promoted(dout, x, W)
        if operands is None or behind != NOTHING:
            return NotImplemented
        return convolved_back(
            operands[0], None, None, operands[1], operands[2], stride, pad, dilation, groups, behind, with_dx, out
        )
    if not set_convolution(&work.of, x, W, typenum, stride, pad, dilation, groups) or not are_outs(out, 3):
        return NotImplemented
    if not set_behind(&work, behind):
        return NotImplemented
    shape_behind(&work, of_dout)
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
    work.bytes_of_planes = work.of.of_planes + work.of.of_turned + work.of.of_images
    if work.turns:
        work.bytes_of_planes = max(work.bytes_of_planes, work.turned.of_planes)
    work.bytes_of_planes = whole_lines(work.bytes_of_planes * size)
    work.bytes = work.bytes_of_planes + bytes_behind(&work)
    if fl_folds(&work.of):
        work.bytes += whole_lines(work.of.of_sums * size)
    if not with_dx:
        dx = None
    elif not is_given(dx):
        dx = new_array(dx, 4, of_x, typenum, False)
    if not is_given(dW):
        dW = new_array(dW, 4, of_W, typenum, False)
    if not is_given(db):
        db = new_array(db, 1, of_W, typenum, False)
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
        and (
            behind == NOTHING
            or take_shaped(&call, &work.of_forward, y, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_dout)
        )
        and (
            behind != POOLING
            or take_shaped(&call, &work.indices, indices, NPY_UBYTE, NPY_ARRAY_C_CONTIGUOUS, 4, of_dout)
        )
        and (not with_dx or take_gradient(&call, &work.dx, dx, typenum, 4, of_x))
        and take_gradient(&call, &work.dW, dW, typenum, 4, of_W)
        and take_gradient(&call, &work.db, db, typenum, 1, of_W)
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


def convolution_backward(dout, x, W, stride=1, pad=0, dilation=1, groups=1, need_dx=True, out=None):
    """(dx, dW, db) of plain images; `out` None or a tuple of the three, any of it None."""
    return convolved_back(dout, None, None, x, W, stride, pad, dilation, groups, NOTHING, need_dx, out)


def convolution_relu_gradients(dout, y, indices, x, W, stride, pad, dilation, groups, need_dx, out=None):
    """The same of what `convolution_relu` gave and kept: y, and indices or None."""
    return convolved_back(
        dout, y, indices, x, W, stride, pad, dilation, groups, behind_of(indices is not None), need_dx, out
    )
