"""Convolution of images, without an array of patches: see ``common/convolution.h``.

With ReLU behind it, and max pooling by windows of two by two behind that, which is how networks have it, y is cleared
while it is in registers, and pooled while its images are in the cache: none of what lies between is an array.

A unit is a range of parts; of the backward of whole images, and as many units as the shapes make worth while,
whatever the threads: what each has of dW and db is added in their order. Each has memory, of which those that one
thread does one after the other need the first one's alone: so that stays in its cache.
"""


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
