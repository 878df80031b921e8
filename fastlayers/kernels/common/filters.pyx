"""Filters that move over images: what a convolution is of, by the shapes and options that its entry was given."""

cdef extern from "convolution.h" nogil:
    ctypedef struct FlPair:
        Py_ssize_t y
        Py_ssize_t x
    ctypedef struct FlConvolution:
        const void *x
        const void *W
        const void *bias
        const Py_ssize_t *next
        void *y
        void *dx
        Py_ssize_t count
        Py_ssize_t channels
        Py_ssize_t filters
        Py_ssize_t groups
        FlPair image
        FlPair filter
        FlPair pixels
        FlPair stride
        FlPair pad
        FlPair dilation
        bint is_double
        bint relu
        Py_ssize_t images
        Py_ssize_t runs
        Py_ssize_t of_planes
        Py_ssize_t of_turned
        Py_ssize_t of_images
        Py_ssize_t of_sums
    void fl_divide_convolution(FlConvolution *c)
    void fl_place_runs(FlConvolution *c, Py_ssize_t *next)
    bint fl_turn_convolution(const FlConvolution *c, FlConvolution *turned)
    Py_ssize_t fl_wide_panel(const FlConvolution *c)
    Py_ssize_t fl_parts(const FlConvolution *c)
    bint fl_turn_weights(const FlConvolution *c, const void *of, void *to)
    void fl_repeat_bias(const FlConvolution *c, const void *b, void *bias)
    bint fl_folds(const FlConvolution *c)
    void fl_fold_sums(const FlConvolution *c, const void *sums, void *to)
    void fl_add_sums(const FlConvolution *c, void *sums, Py_ssize_t bytes, Py_ssize_t units)
    void fl_finish_sums(const FlConvolution *c, const void *sums, void *dW, void *memory)
    void fl_convolve(const FlConvolution *c, Py_ssize_t image, Py_ssize_t at, void *memory)
    void fl_convolve_back(
        const FlConvolution *c, Py_ssize_t image, Py_ssize_t at, void *memory, void *sums, bint adds
    )


cdef inline Py_ssize_t places_of(
    Py_ssize_t size, Py_ssize_t filter, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation
) noexcept nogil:
    """In how many places a filter fits; 0 where it does not."""
    cdef Py_ssize_t rest = size + 2 * pad - dilation * (filter - 1) - 1
    return rest // stride + 1 if rest >= 0 else 0


cdef bint set_places(
    FlConvolution *c, const npy_intp *shape, object stride, object pad, object dilation
) noexcept:
    """The images of a shape, and in how many places the filter fits, whose size is set; False as `set_convolution`."""
    cdef double padded
    if not read_pair(stride, 1, &c.stride.y) or not read_pair(pad, 0, &c.pad.y):
        return False
    if not read_pair(dilation, 1, &c.dilation.y):
        return False
    c.count, c.channels, c.image.y, c.image.x = shape[0], shape[1], shape[2], shape[3]
    padded = <double> c.count * <double> c.channels * <double> (c.image.y + 2 * c.pad.y)
    padded *= <double> (c.image.x + 2 * c.pad.x)
    if not 0 < padded < MOST_NUMBERS or c.filter.y > 1 << 30 or c.filter.x > 1 << 30:
        return False
    c.pixels.y = places_of(c.image.y, c.filter.y, c.stride.y, c.pad.y, c.dilation.y)
    c.pixels.x = places_of(c.image.x, c.filter.x, c.stride.x, c.pad.x, c.dilation.x)
    return c.pixels.y > 0 and c.pixels.x > 0


cdef bint set_convolution(
    FlConvolution *c, object x, object W, int typenum, object stride, object pad, object dilation, object groups
) noexcept:
    """What it is of, by shapes and options; False for what the rules have to look at, and where nothing is to do."""
    if PyArray_NDIM(<ndarray> x) != 4 or PyArray_NDIM(<ndarray> W) != 4 or size_of(x) == 0 or size_of(W) == 0:
        return False
    c.filters = PyArray_DIM(<ndarray> W, 0)
    c.filter.y, c.filter.x = PyArray_DIM(<ndarray> W, 2), PyArray_DIM(<ndarray> W, 3)
    c.groups = whole(groups, 1)
    if c.groups < 0:
        return False
    if not set_places(c, PyArray_DIMS(<ndarray> x), stride, pad, dilation):
        return False
    c.is_double = typenum == NPY_DOUBLE
    c.bias = c.dx = NULL
    c.relu = False
    if c.filters % c.groups or PyArray_DIM(<ndarray> W, 1) * c.groups != c.channels:
        return False
    fl_divide_convolution(c)
    return True


cdef inline void copy_shape(npy_intp *shape, object a) noexcept:
    memcpy(shape, PyArray_DIMS(<ndarray> a), PyArray_NDIM(<ndarray> a) * sizeof(npy_intp))
