"""Networks within a network, as part of its program.

A program is flat: the layers of a `Sequential` in another are steps as all others. Of a `Parallel`, whose layers are
all given the same x, each is a branch. A FORK stands before them, and behind each an END, so that no two branches are
ever taken for layers that feed each other.
"""

cdef extern from "numpy/arrayobject.h":
    object PyArray_Concatenate(object arrays, int axis)


@cython.final
cdef class Nest:
    """The place of a network within another.

    Parameters
    ----------
    network : Stack or Parallel
    list, place : int
        In which list of layers it is, where 0 is that of the whole, and where.
    """

    cdef object network
    cdef type kind
    cdef unsigned int version
    cdef Py_ssize_t attributes  # as of a `Step`
    cdef Py_ssize_t list
    cdef Py_ssize_t place
    cdef Py_ssize_t count  # of its layers

    def __cinit__(self, network, Py_ssize_t list, Py_ssize_t place):
        self.network, self.kind, self.list, self.place = network, type(network), list, place
        self.version, self.attributes = version_of(self.kind), PyDict_GET_SIZE(attributes_of(network))
        self.count = len(network.layers)

    cdef object layers(self, object found):
        """Its list of layers, if `found` is this network as it was; else None."""
        cdef object own, layers
        if found is not self.network or type(found) is not self.kind or version_of(self.kind) != self.version:
            return None
        own = attributes_of(found)
        layers = get(own, "layers")
        if PyDict_GET_SIZE(own) != self.attributes or type(layers) is not list or len(<list> layers) != self.count:
            return None
        return layers


cdef list lists_of(Program program, list layers):
    """The lists of layers of a network and of those within it; None where these are not what they were."""
    cdef list found = [layers]
    cdef Nest nest
    cdef object inner
    if len(layers) != program.count:
        return None
    for nest in program.nests:
        inner = found[nest.list]
        inner = nest.layers((<list> inner)[nest.place]) if nest.place < len(<list> inner) else None
        if inner is None:
            return None
        found.append(inner)
    return found


cdef bint are_of_one_type(const Held *held) noexcept:
    """Whether all parameters are of one type, as a network within another casts what it is given to its own."""
    cdef Py_ssize_t i
    cdef int typenum = -1, found
    for i in range(held.params):
        if held.param[i] != <PyObject *> None:
            found = floating_type(<object> held.param[i])
            if found < 0 or typenum >= 0 and found != typenum:
                return False
            typenum = found
    return True


cdef tuple branches_of(tuple steps, object given):
    """Of each step that is a fork or a last end, the fork and where its branches end; of all others None."""
    cdef list found = [None] * len(steps)
    cdef Py_ssize_t fork, end, last
    for fork, ends in dict(given).items():
        last = fork
        if not 0 <= last < len(steps) or len(ends) == 0:
            raise ValueError("a fork must be a step, and have branches")
        for end in ends:
            if not last < end < len(steps) or (<Step> steps[end]).kept != END or (<Step> steps[fork]).kept != FORK:
                raise ValueError("the branches of a fork must end one behind the other")
            last = end
        found[fork] = found[last] = (fork, tuple(ends))
    for fork in range(len(steps)):
        if (<Step> steps[fork]).kept == FORK and found[fork] is None:
            raise ValueError("a fork has no branches")
    return tuple(found)


cdef inline Py_ssize_t last_end(Program program, Py_ssize_t fork) except -1:
    cdef tuple ends = part(program.branches[fork], 1)
    return part(ends, len(ends) - 1)


cdef inline Py_ssize_t fork_of(Program program, Py_ssize_t end) except -1:
    return part(program.branches[end], 0)


cdef object joined(object parallel, list ys, object own):
    """The results of all branches along the last axis; with `own`, that of a `Parallel`, their widths are kept."""
    cdef Py_ssize_t i, j, ndim, n = len(ys)
    cdef object first = ys[0], y
    cdef list widths = []
    ndim = PyArray_NDIM(<ndarray> first) if PyArray_CheckExact(first) else 0
    for i in range(n):
        y = ys[i]
        if ndim == 0 or not PyArray_CheckExact(y) or PyArray_NDIM(<ndarray> y) != ndim:
            return parallel._joined(ys, own is not None)
        for j in range(ndim - 1):
            if PyArray_DIM(<ndarray> y, j) != PyArray_DIM(<ndarray> first, j):
                return parallel._joined(ys, own is not None)
        widths.append(PyArray_DIM(<ndarray> y, ndim - 1))
    if own is not None:
        put(own, "_widths", tuple(widths))
    return PyArray_Concatenate(ys, ndim - 1)


cdef object results_of_branches(Program program, Held *held, Py_ssize_t fork, object x, bint trains):
    """What a `Parallel` gives: in training, where each layer keeps what its backward needs, or in prediction."""
    cdef Py_ssize_t begin = fork + 1, end
    cdef list ys = []
    cdef object parallel = (<Step> program.steps[fork]).layer
    if not PyArray_CheckExact(x):
        return parallel.forward(x) if trains else parallel.predict(x)
    for end in part(program.branches[fork], 1):
        if trains:
            ys.append(program.forward_from(held, begin, end, x))
        else:
            ys.append(program.predict_from(held, begin, end, x))
        begin = end + 1
    return joined(parallel, ys, <object> held.attributes[fork] if trains else None)


cdef Py_ssize_t total_of(tuple widths) except -1:
    cdef Py_ssize_t total = 0, width
    for width in widths:
        total += width
    return total


cdef object backward_of_branches(Program program, Held *held, Py_ssize_t fork, object dout, Py_ssize_t first):
    """The gradient with respect to what a `Parallel` was given; None where it is not needed."""
    cdef Py_ssize_t begin = fork + 1, end, start = 0, width, ndim, i = 0, of_branch = first
    cdef bint need_dx = program.at[fork] > first
    cdef object parallel = (<Step> program.steps[fork]).layer, dx = None, found
    cdef object widths = get(<object> held.attributes[fork], "_widths")
    cdef tuple ends = part(program.branches[fork], 1)
    ndim = PyArray_NDIM(<ndarray> dout) if PyArray_CheckExact(dout) else 0
    if ndim == 0 or type(widths) is not tuple or len(<tuple> widths) != len(ends) or (
        PyArray_DIM(<ndarray> dout, ndim - 1) != total_of(<tuple> widths)
    ):
        return parallel._backward_within(program.token, dout, need_dx=True if need_dx else False)
    for i in range(len(ends)):
        end, width = ends[i], (<tuple> widths)[i]
        if not need_dx:
            of_branch = first_trained(held, program.at[begin], program.at[end])
        if need_dx or of_branch < program.at[end]:
            found = program.backward_to(held, begin, end, dout[..., start:start + width].copy(), of_branch)
            if need_dx and found is not None:
                dx = found if dx is None else dx + found
        start += width
        begin = end + 1
    return dx
