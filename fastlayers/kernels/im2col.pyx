"""The patches of images as a matrix, and back, in float32 and float64; the places are those of ``convolution.pyx``."""

cdef enum:
    AT_ONCE = 8  # numbers that are moved at a time where a filter is as narrow

cdef struct Patches:
    FlConvolution of
    bint folds
    Argument images
    Argument col


cdef void move_patches(const Patches *work, floating *x, floating *col, Py_ssize_t image) noexcept nogil:
    """An image's patches to their rows; or, if it folds, these added to where they belong."""
    cdef const FlConvolution *c = &work.of
    cdef Py_ssize_t i, j, channel, y, fx, row, column, first, last, left, right, of_image = c.image.y * c.image.x
    cdef Py_ssize_t step = c.dilation.x, size = c.filter.x
    cdef const floating *end = x + work.images.size - AT_ONCE
    cdef const floating *col_end
    cdef bint are_short = step == 1 and size <= AT_ONCE and not work.folds
    cdef floating *line
    x += image * c.channels * of_image
    col += image * c.pixels.y * c.pixels.x * c.channels * c.filter.y * size
    # The next image's rows may be another thread's.
    col_end = col + c.pixels.y * c.pixels.x * c.channels * c.filter.y * size - AT_ONCE
    for i in range(c.pixels.y):
        for j in range(c.pixels.x):
            column = j * c.stride.x - c.pad.x
            left = min((max(-column, 0) + step - 1) // step, size)  # the first of the image, and behind its last
            right = min((c.image.x - 1 - column) // step + 1, size) if column < c.image.x else 0
            for channel in range(c.channels):
                for y in range(c.filter.y):
                    row = i * c.stride.y - c.pad.y + y * c.dilation.y
                    first, last = 0, 0
                    if 0 <= row < c.image.y:
                        first, last = left, right
                    line = x + channel * of_image + row * c.image.x + column
                    if work.folds:
                        for fx in range(first, last):
                            line[fx * step] += col[fx]
                    elif are_short and last - first == size and line <= end and col <= col_end:
                        memcpy(col, line, AT_ONCE * sizeof(floating))  # what is beyond a row comes with the next
                    else:
                        for fx in range(size):
                            col[fx] = line[fx * step] if first <= fx < last else 0
                    col += size


cdef void patches_task(const void *of, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The images start to stop."""
    cdef const Patches *work = <const Patches *> of
    cdef Py_ssize_t image, each = work.images.size // work.of.count
    for image in range(start, stop):
        if work.of.is_double:
            if work.folds:
                memset(work.images.data + image * each * 8, 0, each * 8)
            move_patches(work, <double *> work.images.data, <double *> work.col.data, image)
        else:
            if work.folds:
                memset(work.images.data + image * each * 4, 0, each * 4)
            move_patches(work, <float *> work.images.data, <float *> work.col.data, image)


cdef object run_patches(object given, const npy_intp *shape, tuple options, object out, bint folds):
    """What comes of images of a shape, or, if it folds, of col."""
    cdef int typenum = floating_type(given)
    cdef npy_intp[4] of_images
    cdef npy_intp[2] of_col
    cdef Patches work
    cdef FlPair size
    cdef Call call
    cdef object images, col
    memcpy(of_images, shape, sizeof(of_images))
    size.y, size.x = whole(options[0], 1), whole(options[1], 1)
    if size.y < 0 or size.x < 0:
        return NotImplemented
    work.of.filter, work.folds, work.of.is_double = size, folds, typenum == NPY_DOUBLE
    if not set_places(&work.of, of_images, options[2], options[3], options[4]):
        return NotImplemented
    of_col[0] = work.of.count * work.of.pixels.y * work.of.pixels.x
    of_col[1] = work.of.channels * size.y * size.x
    if folds and not fits(given, typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_col):
        return NotImplemented
    if not is_given(out):
        out = new_array(out, 4, of_images, typenum, False) if folds else new_array(out, 2, of_col, typenum, False)
    images, col = (out, given) if folds else (given, out)
    begin(&call)
    if folds:
        if not take_shaped(&call, &work.col, col, typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_col):
            return NotImplemented
    if not take_shaped(&call, &work.images, images, typenum, NPY_ARRAY_C_CONTIGUOUS, 4, of_images):
        return NotImplemented
    if not folds:
        if not take_shaped(&call, &work.col, col, typenum, NPY_ARRAY_C_CONTIGUOUS, 2, of_col):
            return NotImplemented
    if not is_result(&call):
        return NotImplemented
    run(patches_task, &work, &call, work.of.count, of_col[0] // work.of.count * of_col[1] + 1)
    return out


def im2col(input_data, filter_h, filter_w, stride=1, pad=0, dilation=1, out=None):
    """The patches of plain images; `out` None or an array."""
    cdef int typenum = floating_type(input_data)
    if order_of(input_data, typenum) == 0 or PyArray_NDIM(<ndarray> input_data) != 4:
        return NotImplemented
    return run_patches(
        input_data, PyArray_DIMS(<ndarray> input_data), (filter_h, filter_w, stride, pad, dilation), out, False
    )


def col2im(col, input_shape, filter_h, filter_w, stride=1, pad=0, dilation=1, out=None):
    """Images of a plain array's patches; `out` None or an array."""
    cdef npy_intp[4] shape
    if order_of(col, floating_type(col)) == 0 or not read_shape(input_shape, shape):
        return NotImplemented
    return run_patches(col, shape, (filter_h, filter_w, stride, pad, dilation), out, True)
