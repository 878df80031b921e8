"""What a unit of a convolution does, and of its gradients: all of them without Python; see ``convolution.pyx``."""

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


cdef inline Py_ssize_t part_of(Py_ssize_t n, Py_ssize_t parts, Py_ssize_t i) noexcept nogil:
    """Where the i-th of so many parts of n begins."""
    return n // parts * i + min(i, n % parts)


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
